import { describe, expect, it, vi } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import type { FaultPlan, FaultSpec } from '../../../emu/faults/plan.ts';
import { GoldenRun } from '../../../src/campaign/golden.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult, type RunResult } from '../../../src/result.ts';
import type { System } from '../../../src/system.ts';
import { boot, type Workload } from '../../support/workloads.ts';

vi.setConfig({ testTimeout: 300_000 });

const LIMITS = { untilNs: 20e9 };
const FLIPS = 40;
/** Where matrix has its data and small matrices. */
const [HEAP, HEAP_BYTES] = [0x804b000, 0x2000];

interface Case extends Workload {
  /** Injections that are at least to be carried over something. */
  readonly carried: number;
}

const CASES: readonly Case[] = [
  {
    name: 'a program that computes',
    config: { cores: 1 },
    programs: [['matrix', '16', '4']],
    carried: 20,
  },
  {
    name: 'two programs that share a core, checkpoints',
    config: { cores: 1, checkpointEveryNs: 60e6 },
    programs: [
      ['matrix', '14', '3'],
      ['primes', '2500'],
    ],
    carried: 5,
  },
  {
    name: 'three programs on two cores',
    config: { cores: 2 },
    programs: [
      ['matrix', '14', '3'],
      ['primes', '3000'],
      ['count', '5', '2'],
    ],
    carried: 5,
  },
];

describe.each(CASES)('differences that are carried over what does not use them: $name', (kase) => {
  it('leave every event and result as if all had been executed', () => {
    const at = (faults: FaultPlan): System => boot(kase, 3, { faults });
    const reference = at([]);
    const stop = reference.run(LIMITS);
    const goldenRun = finishedRun(reference, stop, []);
    const golden = new GoldenRun(at([]), LIMITS, { snapshotsMax: 64, spacing: 50, carryFrom: 0 });
    const worker = at([]);
    const hang = { untilNs: 3 * reference.machine.nowNs + 1e6 };
    const resultOf = (system: System, ended: typeof stop, faults: FaultPlan): RunResult =>
      buildResult(system, finishedRun(system, ended, faults), goldenRun);

    const prng = Prng.seeded(7, 0);
    const draw = (below: number): number => prng.below(below);
    let carried = 0;
    const outcomes = new Set<string>();
    for (let n = 0; n < FLIPS; n++) {
      const core = draw(kase.config.cores!);
      const trigger = {
        at: 'instruction',
        core,
        instruction: 1 + draw(reference.machine.cores[core]!.retired),
      } as const;
      const target =
        n % 2 === 0
          ? ({ in: 'memory', address: HEAP + draw(HEAP_BYTES), process: 'matrix' } as const)
          : ({
              in: 'register',
              register: (['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const)[draw(8)]!,
            } as const);
      const faults: FaultSpec[] = [{ model: 'bit-flip', target, bit: draw(8), trigger }];
      const whole = at(faults);
      const expected = resultOf(whole, whole.run(hang), faults);
      const injection = golden.inject(worker, faults, hang);
      expect(resultOf(worker, injection.stop, faults), JSON.stringify(faults)).toEqual(expected);
      if (injection.skipped > 0) carried++;
      outcomes.add(expected.outcome);
    }
    expect(carried).toBeGreaterThanOrEqual(kase.carried);
    expect(outcomes.size).toBeGreaterThan(1);
  });
});
