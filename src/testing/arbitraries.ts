import fc from 'fast-check';
import { UsageError } from '../../emu/base/errors.ts';
import {
  ALU_UNITS,
  type FaultEffect,
  type FaultModel,
  type FaultPlan,
  type FaultTrigger,
  REGISTERS,
  stopsForGood,
} from '../../emu/faults/plan.ts';
import type { GuestFragment } from './guest-fragments.ts';

/*
 * What property tests draw from: machines, interleavings, checkpoint schedules, fault plans, programs. All shrink towards the plain case:
 * few cores, even slices, one early fault, short programs.
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

export interface FaultPlanOptions {
  readonly cores: number;
  /** Faults strike before this virtual time, in ns; those by instruction before so many instructions. */
  readonly horizonNs: number;
  readonly cycleNs?: number;
  /** Default: a core stops for good. */
  readonly models?: readonly FaultModel[];
  readonly triggers?: readonly FaultTrigger['at'][];
  /** Process names for faults that strike where a process runs. */
  readonly processes?: readonly string[];
  readonly maxFaults?: number;
}

/** Fault plans of at least one fault. At most all cores but one stop for good, so that there is always one that can go on. */
export function faultPlans(options: FaultPlanOptions): fc.Arbitrary<FaultPlan> {
  const { cores, models = ['fail-stop'], maxFaults = 3 } = options;
  if (models.length === 0 || maxFaults < 1) throw new UsageError({ what: 'a fault plan needs a model and a fault' });
  const faults = fc.record({
    effect: fc.oneof(...models.map((model) => faultEffects(model))),
    trigger: faultTriggers(options),
  });
  return fc
    .array(faults, { minLength: 1, maxLength: maxFaults })
    .map((list) => list.map(({ effect, trigger }) => ({ ...effect, trigger })))
    .filter((plan) => plan.filter(({ model }) => stopsForGood(model)).length < Math.max(cores, 2));
}

/** When and where. With `at` 'rate' the same fault strikes again and again. */
export function faultTriggers(options: FaultPlanOptions): fc.Arbitrary<FaultTrigger> {
  const { cores, horizonNs, cycleNs = 1000, processes = [] } = options;
  const core = fc.nat(cores - 1);
  const ns = fc.nat(Math.max(0, horizonNs - 1));
  const nth = fc.integer({ min: 1, max: 8 });
  const all: Readonly<Record<FaultTrigger['at'], fc.Arbitrary<FaultTrigger> | null>> = {
    time: fc.record({ at: fc.constant('time' as const), core, ns }),
    instruction: fc.record({
      at: fc.constant('instruction' as const),
      core,
      instruction: fc.nat(Math.max(1, Math.floor(horizonNs / cycleNs))),
    }),
    process:
      processes.length === 0
        ? null
        : fc.record({ at: fc.constant('process' as const), process: fc.constantFrom(...processes), ns }),
    syscall: fc.record({ at: fc.constant('syscall' as const), nth: fc.integer({ min: 1, max: 60 }) }),
    checkpoint: fc.record({ at: fc.constant('checkpoint' as const), nth }),
    recovery: fc.record({ at: fc.constant('recovery' as const), nth: fc.constant(1), step: nth }),
    // A fault at a program counter needs an address of the program: draw it yourself.
    pc: null,
    rate: fc.record({
      at: fc.constant('rate' as const),
      core,
      meanNs: fc.integer({ min: 1, max: Math.max(1, horizonNs) }),
      seed: fc.nat(),
      maxCount: fc.constant(3),
    }),
  };
  const wanted = options.triggers ?? ['time', 'instruction', 'process'];
  const usable = wanted.flatMap((at) => all[at] ?? []);
  if (usable.length === 0) throw new UsageError({ what: `no trigger can be drawn from ${wanted.join(', ')}` });
  return fc.oneof(...usable);
}

const REGISTER_BITS = 31;
const level = fc.constantFrom<0 | 1>(0, 1);

/** What goes wrong, of one model. */
export function faultEffects(model: FaultModel): fc.Arbitrary<FaultEffect> {
  const bit = fc.nat(REGISTER_BITS);
  switch (model) {
    case 'fail-stop':
    case 'hang':
      return fc.constant({ model });
    case 'intermittent':
      return fc.integer({ min: 1, max: 100_000_000 }).map((downNs) => ({ model, downNs }));
    case 'slow':
      return fc.integer({ min: 2, max: 10 }).map((factor) => ({ model, factor }));
    case 'bit-flip':
      return fc.record({
        model: fc.constant(model),
        target: fc.record({ in: fc.constant('register' as const), register: fc.constantFrom(...REGISTERS) }),
        bit,
      });
    case 'stuck-at':
      return fc.record({
        model: fc.constant(model),
        register: fc.constantFrom(...REGISTERS.filter((register) => register !== 'eip')),
        bit,
        value: level,
      });
    case 'wrong-alu':
      return fc.record({ model: fc.constant(model), unit: fc.constantFrom(...ALU_UNITS), bit, value: level });
    case 'machine-check':
      return fc.record({
        model: fc.constant(model),
        bank: fc.nat(4),
        status: fc.constant('0xb200000000000000'),
      });
    case 'lost-interrupt':
      return fc.record({ model: fc.constant(model), count: fc.integer({ min: 1, max: 20 }) });
    case 'spurious-interrupt':
      return fc.record({ model: fc.constant(model), vector: fc.integer({ min: 32, max: 255 }) });
    case 'checkpoint-write':
      return fc.record({
        model: fc.constant(model),
        failure: fc.constantFrom('torn' as const, 'error' as const),
        atByte: fc.nat(200_000),
      });
  }
}

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
