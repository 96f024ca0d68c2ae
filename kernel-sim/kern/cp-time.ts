import type { Kernel } from './kernel.ts';
import { STAT_TICK_NS } from './sched-priority.ts';
import type { PerCpu } from './state.ts';

/** CPUSTATES: user, nice, system, interrupt, idle. */
export type CpTimes = PerCpu['cpTimes'];

/** What a CPU has done since power-on, in ns. What is not accounted for was idle; a CPU that was taken out counts no further. */
export function cpTimesNow(k: Kernel, id: number): CpTimes {
  const { cpTimes, dead } = k.cpu(id);
  if (dead) return cpTimes;
  const [user, nice, system, interrupt] = cpTimes;
  return [user, nice, system, interrupt, Math.max(0, k.now() - user - nice - system - interrupt)];
}

/** The times of every CPU as kern.cp_times gives them: five counts of statistics clock ticks for each. */
export const cpTicks = (k: Kernel): number[][] =>
  k.state.cpus.map(({ cpu }) => cpTimesNow(k, cpu).map((ns) => Math.floor(ns / STAT_TICK_NS)));
