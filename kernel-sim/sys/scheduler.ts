import { EFAULT, EINVAL, ESRCH } from '../abi/errno.ts';
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
import type { Kernel } from '../kern/kernel.ts';
import { reprioritise } from '../kern/sched.ts';
import type { Proc, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

const PRIO_PROCESS = 0;
const PRIO_PGRP = 1;
const PRIO_USER = 2;

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
  for (const p of procs) {
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

/** rtprio(2): function 0 looks up, 1 sets; struct rtprio is two 16-bit words, type and prio. */
function sys_rtprio(k: Kernel, td: Thread, [action, who, at]: readonly number[]): SyscallResult {
  const p = who === 0 ? k.proc(td.pid) : k.findProc(who!);
  if (!p || p.threads.length === 0) return fail(ESRCH);
  if (action === 0) {
    const first = k.thread(p.threads[0]!);
    const type =
      first.priClass === (PRI_REALTIME | PRI_FIFO_BIT)
        ? RTP_PRIO_FIFO
        : first.priClass === PRI_REALTIME
          ? RTP_PRIO_REALTIME
          : first.priClass === PRI_IDLE
            ? RTP_PRIO_IDLE
            : RTP_PRIO_NORMAL;
    const prio =
      type === RTP_PRIO_NORMAL ? 0 : first.basePri - (type === RTP_PRIO_IDLE ? PRI_MIN_IDLE : PRI_MIN_REALTIME);
    return k.suword(td.pid, at!, type | (prio << 16)) ? ok(0) : fail(EFAULT);
  }
  if (action !== 1) return fail(EINVAL);
  const word = k.fuword(td.pid, at!);
  if (word === null) return fail(EFAULT);
  const prio = word >>> 16;
  if (prio > 31 && (word & 0xffff) !== RTP_PRIO_NORMAL) return fail(EINVAL);
  let patch: Pick<Thread, 'priClass' | 'basePri'>;
  switch (word & 0xffff) {
    case RTP_PRIO_REALTIME:
      patch = { priClass: PRI_REALTIME, basePri: PRI_MIN_REALTIME + prio };
      break;
    case RTP_PRIO_FIFO:
      patch = { priClass: PRI_REALTIME | PRI_FIFO_BIT, basePri: PRI_MIN_REALTIME + prio };
      break;
    case RTP_PRIO_IDLE:
      patch = { priClass: PRI_IDLE, basePri: PRI_MIN_IDLE + prio };
      break;
    case RTP_PRIO_NORMAL:
      patch = { priClass: PRI_TIMESHARE, basePri: PUSER };
      break;
    default:
      return fail(EINVAL);
  }
  for (const tid of p.threads) {
    k.setThread(tid, patch);
    reprioritise(k, tid);
    reportPriority(k, tid);
  }
  return ok(0);
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
  { number: 166, name: 'rtprio', args: [['function', 'int'], ['pid', 'pid'], ['rtp', 'ptr']], support: 'full', handler: sys_rtprio },
  { number: 331, name: 'sched_yield', args: [], support: 'full', handler: sys_sched_yield },
] as const satisfies readonly SyscallRow[];
