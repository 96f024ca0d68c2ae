import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { logicalOutputs } from '../../../src/recovery/logical-output.ts';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { property } from '../../support/property.ts';

const FILES = guestPrograms('count', 'primes', 'matrix');
/** 1 MHz: a second of virtual time is a million instructions. */
const CYCLE_NS = 1000;

interface Plan {
  readonly cores: number;
  readonly seed: number;
  readonly slice: number;
  readonly checkpointEveryMs: number;
  readonly faults: readonly FaultSpec[];
}

/** Up to all but one of the cores die, at times (some before the first periodic checkpoint, some after the end) or instructions. */
const plans: fc.Arbitrary<Plan> = fc
  .record({
    cores: fc.integer({ min: 2, max: 4 }),
    seed: fc.integer({ min: 0, max: 1 << 30 }),
    slice: fc.integer({ min: 50, max: 4000 }),
    checkpointEveryMs: fc.integer({ min: 20, max: 800 }),
  })
  .chain((machine) =>
    fc
      .uniqueArray(
        fc.record({
          core: fc.integer({ min: 0, max: machine.cores - 1 }),
          when: fc.oneof(
            fc.record({ ms: fc.integer({ min: 0, max: 1500 }) }),
            fc.record({ instruction: fc.integer({ min: 0, max: 700_000 }) }),
          ),
        }),
        { minLength: 1, maxLength: machine.cores - 1, selector: ({ core }) => core },
      )
      .map((list) => ({
        ...machine,
        faults: list.map(
          ({ core, when }): FaultSpec =>
            'ms' in when
              ? { model: 'fail-stop', trigger: { at: 'time', core, ns: when.ms * 1e6 } }
              : { model: 'fail-stop', trigger: { at: 'instruction', core, instruction: when.instruction } },
        ),
      })),
  );

function run(plan: Plan, faults: readonly FaultSpec[]): System {
  const system = new System({
    cores: plan.cores,
    cycleNs: CYCLE_NS,
    seed: plan.seed,
    schedule: { kind: 'seeded', seed: plan.seed, minInstructions: plan.slice, maxInstructions: plan.slice * 3 },
    checkpointEveryNs: plan.checkpointEveryMs * 1e6,
    faults,
    paranoid: true,
  });
  for (const file of FILES) system.install(file);
  system.spawn({ path: '/bin/count', args: ['count', '12', '60'], nice: 4 });
  system.spawn({ path: '/bin/primes', args: ['primes', '4000'] });
  system.spawn({ path: '/bin/matrix', args: ['matrix', '20', '4'], nice: -3 });
  const stop = system.run({ untilNs: 60e9 });
  expect(stop.reason).toBe('finished');
  return system;
}

/** What each of the three programs wrote, as the paper counts it, and how it ended. */
function results(system: System): unknown[] {
  const outputs = logicalOutputs(system.events);
  return [2, 3, 4].map((pid) => {
    const exit = system.events.findLast((event) => event.kind === 'exit' && event.pid === pid);
    return exit?.kind === 'exit'
      ? { name: exit.name, code: exit.code, signal: exit.signal, nice: exit.nice, output: outputs.get(pid)?.text }
      : null;
  });
}

describe('recovery after core faults', () => {
  it('gives the fault-free output apart from stretches repeated from a checkpoint, whatever the faults', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const faulty = run(plan, plan.faults);
        expect(results(faulty)).toEqual(results(run(plan, [])));
        const dead = new Set<number>();
        for (const event of faulty.events) {
          if (event.kind === 'core-fault') dead.add(event.victim);
          if (event.kind === 'switch' && event.pid !== 0) expect(dead.has(event.core)).toBe(false);
          if (event.kind === 'recovery-start') expect(event.file).not.toBe('');
        }
      }),
      property(40),
    );
  }, 240_000);

  it('does the same thing twice', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(run(plan, plan.faults).events).toEqual(run(plan, plan.faults).events);
      }),
      property(5),
    );
  }, 120_000);
});
