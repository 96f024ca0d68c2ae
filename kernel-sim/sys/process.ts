import { EACCES, EAGAIN, ECHILD, EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from '../abi/errno.ts';
import type { Pid, Signo } from '../abi/ids.ts';
import { encode } from '../abi/layout.ts';
import { PL_FLAG_EXEC, PL_FLAG_FORKED } from '../abi/ptrace.ts';
import { rusageLayout } from '../abi/resource.ts';
import { encodeSiginfo } from '../abi/siginfo.ts';
import { SIG_MAX, SIGABRT, SIGCHLD, SIGUSR1 } from '../abi/signal.ts';
import {
  exitedStatus,
  STATUS_CONTINUED,
  stoppedStatus,
  WCONTINUED,
  WEXITED,
  WLINUXCLONE,
  WNOHANG,
  WNOWAIT,
  WTRAPPED,
  WUNTRACED,
} from '../abi/wait.ts';
import { continueNews, deathNews, forgetNews, stopNews } from '../kern/child-status.ts';
import { ARG_MAX, copyinStrings, execve } from '../kern/exec.ts';
import { collectZombie, exitProcess } from '../kern/exit.ts';
import { forkProcess } from '../kern/fork.ts';
import { groupMembers, groupsAround, hangUpOrphans } from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import { childrenOf, INIT_PID } from '../kern/proc.ts';
import { randomBytes } from '../kern/random.ts';
import { rusageOf, rusageOfUsage } from '../kern/resource.ts';
import { dropLostOwners } from '../kern/sigio.ts';
import { allHalted } from '../kern/signal.ts';
import type { Proc, SigInfo, Thread } from '../kern/state.ts';
import { fail, JUST_RETURN, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { closeAllDescriptors, unshareDescriptors } from '../vfs/filedesc.ts';
import { IO_PIECE } from '../vfs/limits.ts';
import { hasFreePages } from '../vm/memory.ts';
import { cloneVmspace, releaseVmspace } from '../vm/vmspace.ts';
import type { SyscallRow } from './row.ts';

/** rfork(2) flags: FreeBSD sys/sys/unistd.h. */
const RFFDG = 1 << 2;
const RFPROC = 1 << 4;
const RFMEM = 1 << 5;
const RFNOWAIT = 1 << 6;
const RFCFDG = 1 << 12;
const RFTHREAD = 1 << 13;
const RFSIGSHARE = 1 << 14;
const RFLINUXTHPN = 1 << 16;
const RFTSIGZMB = 1 << 19;
/** Those that the kernel does not keep for itself (RFKERNELONLY). */
const RFFLAGS = RFFDG | RFPROC | RFMEM | RFNOWAIT | RFCFDG | RFTHREAD | RFSIGSHARE | RFLINUXTHPN | RFTSIGZMB;
/** Behind it the signal of RFTSIGZMB. */
const RFTSIGSHIFT = 20;
/** wait6(2): idtype_t of sys/sys/wait.h. */
const [P_PID, P_PGID, P_SID, P_UID, P_ALL] = [0, 2, 3, 5, 7] as const;
/** GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE. */
const GRND_ALL = 7;

function sys_exit(k: Kernel, td: Thread, [status]: readonly number[]): SyscallResult {
  exitProcess(k, td.pid, { code: exitedStatus(status!) >> 8 });
  return JUST_RETURN;
}

/** What fork(2) and its kin give the parent. */
export function forkResult(k: Kernel, td: Thread, child: Pid | null): SyscallResult {
  if (child === null) return fail(EAGAIN);
  const { traced, followFork } = k.proc(td.pid);
  if (traced && followFork) k.setThread(td.tid, { dueStop: PL_FLAG_FORKED, forkedChild: child });
  return ok(child, 0);
}

const sys_fork = (k: Kernel, td: Thread): SyscallResult =>
  forkResult(k, td, forkProcess(k, td, { shareMemory: false, vfork: false, how: 'fork' }));

/** The parent sleeps until the child, which uses its memory, has executed a program or is gone. */
function sys_vfork(k: Kernel, td: Thread, _args: readonly number[], entry: SyscallEntry): SyscallResult {
  if (entry.woken !== 'first') {
    const child = entry.resume as Pid;
    const p = k.findProc(child);
    if (!p?.vforkParent) return forkResult(k, td, child);
    return waitForVfork(child);
  }
  const child = forkProcess(k, td, { shareMemory: true, vfork: true, how: 'vfork' });
  if (child === null) return fail(EAGAIN);
  return waitForVfork(child);
}

function waitForVfork(child: Pid): SyscallResult {
  const shown = { eax: child, carry: false };
  return { kind: 'sleep', wchan: `vfork:${child}`, wmesg: 'ppwait', interruptible: false, resume: child, shown };
}

/** FreeBSD fork1, fork_norfproc. */
function sys_rfork(k: Kernel, td: Thread, [flags]: readonly number[]): SyscallResult {
  const has = (flag: number): boolean => (flags! & flag) !== 0;
  const exitSignal = (flags! >>> RFTSIGSHIFT) & 0xff;
  if (flags! & ~(RFFLAGS | (0xff << RFTSIGSHIFT)) || (has(RFFDG) && has(RFCFDG))) return fail(EINVAL);
  if (has(RFTSIGZMB) ? exitSignal > SIG_MAX : exitSignal !== 0) return fail(EINVAL);
  if (!has(RFPROC)) return changeMyself(k, td, flags!);
  const child = forkProcess(k, td, {
    shareMemory: has(RFMEM),
    files: has(RFCFDG) ? 'none' : has(RFFDG) ? 'copy' : 'share',
    shareSigacts: has(RFSIGSHARE),
    isThread: has(RFTHREAD),
    exitSignal: has(RFTSIGZMB) ? (exitSignal as Signo | 0) : has(RFLINUXTHPN) ? SIGUSR1 : SIGCHLD,
    orphan: has(RFNOWAIT),
    vfork: false,
    how: 'rfork',
  });
  return forkResult(k, td, child);
}

/**
 * rfork(2) without RFPROC: memory and descriptors that others have, too, become the process's own, or the descriptors are closed. Differs:
 * a process with several threads cannot leave memory that it shares with other processes.
 */
function changeMyself(k: Kernel, td: Thread, flags: number): SyscallResult {
  const { vmspace, threads } = k.proc(td.pid);
  if ((flags & RFMEM) === 0 && k.vmspace(vmspace).refs > 1) {
    if (threads.length > 1) return fail(EINVAL);
    if (!hasFreePages(k, k.space(vmspace).residentCount)) return fail(ENOMEM);
    k.setProc(td.pid, { vmspace: cloneVmspace(k, vmspace) });
    releaseVmspace(k, vmspace);
  }
  if (flags & RFCFDG) closeAllDescriptors(k, td.pid);
  if (flags & RFFDG) unshareDescriptors(k, td.pid);
  return ok(0, 0);
}

function sys_execve(k: Kernel, td: Thread, [path, argv, envv]: readonly number[]): SyscallResult {
  const name = k.copyinstr(td.pid, path!, 1024);
  if (typeof name === 'number') return fail(name);
  const args = copyinStrings(k, td.pid, argv!, ARG_MAX);
  if (typeof args === 'number') return fail(args);
  const env = envv === 0 ? [] : copyinStrings(k, td.pid, envv!, ARG_MAX);
  if (typeof env === 'number') return fail(env);
  const failure = execve(k, td.tid, name, args, env);
  if (failure?.tooLate) {
    exitProcess(k, td.pid, { signo: SIGABRT, dumped: false });
    return JUST_RETURN;
  }
  if (failure) return fail(failure.errno);
  // A traced process stops before the first instruction of its new program.
  if (k.proc(td.pid).traced) k.setThread(td.tid, { dueStop: PL_FLAG_EXEC });
  return JUST_RETURN;
}

/** What a child has to tell its parent, as a wait status and as siginfo_t says it. */
interface Report {
  readonly status: number;
  readonly news: SigInfo;
}

function report(k: Kernel, child: Proc, options: number): Report | null {
  if (child.state === 'zombie') return options & WEXITED ? { status: child.xstat, news: deathNews(child) } : null;
  const halted = child.stopped !== 'no' && allHalted(k, child) && !child.stopReported;
  if (halted && (child.traced ? options & WTRAPPED : options & WUNTRACED))
    return { status: stoppedStatus(child.xstat), news: stopNews(child) };
  if (child.continueUnreported && options & WCONTINUED) return { status: STATUS_CONTINUED, news: continueNews(child) };
  return null;
}

/** Where the results of a call go; 0: nowhere. */
interface WaitOutputs {
  readonly statusAt: number;
  readonly rusageAt: number;
  /** Behind the child's own: that of its children. */
  readonly childrenUsageAt: number;
  readonly infoAt: number;
}

/** FreeBSD kern_wait6: the first child, by pid, that has something to tell. */
function waitFor(
  k: Kernel,
  td: Thread,
  isWanted: (child: Proc) => boolean,
  options: number,
  out: WaitOutputs,
  entry: SyscallEntry,
): SyscallResult {
  // Even if it is SIGCHLD: the signal acts first.
  if (entry.woken === 'signal') return RESTART;
  // A child that says its end in another way than by SIGCHLD is for those who ask for such children.
  const isKind = ({ exitSignal }: Proc): boolean => (exitSignal !== SIGCHLD) === ((options & WLINUXCLONE) !== 0);
  const mine = childrenOf(k, td.pid).filter((child) => isKind(child) && isWanted(child));
  for (const child of mine) {
    const told = report(k, child, options);
    if (told === null) continue;
    if (!putReport(k, td, child, told, out)) return fail(EFAULT);
    if (options & WNOWAIT) return ok(child.pid);
    forgetNews(k, child);
    if (child.state === 'zombie') collectZombie(k, child);
    else if (child.stopped !== 'no') k.setProc(child.pid, { stopReported: true });
    else k.setProc(child.pid, { continueUnreported: false });
    return ok(child.pid);
  }
  const expected =
    mine.length > 0 || [...k.state.procs.values()].some((p) => p.realParent === td.pid && isKind(p) && isWanted(p));
  if (!expected) return fail(ECHILD);
  if (options & WNOHANG) return ok(0);
  return { kind: 'sleep', wchan: `wait:${td.pid}`, wmesg: 'wait' };
}

function putReport(k: Kernel, td: Thread, child: Proc, { status, news }: Report, out: WaitOutputs): boolean {
  const put = (at: number, bytes: () => Uint8Array): boolean => at === 0 || k.copyout(td.pid, at, bytes());
  return (
    put(out.statusAt, () => new Uint8Array(Int32Array.of(status).buffer)) &&
    put(out.rusageAt, () => encode(rusageLayout, rusageOf(k, child))) &&
    put(out.childrenUsageAt, () => encode(rusageLayout, rusageOfUsage(child.children))) &&
    put(out.infoAt, () => encodeSiginfo(news))
  );
}

/** wait4(2). */
function sys_wait4(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [wanted, statusAt, options, rusageAt] = args as [number, number, number, number];
  if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOWAIT | WLINUXCLONE)) return fail(EINVAL);
  const group = wanted === 0 ? k.proc(td.pid).pgid : -wanted;
  const isWanted = (c: Proc): boolean => wanted === -1 || (wanted > 0 ? c.pid === wanted : c.pgid === group);
  const out = { statusAt, rusageAt, childrenUsageAt: 0, infoAt: 0 };
  return waitFor(k, td, isWanted, options | WEXITED | WTRAPPED, out, entry);
}

/** wait6(2), from 9.2 on. Differs: 9.0 has no such call; Go 1.19 makes it whatever the release is. */
function sys_wait6(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [type, id, statusAt, options, usageAt, infoAt] = args as [number, number, number, number, number, number];
  const events = WEXITED | WTRAPPED | WUNTRACED | WCONTINUED;
  if (options & ~(events | WNOHANG | WNOWAIT | WLINUXCLONE) || (options & events) === 0) return fail(EINVAL);
  const selections = new Map<number, (child: Proc) => boolean>([
    [P_PID, (child) => child.pid === id],
    [P_PGID, (child) => child.pgid === id],
    [P_SID, (child) => child.sid === id],
    [P_UID, (child) => child.uid === id],
    [P_ALL, () => true],
  ]);
  const isWanted = selections.get(type);
  if (!isWanted) return fail(EINVAL);
  const childrenUsageAt = usageAt === 0 ? 0 : usageAt + rusageLayout.sizeBytes;
  return waitFor(k, td, isWanted, options, { statusAt, rusageAt: usageAt, childrenUsageAt, infoAt }, entry);
}

/** getrandom(2), from 12.0 on. Differs: as wait6. */
function sys_getrandom(k: Kernel, td: Thread, [at, length, flags]: readonly number[]): SyscallResult {
  if (flags! & ~GRND_ALL) return fail(EINVAL);
  const bytes = randomBytes(k, Math.min(length!, IO_PIECE));
  return k.copyout(td.pid, at!, bytes) ? ok(bytes.length) : fail(EFAULT);
}

// The second result that COMPAT_43 would give is not there: GENERIC has no COMPAT_43.
const sys_getpid = (_k: Kernel, td: Thread): SyscallResult => ok(td.pid);
const sys_getppid = (k: Kernel, td: Thread): SyscallResult => {
  const p = k.proc(td.pid);
  return ok(p.realParent || p.ppid);
};
const sys_getpgrp = (k: Kernel, td: Thread): SyscallResult => ok(k.proc(td.pid).pgid);

function sys_getpgid(k: Kernel, td: Thread, [id]: readonly number[]): SyscallResult {
  const p = id === 0 ? k.proc(td.pid) : k.findProc(id!);
  return p && p.state !== 'zombie' ? ok(p.pgid) : fail(ESRCH);
}

function sys_getsid(k: Kernel, td: Thread, [id]: readonly number[]): SyscallResult {
  const p = id === 0 ? k.proc(td.pid) : k.findProc(id!);
  return p && p.state !== 'zombie' ? ok(p.sid) : fail(ESRCH);
}

/** setpgid(2): the caller, or a child of it that has not executed a program yet, joins a group of its session or begins one. */
function sys_setpgid(k: Kernel, td: Thread, [id, wanted]: readonly number[]): SyscallResult {
  if (wanted! < 0) return fail(EINVAL);
  const me = k.proc(td.pid);
  const target = id === 0 ? me : k.findProc(id!);
  if (!target || target.state === 'zombie' || !descendsFrom(k, target, me.pid)) return fail(ESRCH);
  if (target.sid !== me.sid) return fail(EPERM);
  if (target.pid !== me.pid && target.executed) return fail(EACCES);
  if (target.sid === target.pid) return fail(EPERM);
  const pgid = wanted === 0 ? target.pid : (wanted as Pid);
  if (pgid === target.pgid) return ok();
  const members = groupMembers(k, pgid);
  if (members.length === 0 ? pgid !== target.pid : members[0]!.sid !== me.sid) return fail(EPERM);
  changeGroup(k, target.pid, { pgid });
  return ok();
}

/**
 * FreeBSD inferior: is this process, or one above it, the one that is named? Differs: real parents count, not tracers. A process may trace
 * its parent, and then neither is above the other.
 */
function descendsFrom(k: Kernel, p: Proc, ancestor: Pid): boolean {
  for (let at: Proc | undefined = p; at && at.pid !== INIT_PID; at = k.findProc(at.realParent || at.ppid))
    if (at.pid === ancestor) return true;
  return false;
}

function sys_setsid(k: Kernel, td: Thread): SyscallResult {
  const { pid } = k.proc(td.pid);
  if (groupMembers(k, pid).length > 0) return fail(EPERM);
  changeGroup(k, pid, { sid: pid, pgid: pid, controlTerminal: false });
  return ok(pid);
}

/** A process goes to another group; who is left behind may be orphaned. */
function changeGroup(k: Kernel, pid: Pid, to: Pick<Proc, 'pgid'> & Partial<Proc>): void {
  const groups = groupsAround(k, pid);
  k.setProc(pid, to);
  dropLostOwners(k);
  hangUpOrphans(k, groups);
}

// biome-ignore format: one system call per line
export const processSyscalls = [
  { number: 1, name: 'exit', args: [['status', 'int']], support: 'full', handler: sys_exit },
  { number: 2, name: 'fork', args: [], support: 'full', handler: sys_fork },
  { number: 7, name: 'wait4', args: [['pid', 'pid'], ['status', 'out'], ['options', 'wait-options'], ['rusage', 'out']], support: 'full', handler: sys_wait4 },
  { number: 20, name: 'getpid', args: [], support: 'full', handler: sys_getpid },
  { number: 39, name: 'getppid', args: [], support: 'full', handler: sys_getppid },
  { number: 59, name: 'execve', args: [['fname', 'str'], ['argv', 'in'], ['envv', 'in']], support: 'full', handler: sys_execve },
  { number: 66, name: 'vfork', args: [], support: 'full', handler: sys_vfork },
  { number: 81, name: 'getpgrp', args: [], support: 'full', handler: sys_getpgrp },
  { number: 82, name: 'setpgid', args: [['pid', 'pid'], ['pgid', 'int']], support: 'full', handler: sys_setpgid },
  { number: 147, name: 'setsid', args: [], support: 'full', handler: sys_setsid },
  { number: 207, name: 'getpgid', args: [['pid', 'pid']], support: 'full', handler: sys_getpgid },
  { number: 251, name: 'rfork', args: [['flags', 'uint']], support: 'full', handler: sys_rfork },
  { number: 310, name: 'getsid', args: [['pid', 'pid']], support: 'full', handler: sys_getsid },
  { number: 532, name: 'wait6', args: [['idtype', 'int'], ['id', 'off'], ['status', 'out'], ['options', 'wait-options'], ['wrusage', 'out'], ['info', 'out']], since: '9.2', support: 'partial', note: 'pids, groups, sessions, users, all', handler: sys_wait6 },
  { number: 563, name: 'getrandom', args: [['buf', 'buf-out'], ['buflen', 'size'], ['flags', 'uint']], since: '12.0', support: 'full', handler: sys_getrandom },
] as const satisfies readonly SyscallRow[];
