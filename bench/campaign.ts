/** A process of its own that measures injections per second. Prints JSON, one row a program. `--quick`: CPU times of a few only. */
import assert from 'node:assert/strict';
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
  /** CPU seconds of what is done once for a campaign: the fault-free run, and the record of what it uses. */
  readonly setUpSeconds: number;
  /** A whole campaign of POOL_SIZE injections with one and two workers; absent with --quick. */
  readonly oneJob?: PoolRow;
  readonly twoJobs?: PoolRow;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface PoolRow {
  /** Of wall time, from the start of the workers to the last record, each worker's own fault-free run included. */
  readonly perSecond: number;
  /** Of all threads: on a busy host this still says what the second worker costs. */
  readonly cpuSeconds: number;
}

/**
 * About 50 million instructions each. Flips in the first mostly crash it or spoil a word of its result; in the second most leave no trace,
 * but those that change how long it takes never meet the fault-free run again.
 */
const PROGRAMS = ['matrix 152', 'primes 312000'];
const quick = process.argv.includes('--quick');
/** Injections of each measurement. The same from power-on as from snapshots, as some take far longer than others. */
const SIZE = quick ? 100 : 300;
const POOL_SIZE = 10_000;
/** Times that all injections are made before they are measured, either way. */
const WARM_UP = 2;

/** CPU seconds of what `work` does, and what it gives. */
function timed<T>(work: () => T): { readonly seconds: number; readonly result: T } {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, result };
}

function times(count: number, work: () => void): void {
  for (let n = 0; n < count; n++) work();
}

function outcomesOf(injector: Injector, plan: CampaignPlan): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (let id = 0; id < plan.count; id++) {
    const { outcome } = injector.inject([plan.at(id).fault]);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

async function pooled(workload: Workload, plan: CampaignPlan, jobs: number): Promise<PoolRow> {
  const ids = Array.from({ length: plan.count }, (_, id) => id);
  const [startMs, before] = [performance.now(), process.cpuUsage()];
  await runInjections(workload, plan, ids, { jobs, onRecords: () => {} });
  const { user, system } = process.cpuUsage(before);
  return { perSecond: plan.count / ((performance.now() - startMs) / 1000), cpuSeconds: (user + system) / 1e6 };
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
  const { seconds: goldenSeconds, result: injector } = timed(() => new Injector(workload, 'none'));
  const plan = planCampaign(workload, [injector.summary]);
  // The first time the golden run is looked into wherever somebody asks, and engines and host translate what runs, which takes them till
  // the second; a campaign of thousands of injections does so once.
  const first = timed(() => times(WARM_UP, () => outcomesOf(injector, plan)));
  const again = timed(() => outcomesOf(injector, plan));
  const whole = new Injector(workload, 'none', { snapshots: false });
  times(WARM_UP, () => outcomesOf(whole, plan));
  const powerOn = timed(() => outcomesOf(whole, plan));
  assert.deepEqual(powerOn.result, again.result);
  const row = {
    program,
    instructions: injector.summary.retired[0]!,
    fromPowerOn: plan.count / powerOn.seconds,
    fromSnapshots: plan.count / again.seconds,
    setUpSeconds: goldenSeconds + first.seconds - WARM_UP * again.seconds,
    outcomes: again.result,
  };
  if (quick) return row;
  const large = workloadFor(program, POOL_SIZE);
  const all = planCampaign(large, [injector.summary]);
  return { ...row, oneJob: await pooled(large, all, 1), twoJobs: await pooled(large, all, 2) };
}

const rows: CampaignRow[] = [];
for (const program of PROGRAMS) rows.push(await measure(program));
console.log(JSON.stringify(rows));
