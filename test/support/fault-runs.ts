import type { Engine } from '../../emu/core/engine.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { System } from '../../src/system.ts';
import { FAULT_MODELS, FAULT_TRIGGERS, type FaultSpace } from '../../src/testing/fault-arbitraries.ts';
import { guestPrograms } from './guest.ts';

const FILES = guestPrograms('primes', 'matrix', 'forktree');

/** The faults that a run of these programs can have. */
export const SMALL_SPACE: FaultSpace = {
  cores: 2,
  horizonNs: 60_000_000,
  models: FAULT_MODELS,
  triggers: FAULT_TRIGGERS,
  processes: ['primes', 'matrix', 'forktree'],
  code: [0x08048000, 0x08049fff],
  data: [0x0804a000, 0x0804bfff],
};

/** Everything that happens in that run on an engine: the interpreter when none is named. */
export function faultyEvents(faults: FaultPlan, engine?: Engine): readonly TraceEvent[] {
  const system = new System({
    cores: SMALL_SPACE.cores,
    cycleNs: 1000,
    schedule: { kind: 'seeded', seed: 5, minInstructions: 500, maxInstructions: 3000 },
    checkpointEveryNs: 20_000_000,
    faults,
    ...(engine ? { engine } : {}),
  });
  for (const file of FILES) system.install(file);
  for (const args of [
    ['primes', '1500'],
    ['matrix', '8', '2'],
    ['forktree', '2'],
  ]) {
    system.spawn({ path: `/bin/${args[0]}`, args });
  }
  system.run({ untilNs: 200_000_000, instructions: 300_000 });
  return system.events;
}
