import { EIO } from '../abi/errno.ts';
import type { Pid, Signo } from '../abi/ids.ts';
import { SI_KERNEL } from '../abi/siginfo.ts';
import { SIGCONT, SIGHUP, SIGTTOU } from '../abi/signal.ts';
import type { Kernel } from './kernel.ts';
import { childrenOf } from './proc.ts';
import { isIgnored, isMasked, psignal, sigInfo } from './signal.ts';
import type { Proc, Thread, Tty, TtyName } from './state.ts';
import { fail, type SyscallResult } from './syscall-result.ts';

/*
 * Process groups and the terminals of their sessions: FreeBSD 9.1 kern/kern_proc.c, kern/tty.c. Groups and sessions are numbers in the
 * processes' records; a zombie stays in its group until it is waited for.
 */

/** Members of a process group, by pid, zombies included. */
export const groupMembers = (k: Kernel, pgid: Pid): Proc[] =>
  [...k.state.procs.values()].filter((p) => p.pgid === pgid).sort((a, b) => a.pid - b.pid);

/** The terminal that controls a session. */
export function terminalOf(k: Kernel, sid: Pid): Tty | undefined {
  for (const tty of k.state.ttys.values()) if (tty.session === sid) return tty;
  return undefined;
}

/** FreeBSD tty_is_ctty: is this the terminal that controls the process? */
export const isControlledBy = (p: Proc, tty: Tty): boolean => p.controlTerminal && p.sid === tty.session;

/** The processes that a terminal controls in its foreground group get a signal. */
export function signalForeground(k: Kernel, name: TtyName, signo: Signo): void {
  const { foreground } = k.tty(name);
  if (foreground !== 0) signalControlled(k, foreground, signo);
}

/** FreeBSD pgsignal(checkctty): those of a group that have a terminal. */
function signalControlled(k: Kernel, pgid: Pid, signo: Signo): void {
  const info = sigInfo(signo, { code: SI_KERNEL });
  for (const { pid, controlTerminal } of groupMembers(k, pgid))
    if (controlTerminal && k.findProc(pid)) psignal(k, pid, signo, 0, info);
}

/**
 * FreeBSD tty_wait_background, for a process that is about to read from its terminal (SIGTTIN), or to write to it or change it
 * (SIGTTOU): null if it may. Otherwise its group gets the signal and the thread sleeps until the group is in the foreground; EIO for
 * one that nobody would ever put there.
 */
export function waitForForeground(k: Kernel, td: Thread, tty: Tty, signo: Signo): SyscallResult | null {
  const p = k.proc(td.pid);
  if (!isControlledBy(p, tty) || p.pgid === tty.foreground) return null;
  if (isIgnored(p, signo) || isMasked(td, signo)) return signo === SIGTTOU ? null : fail(EIO);
  if (p.vforkParent !== 0 || isOrphaned(k, p.pgid)) return fail(EIO);
  signalControlled(k, p.pgid, signo);
  return { kind: 'sleep', wchan: backgroundChannel(tty.name), wmesg: 'ttybg' };
}

/** Where members of background groups wait. */
export const backgroundChannel = (name: TtyName): string => `ttybg:${name}`;

/** FreeBSD pg_jobc: nobody in its session, outside the group, is the parent of a member and could continue it. */
export function isOrphaned(k: Kernel, pgid: Pid): boolean {
  return !groupMembers(k, pgid).some((p) => {
    const parent = k.findProc(p.realParent || p.ppid);
    return p.state !== 'zombie' && parent?.sid === p.sid && parent.pgid !== pgid;
  });
}

/** The groups of a process and of its children that are not orphaned, before it leaves its group or ends. */
export function groupsAround(k: Kernel, pid: Pid): Pid[] {
  const groups = new Set([k.proc(pid), ...childrenOf(k, pid)].map((p) => p.pgid));
  return [...groups].filter((pgid) => !isOrphaned(k, pgid));
}

/** FreeBSD orphanpg: of these groups, those that are orphaned now and have a stopped member are hung up. */
export function hangUpOrphans(k: Kernel, groups: readonly Pid[]): void {
  for (const pgid of groups) {
    const members = groupMembers(k, pgid);
    if (!isOrphaned(k, pgid) || members.every(({ stopped }) => stopped === 'no')) continue;
    for (const { pid } of members) {
      psignal(k, pid, SIGHUP);
      psignal(k, pid, SIGCONT);
    }
  }
}
