import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { ContractMonitor } from '../../../src/recovery/contract.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { judge } from '../../../src/recovery/outcome.ts';
import { differenceOf } from '../../../src/recovery/results.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { at, program, Run, SCRATCH } from '../../support/guest-program.ts';
import { property } from '../../support/property.ts';

const COSTS = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };
const BASE: SystemConfig = {
  cores: 3,
  checkpointEveryNs: 5_000_000,
  costs: COSTS,
  faultGenerator: { periodNs: 1_000_000, deadlineNs: 200_000, misses: 1 },
  recoveryOptions: { scope: 'tree' },
};
const FILES = guestPrograms('pipes', 'forktree');

const plans = fc.record({
  program: fc.constantFrom(['pipes', '8'], ['forktree', '3']),
  seed: fc.nat(1 << 20),
  checkpointUs: fc.integer({ min: 1000, max: 8000 }),
  faultsUs: fc.array(fc.nat(40_000), { minLength: 1, maxLength: 2 }),
});
type Plan = typeof plans extends fc.Arbitrary<infer P> ? P : never;

function run({ program: args, seed, checkpointUs, faultsUs }: Plan, withFaults: boolean) {
  const process = args[0]!;
  const faults = faultsUs.map((us): FaultSpec => {
    return { model: 'fail-stop', trigger: { at: 'process', process, ns: us * 1000 } };
  });
  const system = new System({
    ...{ ...BASE, cores: 4, cycleNs: 100, seed, paranoid: true, faults: withFaults ? faults : [] },
    schedule: { kind: 'seeded', seed, minInstructions: 100, maxInstructions: 900 },
    checkpointEveryNs: checkpointUs * 1000,
  });
  const contract = new ContractMonitor(system);
  for (const file of FILES) system.install(file);
  system.spawn({ path: `/bin/${process}`, args });
  const stop = system.run({ untilNs: 20e9 });
  return { ...finishedRun(system, stop, withFaults ? faults : []), violations: contract.finish() };
}

describe('a tree of processes, one of whose cores dies', () => {
  it('goes back as a whole to one instant, pipes and all, and comes to the same result', () => {
    let together = 0;
    fc.assert(
      fc.property(plans, (plan) => {
        const faulty = run(plan, true);
        const golden = run(plan, false);
        expect(faulty.violations).toEqual([]);
        expect(differenceOf(faulty, golden)).toBeNull();
        expect(judge(faulty, golden)).toMatch(/^(recovered-exact|recovered-at-least-once|masked|not-activated)$/);
        const done = faulty.events.filter((event) => event.kind === 'recovery-done');
        for (const { ns } of done) if (done.filter((other) => Math.abs(other.ns - ns) < 5e6).length > 1) together++;
      }),
      property(8),
    );
    expect(together).toBeGreaterThan(0);
  }, 240_000);

  it('lives again with those that had ended since', () => {
    const main = program((p) => {
      p.sys('pipe')
        .store(SCRATCH + 0x20)
        .raw('8915')
        .raw('24000608')
        .sys('fork')
        .ifZero((c) =>
          c
            .burn(35_000)
            .sys('write', at(SCRATCH + 0x24), 'abcd', 4)
            .sys('exit', 3),
        );
      p.sys('read', at(SCRATCH + 0x20), SCRATCH, 4)
        .load(SCRATCH)
        .log('read')
        .wait('w')
        .burn(30_000)
        .exit(0);
    });
    const trigger = { at: 'process', process: 'main', ns: 9_000_000 } as const;
    const done = new Run({ main }, { ...BASE, faults: [{ model: 'fail-stop', trigger }] });
    const pid = done.start('main');
    expect(done.go(3e9).reason).toBe('finished');
    expect(done.events('recovery-done').map((event) => [event.pid, event.fromNs])).toEqual([
      [2, 5_000_000],
      [3, 5_000_000],
    ]);
    expect(done.logOf(pid)).toEqual({ read: 0x64636261, 'w.pid': 3, 'w.status': 3 << 8 });
  });
});
