import fc from 'fast-check';
import type { GuestFragment } from './guest-fragments.ts';

/*
 * What property tests draw from, besides faults: machines, interleavings, checkpoint schedules, programs. All shrink towards the plain case:
 * few cores, even slices, short programs.
 */

/** How the cores' instructions are interleaved: the seed, and the length of a round in instructions. */
export interface Interleaving {
  readonly seed: number;
  readonly slice: readonly [min: number, max: number];
}

export interface MachineShape extends Interleaving {
  readonly cores: number;
  /** As in a scenario: '200ms'. */
  readonly checkpointEvery: string;
}

export const interleavings = (): fc.Arbitrary<Interleaving> =>
  fc
    .record({
      seed: fc.nat(0x3fffffff),
      min: fc.integer({ min: 50, max: 4000 }),
      more: fc.integer({ min: 0, max: 4000 }),
    })
    .map(({ seed, min, more }) => ({ seed, slice: [min, min + more] as const }));

/** Periods of the kernel's checkpoints. */
export const checkpointSchedules = ({ minMs = 20, maxMs = 1000 } = {}): fc.Arbitrary<string> =>
  fc.integer({ min: minMs, max: maxMs }).map((ms) => `${ms}ms`);

export const machineShapes = ({ minCores = 2, maxCores = 4 } = {}): fc.Arbitrary<MachineShape> =>
  fc
    .tuple(fc.integer({ min: minCores, max: maxCores }), interleavings(), checkpointSchedules())
    .map(([cores, interleaving, checkpointEvery]) => ({ cores, ...interleaving, checkpointEvery }));

/**
 * What a generated program does (guest-fragments.ts). What the kernel keeps for a process (nice value, pending signals) it sets once, at
 * its beginning: a rollback leaves it as it was at the fault, which a program that changes it later can tell. For the same reason
 * children are left out unless `forks` asks for them: a policy that rolls back one process alone forks those again that it had forked
 * since its checkpoint.
 */
export function guestFragments({ maxFragments = 8, forks = false } = {}): fc.Arbitrary<GuestFragment[]> {
  const kernelState = fc.tuple(
    fc.option(fc.record({ do: fc.constant('nice' as const), nice: fc.nat(20) }), { nil: null }),
    fc.option(fc.constant({ do: 'pend' as const }), { nil: null }),
  );
  const simple: fc.Arbitrary<GuestFragment> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('mix' as const), turns: fc.integer({ min: 1, max: 20_000 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fill' as const), pages: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'sum' as const }) },
    { weight: 2, arbitrary: fc.constant({ do: 'print' as const }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sleep' as const), us: fc.integer({ min: 1, max: 50_000 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'ask' as const }) },
  );
  const child = fc.array(simple, { maxLength: Math.min(4, maxFragments) });
  const fragment = fc.oneof(
    { weight: 8, arbitrary: simple },
    { weight: forks ? 1 : 0, arbitrary: child.map((fragments): GuestFragment => ({ do: 'fork', child: fragments })) },
  );
  return fc
    .tuple(kernelState, fc.array(fragment, { minLength: 1, maxLength: maxFragments }))
    .map(([state, fragments]) => [...state.filter((each) => each !== null), ...fragments]);
}
