import { workerData } from 'piscina';
import { type SweepRun, type SweepRunResult, type SweepSetting, sweepRun } from '../campaign/sweep.ts';

/** One run of a sweep; the setting is given to the worker once. */
export default function run(task: SweepRun): SweepRunResult {
  return sweepRun(workerData as SweepSetting, task);
}
