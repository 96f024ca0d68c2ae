import { cpuNsByProcess } from './buckets.ts';
import type { Timeline } from './timeline.ts';

/** Enough hues to tell apart; red is kept for faults and grey for dead cores. Each works on white and on near-black. */
export const HUES = [
  '#4c86c6', // blue
  '#e58a2b', // orange
  '#4fa35a', // green
  '#a07cc5', // violet
  '#2fa7a4', // teal
  '#d3ab1f', // ochre
  '#d979a8', // pink
  '#96745a', // brown
  '#7d9bd8', // light blue
  '#9bb23b', // olive
] as const;
/** What the processes without a hue of their own share. */
export const OTHERS = -1;

export interface Casting {
  /** Index of a hue for each process; OTHERS for those that share. */
  readonly hueOf: readonly number[];
  /** The processes with a hue of their own, in order of their first appearance. */
  readonly featured: readonly number[];
  readonly othersCount: number;
}

/**
 * Gives hues to the processes that matter: first those that a fault hit or a recovery brought back, then by CPU time. Lives of one pid share a hue, as the
 * restored process continues the lost one.
 */
export function castProcesses(timeline: Timeline, featuredMax: number = HUES.length): Casting {
  const cpuNs = cpuNsByProcess(timeline);
  const hit = new Set<number>();
  for (const fault of timeline.faults) hit.add(fault.running.pid);
  for (const recovery of timeline.recoveries) {
    hit.add(recovery.pid);
    for (const step of recovery.steps) hit.add(step.pid);
  }
  const nsOfPid = new Map<number, number>();
  for (const life of timeline.processes) {
    const ns = cpuNs[life.index]!;
    if (ns > 0) nsOfPid.set(life.pid, (nsOfPid.get(life.pid) ?? 0) + ns);
  }
  const rank = (pid: number): number => (hit.has(pid) ? Number.MAX_SAFE_INTEGER : nsOfPid.get(pid)!);
  const chosen = new Set([...nsOfPid.keys()].sort((a, b) => rank(b) - rank(a) || a - b).slice(0, featuredMax));

  const hueOfPid = new Map<number, number>();
  const featured: number[] = [];
  for (const life of timeline.processes) {
    if (!chosen.has(life.pid) || hueOfPid.has(life.pid)) continue;
    hueOfPid.set(life.pid, hueOfPid.size);
    featured.push(life.index);
  }
  return {
    hueOf: timeline.processes.map((life) => hueOfPid.get(life.pid) ?? OTHERS),
    featured,
    othersCount: nsOfPid.size - featured.length,
  };
}
