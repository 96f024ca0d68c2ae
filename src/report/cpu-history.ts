import { busyRatio, columnsOf, type Window } from './buckets.ts';
import { affinityGroup } from './story.ts';
import { deadSpans, type EventOf, type Timeline } from './timeline.ts';

/** The paper's "CPU history": how busy each core was, over time. */
export interface CpuHistory extends Window {
  readonly cores: readonly CoreHistory[];
  /** Commands that moved processes between cores within the window. */
  readonly changes: readonly AffinityChange[];
}

export interface CoreHistory {
  readonly core: number;
  /** Busy share per sample: 0 .. 1. */
  readonly busy: readonly number[];
  /** When it died; undefined when it lives at the end of the window. */
  readonly deadFromNs: number | undefined;
}

export interface AffinityChange {
  readonly ns: number;
  readonly cpus: readonly number[];
  readonly why: string;
  readonly pids: readonly number[];
  /** Mean busy share of each core since the change before (or the window's start), and until the next (or the end). */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Further changes of affinity are not compared. */
const CHANGES_MAX = 64;

export interface HistoryOptions {
  readonly fromNs?: number;
  readonly toNs?: number;
}

export function cpuHistory(timeline: Timeline, samples: number, options: HistoryOptions = {}): CpuHistory {
  const window = historyWindow(timeline, options);
  const cores = timeline.lanes.map((lane) => {
    const last = deadSpans(timeline, lane).at(-1);
    const isDead = last !== undefined && last.endNs === timeline.endNs && last.startNs < window.toNs;
    const busy = columnsOf(timeline, lane, window, samples).map(busyRatio);
    return { core: lane.core, busy, deadFromNs: isDead ? Math.max(last.startNs, window.fromNs) : undefined };
  });
  return { ...window, cores, changes: affinityChanges(timeline, window) };
}

export function historyWindow(timeline: Timeline, { fromNs = 0, toNs = timeline.endNs }: HistoryOptions): Window {
  return { fromNs: Math.max(0, Math.min(fromNs, timeline.endNs)), toNs: Math.max(0, Math.min(toNs, timeline.endNs)) };
}

function affinityChanges(timeline: Timeline, window: Window): AffinityChange[] {
  const groups: EventOf<'affinity'>[][] = [];
  for (let i = 0; i < timeline.marks.length; ) {
    const mark = timeline.marks[i]!;
    const group = mark.kind === 'affinity' ? affinityGroup(timeline.marks, i) : [];
    if (groups.length === CHANGES_MAX) break;
    if (group.length > 0 && mark.ns > window.fromNs && mark.ns < window.toNs) groups.push(group);
    i += Math.max(1, group.length);
  }
  const times = groups.map((group) => group[0]!.ns as number);
  return groups.map((group) => {
    const { ns, cpus, why } = group[0]!;
    const sinceNs = times.findLast((t) => t < ns) ?? window.fromNs;
    const untilNs = times.find((t) => t > ns) ?? window.toNs;
    const pids = [...new Set(group.map((e) => e.pid as number))];
    return { ns, cpus, why, pids, before: meanBusy(timeline, sinceNs, ns), after: meanBusy(timeline, ns, untilNs) };
  });
}

const meanBusy = (timeline: Timeline, fromNs: number, toNs: number): number[] =>
  timeline.lanes.map((lane) => busyRatio(columnsOf(timeline, lane, { fromNs, toNs }, 1)[0]!));
