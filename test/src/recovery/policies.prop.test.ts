import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import type { RecoveryPolicyName } from '../../../kernel-sim/kern/config.ts';
import { ContractMonitor } from '../../../src/recovery/contract.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { logicalOutputs } from '../../../src/recovery/logical-output.ts';
import { judge } from '../../../src/recovery/outcome.ts';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { property } from '../../support/property.ts';

const FILES = guestPrograms('count', 'primes', 'matrix', 'threads', 'forktree');
const PROGRAMS = [
  { args: ['primes', '3000'], nice: 0 },
  { args: ['matrix', '16', '3'], nice: -3 },
  { args: ['threads', '3', '20'], nice: 5 },
  { args: ['forktree', '3'], nice: 2 },
] as const;

const plans = fc.record({
  cores: fc.integer({ min: 3, max: 5 }),
  seed: fc.nat(1 << 20),
  slice: fc.integer({ min: 50, max: 4000 }),
  checkpointMs: fc.integer({ min: 20, max: 300 }),
  faultsMs: fc.array(fc.nat(500), { minLength: 1, maxLength: 2 }),
  victim: fc.constantFrom('primes', 'matrix', 'threads', 'forktree'),
});
type Plan = typeof plans extends fc.Arbitrary<infer P> ? P : never;

function run(plan: Plan, recovery: RecoveryPolicyName, withFaults: boolean) {
  const faults = plan.faultsMs.map((ms): FaultSpec => {
    return { model: 'fail-stop', trigger: { at: 'process', process: plan.victim, ns: ms * 1e6 } };
  });
  const { cores, seed, slice } = plan;
  const system = new System({
    ...{ cores, cycleNs: 1000, seed, recovery, paranoid: true, faults: withFaults ? faults : [] },
    schedule: { kind: 'seeded', seed, minInstructions: slice, maxInstructions: 3 * slice },
    checkpointEveryNs: plan.checkpointMs * 1e6,
    recoveryOptions: { importantNiceMax: 2 },
  });
  const contract = new ContractMonitor(system);
  for (const file of FILES) system.install(file);
  for (const { args, nice } of PROGRAMS) system.spawn({ path: `/bin/${args[0]}`, args, nice });
  const stop = system.run({ untilNs: 60e9 });
  return { ...finishedRun(system, stop, withFaults ? faults : []), violations: contract.finish() };
}

/** What each of the programs wrote and how it ended, pids 2 to 5. */
function results({ events }: ReturnType<typeof run>): unknown[] {
  const outputs = logicalOutputs(events);
  return PROGRAMS.map((_, n) => {
    const exit = events.findLast((event) => event.kind === 'exit' && event.pid === n + 2);
    if (exit?.kind !== 'exit') return null;
    return [exit.name, exit.code, exit.signal, exit.nice, outputs.get(n + 2)?.text];
  });
}

const RECOVERING = ['rollback-migrate', 'rollback-in-place', 'roll-forward', 'spare', 'degraded'] as const;

describe('after faults of cores, whatever the moment', () => {
  it.each(RECOVERING)(
    '%s gives the results of the run without faults, and keeps the contract',
    (recovery) => {
      let recovered = 0;
      fc.assert(
        fc.property(plans, (plan) => {
          const faulty = run(plan, recovery, true);
          expect(faulty.stop.reason).toBe('finished');
          expect(faulty.violations).toEqual([]);
          const golden = run(plan, recovery, false);
          expect(results(faulty)).toEqual(results(golden));
          expect(judge(faulty, golden)).toMatch(/^(recovered-exact|recovered-at-least-once|masked|not-activated)$/);
          recovered += faulty.events.filter((event) => event.kind === 'recovery-done').length;
        }),
        property(8),
      );
      expect(recovered).toBeGreaterThan(2);
    },
    240_000,
  );

  it('restart-from-beginning does so for every process that has executed a program', () => {
    let recovered = 0;
    fc.assert(
      fc.property(plans, (plan) => {
        fc.pre(plan.victim !== 'forktree');
        const faulty = run(plan, 'restart-from-beginning', true);
        expect(faulty.stop.reason).toBe('finished');
        expect(faulty.violations).toEqual([]);
        expect(results(faulty)).toEqual(results(run(plan, 'restart-from-beginning', false)));
        expect(faulty.events.filter((event) => event.kind === 'restart-step')).toEqual([]);
        recovered += faulty.events.filter((event) => event.kind === 'recovery-done').length;
      }),
      property(8),
    );
    expect(recovered).toBeGreaterThan(2);
  }, 240_000);

  it('none loses the process, and nothing else', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const faulty = run(plan, 'none', true);
        expect(faulty.violations).toEqual([]);
        const lost = faulty.events.some((event) => event.kind === 'recovery-failed');
        expect(judge(faulty, run(plan, 'none', false))).toMatch(
          lost ? /^(detected-unrecovered|hang)$/ : /^(masked|not-activated)$/,
        );
      }),
      property(6),
    );
  }, 240_000);
});
