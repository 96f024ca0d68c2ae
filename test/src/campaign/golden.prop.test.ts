import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  type FaultEffect,
  type FaultPlan,
  type FaultSpec,
  type FaultTrigger,
  REGISTERS,
} from '../../../emu/faults/plan.ts';
import type { Stop } from '../../../emu/machine/machine.ts';
import { GoldenRun } from '../../../src/campaign/golden.ts';
import { type FinishedRun, finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult, type RunResult } from '../../../src/result.ts';
import type { System } from '../../../src/system.ts';
import { property } from '../../support/property.ts';
import { boot, WORKLOADS } from '../../support/workloads.ts';

// Seconds on a quiet host; a loaded one takes ten times as long.
vi.setConfig({ testTimeout: 300_000 });

const LIMITS = { untilNs: 20e9 };

const resultOf = (system: System, stop: Stop, faults: FaultPlan, golden: FinishedRun): RunResult =>
  buildResult(system, finishedRun(system, stop, faults), golden);

describe.each(WORKLOADS.filter(({ name }) => name !== 'faults of many kinds'))(
  'injections into a golden run: $name',
  (workload) => {
    const at = (faults: FaultPlan): System => boot(workload, 1, { faults });
    const reference = at([]);
    const goldenRun = finishedRun(reference, reference.run(LIMITS), []);
    const golden = new GoldenRun(at([]), LIMITS, { snapshotsMax: 20, spacing: 50, carryFrom: 0 });
    const retired = reference.machine.cores.map((core) => core.retired);
    const worker = at([]);
    /** A run with faults that is not over by then hangs. */
    const hang = { untilNs: 2 * reference.machine.nowNs + 300e6 };

    const share = fc.double({ min: 0, max: 1.1, noNaN: true });
    const core = fc.nat(retired.length - 1);
    const trigger: fc.Arbitrary<FaultTrigger> = fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .tuple(core, share)
          .map(([n, of]): FaultTrigger => ({ at: 'instruction', core: n, instruction: Math.floor(of * retired[n]!) })),
      },
      fc
        .tuple(core, share)
        .map(([n, of]): FaultTrigger => ({ at: 'time', core: n, ns: Math.floor(of * reference.machine.nowNs) })),
    );
    const bit = fc.nat(31);
    const flip: fc.Arbitrary<FaultEffect> = fc
      .tuple(fc.constantFrom(...REGISTERS), bit)
      .map(([register, n]) => ({ model: 'bit-flip', target: { in: 'register', register }, bit: n }));
    const effect: fc.Arbitrary<FaultEffect> = fc.oneof(
      { weight: 6, arbitrary: flip },
      fc.constantFrom<FaultEffect>(
        { model: 'fail-stop' },
        { model: 'hang' },
        { model: 'intermittent', downNs: 30_000_000 },
        { model: 'slow', factor: 3, forNs: 20_000_000 },
        { model: 'lost-interrupt', count: 1 },
        { model: 'spurious-interrupt', vector: 77 },
        { model: 'stuck-at', register: 'ebx', bit: 3, value: 1 },
      ),
    );
    const fault = fc.tuple(effect, trigger).map(([what, when]): FaultSpec => ({ ...what, trigger: when }));

    it('give what the whole run with these faults gives', () => {
      fc.assert(
        fc.property(fc.array(fault, { minLength: 1, maxLength: 2 }), (faults) => {
          const whole = at(faults);
          const expected = resultOf(whole, whole.run(hang), faults, goldenRun);
          const injection = golden.inject(worker, faults, hang);
          expect(resultOf(worker, injection.stop, faults, goldenRun)).toEqual(expected);
        }),
        property(8),
      );
    });

    it('are over as soon as the machine is what it would have been without them', () => {
      const most = Math.max(...retired);
      const injections = Array.from({ length: 20 }, (_, n) => {
        const instruction = Math.floor(((n + 0.5) / 20) * most);
        const trigger = { at: 'instruction', core: retired.indexOf(most), instruction } as const;
        const target = { in: 'register', register: 'eflags' } as const;
        return golden.inject(worker, [{ model: 'bit-flip', target, bit: 0, trigger }], hang);
      });
      const ran = injections.flatMap(({ from, converged }) => (converged === null ? [] : [converged - from]));
      expect(ran.length).toBeGreaterThan(10);
      expect(Math.min(...ran)).toBeLessThan(reference.machine.retired / 8);
      expect(injections.some(({ from }) => from > reference.machine.retired / 2)).toBe(true);
    });
  },
);
