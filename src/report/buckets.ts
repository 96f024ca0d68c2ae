import { DEAD, IDLE, intervalAt, type Lane, type Timeline } from './timeline.ts';

/** A stretch of time on the screen. */
export interface Window {
  readonly fromNs: number;
  readonly toNs: number;
}

/** What one core did in one column of the drawing. */
export interface Column {
  readonly fromNs: number;
  readonly toNs: number;
  readonly idleNs: number;
  readonly deadNs: number;
  /** Time per process (index into `Timeline.processes`), in ascending order of the index. */
  readonly shares: readonly Share[];
}

export interface Share {
  readonly process: number;
  readonly ns: number;
}

/** Where column `i` of `count` starts: an integer, so that the columns' times add up exactly. */
export const columnStart = ({ fromNs, toNs }: Window, i: number, count: number): number =>
  fromNs + Math.floor((toNs - fromNs) * (i / count));

/** Cuts a lane into `count` columns; linear in intervals plus columns. */
export function columnsOf(timeline: Timeline, lane: Lane, window: Window, count: number): Column[] {
  const columns: Column[] = [];
  const { startNs, runner } = lane;
  const nsOf = new Float64Array(timeline.processes.length);
  let i = intervalAt(lane, window.fromNs);
  for (let c = 0; c < count; c++) {
    const fromNs = columnStart(window, c, count);
    const toNs = columnStart(window, c + 1, count);
    let idleNs = 0;
    let deadNs = 0;
    const present: number[] = [];
    while (i < startNs.length && startNs[i]! < toNs) {
      const intervalEnd = i + 1 < startNs.length ? startNs[i + 1]! : timeline.endNs;
      const ns = Math.min(intervalEnd, toNs) - Math.max(startNs[i]!, fromNs);
      if (ns > 0) {
        const who = runner[i]!;
        if (who === IDLE) idleNs += ns;
        else if (who === DEAD) deadNs += ns;
        else {
          const { process } = timeline.runners[who]!;
          if (nsOf[process] === 0) present.push(process);
          nsOf[process]! += ns;
        }
      }
      if (intervalEnd > toNs) break;
      i++;
    }
    const shares = present.sort((a, b) => a - b).map((process) => ({ process, ns: nsOf[process]! }));
    for (const process of present) nsOf[process] = 0;
    columns.push({ fromNs, toNs, idleNs, deadNs, shares });
  }
  return columns;
}

/** The share of a column in which the core worked: 0 .. 1. */
export function busyRatio(column: Column): number {
  const span = column.toNs - column.fromNs;
  let ns = 0;
  for (const share of column.shares) ns += share.ns;
  return span === 0 ? 0 : ns / span;
}

/** Time that each process had on all cores, by index into `Timeline.processes`. */
export function cpuNsByProcess(timeline: Timeline, window: Window = { fromNs: 0, toNs: timeline.endNs }): Float64Array {
  const total = new Float64Array(timeline.processes.length);
  for (const lane of timeline.lanes) {
    for (const share of columnsOf(timeline, lane, window, 1)[0]!.shares) total[share.process]! += share.ns;
  }
  return total;
}

/** How many intervals of a lane touch the window. */
export function intervalCount(lane: Lane, { fromNs, toNs }: Window): number {
  if (lane.startNs.length === 0 || toNs <= fromNs) return 0;
  return intervalAt(lane, toNs - 1) - intervalAt(lane, fromNs) + 1;
}
