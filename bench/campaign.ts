/** A process of its own that measures injections per second. Prints JSON, one row a program. `--quick`: CPU times of a few only. */
import { Injector } from '../src/campaign/injector.ts';
import { type CampaignPlan, planCampaign } from '../src/campaign/plan.ts';
import { campaignSchema } from '../src/campaign/schema.ts';
import type { Workload } from '../src/campaign/workload.ts';
import { workloadOf } from '../src/cli/campaign-spec.ts';
import { runInjections } from '../src/host/campaign-runner.ts';

export interface CampaignRow {
  readonly program: string;
  readonly instructions: number;
  /** Injections per second of CPU time in one process: every run from power-on to its end, and from snapshots. */
  readonly fromPowerOn: number;
  readonly fromSnapshots: number;
  /** Injections per second of wall time with one and two workers; absent with --quick. */
  readonly oneJob?: number;
  readonly twoJobs?: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** About 50 million instructions each: flips in the first mostly crash it or spoil its result, in the second most leave no trace. */
const PROGRAMS = ['matrix 152', 'primes 312000'];
const quick = process.argv.includes('--quick');
/** Injections of each measurement. The same from power-on as from snapshots, as some take far longer than others. */
const SIZE = quick ? 30 : 100;
const POOL_SIZE = 600;

function perCpuSecond(injector: Injector, plan: CampaignPlan, outcomes: Record<string, number>): number {
  injector.inject([plan.at(0).fault]);
  const before = process.cpuUsage();
  for (let id = 0; id < plan.count; id++) {
    const { outcome } = injector.inject([plan.at(id).fault]);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  const { user, system } = process.cpuUsage(before);
  return plan.count / ((user + system) / 1e6);
}

/** The clock starts when every worker has given its first results: by then it has its golden run. */
async function perSecond(workload: Workload, plan: CampaignPlan, jobs: number): Promise<number> {
  const arrivals: { atMs: number; count: number }[] = [];
  // Mixed, so that what takes long is spread evenly.
  const ids = Array.from({ length: plan.count }, (_, n) => (n * 7919) % plan.count);
  await runInjections(workload, plan, ids, {
    jobs,
    onRecords: (records) => arrivals.push({ atMs: performance.now(), count: records.length }),
  });
  const [start, ...rest] = arrivals.slice(jobs - 1);
  const made = rest.reduce((sum, { count }) => sum + count, 0);
  return made / ((rest.at(-1)!.atMs - start!.atMs) / 1000);
}

const workloadFor = (program: string, size: number): Workload =>
  workloadOf(
    campaignSchema.parse({
      name: 'bench',
      run: [program],
      machine: { cores: 1, mhz: 100 },
      policies: ['none'],
      prune: false,
      sample: { size },
      faults: [{ model: 'bit-flip', in: 'register' }],
    }),
  );

async function measure(program: string): Promise<CampaignRow> {
  const workload = workloadFor(program, SIZE);
  const injector = new Injector(workload, 'none');
  const plan = planCampaign(workload, [injector.summary]);
  const outcomes: Record<string, number> = {};
  const fromSnapshots = perCpuSecond(injector, plan, outcomes);
  const fromPowerOn = perCpuSecond(new Injector(workload, 'none', { snapshots: false }), plan, {});
  const row = { program, instructions: injector.summary.retired[0]!, fromPowerOn, fromSnapshots, outcomes };
  if (quick) return row;
  const pool = workloadFor(program, POOL_SIZE);
  const pooled = planCampaign(pool, [injector.summary]);
  return { ...row, oneJob: await perSecond(pool, pooled, 1), twoJobs: await perSecond(pool, pooled, 2) };
}

const rows: CampaignRow[] = [];
for (const program of PROGRAMS) rows.push(await measure(program));
console.log(JSON.stringify(rows));
