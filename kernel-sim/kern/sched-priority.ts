import {
  PRI_MAX_BATCH,
  PRI_MAX_INTERACT,
  PRI_MIN_BATCH,
  PRI_MIN_IDLE,
  PRI_MIN_INTERACT,
  PRI_MIN_KERN,
  PRI_TIMESHARE,
  PRIO_MAX,
  PRIO_MIN,
  priBase,
} from '../abi/priority.ts';
import type { Thread } from './state.ts';

/*
 * Priorities of timeshare threads: FreeBSD sys/kern/sched_ule.c (sched_interact_score, sched_priority and friends), with times in ns
 * where the original counts ticks.
 */

/** kern.sched.interact: a score below this is interactive. */
const INTERACT_THRESHOLD = 30;
const INTERACT_HALF = 50;
/** SCHED_SLP_RUN_MAX: the history covers about five seconds. */
const HISTORY_MAX_NS = 5_000_000_000;
/** SCHED_SLP_RUN_FORK: a child inherits at most half a second of it. */
const HISTORY_FORK_NS = 500_000_000;
/** SCHED_TICK_TARG: the share of CPU is taken over ten seconds. */
export const WINDOW_NS = 10_000_000_000;
/** SCHED_TICK_TOTAL: a younger thread's share is still taken over a whole second. */
const WINDOW_MIN_NS = 1_000_000_000;
/** SCHED_PRI_RANGE: batch priorities between the two nice ranges. */
const PRI_RANGE = PRI_MAX_BATCH - PRI_MIN_BATCH + 1 - (PRIO_MAX - PRIO_MIN);
const PRI_MIN_SCHED = PRI_MIN_BATCH - PRIO_MIN;

/** stathz: 128 ticks a second, as with a periodic RTC. */
export const STAT_TICK_NS = 7_812_500;
/** kern.sched.slice: a tenth of a second in stat ticks. */
export const SLICE_TICKS = 12;

/** 0 (sleeps nearly always) .. 100 (runs always). */
export function interactScore(runNs: number, sleepNs: number): number {
  if (runNs >= sleepNs) {
    if (runNs === 0) return 0;
    const divisor = Math.max(1, Math.floor(runNs / INTERACT_HALF));
    return 2 * INTERACT_HALF - Math.min(INTERACT_HALF, Math.floor(sleepNs / divisor));
  }
  const divisor = Math.max(1, Math.floor(sleepNs / INTERACT_HALF));
  return Math.floor(runNs / divisor);
}

/** User priority of a timeshare thread. `window`: ns run in the last `spanNs`. */
export function timesharePriority(
  runNs: number,
  sleepNs: number,
  nice: number,
  window: { readonly runNs: number; readonly spanNs: number },
): number {
  const score = Math.max(0, interactScore(runNs, sleepNs) + nice);
  if (score < INTERACT_THRESHOLD) {
    const span = PRI_MAX_INTERACT - PRI_MIN_INTERACT + 1;
    return Math.min(PRI_MAX_INTERACT, PRI_MIN_INTERACT + Math.floor((span * score) / INTERACT_THRESHOLD));
  }
  const share = Math.floor((window.runNs * PRI_RANGE) / Math.max(window.spanNs, WINDOW_MIN_NS));
  const priority = PRI_MIN_SCHED + Math.min(share, PRI_RANGE - 1) + nice;
  return Math.max(PRI_MIN_BATCH, Math.min(PRI_MAX_BATCH, priority));
}

/** The thread's user priority as of `nowNs`, or what it is lent if that is better. */
export const userPriority = (td: Thread, nice: number, nowNs: number): number =>
  Math.min(td.lentPri, ownPriority(td, nice, nowNs));

/** Classes other than timeshare keep theirs. */
function ownPriority(td: Thread, nice: number, nowNs: number): number {
  if (priBase(td.priClass) !== PRI_TIMESHARE) return td.basePri;
  return timesharePriority(td.runNs, td.sleepNs, nice, { runNs: td.windowRunNs, spanNs: nowNs - td.windowStartNs });
}

type History = Pick<Thread, 'runNs' | 'sleepNs'>;

/** Keeps the history short, so that a thread can change its habits (sched_interact_update). */
export function decayHistory({ runNs, sleepNs }: History): History {
  const sum = runNs + sleepNs;
  if (sum < HISTORY_MAX_NS) return { runNs, sleepNs };
  if (sum > 2 * HISTORY_MAX_NS) {
    return runNs > sleepNs ? { runNs: HISTORY_MAX_NS, sleepNs: 1 } : { runNs: 1, sleepNs: HISTORY_MAX_NS };
  }
  if (sum > (HISTORY_MAX_NS / 5) * 6) return { runNs: Math.floor(runNs / 2), sleepNs: Math.floor(sleepNs / 2) };
  return { runNs: Math.floor(runNs / 5) * 4, sleepNs: Math.floor(sleepNs / 5) * 4 };
}

/** What a child starts with (sched_interact_fork). */
export function forkHistory({ runNs, sleepNs }: History): History {
  const ratio = Math.floor((runNs + sleepNs) / HISTORY_FORK_NS);
  return ratio > 0 ? { runNs: Math.floor(runNs / ratio), sleepNs: Math.floor(sleepNs / ratio) } : { runNs, sleepNs };
}

/** The ten-second window after `ranNs` more (sched_pctcpu_update): when it has grown too long its older part is halved away. */
export function slideWindow(td: Thread, ranNs: number, nowNs: number): Pick<Thread, 'windowRunNs' | 'windowStartNs'> {
  const windowRunNs = td.windowRunNs + ranNs;
  if (nowNs - td.windowStartNs <= WINDOW_NS + WINDOW_NS / 10) return { windowRunNs, windowStartNs: td.windowStartNs };
  const windowStartNs = nowNs - WINDOW_NS;
  const kept = Math.floor((windowRunNs * WINDOW_NS) / (nowNs - td.windowStartNs));
  return { windowRunNs: kept, windowStartNs };
}

/** FreeBSD sched_shouldpreempt. `remote`: another CPU asks. */
export function shouldPreempt(priority: number, current: number, remote: boolean): boolean {
  if (priority >= current) return false;
  if (current >= PRI_MIN_IDLE) return true;
  if (priority <= PRI_MIN_KERN) return true;
  return remote && priority <= PRI_MAX_INTERACT && current > PRI_MAX_INTERACT;
}
