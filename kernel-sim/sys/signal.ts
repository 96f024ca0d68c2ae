import { ESP } from '../../emu/core/core-state.ts';
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH } from '../abi/errno.ts';
import type { Signo } from '../abi/ids.ts';
import { encodeSiginfo, SI_QUEUE } from '../abi/siginfo.ts';
import { SIG_MAX, SIGKILL, SIGSTOP } from '../abi/signal.ts';
import { canSignal } from '../kern/credentials.ts';
import type { Kernel } from '../kern/kernel.ts';
import { NO_SIGSTACK } from '../kern/proc.ts';
import { regsOf } from '../kern/regs.ts';
import { isOnStack, SS_DISABLE, SS_ONSTACK, sigreturn } from '../kern/sendsig.ts';
import { setTable } from '../kern/sharing.ts';
import {
  hasSignalRoom,
  isIgnored,
  killTargets,
  psignal,
  releaseSignals,
  setSigmask,
  sigInfo,
  takeFromSet,
  unmaskable,
} from '../kern/signal.ts';
import type { SigInfo, Thread } from '../kern/state.ts';
import { INTERRUPTED } from '../kern/syscall.ts';
import { fail, JUST_RETURN, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { copyinDeadline } from '../kern/umtx.ts';
import type { SyscallHandler, SyscallRow } from './row.ts';

/** sigprocmask(2): FreeBSD sys/sys/signal.h. */
const SIG_BLOCK = 1;
const SIG_UNBLOCK = 2;
const SIG_SETMASK = 3;
const SIG_DFL = 0;
const MINSIGSTKSZ = 2048;

/** The set of one signal. */
const setOf = (signo: number): number[] =>
  [0, 1, 2, 3].map((n) => ((signo - 1) >> 5 === n ? 1 << ((signo - 1) & 31) : 0));

function sys_kill(k: Kernel, td: Thread, [target, signum]: readonly number[]): SyscallResult {
  if (signum! < 0 || signum! > SIG_MAX) return fail(EINVAL);
  const targets = killTargets(k, k.proc(td.pid), target!);
  if (typeof targets === 'number') return fail(targets);
  const me = k.proc(td.pid);
  const permitted = targets.filter((p) => canSignal(me, p, signum!) === 0);
  if (permitted.length === 0) return fail(EPERM);
  if (signum === 0) return ok(0);
  const info = sigInfo(signum as Signo, { pid: td.pid, uid: me.ruid });
  for (const p of permitted) if (k.findProc(p.pid)) psignal(k, p.pid, info.signo, td.pid, info);
  return ok(0);
}

/** sigaction(2). The handler's mask never holds SIGKILL or SIGSTOP. */
function sys_sigaction(k: Kernel, td: Thread, [signum, actAt, oldAt]: readonly number[]): SyscallResult {
  if (signum! <= 0 || signum! > SIG_MAX) return fail(EINVAL);
  const p = k.proc(td.pid);
  // Both may be at the same place: the new one is read first.
  const bytes = actAt === 0 ? null : k.copyin(td.pid, actAt!, 24);
  if (typeof bytes === 'number') return fail(bytes);
  if (oldAt !== 0) {
    const old = p.sigacts[signum!] ?? { handler: SIG_DFL, flags: 0, mask: [0, 0, 0, 0] };
    const out = new Uint8Array(Int32Array.from([old.handler, old.flags, ...old.mask]).buffer);
    if (!k.copyout(td.pid, oldAt!, out)) return fail(EFAULT);
  }
  if (!bytes) return ok(0);
  const words = [...new Int32Array(bytes.buffer)];
  const handler = words[0]! >>> 0;
  if ((signum === SIGKILL || signum === SIGSTOP) && handler !== SIG_DFL) return fail(EINVAL);
  const sigacts = [...p.sigacts];
  while (sigacts.length <= signum!) sigacts.push(null);
  sigacts[signum!] = { handler, flags: words[1]!, mask: unmaskable(words.slice(2)) };
  setTable(k, p.pid, 'sigacts', sigacts);
  // What is ignored from now on is no longer pending (kern_sigaction).
  if (isIgnored(k.proc(p.pid), signum!)) {
    const keep = (queue: Thread['sigqueue']): Thread['sigqueue'] => queue.filter((s) => s.signo !== signum);
    k.setProc(p.pid, { sigqueue: keep(p.sigqueue) });
    for (const tid of p.threads) k.setThread(tid, { sigqueue: keep(k.thread(tid).sigqueue) });
  }
  if (handler !== SIG_DFL) releaseSignals(k, p.pid, setOf(signum!));
  return ok(0);
}

function sys_sigprocmask(k: Kernel, td: Thread, [how, setAt, oldAt]: readonly number[]): SyscallResult {
  const old = td.sigmask;
  if (setAt !== 0) {
    const bytes = k.copyin(td.pid, setAt!, 16);
    if (typeof bytes === 'number') return fail(bytes);
    const words = [...new Int32Array(bytes.buffer)];
    const set = how === SIG_UNBLOCK ? words : unmaskable(words);
    let next: number[];
    if (how === SIG_BLOCK) next = old.map((word, n) => word | set[n]!);
    else if (how === SIG_UNBLOCK) next = old.map((word, n) => word & ~set[n]!);
    else if (how === SIG_SETMASK) next = set;
    else return fail(EINVAL);
    setSigmask(k, td.tid, next);
  }
  if (oldAt !== 0 && !k.copyout(td.pid, oldAt!, new Uint8Array(Int32Array.from(old).buffer))) return fail(EFAULT);
  return ok(0);
}

function sys_sigpending(k: Kernel, td: Thread, [setAt]: readonly number[]): SyscallResult {
  const words = [0, 0, 0, 0];
  for (const { signo } of [...td.sigqueue, ...k.proc(td.pid).sigqueue]) {
    words[(signo - 1) >> 5] = words[(signo - 1) >> 5]! | (1 << ((signo - 1) & 31));
  }
  return k.copyout(td.pid, setAt!, new Uint8Array(Int32Array.from(words).buffer)) ? ok(0) : fail(EFAULT);
}

/** sigsuspend(2): the mask given holds until the signal that ends the sleep has acted. */
function sys_sigsuspend(k: Kernel, td: Thread, [setAt]: readonly number[], entry: SyscallEntry): SyscallResult {
  if (entry.woken === 'first') {
    const bytes = k.copyin(td.pid, setAt!, 16);
    if (typeof bytes === 'number') return fail(bytes);
    const sigmask = unmaskable([...new Int32Array(bytes.buffer)]);
    setSigmask(k, td.tid, sigmask, { sigmaskAfter: td.sigmaskAfter ?? td.sigmask });
    return { kind: 'sleep', wchan: '', wmesg: 'pause' };
  }
  return INTERRUPTED;
}

/** sigaltstack(2): stack_t {sp, size, flags}. EPERM while on it, ENOMEM below MINSIGSTKSZ. */
function sys_sigaltstack(k: Kernel, td: Thread, [newAt, oldAt]: readonly number[]): SyscallResult {
  const onStack = isOnStack(td.sigstack, regsOf(k, td.tid)[ESP]! >>> 0);
  const bytes = newAt === 0 ? null : k.copyin(td.pid, newAt!, 12);
  if (typeof bytes === 'number') return fail(bytes);
  if (oldAt !== 0) {
    const { sp, size, flags } = td.sigstack;
    const out = Int32Array.from([sp, size, flags & SS_DISABLE ? SS_DISABLE : onStack ? SS_ONSTACK : 0]);
    if (!k.copyout(td.pid, oldAt!, new Uint8Array(out.buffer))) return fail(EFAULT);
  }
  if (!bytes) return ok(0);
  const [sp, size, flags] = new Uint32Array(bytes.buffer) as unknown as [number, number, number];
  if (onStack) return fail(EPERM);
  if ((flags & ~SS_DISABLE) !== 0) return fail(EINVAL);
  if (flags & SS_DISABLE) k.setThread(td.tid, { sigstack: NO_SIGSTACK });
  else if (size < MINSIGSTKSZ) return fail(ENOMEM);
  else k.setThread(td.tid, { sigstack: { sp, size, flags: 0 } });
  return ok(0);
}

/** What a call of the sigwait family remembers: the mask to go back to, and when its time is over. */
interface SigwaitResume {
  readonly mask: readonly number[];
  readonly deadlineNs: number | null;
}

/**
 * FreeBSD kern_sigtimedwait: the signals of the set are unmasked while it sleeps, so that they find this thread; one that comes is taken
 * and does not act. Differs: a tracer is not told of it.
 */
function sigwait(
  k: Kernel,
  td: Thread,
  setAt: number,
  timeoutAt: number,
  entry: SyscallEntry,
  done: (info: SigInfo) => SyscallResult,
): SyscallResult {
  const bytes = k.copyin(td.pid, setAt, 16);
  if (typeof bytes === 'number') return fail(bytes);
  const set = unmaskable([...new Int32Array(bytes.buffer)]);
  let state = entry.resume as SigwaitResume;
  if (entry.woken === 'first') {
    const deadline = copyinDeadline(k, td.pid, timeoutAt, { absolute: false, id: 0 });
    if (typeof deadline === 'number') return fail(deadline);
    state = { mask: td.sigmask, ...deadline };
    releaseSignals(k, td.pid, set);
  }
  const info = takeFromSet(k, td.tid, set);
  if (!info && entry.woken === 'first' && (state.deadlineNs === null || state.deadlineNs > k.now())) {
    const open = td.sigmask.map((word, n) => word & ~set[n]!);
    setSigmask(k, td.tid, open);
    return { kind: 'sleep', wchan: '', wmesg: 'sigwait', deadlineNs: state.deadlineNs, resume: state };
  }
  setSigmask(k, td.tid, state.mask);
  if (info) return done(info);
  if (entry.woken !== 'signal') return fail(EAGAIN);
  return state.deadlineNs === null ? RESTART : INTERRUPTED;
}

/** sigwait(2) gives errors as its result, and is not ended by signals outside its set. */
function sys_sigwait(k: Kernel, td: Thread, [setAt, signoAt]: readonly number[], entry: SyscallEntry): SyscallResult {
  const result = sigwait(k, td, setAt!, 0, entry, ({ signo }) =>
    k.suword(td.pid, signoAt!, signo) ? ok() : fail(EFAULT),
  );
  return result.kind === 'error' && result.errno !== EINTR ? ok(result.errno) : result;
}

/** sigwaitinfo(2) and sigtimedwait(2). */
const waitinfo =
  (timed: boolean): SyscallHandler =>
  (k: Kernel, td: Thread, [setAt, infoAt, timeoutAt]: readonly number[], entry: SyscallEntry) =>
    sigwait(k, td, setAt!, timed ? timeoutAt! : 0, entry, (info) =>
      infoAt === 0 || k.copyout(td.pid, infoAt!, encodeSiginfo(info)) ? ok(info.signo) : fail(EFAULT),
    );

/** sigqueue(2): as kill(2), with a value; each is delivered. EAGAIN when too many are pending. */
function sys_sigqueue(k: Kernel, td: Thread, [pid, signum, value]: readonly number[]): SyscallResult {
  if (signum! < 0 || signum! > SIG_MAX) return fail(EINVAL);
  if (pid! <= 0) return fail(EINVAL);
  const p = k.findProc(pid!);
  if (!p || p.state === 'zombie') return fail(ESRCH);
  const me = k.proc(td.pid);
  const refused = canSignal(me, p, signum!);
  if (refused) return fail(refused);
  if (signum === 0) return ok();
  if (!hasSignalRoom(k, p)) return fail(EAGAIN);
  const info = sigInfo(signum as Signo, { code: SI_QUEUE, pid: td.pid, uid: me.ruid, value: value! });
  psignal(k, p.pid, info.signo, td.pid, info);
  return ok();
}

/** sigreturn(2). */
function sys_sigreturn(k: Kernel, td: Thread, [at]: readonly number[]): SyscallResult {
  const error = sigreturn(k, td.tid, at!);
  return error ? fail(error) : JUST_RETURN;
}

// biome-ignore format: one system call per line
export const signalSyscalls = [
  { number: 37, name: 'kill', args: [['pid', 'pid'], ['signum', 'signo']], support: 'full', handler: sys_kill },
  { number: 53, name: 'sigaltstack', args: [['ss', 'in'], ['oss', 'out']], support: 'full', handler: sys_sigaltstack },
  { number: 340, name: 'sigprocmask', args: [['how', 'int'], ['set', 'in'], ['oset', 'out']], support: 'full', handler: sys_sigprocmask },
  { number: 341, name: 'sigsuspend', args: [['sigmask', 'in']], support: 'full', handler: sys_sigsuspend },
  { number: 343, name: 'sigpending', args: [['set', 'out']], support: 'full', handler: sys_sigpending },
  { number: 345, name: 'sigtimedwait', args: [['set', 'in'], ['info', 'out'], ['timeout', 'in']], support: 'full', handler: waitinfo(true) },
  { number: 346, name: 'sigwaitinfo', args: [['set', 'in'], ['info', 'out']], support: 'full', handler: waitinfo(false) },
  { number: 416, name: 'sigaction', args: [['sig', 'signo'], ['act', 'in'], ['oact', 'out']], support: 'full', handler: sys_sigaction },
  { number: 417, name: 'sigreturn', args: [['sigcntxp', 'in']], support: 'full', handler: sys_sigreturn },
  { number: 429, name: 'sigwait', args: [['set', 'in'], ['sig', 'out']], support: 'full', handler: sys_sigwait },
  { number: 456, name: 'sigqueue', args: [['pid', 'pid'], ['signum', 'signo'], ['value', 'ptr']], support: 'full', handler: sys_sigqueue },
] as const satisfies readonly SyscallRow[];
