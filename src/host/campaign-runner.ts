import { Piscina } from 'piscina';
import { UsageError } from '../../emu/base/errors.ts';
import { brokenRun } from '../campaign/injector.ts';
import type { CampaignPlan, Injection } from '../campaign/plan.ts';
import type { InjectionRecord, InjectionResult } from '../campaign/records.ts';
import type { Workload } from '../campaign/workload.ts';
import type { CampaignAnswer, CampaignTask, CampaignWorkerData } from './campaign-worker.ts';
import { NodeFolders } from './node-folders.ts';
import { workerFile } from './worker-file.ts';

/** Injections that a worker is given at a time, at most: few enough to lose little when the run is broken off. */
const TASK_SIZE_MAX = 32;
/** Towards the end tasks get smaller, so that no worker waits long for another: each has so many still before it. */
const TASKS_LEFT = 4;
/** Campaigns that this process has run. */
let campaigns = 0;

export interface RunnerOptions {
  readonly jobs: number;
  /** Start from snapshots of the fault-free run; false is for comparison. */
  readonly snapshots?: boolean;
  /** Those of the fault-free run, for workloads with mounts. */
  readonly hostFolders?: NodeFolders;
  /** Stops handing out work; what workers have begun is waited for. */
  readonly stop?: AbortSignal;
  /** Records of one task, as soon as they are there: in any order. */
  readonly onRecords: (records: readonly InjectionRecord[]) => void;
}

/** Makes the injections with these ids on worker threads. Errors: those of `onRecords`, UsageError when a folder of the host has changed; then nothing is left running. */
export async function runInjections(
  workload: Workload,
  plan: CampaignPlan,
  ids: readonly number[],
  { jobs, snapshots = true, hostFolders = new NodeFolders(), stop, onRecords }: RunnerOptions,
): Promise<void> {
  const channel = `coreback campaign ${process.pid} ${campaigns++}`;
  const workerData: CampaignWorkerData = { workload, snapshots, channel, seenFolders: hostFolders.seen };
  const pool: Pool = new Piscina({
    ...workerFile('campaign-worker'),
    workerData,
    minThreads: jobs,
    maxThreads: jobs,
  });
  const tasks = tasksOf(plan, ids, jobs);
  const lane = async (): Promise<void> => {
    for (const injections of tasks) {
      const results = await runTask(pool, injections);
      onRecords(injections.map((injection, n) => recordOf(injection, results[n]!)));
      if (stop?.aborted) return;
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, lane));
  } finally {
    await pool.destroy();
  }
}

type Pool = Piscina<CampaignTask, CampaignAnswer>;

/** A worker that dies takes at most one injection with it: those of its task are made again one by one. */
async function runTask(pool: Pool, injections: readonly Injection[]): Promise<readonly InjectionResult[]> {
  let answer: CampaignAnswer;
  try {
    answer = await pool.run({ policy: injections[0]!.policy, faults: injections.map(({ fault }) => fault) });
  } catch (error) {
    if (injections.length === 1) return [brokenRun(error)];
    const results: InjectionResult[] = [];
    for (const injection of injections) results.push(...(await runTask(pool, [injection])));
    return results;
  }
  if ('refused' in answer) throw new UsageError(answer.refused);
  return answer;
}

/** Injections of one policy, in the order of their ids, so that neighbours start from the same snapshot. */
function* tasksOf(plan: CampaignPlan, ids: readonly number[], jobs: number): Generator<Injection[], void> {
  for (let next = 0; next < ids.length; ) {
    const size = Math.min(TASK_SIZE_MAX, Math.ceil((ids.length - next) / (TASKS_LEFT * jobs)));
    const candidates = ids.slice(next, next + size).map((id) => plan.at(id));
    const other = candidates.findIndex(({ policy }) => policy !== candidates[0]!.policy);
    const task = other < 0 ? candidates : candidates.slice(0, other);
    next += task.length;
    yield task;
  }
}

/** The keys in the order of the format's description. */
export function recordOf(
  { id, entry, number, policy, weight, fault }: Injection,
  result: InjectionResult,
): InjectionRecord {
  return { id, entry, number, policy, weight, fault, ...result };
}
