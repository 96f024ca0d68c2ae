import { EBP, EFLAGS, EIP, ESP, FLAG_TF, SEG_GS } from '../../emu/core/core-state.ts';
import { SELECTOR_UGS } from '../../emu/core/reset.ts';
import { EFAULT, EPROCLIM } from '../abi/errno.ts';
import type { Errno, Tid } from '../abi/ids.ts';
import { PL_FLAG_BORN, PL_FLAG_SCX } from '../abi/ptrace.ts';
import { releaseCpuset, retainCpuset } from './cpuset.ts';
import type { Kernel } from './kernel.ts';
import { relend } from './lend.ts';
import { addUsage, allocateTid, blankThread } from './proc.ts';
import { loadSelectors, regsOf } from './regs.ts';
import { leaveCore, makeRunnable, removeFromQueue } from './sched.ts';
import { forkHistory } from './sched-priority.ts';
import { setMcontext } from './sendsig.ts';
import { passSignalsOn, reportIfHalted } from './signal.ts';
import type { Thread } from './state.ts';
import { umtxWake } from './umtx.ts';

/*
 * Threads of a process: FreeBSD 9.1 kern/kern_thr.c, kern/kern_thread.c, i386/i386/vm_machdep.c (freebsd-i386-abi.md, C.5).
 */

/** kern.threads.max_threads_per_proc. */
export const THREADS_PER_PROC_MAX = 1500;

/** Where a new thread begins: in a function with an argument on a stack of its own, or where a ucontext says. */
export type NewThreadStart =
  | {
      readonly entry: number;
      readonly arg: number;
      readonly stackBase: number;
      readonly stackSize: number;
      readonly tlsBase: number;
    }
  | { readonly ucontext: Uint8Array };

export interface NewThread {
  readonly start: NewThreadStart;
  /** Where its id goes before it runs; 0: nowhere. */
  readonly childTidAt: number;
  readonly parentTidAt: number;
  readonly suspended: boolean;
  readonly scheduling: Partial<Pick<Thread, 'priClass' | 'basePri'>>;
}

/**
 * FreeBSD create_thread: a thread with the creator's registers but for entry point, stack and %gs, its mask and its CPU set. On an error
 * (EPROCLIM, EFAULT, EINVAL) there is none.
 */
export function createThread(k: Kernel, creator: Thread, wanted: NewThread): Tid | Errno {
  const p = k.proc(creator.pid);
  if (p.threads.length >= THREADS_PER_PROC_MAX) return EPROCLIM;
  const tid = allocateTid(k);
  for (const at of [wanted.childTidAt, wanted.parentTidAt]) if (at !== 0 && !k.suword(p.pid, at, tid)) return EFAULT;
  const { start } = wanted;
  retainCpuset(k, creator.cpuset);
  const { windowRunNs, windowStartNs, priClass, basePri, priority, lastCpu, cpuset, sigmask } = creator;
  k.state.threads.set(tid, {
    ...blankThread(tid, p.pid, p.comm, k.now()),
    ...forkHistory(creator),
    ...{ windowRunNs, windowStartNs, priClass, basePri, priority, lastCpu, cpuset, sigmask },
    ...wanted.scheduling,
    gsBase: 'entry' in start ? start.tlsBase : creator.gsBase,
    fsBase: creator.fsBase,
    held: wanted.suspended,
    ...(p.traced && p.lwpEvents ? { dueStop: PL_FLAG_BORN | PL_FLAG_SCX, ast: true } : {}),
  });
  const regs = regsOf(k, creator.tid).slice();
  regs[EFLAGS] = regs[EFLAGS]! & ~FLAG_TF;
  k.pcbs.set(tid, new Uint8Array(regs.buffer));
  const refused = 'entry' in start ? setEntry(k, tid, start) : setMcontext(k, tid, start.ucontext);
  if (refused) {
    removeThread(k, tid);
    return refused;
  }
  k.setProc(p.pid, { threads: [...p.threads, tid] });
  k.emit({ kind: 'thread-new', pid: p.pid, tid });
  if (!wanted.suspended && p.stopped === 'no') makeRunnable(k, k.thread(tid), 'new');
  return tid;
}

/** FreeBSD cpu_set_upcall_kse and cpu_set_user_tls. */
function setEntry(k: Kernel, tid: Tid, start: Extract<NewThreadStart, { entry: number }>): 0 {
  const regs = regsOf(k, tid);
  const esp = ((((start.stackBase + start.stackSize - 4) & ~15) >>> 0) - 4) >>> 0;
  // Whether it was written is not asked: the thread finds out when it touches its stack.
  k.suword(k.thread(tid).pid, (esp + 4) >>> 0, start.arg);
  regs[EIP] = start.entry | 0;
  regs[ESP] = esp | 0;
  regs[EBP] = 0;
  loadSelectors(k, tid, [[SEG_GS, SELECTOR_UGS]]);
  return 0;
}

/** FreeBSD thr_exit: a thread ends, unless it is the last one. A word at `stateAt` (0: none) becomes 1, and who waits for it is woken. */
export function exitThread(k: Kernel, tid: Tid, stateAt: number): void {
  const td = k.thread(tid);
  if (stateAt !== 0 && k.suword(td.pid, stateAt, 1)) umtxWake(k, td.pid, stateAt, Number.POSITIVE_INFINITY);
  if (k.proc(td.pid).threads.length === 1) return;
  dropThread(k, td);
  passSignalsOn(k, td);
  reportIfHalted(k, td.pid);
}

/** FreeBSD thread_single(SINGLE_EXIT): every other thread of the process ends. */
export function singleThread(k: Kernel, survivor: Tid): void {
  for (const id of k.proc(k.thread(survivor).pid).threads) if (id !== survivor) dropThread(k, k.thread(id));
}

/** Its times become the process's. */
function dropThread(k: Kernel, td: Thread): void {
  removeThread(k, td.tid);
  const { threads, deadThreads } = k.proc(td.pid);
  k.setProc(td.pid, {
    threads: threads.filter((id) => id !== td.tid),
    deadThreads: addUsage(deadThreads, td),
  });
  k.emit({ kind: 'thread-exit', pid: td.pid, tid: td.tid });
}

/** Takes a thread away, wherever it is; its process must forget it. */
export function removeThread(k: Kernel, id: Tid): void {
  const td = k.thread(id);
  if (td.state === 'running') leaveCore(k, k.cores[td.onCpu]!);
  else if (td.state === 'runnable') removeFromQueue(k, td);
  if (td.sleep) k.sleepChanged(td, null);
  releaseCpuset(k, td.cpuset);
  k.pcbs.delete(id);
  k.state.threads.delete(id);
  relend(k, td.lendsTo);
}
