import { Piscina } from 'piscina';
import type { CheckResult, CheckTask } from './check-worker.ts';
import { workerFile } from './worker-file.ts';

export interface PoolOptions {
  /** Worker threads. */
  readonly jobs: number;
  /** No task is begun after so many ms; null: no limit. */
  readonly budgetMs: number | null;
  /** Called as each task is done, in whatever order. */
  readonly onDone: (index: number, result: CheckResult) => void;
}

/** Runs tasks on worker threads. True when all were run, false when the budget was over before. */
export async function runTasks(tasks: readonly CheckTask[], options: PoolOptions): Promise<boolean> {
  const { jobs, budgetMs, onDone } = options;
  const deadline = budgetMs === null ? Number.POSITIVE_INFINITY : Date.now() + budgetMs;
  const pool = new Piscina<CheckTask, CheckResult>({
    ...workerFile('check-worker'),
    minThreads: jobs,
    maxThreads: jobs,
  });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < tasks.length && Date.now() < deadline) {
      const index = next++;
      onDone(index, await runOne(pool, tasks[index]!));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, tasks.length) }, lane));
  } finally {
    await pool.destroy();
  }
  return next >= tasks.length;
}

/** A worker that dies takes its task with it, not the whole check. */
async function runOne(pool: Piscina<CheckTask, CheckResult>, task: CheckTask): Promise<CheckResult> {
  const startMs = Date.now();
  try {
    return await pool.run(task);
  } catch (error) {
    const label = task.kind === 'saved' ? task.path : `${task.n}`;
    const problems = [`coreback itself failed: ${(error as Error).stack ?? error}`];
    return { label, outcome: 'emulator-bug', problems, replay: null, hostMs: Date.now() - startMs };
  }
}
