/** A process of its own that measures injections per second. Prints JSON, one row a program. `--quick`: CPU times of a few only. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Injector } from '../src/campaign/injector.ts';
import { type CampaignPlan, planCampaign } from '../src/campaign/plan.ts';
import { campaignSchema } from '../src/campaign/schema.ts';
import { workloadOf } from '../src/cli/campaign-spec.ts';

export interface CampaignRow {
  readonly program: string;
  readonly instructions: number;
  /** Injections per second of CPU time in one process: every run from power-on to its end, and from snapshots. */
  readonly fromPowerOn: number;
  readonly fromSnapshots: number;
  /** CPU seconds of what is done once for a campaign: the fault-free run, and the record of what it uses. */
  readonly setUpSeconds: number;
  /** Injections per second of wall time of a whole campaign of POOL_SIZE on one and on two of the host's cores; absent with --quick. */
  readonly oneCore?: number;
  readonly twoCores?: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/**
 * About 50 million instructions each. Flips in the first mostly crash it or spoil a word of its result; in the second most leave no trace,
 * but those that change how long it takes never meet the fault-free run again.
 */
const PROGRAMS = ['matrix 152', 'primes 312000'];
const quick = process.argv.includes('--quick');
/** Injections of each measurement. The same from power-on as from snapshots, as some take far longer than others. */
const SIZE = quick ? 100 : 300;
const POOL_SIZE = 30_000;
const MAIN = fileURLToPath(new URL('../bin/coreback.mjs', import.meta.url));
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

/** The command that users run, from its start to its end, on so many of the host's cores. */
function campaign(program: string, jobs: number, folder: string): number {
  const spec = join(folder, 'campaign.json');
  writeFileSync(spec, JSON.stringify(specOf(program, POOL_SIZE)));
  const command = [MAIN, 'campaign', 'run', spec, '--jobs', String(jobs), '--out', join(folder, `${jobs}.ndjson`)];
  // V8 compiles and collects garbage on threads of its own: one core is one only when the process may not use another.
  const pinned =
    jobs === 1 && process.platform === 'linux' ? ['taskset', '-c', '0', process.execPath] : [process.execPath];
  const startMs = performance.now();
  execFileSync(pinned[0]!, [...pinned.slice(1), ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  return POOL_SIZE / ((performance.now() - startMs) / 1000);
}

/** The records of two campaigns, whatever their order. */
const recordsOf = (folder: string, jobs: number): string =>
  readFileSync(join(folder, `${jobs}.ndjson`), 'utf8')
    .split('\n')
    .sort()
    .join('\n');

const specOf = (program: string, size: number): object => ({
  name: 'bench',
  run: [program],
  machine: { cores: 1, mhz: 100 },
  policies: ['none'],
  prune: false,
  sample: { size },
  faults: [{ model: 'bit-flip', in: 'register' }],
});

function measure(program: string): CampaignRow {
  const workload = workloadOf(campaignSchema.parse(specOf(program, SIZE)));
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
  const folder = mkdtempSync(join(tmpdir(), 'coreback-bench-'));
  try {
    const oneCore = campaign(program, 1, folder);
    const twoCores = campaign(program, 2, folder);
    assert.equal(recordsOf(folder, 1), recordsOf(folder, 2));
    return { ...row, oneCore, twoCores };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rows: CampaignRow[] = PROGRAMS.map(measure);
console.log(JSON.stringify(rows));
