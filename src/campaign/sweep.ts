import { Prng } from '../../emu/base/prng.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { exponentialGapNs } from '../../emu/faults/poisson.ts';
import { processEnds } from '../recovery/results.ts';
import { dalyInterval, youngInterval } from './checkpoint-interval.ts';
import { limitsOf, makeSystem, type Policy, type Workload } from './workload.ts';

/*
 * How long a computation takes in all, over the interval between checkpoints, when the core that runs it stops at exponentially
 * distributed times. A stopped core is gone for good, so that the machine needs a core more than there are failures.
 */

/** One run of a sweep. */
export interface SweepRun {
  /** Virtual ns from one checkpoint to the next, the time that it takes counted. */
  readonly periodNs: number;
  /** Mean virtual ns between failures. */
  readonly meanNs: number;
  readonly seed: number;
}

export interface SweepRunResult {
  /** Completion time in virtual ns; null when the program did not end, or did not end as it should. */
  readonly endNs: number | null;
  readonly failures: number;
}

/** What a sweep is about. */
export interface SweepSetting {
  readonly workload: Workload;
  readonly policy: Policy;
  /** Name of the process whose core fails. */
  readonly process: string;
}

/** What a run without failures tells. */
export interface SweepBase {
  /** Completion time without checkpoints. */
  readonly workNs: number;
  /** Mean cost of a checkpoint. */
  readonly costNs: number;
}

export function sweepBase({ workload, policy }: SweepSetting, periodNs: number): SweepBase {
  const plain = makeSystem(workload, { policy, checkpointEveryNs: 0 });
  plain.run(limitsOf(workload));
  const checkpointed = makeSystem(workload, { policy, checkpointEveryNs: periodNs });
  checkpointed.run(limitsOf(workload));
  const pauses = checkpointed.events.flatMap((event) => (event.kind === 'checkpoint' ? [event.pauseNs] : []));
  return { workNs: plain.machine.nowNs, costNs: pauses.reduce((sum, ns) => sum + ns, 0) / Math.max(1, pauses.length) };
}

/** Runs the program once, to its end. */
export function sweepRun({ workload, policy, process }: SweepSetting, run: SweepRun): SweepRunResult {
  const faults = failures(run, process, workload.spec.machine.cores - 1);
  const system = makeSystem(workload, { policy, faults, checkpointEveryNs: run.periodNs });
  const stop = system.run(limitsOf(workload));
  const struck = system.events.filter(({ kind }) => kind === 'core-fault').length;
  // Bodies of interrupted restarts are killed too; only how the program itself ended counts.
  const ends = processEnds(system).filter(({ name }) => name === process);
  const right = stop.reason === 'finished' && ends.length > 0 && ends.every(({ code, signal }) => code + signal === 0);
  return { endNs: right ? system.machine.nowNs : null, failures: struck };
}

/** Times of failure are the same for every period: what differs between periods is not the luck. */
function failures({ meanNs, seed }: SweepRun, process: string, most: number): FaultPlan {
  const prng = Prng.seeded(seed, meanNs % 0x7fffffff);
  const plan: FaultPlan[number][] = [];
  for (let ns = 0; plan.length < most; ) {
    ns += exponentialGapNs(prng, meanNs);
    plan.push({ model: 'fail-stop', trigger: { at: 'process', process, ns } });
  }
  return plan;
}

/** One period at one failure rate: mean over the seeds. */
export interface SweepPoint {
  readonly periodNs: number;
  readonly runs: number;
  /** Of the completion time. */
  readonly meanNs: number;
  readonly standardErrorNs: number;
  readonly failuresMean: number;
}

/** A failure rate: the curve, where it is lowest, and what theory says. All periods count the checkpoint's own time. */
export interface SweepCurve {
  readonly mtbfNs: number;
  readonly points: readonly SweepPoint[];
  /** Minimum of a + b / t + c t fitted to the points by least squares. */
  readonly measuredNs: number;
  /** The fit's a, b and c, for t in ns. */
  readonly fit: readonly [number, number, number];
  readonly youngNs: number;
  readonly dalyNs: number;
}

export function sweepCurve(mtbfNs: number, costNs: number, points: readonly SweepPoint[]): SweepCurve {
  const fit = fitOverhead(points);
  const [, b, c] = fit;
  return {
    mtbfNs,
    points,
    measuredNs: Math.sqrt(b / c),
    fit,
    youngNs: youngInterval(costNs, mtbfNs) + costNs,
    dalyNs: dalyInterval(costNs, mtbfNs) + costNs,
  };
}

export function sweepPoint(periodNs: number, results: readonly SweepRunResult[]): SweepPoint {
  const ends = results.flatMap(({ endNs }) => (endNs === null ? [] : [endNs]));
  const mean = ends.reduce((sum, ns) => sum + ns, 0) / ends.length;
  const variance = ends.reduce((sum, ns) => sum + (ns - mean) ** 2, 0) / Math.max(1, ends.length - 1);
  return {
    periodNs,
    runs: ends.length,
    meanNs: mean,
    standardErrorNs: Math.sqrt(variance / ends.length),
    failuresMean: results.reduce((sum, { failures: n }) => sum + n, 0) / results.length,
  };
}

/** Least squares of a + b / t + c t: the form of the overhead to first order (Young 1974), each point weighted equally. */
function fitOverhead(points: readonly SweepPoint[]): [number, number, number] {
  // Scaled, so that the three columns are of one size.
  const scale = points[0]!.periodNs;
  const rows = points.map(({ periodNs, meanNs }) => ({ x: [1, scale / periodNs, periodNs / scale], y: meanNs }));
  const matrix = [0, 1, 2].map((i) => [
    ...[0, 1, 2].map((j) => rows.reduce((sum, { x }) => sum + x[i]! * x[j]!, 0)),
    rows.reduce((sum, { x, y }) => sum + x[i]! * y, 0),
  ]);
  const [a, b, c] = solve(matrix) as [number, number, number];
  return [a, b * scale, c / scale];
}

/** Gauss and Jordan with pivoting; each row ends with the right-hand side. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    const pivot = rows.slice(i).reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    const at = rows.indexOf(pivot);
    [rows[i], rows[at]] = [rows[at]!, rows[i]!];
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = rows[k]![i]! / rows[i]![i]!;
      for (let j = i; j <= n; j++) rows[k]![j]! -= factor * rows[i]![j]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}
