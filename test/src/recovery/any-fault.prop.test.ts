import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultPlan } from '../../../emu/faults/plan.ts';
import type { TraceEvent } from '../../../kernel-sim/kern/events.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import {
  FAULT_MODELS,
  FAULT_TRIGGERS,
  type FaultSpace,
  faultEffects,
  faults,
} from '../../../src/testing/fault-arbitraries.ts';
import { guestPrograms } from '../../support/guest.ts';
import { property } from '../../support/property.ts';

const FILES = guestPrograms('count', 'primes', 'matrix', 'forktree', 'signals', 'threads', 'pipes');
const COMMANDS = [
  ['count', '6', '20'],
  ['primes', '1500'],
  ['matrix', '10', '2'],
  ['forktree', '2'],
  ['signals'],
  ['threads', '3', '3'],
  ['pipes'],
];
const SPACE: FaultSpace = {
  cores: 3,
  horizonNs: 150_000_000,
  models: FAULT_MODELS,
  triggers: FAULT_TRIGGERS,
  processes: ['count', 'primes', 'matrix', 'forktree', 'signals', 'threads', 'pipes', 'restart'],
  code: [0x08048000, 0x08049fff],
  data: [0x0804a000, 0x0804bfff],
};
const LIMITS = { untilNs: 300_000_000, instructions: 400_000 };

function boot(seed: number, faults: FaultPlan, config: SystemConfig = {}): System {
  const system = new System({
    cores: SPACE.cores,
    cycleNs: 1000,
    seed,
    schedule: { kind: 'seeded', seed, minInstructions: 50, maxInstructions: 3000 },
    checkpointEveryNs: 20_000_000,
    consoleIsTty: false,
    faults,
    paranoid: true,
    ...config,
  });
  for (const file of FILES) system.install(file);
  // Three of the programs, by the seed.
  for (let n = 0; n < 3; n++) {
    const args = COMMANDS[(seed + n * 3) % COMMANDS.length]!;
    system.spawn({ path: `/bin/${args[0]}`, args });
  }
  return system;
}

function run(seed: number, faults: FaultPlan, config: SystemConfig = {}): readonly TraceEvent[] {
  const system = boot(seed, faults, config);
  system.run(LIMITS);
  return system.events;
}

const seeds = fc.nat(1000);
const plans = fc.array(faults(SPACE), { minLength: 1, maxLength: 5 });

describe('any faults', () => {
  it('never break an invariant or the host, and make the same run each time', () => {
    const struck = new Set<string>();
    fc.assert(
      fc.property(seeds, plans, (seed, plan) => {
        const once = run(seed, plan);
        expect(run(seed, plan)).toEqual(once);
        for (const event of once) {
          if (event.kind !== 'core-fault') continue;
          expect(event.model).toBe(plan[event.fault]!.model);
          expect(event.effect).not.toBe('');
          struck.add(event.model).add(plan[event.fault]!.trigger.at);
        }
      }),
      property(25),
    );
    // Of 11 models and 8 triggers: a few plans draw only some of them.
    expect(struck.size).toBeGreaterThan(Math.min(6, property(25).numRuns / 2));
  });

  it('strike where they say', () => {
    fc.assert(
      fc.property(seeds, plans, (seed, plan) => {
        for (const event of run(seed, plan)) {
          if (event.kind !== 'core-fault' || event.model === 'checkpoint-write') continue;
          const { trigger } = plan[event.fault]!;
          if (trigger.at === 'instruction')
            expect([event.victim, event.instruction]).toEqual([trigger.core, trigger.instruction]);
          if (trigger.at === 'time') expect([event.victim, event.ns]).toEqual([trigger.core, trigger.ns]);
          if (trigger.at === 'process') expect(event.ns).toBeGreaterThanOrEqual(trigger.ns);
          if (trigger.at === 'rate') expect(event.victim).toBe(trigger.core);
        }
      }),
      property(20),
    );
  });

  it('are the same from a snapshot in the middle of the run', () => {
    fc.assert(
      fc.property(seeds, plans, fc.integer({ min: 1, max: 60_000 }), (seed, plan, cut) => {
        const whole = run(seed, plan);
        const first = boot(seed, plan);
        first.run({ ...LIMITS, pauseInstructions: cut });
        const second = System.from(first.snapshot(), { paranoid: true });
        second.run(LIMITS);
        expect(second.events).toEqual(whole);
      }),
      property(20),
    );
  });

  it('that flip a bit and flip it back leave the run as it was', () => {
    const golden = new Map<number, readonly TraceEvent[]>();
    fc.assert(
      fc.property(
        fc.nat(6),
        faultEffects('bit-flip', SPACE),
        fc.nat(2),
        fc.integer({ min: 1, max: 20_000 }),
        (seed, effect, core, instruction) => {
          const twice = { ...effect, trigger: { at: 'instruction' as const, core, instruction } };
          if (!golden.has(seed)) golden.set(seed, run(seed, []));
          const events = run(seed, [twice, twice]);
          expect(events.filter(({ kind }) => kind !== 'core-fault')).toEqual(golden.get(seed));
        },
      ),
      property(20),
    );
  });
}, 300_000);
