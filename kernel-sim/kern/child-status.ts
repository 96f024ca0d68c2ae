import type { Pid } from '../abi/ids.ts';
import { CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_TRAPPED } from '../abi/siginfo.ts';
import { SIGCHLD, SIGCONT } from '../abi/signal.ts';
import { exitCodeOf, termSignalOf, WCOREFLAG } from '../abi/wait.ts';
import type { Kernel } from './kernel.ts';
import { psignal, sigInfo } from './signal.ts';
import { wakeup } from './sleep.ts';
import type { Proc, SigInfo } from './state.ts';

/* What a parent learns of its children: SIGCHLD, and that wait4(2) may have something to say. FreeBSD 9.1 kern/kern_sig.c, kern_exit.c. */

/** sigaction(2) of SIGCHLD. FreeBSD sys/sys/signal.h. */
const SA_NOCLDSTOP = 0x8;
const SA_NOCLDWAIT = 0x20;

/** The signal of one child's news. */
const isNewsOf = (info: SigInfo, child: Pid): boolean =>
  info.signo === SIGCHLD && info.pid === child && info.code >= CLD_EXITED && info.code <= CLD_CONTINUED;

/** siginfo_t of what has become of a child. */
function newsOf(child: Proc, code: number, status: number): SigInfo {
  return sigInfo(SIGCHLD, { code, pid: child.pid, uid: child.ruid, status });
}

/** An ended child, by its wait status. */
export function deathNews(child: Proc): SigInfo {
  const signo = termSignalOf(child.xstat);
  if (signo === 0) return newsOf(child, CLD_EXITED, exitCodeOf(child.xstat));
  return newsOf(child, child.xstat & WCOREFLAG ? CLD_DUMPED : CLD_KILLED, signo);
}

export const stopNews = (child: Proc): SigInfo => newsOf(child, child.traced ? CLD_TRAPPED : CLD_STOPPED, child.xstat);

export const continueNews = (child: Proc): SigInfo => newsOf(child, CLD_CONTINUED, SIGCONT);

/** FreeBSD sigparent. Each child has one signal of its own with its parent: what is new takes the place of what is not yet known. */
export function tellParent(k: Kernel, news: SigInfo): void {
  const child = k.proc(news.pid as Pid);
  const parent = k.findProc(child.ppid);
  if (parent?.sigqueue.some((info) => isNewsOf(info, child.pid)))
    k.setProc(parent.pid, {
      sigqueue: parent.sigqueue.map((info) => (isNewsOf(info, child.pid) ? news : info)),
    });
  else psignal(k, child.ppid, SIGCHLD, 0, news);
  wakeParent(k, child.pid);
}

/** FreeBSD childproc_jobstate: the child has stopped or goes on, which the parent may not want to be told by a signal. */
export function tellParentOfJob(k: Kernel, news: SigInfo): void {
  const { ppid, pid } = k.proc(news.pid as Pid);
  const flags = k.findProc(ppid)?.sigacts[SIGCHLD]?.flags ?? 0;
  if (flags & SA_NOCLDSTOP) wakeParent(k, pid);
  else tellParent(k, news);
}

/** The parent has been told by wait4(2): no signal is needed any more. */
export function forgetNews(k: Kernel, child: Proc): void {
  const parent = k.findProc(child.ppid);
  if (parent?.sigqueue.some((info) => isNewsOf(info, child.pid)))
    k.setProc(parent.pid, { sigqueue: parent.sigqueue.filter((info) => !isNewsOf(info, child.pid)) });
}

/** Its children leave no zombies: SA_NOCLDWAIT, or SIGCHLD is ignored by name. */
export function wantsNoZombies({ sigacts }: Proc): boolean {
  const action = sigacts[SIGCHLD];
  return action?.handler === 1 || ((action?.flags ?? 0) & SA_NOCLDWAIT) !== 0;
}

/** A parent may be in wait4. */
export function wakeParent(k: Kernel, child: Pid): void {
  wakeup(k, `wait:${k.proc(child).ppid}`);
}
