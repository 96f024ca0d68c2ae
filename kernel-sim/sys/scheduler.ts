import { EACCES, EFAULT, EINVAL, EPERM, ESRCH } from '../abi/errno.ts';
import {
  PRI_FIFO_BIT,
  PRI_IDLE,
  PRI_MIN_IDLE,
  PRI_MIN_REALTIME,
  PRI_REALTIME,
  PRI_TIMESHARE,
  PRIO_MAX,
  PRIO_MIN,
  PUSER,
  RTP_PRIO_FIFO,
  RTP_PRIO_IDLE,
  RTP_PRIO_NORMAL,
  RTP_PRIO_REALTIME,
} from '../abi/priority.ts';
import { canSchedule } from '../kern/credentials.ts';
import type { Kernel } from '../kern/kernel.ts';
import { relend } from '../kern/lend.ts';
import { reprioritise } from '../kern/sched.ts';
import type { Proc, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

const PRIO_PROCESS = 0;
const PRIO_PGRP = 1;
const PRIO_USER = 2;
const RTP_PRIO_MAX = 31;

function selectProcs(k: Kernel, td: Thread, which: number, who: number): Proc[] | null {
  const living = [...k.state.procs.values()].filter((p) => p.state !== 'zombie').sort((a, b) => a.pid - b.pid);
  switch (which) {
    case PRIO_PROCESS:
      return living.filter((p) => p.pid === (who || td.pid));
    case PRIO_PGRP:
      return living.filter((p) => p.pgid === (who || k.proc(td.pid).pgid));
    case PRIO_USER:
      return living.filter((p) => p.uid === (who || k.proc(td.pid).uid));
    default:
      return null;
  }
}

function sys_getpriority(k: Kernel, td: Thread, [which, who]: readonly number[]): SyscallResult {
  const procs = selectProcs(k, td, which!, who!);
  if (!procs) return fail(EINVAL);
  if (procs.length === 0) return fail(ESRCH);
  return ok(Math.min(...procs.map((p) => p.nice)));
}

function sys_setpriority(k: Kernel, td: Thread, [which, who, prio]: readonly number[]): SyscallResult {
  const procs = selectProcs(k, td, which!, who!);
  if (!procs) return fail(EINVAL);
  if (procs.length === 0) return fail(ESRCH);
  const nice = Math.max(PRIO_MIN, Math.min(PRIO_MAX, prio!));
  const me = k.proc(td.pid);
  const mine = procs.filter((p) => canSchedule(me, p));
  if (mine.length === 0) return fail(EPERM);
  if (me.uid !== 0 && mine.some((p) => nice < p.nice)) return fail(EACCES);
  for (const p of mine) {
    k.setProc(p.pid, { nice });
    for (const tid of p.threads) {
      reprioritise(k, tid);
      reportPriority(k, tid);
    }
  }
  return ok(0);
}

export function reportPriority(k: Kernel, tid: Thread['tid']): void {
  const td = k.thread(tid);
  k.emit({ kind: 'priority', pid: td.pid, tid, nice: k.proc(td.pid).nice, priority: td.priority });
}

/** The class and priority that a struct rtprio (two 16-bit words, type and prio) means; null: EINVAL. */
export function rtprioPatch(word: number): Pick<Thread, 'priClass' | 'basePri'> | null {
  const prio = word >>> 16;
  const type = word & 0xffff;
  if (prio > RTP_PRIO_MAX && type !== RTP_PRIO_NORMAL) return null;
  switch (type) {
    case RTP_PRIO_REALTIME:
      return { priClass: PRI_REALTIME, basePri: PRI_MIN_REALTIME + prio };
    case RTP_PRIO_FIFO:
      return { priClass: PRI_REALTIME | PRI_FIFO_BIT, basePri: PRI_MIN_REALTIME + prio };
    case RTP_PRIO_IDLE:
      return { priClass: PRI_IDLE, basePri: PRI_MIN_IDLE + prio };
    case RTP_PRIO_NORMAL:
      return { priClass: PRI_TIMESHARE, basePri: PUSER };
    default:
      return null;
  }
}

/** The inverse of rtprioPatch. */
function rtprioOf({ priClass, basePri }: Thread): number {
  switch (priClass) {
    case PRI_REALTIME | PRI_FIFO_BIT:
      return RTP_PRIO_FIFO | ((basePri - PRI_MIN_REALTIME) << 16);
    case PRI_REALTIME:
      return RTP_PRIO_REALTIME | ((basePri - PRI_MIN_REALTIME) << 16);
    case PRI_IDLE:
      return RTP_PRIO_IDLE | ((basePri - PRI_MIN_IDLE) << 16);
    default:
      return RTP_PRIO_NORMAL;
  }
}

/** rtprio(2) and rtprio_thread(2) on these threads: 0 looks up the first one's, 1 sets all. */
function rtprio(k: Kernel, td: Thread, action: number, tids: readonly Thread['tid'][], at: number): SyscallResult {
  if (action === 0) return k.suword(td.pid, at, rtprioOf(k.thread(tids[0]!))) ? ok(0) : fail(EFAULT);
  if (action !== 1) return fail(EINVAL);
  const word = k.fuword(td.pid, at);
  if (word === null) return fail(EFAULT);
  const patch = rtprioPatch(word);
  if (!patch) return fail(EINVAL);
  for (const tid of tids) {
    k.setThread(tid, patch);
    reprioritise(k, tid);
    relend(k, k.thread(tid).lendsTo);
    reportPriority(k, tid);
  }
  return ok(0);
}

function sys_rtprio(k: Kernel, td: Thread, [action, who, at]: readonly number[]): SyscallResult {
  const p = who === 0 ? k.proc(td.pid) : k.findProc(who!);
  return p && p.threads.length > 0 ? rtprio(k, td, action!, p.threads, at!) : fail(ESRCH);
}

/** rtprio_thread(2): 0 is the caller. */
function sys_rtprio_thread(k: Kernel, td: Thread, [action, id, at]: readonly number[]): SyscallResult {
  const target = id === 0 ? td : k.state.threads.get(id as Thread['tid']);
  return target ? rtprio(k, td, action!, [target.tid], at!) : fail(ESRCH);
}

/** sched_yield(2): to the end of the queue. */
function sys_sched_yield(k: Kernel, td: Thread): SyscallResult {
  if (td.onCpu >= 0) k.setCpu(td.onCpu, { needResched: true, preempted: false });
  return ok(0);
}

// biome-ignore format: one system call per line
export const schedulerSyscalls = [
  { number: 96, name: 'setpriority', args: [['which', 'int'], ['who', 'int'], ['prio', 'int']], support: 'full', handler: sys_setpriority },
  { number: 100, name: 'getpriority', args: [['which', 'int'], ['who', 'int']], support: 'full', handler: sys_getpriority },
  { number: 166, name: 'rtprio', args: [['function', 'int'], ['pid', 'pid'], ['rtp', 'inout']], support: 'full', handler: sys_rtprio },
  { number: 331, name: 'sched_yield', args: [], support: 'full', handler: sys_sched_yield },
  { number: 466, name: 'rtprio_thread', args: [['function', 'int'], ['lwpid', 'int'], ['rtp', 'inout']], support: 'full', handler: sys_rtprio_thread },
] as const satisfies readonly SyscallRow[];
