import { Piscina } from 'piscina';
import type { SweepRun, SweepRunResult, SweepSetting } from '../campaign/sweep.ts';
import { workerFile } from './worker-file.ts';

/** Makes the runs on worker threads. Results in the order of the runs, however many threads there are. */
export async function runSweep(
  setting: SweepSetting,
  runs: readonly SweepRun[],
  jobs: number,
  onResult: () => void,
): Promise<SweepRunResult[]> {
  const pool = new Piscina<SweepRun, SweepRunResult>({
    ...workerFile('sweep-worker'),
    workerData: setting,
    minThreads: jobs,
    maxThreads: jobs,
  });
  try {
    return await Promise.all(
      runs.map(async (run) => {
        const result = await pool.run(run);
        onResult();
        return result;
      }),
    );
  } finally {
    await pool.destroy();
  }
}
