import { EFAULT, EINTR, EINVAL, EPERM, ESRCH, ETIMEDOUT } from '../abi/errno.ts';
import { type Errno, type Signo, TID_MIN, type Tid } from '../abi/ids.ts';
import { RTP_PRIO_NORMAL } from '../abi/priority.ts';
import { PL_FLAG_EXITED } from '../abi/ptrace.ts';
import { SI_LWP } from '../abi/siginfo.ts';
import { SIG_MAX, SIGTRAP } from '../abi/signal.ts';
import { canSignal } from '../kern/credentials.ts';
import type { Kernel } from '../kern/kernel.ts';
import { UCONTEXT_SIZE } from '../kern/sendsig.ts';
import { isIgnored, psignal, sigInfo, stopProcess, tdsignal } from '../kern/signal.ts';
import { wakeThread } from '../kern/sleep.ts';
import type { Proc, Thread } from '../kern/state.ts';
import { fail, JUST_RETURN, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { createThread, exitThread, type NewThread } from '../kern/thread.ts';
import { copyinUmtxTimeout } from '../kern/umtx.ts';
import { umtxLock, umtxOp, umtxUnlock } from '../kern/umtx-ops.ts';
import type { SyscallRow } from './row.ts';
import { rtprioPatch } from './scheduler.ts';

/* Threads: FreeBSD 9.1 kern/kern_thr.c, kern/kern_umtx.c (freebsd-i386-abi.md, C.5 and C.6). */

type Args = readonly number[];

/** struct thr_param; what a shorter one lacks is 0. */
const THR_PARAM_SIZE = 52;
const THR_SUSPENDED = 1;
/** MAXCOMLEN, with the NUL. */
const NAME_SIZE = 20;

/** thr_new(2). */
function sys_thr_new(k: Kernel, td: Thread, [paramAt, size]: Args): SyscallResult {
  if (size! < 0 || size! > THR_PARAM_SIZE) return fail(EINVAL);
  const bytes = k.copyin(td.pid, paramAt!, size!);
  if (typeof bytes === 'number') return fail(bytes);
  const whole = new Uint8Array(THR_PARAM_SIZE);
  whole.set(bytes);
  const param = new Uint32Array(whole.buffer);
  const [entry, arg, stackBase, stackSize, tlsBase, , childTidAt, parentTidAt, flags, rtpAt] = param;
  const scheduling = rtpAt ? schedulingOfNew(k, td, rtpAt) : {};
  if (typeof scheduling === 'number') return fail(scheduling);
  const tid = createThread(k, td, {
    start: { entry: entry!, arg: arg!, stackBase: stackBase!, stackSize: stackSize!, tlsBase: tlsBase! },
    ...{ childTidAt: childTidAt!, parentTidAt: parentTidAt!, suspended: (flags! & THR_SUSPENDED) !== 0, scheduling },
  });
  return tid >= TID_MIN ? ok() : fail(tid as Errno);
}

/** struct rtprio of thr_new: a class other than the normal one is root's. */
function schedulingOfNew(k: Kernel, td: Thread, rtpAt: number): NewThread['scheduling'] | Errno {
  const word = k.fuword(td.pid, rtpAt);
  if (word === null) return EFAULT;
  if ((word & 0xffff) !== RTP_PRIO_NORMAL && k.proc(td.pid).uid !== 0) return EPERM;
  return rtprioPatch(word) ?? EINVAL;
}

/** thr_create(2): the new thread begins where a ucontext says. */
function sys_thr_create(k: Kernel, td: Thread, [contextAt, idAt, flags]: Args): SyscallResult {
  const ucontext = k.copyin(td.pid, contextAt!, UCONTEXT_SIZE);
  if (typeof ucontext === 'number') return fail(ucontext);
  const suspended = (flags! & THR_SUSPENDED) !== 0;
  const tid = createThread(k, td, {
    ...{ start: { ucontext }, childTidAt: 0, parentTidAt: idAt!, suspended, scheduling: {} },
  });
  return tid >= TID_MIN ? ok() : fail(tid as Errno);
}

/** thr_exit(2). The last thread goes on: its libc calls exit(2). A tracer that wants to know of it sees the thread before it ends. */
function sys_thr_exit(k: Kernel, td: Thread, [stateAt]: Args, entry: SyscallEntry): SyscallResult {
  const { traced, lwpEvents, threads } = k.proc(td.pid);
  if (entry.woken === 'first' && traced && lwpEvents && threads.length > 1) {
    stopProcess(k, td.pid, 'trace', SIGTRAP, td.tid, { stopFlags: PL_FLAG_EXITED, stopInfo: null });
    // Over at once: then it stands still with its process, in the middle of this call.
    return { kind: 'sleep', wchan: '', wmesg: 'ptrace', deadlineNs: k.now(), interruptible: false };
  }
  exitThread(k, td.tid, stateAt!);
  // What the tracer has answered is for those that are left.
  if (td.answer && k.findProc(td.pid)) psignal(k, td.pid, td.answer.signo, 0, td.answer);
  return k.proc(td.pid).threads.includes(td.tid) ? ok() : JUST_RETURN;
}

function sys_thr_self(k: Kernel, td: Thread, [at]: Args): SyscallResult {
  return k.suword(td.pid, at!, td.tid) ? ok() : fail(EFAULT);
}

/** A thread of a process; -1: all but the caller. Signal 0 only asks whether there is one. */
function killThreads(k: Kernel, td: Thread, p: Proc, id: number, signum: number): SyscallResult {
  const targets = id === -1 ? p.threads.filter((tid) => tid !== td.tid) : p.threads.filter((tid) => tid === id);
  if (targets.length === 0) return fail(ESRCH);
  if (signum < 0 || signum > SIG_MAX) return fail(EINVAL);
  if (signum === 0 || (isIgnored(p, signum) && !p.traced)) return ok();
  const info = sigInfo(signum as Signo, { code: SI_LWP, pid: td.pid, uid: k.proc(td.pid).ruid });
  for (const tid of targets) if (k.state.threads.has(tid)) tdsignal(k, tid, info);
  return ok();
}

const sys_thr_kill = (k: Kernel, td: Thread, [id, signum]: Args): SyscallResult =>
  killThreads(k, td, k.proc(td.pid), id!, signum!);

function sys_thr_kill2(k: Kernel, td: Thread, [pid, id, signum]: Args): SyscallResult {
  const p = k.findProc(pid!);
  if (!p || p.state === 'zombie') return fail(ESRCH);
  const refused = canSignal(k.proc(td.pid), p, signum!);
  return refused ? fail(refused) : killThreads(k, td, p, id!, signum!);
}

const parkChannel = (tid: Tid): string => `lthr:${tid}`;

/** thr_suspend(2): sleeps until thr_wake(2), which may have come already. */
function sys_thr_suspend(k: Kernel, td: Thread, [timeoutAt]: Args, entry: SyscallEntry): SyscallResult {
  const first = entry.woken === 'first';
  const timeout = first
    ? copyinUmtxTimeout(k, td.pid, 0, timeoutAt!)
    : (entry.resume as { readonly deadlineNs: number | null });
  if (typeof timeout === 'number') return fail(timeout);
  if (td.unparked) {
    k.setThread(td.tid, { unparked: false });
    return ok();
  }
  const { deadlineNs } = timeout;
  if (entry.woken === 'signal') return deadlineNs === null ? RESTART : fail(EINTR);
  if (entry.woken === 'timeout' || (deadlineNs !== null && deadlineNs <= k.now())) return fail(ETIMEDOUT);
  return { kind: 'sleep', wchan: parkChannel(td.tid), wmesg: 'lthr', deadlineNs, resume: { deadlineNs } };
}

function sys_thr_wake(k: Kernel, td: Thread, [id]: Args): SyscallResult {
  if (!k.proc(td.pid).threads.includes(id as Tid)) return fail(ESRCH);
  const target = k.setThread(id as Tid, { unparked: true });
  if (target.sleep?.wchan === parkChannel(target.tid)) wakeThread(k, target, 'wakeup');
  return ok();
}

function sys_thr_set_name(k: Kernel, td: Thread, [id, nameAt]: Args): SyscallResult {
  const name = nameAt === 0 ? '' : k.copyinstr(td.pid, nameAt!, NAME_SIZE);
  if (typeof name === 'number') return fail(name);
  if (!k.proc(td.pid).threads.includes(id as Tid)) return fail(ESRCH);
  k.setThread(id as Tid, { name });
  return ok();
}

// biome-ignore format: one system call per line
export const threadSyscalls = [
  { number: 430, name: 'thr_create', args: [['ctx', 'in'], ['id', 'out'], ['flags', 'int']], support: 'full', handler: sys_thr_create },
  { number: 431, name: 'thr_exit', args: [['state', 'out']], support: 'full', handler: sys_thr_exit },
  { number: 432, name: 'thr_self', args: [['id', 'out']], support: 'full', handler: sys_thr_self },
  { number: 433, name: 'thr_kill', args: [['id', 'int'], ['sig', 'signo']], support: 'full', handler: sys_thr_kill },
  { number: 434, name: '_umtx_lock', args: [['umtx', 'inout']], support: 'full', handler: (k, td, [at], entry) => umtxLock(k, td, at!, entry) },
  { number: 435, name: '_umtx_unlock', args: [['umtx', 'inout']], support: 'full', handler: (k, td, [at]) => umtxUnlock(k, td, at!) },
  { number: 442, name: 'thr_suspend', args: [['timeout', 'in']], support: 'full', handler: sys_thr_suspend },
  { number: 443, name: 'thr_wake', args: [['id', 'int']], support: 'full', handler: sys_thr_wake },
  { number: 454, name: '_umtx_op', args: [['obj', 'inout'], ['op', 'int'], ['val', 'uint'], ['uaddr1', 'ptr'], ['uaddr2', 'ptr']], support: 'full', handler: umtxOp },
  { number: 455, name: 'thr_new', args: [['param', 'in'], ['param_size', 'int']], support: 'full', handler: sys_thr_new },
  { number: 464, name: 'thr_set_name', args: [['id', 'int'], ['name', 'str']], support: 'full', handler: sys_thr_set_name },
  { number: 481, name: 'thr_kill2', args: [['pid', 'pid'], ['id', 'int'], ['sig', 'signo']], support: 'full', handler: sys_thr_kill2 },
] as const satisfies readonly SyscallRow[];
