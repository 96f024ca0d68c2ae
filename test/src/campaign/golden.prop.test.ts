import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultPlan, FaultSpec } from '../../../emu/faults/plan.ts';
import type { Stop } from '../../../emu/machine/machine.ts';
import { GoldenRun } from '../../../src/campaign/golden.ts';
import { type FinishedRun, finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult, type RunResult } from '../../../src/result.ts';
import type { System } from '../../../src/system.ts';
import { property } from '../../support/property.ts';
import { boot, WORKLOADS } from '../../support/workloads.ts';

/** Virtual time after which a run with faults hangs. */
const LIMITS = { untilNs: 20e9 };

const resultOf = (system: System, stop: Stop, faults: FaultPlan, golden: FinishedRun): RunResult =>
  buildResult(system, finishedRun(system, stop, faults), golden);

describe.each(WORKLOADS)('injections into a golden run: $name', (workload) => {
  const at = (faults: FaultPlan): System => boot(workload, 1, { faults });
  const reference = at([]);
  const goldenRun = finishedRun(reference, reference.run(LIMITS), []);
  const golden = new GoldenRun(at([]), LIMITS, { snapshotsMax: 20, spacing: 50 });
  const retired = reference.machine.cores.map((core) => core.retired);
  const worker = at([]);

  const moment = fc.oneof(
    fc.record({
      at: fc.constant('instruction' as const),
      core: fc.nat(retired.length - 1),
      share: fc.double({ min: 0, max: 1.1, noNaN: true }),
    }),
    fc.record({
      at: fc.constant('time' as const),
      core: fc.nat(retired.length - 1),
      share: fc.double({ min: 0, max: 1.1, noNaN: true }),
    }),
  );
  const fault = moment.map(
    ({ at: kind, core, share }): FaultSpec => ({
      model: 'fail-stop',
      trigger:
        kind === 'time'
          ? { at: 'time', core, ns: Math.floor(share * reference.machine.nowNs) }
          : { at: 'instruction', core, instruction: Math.floor(share * retired[core]!) },
    }),
  );

  it('give what the whole run with these faults gives', () => {
    fc.assert(
      fc.property(fc.array(fault, { minLength: 1, maxLength: 2 }), (faults) => {
        const whole = at(faults);
        const expected = resultOf(whole, whole.run(LIMITS), faults, goldenRun);
        const injection = golden.inject(worker, faults, LIMITS);
        expect(resultOf(worker, injection.stop, faults, goldenRun)).toEqual(expected);
      }),
      property(12),
    );
  });
});
