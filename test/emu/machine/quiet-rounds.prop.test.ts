import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { sameValue } from '../../../emu/base/same-value.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import type { MachineSnapshot, RunLimits } from '../../../emu/machine/machine.ts';
import type { ScheduleConfig } from '../../../emu/machine/schedule.ts';
import type { System } from '../../../src/system.ts';
import { property } from '../../support/property.ts';
import { boot, WORKLOADS, type Workload } from '../../support/workloads.ts';

// Seconds on a quiet host.
vi.setConfig({ testTimeout: 300_000 });

// A paranoid machine takes one round after the other, because it looks at everything in between; any other runs through quiet ones.

/** Counters, clocks and registers of all cores, what is to come of faults and polls, an open round, the next random number. */
const machineOf = (system: System): MachineSnapshot => system.machine.snapshot();

const schedule = fc.oneof(
  fc.record({ kind: fc.constant('fixed' as const), instructions: fc.integer({ min: 200, max: 9000 }) }),
  fc.tuple(fc.nat(1000), fc.integer({ min: 100, max: 3000 }), fc.nat(6000)).map(([seed, minInstructions, more]) => ({
    kind: 'seeded' as const,
    seed,
    minInstructions,
    maxInstructions: minInstructions + more,
  })),
);

const engines: Record<string, () => Engine> = {
  interpreter: () => new Interpreter(),
  jit: () => new JitEngine({ sampleEvery: 100, samples: 1, eager: true }),
};

/** After an instruction, or after the round in which so many would have been retired on one core. */
interface Pause {
  readonly instructions: number;
  readonly exact: boolean;
}

const LIMITS = { instructions: 700_000 };

const limitsAt = ({ instructions, exact }: Pause, { machine }: System): RunLimits =>
  exact
    ? { ...LIMITS, pauseInstructions: instructions }
    : { ...LIMITS, pauseNs: instructions * machine.config.cycleNs };

function check(workload: Workload, seed: number, schedule: ScheduleConfig, pauses: readonly Pause[], engine: Engine) {
  const stepped = boot(workload, seed, { schedule, paranoid: true });
  const quiet = boot(workload, seed, { schedule, engine });
  for (const limits of [...pauses.map((pause) => limitsAt(pause, quiet)), LIMITS]) {
    expect(quiet.run(limits)).toEqual(stepped.run(limits));
    expect(machineOf(quiet)).toEqual(machineOf(stepped));
    expect(sameValue(quiet.kernel.state, stepped.kernel.state)).toBe(true);
  }
  expect(sameValue(quiet.events, stepped.events)).toBe(true);
}

const pause = fc.record({ instructions: fc.nat(LIMITS.instructions), exact: fc.boolean() });

/** At 100 MHz there are hundreds of rounds from one tick to the next. */
const ALONE: Workload = {
  name: 'one process, three cores',
  config: { cores: 3, cycleNs: 10 },
  programs: [['primes', '8000']],
};

/** All compute, each in a space of its own, and every now and then one of them writes a line. */
const APART: Workload = {
  name: 'four processes, four cores',
  config: { cores: 4, cycleNs: 10 },
  programs: [
    ['primes', '4000'],
    ['matrix', '12', '40'],
    ['primes', '8000'],
    ['matrix', '20', '20'],
  ],
};

describe.each([ALONE, APART, ...WORKLOADS])('$name', (workload) => {
  it.each(Object.keys(engines))('leaves behind what one round after the other would, on the %s', (engine) => {
    fc.assert(
      fc.property(schedule, fc.nat(50), fc.array(pause, { minLength: 1, maxLength: 3 }), (schedule, seed, pauses) => {
        check(workload, seed, schedule, pauses, engines[engine]!());
      }),
      property(workload.config.cycleNs === 10 ? 8 : 2),
    );
  });
});
