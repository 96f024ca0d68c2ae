import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../emu/core/engine.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { System } from '../../src/system.ts';
import { FAULT_MODELS, FAULT_TRIGGERS, type FaultSpace, faults } from '../../src/testing/fault-arbitraries.ts';
import { guestPrograms } from '../support/guest.ts';
import { property } from '../support/property.ts';

const FILES = guestPrograms('primes', 'matrix', 'forktree');
const SPACE: FaultSpace = {
  cores: 2,
  horizonNs: 60_000_000,
  models: FAULT_MODELS,
  triggers: FAULT_TRIGGERS,
  processes: ['primes', 'matrix', 'forktree'],
  code: [0x08048000, 0x08049fff],
  data: [0x0804a000, 0x0804bfff],
};

function run(faults: FaultPlan, engine?: Engine): readonly TraceEvent[] {
  const system = new System({
    cores: SPACE.cores,
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

describe('faults on the interpreter and on Unicorn', () => {
  it('strike at the same instruction and have the same consequences', () => {
    const unicorn = new UnicornEngine(loadUnicorn());
    fc.assert(
      fc.property(fc.array(faults(SPACE), { minLength: 1, maxLength: 4 }), (plan) => {
        expect(run(plan, unicorn)).toEqual(run(plan));
      }),
      property(20),
    );
  });
});
