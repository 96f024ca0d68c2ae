import { targetName } from '../../src/campaign/fault-space.ts';
import { Injector } from '../../src/campaign/injector.ts';
import { type CampaignPlan, planCampaign } from '../../src/campaign/plan.ts';
import type { InjectionRecord } from '../../src/campaign/records.ts';
import { campaignSchema } from '../../src/campaign/schema.ts';
import { workloadOf } from '../../src/cli/campaign-spec.ts';
import { runInjections } from '../../src/host/campaign-runner.ts';

/*
 * Single-bit flips of the general registers and of eflags at every instruction of a program, each one injected, against the same space
 * pruned: the numbers of faults by target and outcome have to be equal.
 */

export interface ExhaustiveResult {
  readonly instructions: number;
  readonly faults: number;
  readonly prunedInjections: number;
  /** Faults by target and outcome: `eax crash`. */
  readonly exhaustive: Readonly<Record<string, number>>;
  readonly pruned: Readonly<Record<string, number>>;
}

const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eflags'];

/** `bits`: some bits only, for a quick look. */
export async function exhaustiveAndPruned(
  run: string,
  options: { bits?: readonly number[]; jobs?: number } = {},
): Promise<ExhaustiveResult> {
  const spec = (prune: boolean) =>
    campaignSchema.parse({
      name: 'exhaustive',
      run: [run],
      policies: ['none'],
      sample: 'exhaustive',
      prune,
      faults: REGISTERS.map((register) => ({
        model: 'bit-flip',
        in: 'register',
        registers: [register],
        ...(options.bits ? { bits: options.bits } : {}),
      })),
    });
  const workload = workloadOf(spec(true));
  const { summary } = new Injector(workload, 'none');
  const pruned = planCampaign(workload, [summary]);
  const whole = planCampaign({ ...workload, spec: spec(false) }, [summary]);
  const jobs = options.jobs ?? 2;
  return {
    instructions: summary.retired.reduce((sum, n) => sum + n, 0),
    faults: whole.count,
    prunedInjections: pruned.count,
    exhaustive: await totals(whole, (onRecords) =>
      runInjections(workload, whole, upTo(whole.count), { jobs, onRecords }),
    ),
    pruned: await totals(pruned, (onRecords) =>
      runInjections(workload, pruned, upTo(pruned.count), { jobs, onRecords }),
    ),
  };
}

async function totals(
  plan: CampaignPlan,
  run: (onRecords: (records: readonly InjectionRecord[]) => void) => Promise<void>,
): Promise<Record<string, number>> {
  const sums = new Map<string, number>();
  const add = (key: string, n: number): void => {
    if (n > 0) sums.set(key, (sums.get(key) ?? 0) + n);
  };
  for (const { targets } of plan.entries) for (const { name, masked } of targets) add(`${name} masked`, masked);
  await run((records) => {
    for (const { fault, outcome, weight } of records) add(`${targetName(fault)} ${outcome}`, weight);
  });
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
