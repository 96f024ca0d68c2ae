import { ESRCH } from '../abi/errno.ts';
import type { Errno, Pid, Signo, Tid } from '../abi/ids.ts';
import { PL_FLAG_CHILD } from '../abi/ptrace.ts';
import { CLD_CONTINUED, CLD_EXITED, SI_TIMER, SI_USER } from '../abi/siginfo.ts';
import { defaultAction, SIGCHLD, SIGCONT, SIGILL, SIGKILL, SIGSTOP, SIGTRAP } from '../abi/signal.ts';
import { continueNews, stopNews, tellParentOfJob } from './child-status.ts';
import { coredump } from './coredump.ts';
import { exitProcess } from './exit.ts';
import { isOrphaned } from './job-control.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { signalEvent } from './kqueue.ts';
import { INIT_PID } from './proc.ts';
import { noteSignal } from './rollback-point.ts';
import { leaveCore, makeRunnable, removeFromQueue } from './sched.ts';
import { SA_NODEFER, SA_RESETHAND, SA_RESTART, sendsig } from './sendsig.ts';
import { setTable } from './sharing.ts';
import { wakeThread } from './sleep.ts';
import type { Proc, SigAction, SigInfo, Thread } from './state.ts';

/** sa_handler values that are no address: default is 0. */
const SIG_IGN = 1;

export function sigInfo(signo: Signo, parts: Partial<SigInfo> = {}): SigInfo {
  return {
    signo,
    code: SI_USER,
    errno: 0,
    pid: 0,
    uid: 0,
    status: 0,
    addr: 0,
    value: 0,
    trapno: 0,
    overrun: 0,
    ...parts,
  };
}

/** A set of four words holds a signal. */
const hasSignal = (set: readonly number[], signo: number): boolean =>
  ((set[(signo - 1) >> 5]! >>> ((signo - 1) & 31)) & 1) !== 0;
export const isMasked = (td: Thread, signo: number): boolean => hasSignal(td.sigmask, signo);

export const isIgnored = (p: Proc, signo: number): boolean => {
  const handler = p.sigacts[signo]?.handler ?? 0;
  return handler === 1 || (handler === 0 && defaultAction(signo) === 'ignore');
};

const hasHandler = (p: Proc, signo: number): boolean => (p.sigacts[signo]?.handler ?? 0) > 1;

const isStopSignal = (signo: number): boolean => defaultAction(signo) === 'stop';

/** kern.sigqueue.max_pending_per_proc: for a process and its threads together. */
export const SIGQUEUE_MAX = 128;

/** What a timer or a child sends has a place of its own (KSI_INS). */
const hasOwnPlace = ({ signo, code }: SigInfo): boolean =>
  code === SI_TIMER || (signo === SIGCHLD && code >= CLD_EXITED && code <= CLD_CONTINUED);

/** Is there a place for one more signal to a process or to any of its threads? FreeBSD p_pendingcnt. */
export function hasSignalRoom(k: Kernel, { sigqueue, threads }: Proc): boolean {
  let count = 0;
  for (const queue of [sigqueue, ...threads.map((id) => k.thread(id).sigqueue)])
    for (const info of queue) if (!hasOwnPlace(info)) count++;
  return count < SIGQUEUE_MAX;
}

/**
 * A queue with one signal more (FreeBSD sigqueue_add): each that is sent is handled once, whoever sends it. Only without a place left, and
 * SIGKILL and SIGSTOP always, do those of one number become one.
 */
function withSignal(k: Kernel, p: Proc, queue: readonly SigInfo[], info: SigInfo): readonly SigInfo[] {
  const isFull = !hasOwnPlace(info) && !hasSignalRoom(k, p);
  const merged = isFull || info.signo === SIGKILL || info.signo === SIGSTOP;
  return merged && queue.some((s) => s.signo === info.signo) ? queue : [...queue, info];
}

/** A terminal's stop signal for a process that nobody would continue: its group is orphaned. */
const isFutileStop = (k: Kernel, p: Proc, signo: number): boolean =>
  isStopSignal(signo) && signo !== SIGSTOP && !hasHandler(p, signo) && isOrphaned(k, p.pgid);

/** kill(2) and everything the kernel itself sends: one signal for a process as a whole (FreeBSD psignal, kern/kern_sig.c). */
export function psignal(
  k: Kernel,
  target: Pid,
  signo: Signo,
  sender = 0,
  info: SigInfo = sigInfo(signo, { pid: sender }),
): void {
  const p = k.findProc(target);
  if (!p || p.state === 'zombie' || p.system) return;
  if (holdSignal(k, p, info)) return;
  signalEvent(k, target, signo);
  // A process whose core has died has nobody to take the signal; it is kept for the recovered one.
  if (p.state === 'normal' && !p.traced && isIgnored(p, signo) && signo !== SIGCONT) return;
  if (isFutileStop(k, p, signo)) return;
  if (signo !== SIGCHLD) k.emit({ kind: 'signal', pid: target, signo, sender });

  let queue = p.sigqueue;
  if (signo === SIGCONT) queue = queue.filter((s) => !isStopSignal(s.signo));
  if (isStopSignal(signo)) queue = queue.filter((s) => s.signo !== SIGCONT);
  k.setProc(target, {
    sigqueue: withSignal(k, p, queue, info),
    ...(isStopSignal(signo) ? { continueUnreported: false } : {}),
  });
  if (p.state === 'lost') return;

  if (signo === SIGKILL) {
    // It waits until the tracer lets the process go on. Differs: then it acts at once, and does not stop the process once more.
    if (p.stopped !== 'no' && p.traced) return;
    if (p.stopped !== 'no') resumeProcess(k, target, 0);
  } else if (p.stopped !== 'no') {
    if (signo === SIGCONT && p.stopped === 'signal') {
      if (!hasHandler(p, SIGCONT)) dropSignal(k, target, SIGCONT);
      resumeProcess(k, target, 0);
      tellParentOfJob(k, continueNews(k.setProc(target, { continueUnreported: true })));
    } else if (isStopSignal(signo) && p.stopped === 'signal') dropSignal(k, target, signo);
    return;
  } else if (signo === SIGCONT && !hasHandler(p, SIGCONT) && !p.traced) {
    // Nothing to continue, nobody to call: it must not disturb a sleep either (tdsigwakeup).
    dropSignal(k, target, SIGCONT);
    return;
  }
  const next = k.proc(target);
  if (signo === SIGKILL) for (const id of next.threads) notifyThread(k, release(k, id), signo);
  else {
    const td = recipient(k, next, signo);
    if (td) notifyThread(k, td, signo);
  }
}

/** Keeps a signal for which the process is not ready again yet (HeldSignal): the first of its kind. */
function holdSignal(k: Kernel, p: Proc, info: SigInfo): boolean {
  if (!p.heldSignals.some(({ signo }) => signo === info.signo)) return false;
  const heldSignals = p.heldSignals.map((held) =>
    held.signo === info.signo ? { ...held, info: held.info ?? info } : held,
  );
  k.setProc(p.pid, { heldSignals });
  return true;
}

/** The process is ready for these signals, whose bits are set: what was held of them reaches it, and nothing is held from now on. */
export function releaseSignals(k: Kernel, pid: Pid, set: readonly number[]): void {
  const { heldSignals } = k.proc(pid);
  if (heldSignals.length === 0) return;
  k.setProc(pid, { heldSignals: heldSignals.filter(({ signo }) => !hasSignal(set, signo)) });
  for (const { signo, info } of heldSignals) if (info && hasSignal(set, signo)) psignal(k, pid, signo, info.pid, info);
}

/**
 * FreeBSD sigtd: who takes a signal for the process as a whole. The running thread if it does not mask it, else the first that does
 * not; the first of all when everybody does.
 */
function recipient(k: Kernel, p: Proc, signo: number): Thread | undefined {
  const current = k.current && k.cpu(k.current.id).current;
  const threads = p.threads.map((id) => k.thread(id));
  const willing = threads.filter((td) => !isMasked(td, signo));
  return willing.find((td) => td.tid === current) ?? willing[0] ?? threads[0];
}

/**
 * FreeBSD reschedule_signals: a thread that masks more than before, or is about to end, may have been chosen for signals of its process
 * that are pending; others are told of them. `blocked` says which signals those are.
 */
function rescheduleSignals(k: Kernel, pid: Pid, blocked: (signo: number) => boolean): void {
  for (const { signo } of k.proc(pid).sigqueue) {
    if (!blocked(signo)) continue;
    const td = recipient(k, k.proc(pid), signo);
    if (td) notifyThread(k, td, signo);
  }
}

/** Sets what a thread masks. Pending signals that it masks from now on go to other threads. */
export function setSigmask(k: Kernel, tid: Tid, sigmask: readonly number[], more: Partial<Thread> = {}): void {
  const before = k.thread(tid);
  const after = k.setThread(tid, { ...more, sigmask, ast: true });
  const isBlockedNow = (signo: number): boolean => isMasked(after, signo) && !isMasked(before, signo);
  rescheduleSignals(k, before.pid, isBlockedNow);
}

/** A mask as a thread may have it, changed in place: SIGKILL and SIGSTOP cannot be masked. */
export function unmaskable(set: number[]): number[] {
  set[0] = set[0]! & ~((1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1)));
  return set;
}

/** FreeBSD tdsigcleanup: a thread of several is gone; signals for its process that it did not mask may have been meant for it. */
export function passSignalsOn(k: Kernel, gone: Thread): void {
  rescheduleSignals(k, gone.pid, (signo) => !isMasked(gone, signo));
}

/** A thread is no longer held back by PT_SUSPEND. It runs if its process does. */
export function release(k: Kernel, tid: Tid): Thread {
  const td = k.setThread(tid, { held: false });
  if (td.state === 'suspended' && k.proc(td.pid).stopped === 'no') makeRunnable(k, td, 'resume');
  return k.thread(tid);
}

function dropSignal(k: Kernel, target: Pid, signo: Signo): void {
  k.setProc(target, { sigqueue: k.proc(target).sigqueue.filter((s) => s.signo !== signo) });
}

/** A signal for one thread: a fault of its own, thr_kill(2). */
export function tdsignal(k: Kernel, target: Tid, info: SigInfo): void {
  const td = k.thread(target);
  // These act on the process as a whole, whoever they are for.
  if (info.signo === SIGKILL || info.signo === SIGCONT || isStopSignal(info.signo)) {
    psignal(k, td.pid, info.signo, info.pid, info);
    return;
  }
  signalEvent(k, td.pid, info.signo);
  k.emit({ kind: 'signal', pid: td.pid, signo: info.signo, sender: info.pid });
  notifyThread(k, k.setThread(target, { sigqueue: withSignal(k, k.proc(td.pid), td.sigqueue, info) }), info.signo);
}

function resetAction(k: Kernel, { pid, sigacts }: Proc, signo: number): void {
  setTable(
    k,
    pid,
    'sigacts',
    sigacts.map((action, n) => (n === signo ? null : action)),
  );
}

/**
 * A fault of the thread's own (FreeBSD trapsignal): one that it masks or ignores would happen again for ever, so the action and the
 * mask are reset first (kern.forcesigexit).
 */
export function trapsignal(k: Kernel, target: Tid, info: SigInfo): void {
  const td = k.thread(target);
  const p = k.proc(td.pid);
  const ignored = p.sigacts[info.signo]?.handler === 1;
  if (isMasked(td, info.signo) || ignored) {
    const sigmask = [...td.sigmask];
    sigmask[(info.signo - 1) >> 5] = sigmask[(info.signo - 1) >> 5]! & ~(1 << ((info.signo - 1) & 31));
    k.setThread(target, { sigmask });
    resetAction(k, p, info.signo);
  }
  tdsignal(k, target, info);
}

/** Makes a thread look at its signals soon: at its next boundary, or now if it sleeps interruptibly (FreeBSD tdsigwakeup). */
function notifyThread(k: Kernel, td: Thread, signo: number): void {
  if (isMasked(td, signo)) return;
  const marked = k.setThread(td.tid, { ast: true });
  if (marked.state !== 'sleeping' || !marked.sleep?.interruptible) return;
  const p = k.proc(td.pid);
  // In a stopped process the sleep goes on until it is continued.
  if (p.stopped !== 'no' && signo !== SIGKILL) return;
  const handler = p.sigacts[signo]?.handler ?? 0;
  // A stop does not disturb a sleep, unless a tracer is to be told of it.
  if (!p.traced && handler === 0 && isStopSignal(signo)) {
    if (p.vforkParent !== 0) return;
    stopProcess(k, td.pid, 'signal', signo as Signo, 0);
    dropSignal(k, td.pid, signo as Signo);
    return;
  }
  wakeThread(k, marked, 'signal');
}

// ---- stopping and continuing ---------------------------------------------------------------------------------------------

/**
 * Halts every thread of a process at its user boundary. Threads on other cores follow at their next one; `stopThread` is the one
 * that caused a trace stop. When all have halted the parent is told.
 */
export function stopProcess(
  k: Kernel,
  target: Pid,
  how: 'signal' | 'trace',
  signo: Signo,
  stopThread: Tid | 0,
  more: Pick<Proc, 'stopFlags' | 'stopInfo'> = { stopFlags: 0, stopInfo: null },
): void {
  const p = k.setProc(target, { stopped: how, xstat: signo, stopReported: false, stopThread, ...more });
  k.emit({ kind: 'stop', pid: target, signo, traced: how === 'trace' });
  for (const id of p.threads) {
    const td = k.thread(id);
    if (td.state === 'runnable') {
      removeFromQueue(k, td);
      k.setThread(id, { state: 'suspended' });
    } else if (td.state === 'running') k.setThread(id, { ast: true });
  }
  reportIfHalted(k, target);
}

/** A thread that found its process stopped (or itself held) has halted. */
export function haltThread(k: Kernel, core: KernelCore): void {
  const td = leaveCore(k, core);
  k.setThread(td.tid, { state: 'suspended' });
  reportIfHalted(k, td.pid);
}

/** The process is stopping, and its last thread that still ran has halted or is gone (FreeBSD thread_stopped). */
export function reportIfHalted(k: Kernel, target: Pid): void {
  const p = k.proc(target);
  if (p.stopped !== 'no' && allHalted(k, p)) tellParentOfJob(k, stopNews(p));
}

/** No thread of a stopped process can run any more: only then does wait4 tell the parent. */
export function allHalted(k: Kernel, p: Proc): boolean {
  return p.threads.every((id) => {
    const { state } = k.thread(id);
    return state === 'suspended' || state === 'sleeping';
  });
}

/** Ends a stop; `signo` (0: none) is what the process finds instead of the signal for which it stopped. */
export function resumeProcess(k: Kernel, target: Pid, signo: Signo | 0): void {
  const { stopThread, stopInfo } = k.proc(target);
  const going = { stopped: 'no', stopReported: false, stopFlags: 0, stopThread: 0, stopInfo: null } as const;
  const p = k.setProc(target, { ...going, xstat: signo });
  k.emit({ kind: 'continue', pid: target });
  if (signo !== 0 && stopThread !== 0 && p.threads.includes(stopThread)) {
    k.setThread(stopThread, { answer: stopInfo?.signo === signo ? stopInfo : sigInfo(signo) });
  } else if (signo !== 0) psignal(k, target, signo);
  for (const id of p.threads) {
    const td = k.setThread(id, signo === SIGKILL ? { ast: true, held: false } : { ast: true });
    if (td.state === 'suspended' && !td.held) makeRunnable(k, td, 'resume');
    // What arrived during the stop for this thread ends its sleep now.
    else if (td.sleep?.interruptible && td.sigqueue.some((s) => !isMasked(td, s.signo))) wakeThread(k, td, 'signal');
  }
  rescheduleSignals(k, target, () => true);
}

/** A signal is pending that the thread does not mask. */
export function hasDeliverable(k: Kernel, tid: Tid): boolean {
  return deliverable(k, tid).length > 0;
}

/** What is pending that the thread does not mask, its tracer's answer included. */
function deliverable(k: Kernel, tid: Tid): SigInfo[] {
  const td = k.thread(tid);
  const answer = td.answer ? [td.answer] : [];
  return [...answer, ...td.sigqueue, ...k.proc(td.pid).sigqueue].filter((s) => !isMasked(td, s.signo));
}

/** Nothing but its end is left for the thread. */
const isDoomed = (k: Kernel, tid: Tid): boolean => deliverable(k, tid).some(({ signo }) => signo === SIGKILL);

/** FreeBSD ptracestop without a signal: the thread stops for what has happened to it, and goes on where it was. */
function stopForEvent(k: Kernel, tid: Tid): void {
  const { pid, dueStop } = k.thread(tid);
  k.setThread(tid, { dueStop: 0 });
  if (!k.proc(pid).traced) return;
  const signo = dueStop & PL_FLAG_CHILD ? SIGSTOP : SIGTRAP;
  stopProcess(k, pid, 'trace', signo, tid, { stopFlags: dueStop, stopInfo: null });
}

// ---- delivery ------------------------------------------------------------------------------------------------------------

/** Takes the first pending signal of a set off its queue, whether the thread masks it or not: for sigwait(2) and its kin. */
export function takeFromSet(k: Kernel, tid: Tid, set: readonly number[]): SigInfo | undefined {
  const td = k.thread(tid);
  const p = k.proc(td.pid);
  const inSet = [...td.sigqueue, ...p.sigqueue].filter(({ signo }) => hasSignal(set, signo));
  const chosen = inSet.reduce<SigInfo | undefined>((a, b) => (a && a.signo <= b.signo ? a : b), undefined);
  if (!chosen) return undefined;
  if (td.sigqueue.includes(chosen)) k.setThread(tid, { sigqueue: td.sigqueue.filter((s) => s !== chosen) });
  else k.setProc(td.pid, { sigqueue: p.sigqueue.filter((s) => s !== chosen) });
  noteSignal(k, td.pid, chosen);
  return chosen;
}

/** The lowest pending signal that the thread does not mask, taken off its queue. */
function takeSignal(k: Kernel, tid: Tid): SigInfo | undefined {
  const td = k.thread(tid);
  const p = k.proc(td.pid);
  const candidates = [...td.sigqueue, ...p.sigqueue].filter(
    (s) =>
      s.signo === SIGKILL ||
      // A parent waits in vfork(2) for this process to exec or exit: it is not stopped before (P_PPWAIT).
      (!isMasked(td, s.signo) && !(p.vforkParent !== 0 && isStopSignal(s.signo))),
  );
  if (candidates.length === 0) return undefined;
  const first = candidates.reduce((a, b) => (b.signo < a.signo ? b : a));
  // SIGKILL wins over everything.
  const chosen = candidates.find((s) => s.signo === SIGKILL) ?? first;
  if (td.sigqueue.includes(chosen)) k.setThread(tid, { sigqueue: td.sigqueue.filter((s) => s !== chosen) });
  else k.setProc(td.pid, { sigqueue: p.sigqueue.filter((s) => s !== chosen) });
  return chosen;
}

/**
 * FreeBSD issignal and postsig for the thread on this core, at its return to user mode: handles what is pending until nothing is left.
 * Returns false when the thread no longer runs here: its process has stopped or is gone. A system call that it has entered comes first.
 */
export function deliverSignals(k: Kernel, core: KernelCore, tid: Tid): boolean {
  for (;;) {
    const td = k.thread(tid);
    const p = k.proc(td.pid);
    if (p.stopped !== 'no' || td.held) {
      haltThread(k, core);
      return false;
    }
    if ((td.dueStop !== 0 || td.atCallEntry) && !isDoomed(k, tid)) {
      if (td.dueStop === 0) return true;
      stopForEvent(k, tid);
      continue;
    }
    let info: SigInfo | undefined;
    if (td.answer) {
      // The tracer's answer to the stop takes the place of the signal.
      info = td.answer;
      k.setThread(tid, { answer: null });
      // One that the thread masks is pending until it no longer does.
      if (info.signo !== SIGKILL && isMasked(td, info.signo)) {
        k.setThread(tid, { sigqueue: [...td.sigqueue, info] });
        continue;
      }
    } else {
      info = takeSignal(k, tid);
      if (!info) {
        // sigsuspend(2): its mask holds until the signals that it let in have acted.
        if (td.sigmaskAfter) {
          setSigmask(k, tid, td.sigmaskAfter, { sigmaskAfter: null });
          continue;
        }
        k.setThread(tid, { ast: false });
        return true;
      }
      if (p.traced && info.signo !== SIGKILL) {
        stopProcess(k, p.pid, 'trace', info.signo, tid, { stopFlags: 0, stopInfo: info });
        continue;
      }
    }
    if (!act(k, core, p.pid, tid, info)) return false;
  }
}

/** Carries out a signal's action on the thread; false when it no longer runs. */
function act(k: Kernel, core: KernelCore, target: Pid, tid: Tid, info: SigInfo): boolean {
  const p = k.proc(target);
  const { signo } = info;
  if (isIgnored(p, signo) && signo !== SIGKILL && signo !== SIGSTOP) return true;
  const action = p.sigacts[signo];
  k.callTracer?.signal(core, k.thread(tid), info, action?.handler ?? 0);
  if (action && action.handler > SIG_IGN) return callHandler(k, tid, action, info);
  switch (defaultAction(signo)) {
    case 'ignore':
    case 'continue':
      return true;
    case 'stop':
      if (isFutileStop(k, p, signo)) return true;
      stopProcess(k, target, 'signal', signo, tid);
      k.setProc(target, { stopThread: 0 });
      return true;
    case 'core': {
      const dumped = coredump(k, target, tid, signo);
      exitProcess(k, target, { signo, dumped });
      return false;
    }
    case 'terminate':
      exitProcess(k, target, { signo, dumped: false });
      return false;
    default:
      return core.failed;
  }
}

/** FreeBSD postsig: a frame for the handler, and the mask that holds while it runs. A thread without room for the frame dies of SIGILL. */
function callHandler(k: Kernel, tid: Tid, action: SigAction, info: SigInfo): boolean {
  const td = k.thread(tid);
  noteSignal(k, td.pid, info);
  if (!sendsig(k, tid, action, info, td.sigmaskAfter ?? td.sigmask)) {
    exitProcess(k, td.pid, { signo: SIGILL, dumped: false });
    return false;
  }
  k.setThread(tid, { handledSignals: td.handledSignals + 1 });
  const sigmask = td.sigmask.map((word, n) => word | action.mask[n]!);
  const bit = info.signo - 1;
  if ((action.flags & SA_NODEFER) === 0) sigmask[bit >> 5] = sigmask[bit >> 5]! | (1 << (bit & 31));
  setSigmask(k, tid, sigmask, { sigmaskAfter: null });
  if (action.flags & SA_RESETHAND) {
    resetAction(k, k.proc(td.pid), info.signo);
  }
  return true;
}

/**
 * Whether a system call that a signal has interrupted is made again: yes, unless the signal that is about to be delivered has a handler
 * without SA_RESTART (FreeBSD sigintr).
 */
export function restartsCalls(k: Kernel, tid: Tid): boolean {
  const p = k.proc(k.thread(tid).pid);
  return deliverable(k, tid).every(({ signo }) => {
    const action = p.sigacts[signo];
    return !action || action.handler <= SIG_IGN || (action.flags & SA_RESTART) !== 0;
  });
}

/** kill(2) by number; the errors are the caller's to check. */
export function killTargets(k: Kernel, from: Proc, target: number): Proc[] | Errno {
  const living = [...k.state.procs.values()].filter((p) => p.state !== 'zombie').sort((a, b) => a.pid - b.pid);
  if (target > 0) {
    const p = k.findProc(target);
    return p ? [p] : ESRCH;
  }
  const group = target === 0 ? from.pgid : -target;
  const found =
    target === -1
      ? living.filter((p) => p.pid !== INIT_PID && p.pid !== from.pid)
      : living.filter((p) => p.pgid === group && p.pid !== INIT_PID);
  return found.length > 0 ? found : ESRCH;
}
