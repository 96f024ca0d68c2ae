import { NOTE_EXIT } from '../abi/event.ts';
import type { Pid } from '../abi/ids.ts';
import { SI_KERNEL } from '../abi/siginfo.ts';
import { SIGCHLD, SIGKILL } from '../abi/signal.ts';
import { exitedStatus, killedStatus } from '../abi/wait.ts';
import { releaseTerminal } from '../tty/tty.ts';
import { closeAllDescriptors } from '../vfs/filedesc.ts';
import { releaseVmspace } from '../vm/vmspace.ts';
import { deathNews, forgetNews, tellParent, wakeParent, wantsNoZombies } from './child-status.ts';
import { cpusOf } from './cpumask.ts';
import { fileEvent } from './file-event.ts';
import { groupsAround, hangUpOrphans } from './job-control.ts';
import type { Kernel } from './kernel.ts';
import { processEvent } from './kqueue.ts';
import { addUsage, childrenOf, INIT_PID, usageOf } from './proc.ts';
import { noteReaped } from './rollback-point.ts';
import { decayHistory } from './sched-priority.ts';
import { endSharing } from './sharing.ts';
import { shedLoad } from './shedding.ts';
import { dropLostOwners } from './sigio.ts';
import { psignal, sigInfo } from './signal.ts';
import { wakeup } from './sleep.ts';
import type { Proc, Thread } from './state.ts';
import { removeThread } from './thread.ts';

export type ExitHow = { readonly code: number } | { readonly signo: number; readonly dumped: boolean };

/** FreeBSD exit1: the process is a zombie from now on. It may be on a core, on a queue, asleep or stopped. */
export function exitProcess(k: Kernel, target: Pid, how: ExitHow): void {
  const p = k.proc(target);
  const status = 'code' in how ? exitedStatus(how.code) : killedStatus(how.signo, how.dumped);
  const usage = usageOf(k, p);
  const threads = p.threads.map((id) => k.thread(id));
  const scheduling = schedulingOf(k, p);
  const groups = groupsAround(k, target);
  for (const id of p.threads) removeThread(k, id);
  k.setProc(target, { threads: [] });
  for (const thread of threadsLedBy(k, target)) psignal(k, thread, SIGKILL);
  endSharing(k, target, 'sigacts');
  closeAllDescriptors(k, target);
  if (p.vmspace !== 0) releaseVmspace(k, p.vmspace);
  k.setProc(target, {
    state: 'zombie',
    xstat: status,
    vmspace: 0,
    deadThreads: usage,
    sigqueue: [],
    heldSignals: [],
    itimers: p.itimers.map(() => ({ valueNs: 0, intervalNs: 0 })),
    timers: [],
    aio: [],
    stopped: 'no',
    vforkParent: 0,
    native: null,
    checkpoint: null,
  });
  k.emit({
    kind: 'exit',
    pid: target,
    name: p.comm,
    code: 'code' in how ? how.code & 0xff : 0,
    signal: 'code' in how ? 0 : how.signo,
    ...scheduling,
  });
  shedLoad(k);
  if (p.vforkParent) wakeup(k, `vfork:${target}`);
  if (p.pid === p.sid) releaseTerminal(k, p);
  processEvent(k, target, NOTE_EXIT, status);
  orphanChildren(k, target);
  hangUpOrphans(k, groups);
  inheritHistory(k, p, threads);
  dropLostOwners(k);
  const { ppid, procdesc } = k.proc(target);
  const parent = k.findProc(ppid);
  if (procdesc !== 0) {
    // FreeBSD procdesc_exit: whoever has the descriptor sees it, and no signal says so.
    fileEvent(k, { procdesc: target });
    wakeParent(k, target);
    if (ppid === INIT_PID) reap(k, target);
    return;
  }
  if (parent && parent.pid !== INIT_PID && wantsNoZombies(parent)) {
    // The parent wants no zombies: init takes it; a wait4 in progress may have nothing left to wait for.
    k.setProc(target, { ppid: INIT_PID, realParent: 0, traced: false });
    wakeup(k, `wait:${parent.pid}`);
    reap(k, target);
    return;
  }
  tellOfEnd(k, k.proc(target));
  if (ppid === INIT_PID) reap(k, target);
}

/** FreeBSD p_peers: the threads of rfork(2) that end with their leader. Differs: it does not wait for them. */
const threadsLedBy = (k: Kernel, leader: Pid): Pid[] =>
  [...k.state.procs.values()].flatMap((p) => (p.leader === leader ? [p.pid] : [])).sort((a, b) => a - b);

/** The parent gets the signal that the process was made with; only SIGCHLD says what has become of it. */
function tellOfEnd(k: Kernel, child: Proc): void {
  const { ppid, pid, exitSignal } = child;
  if (exitSignal === SIGCHLD || ppid === INIT_PID) {
    tellParent(k, deathNews(child));
    return;
  }
  if (exitSignal !== 0) psignal(k, ppid, exitSignal, 0, sigInfo(exitSignal, { code: SI_KERNEL }));
  wakeParent(k, pid);
}

/** FreeBSD sched_exit: the parent has run as long as its child has, for the judgement whether it is interactive. */
function inheritHistory(k: Kernel, p: Proc, gone: readonly Thread[]): void {
  const parent = k.findProc(p.ppid);
  const first = parent?.threads[0];
  if (first === undefined) return;
  const ranNs = gone.reduce((sum, td) => sum + td.runNs, 0);
  const td = k.thread(first);
  k.setThread(first, decayHistory({ runNs: td.runNs + ranNs, sleepNs: td.sleepNs }));
}

/** Nice value, priority and CPUs of a process; those of a lost one as they were. */
export function schedulingOf(k: Kernel, p: Proc): { nice: number; priority: number; cpus: number[] } {
  const [tid] = p.threads;
  const td = tid === undefined ? k.state.recoveries.get(p.pid)?.threads[0] : k.thread(tid);
  return { nice: p.nice, priority: td?.priority ?? 0, cpus: td ? cpusOf(k.cpuset(td.cpuset).mask) : [] };
}

/** Children go to init; those it traced are killed (FreeBSD exit1: "a traced process whose tracer is gone"). */
function orphanChildren(k: Kernel, parent: Pid): void {
  for (const child of childrenOf(k, parent)) {
    const to = child.realParent !== 0 && k.findProc(child.realParent) ? child.realParent : INIT_PID;
    k.setProc(child.pid, { ppid: to, realParent: 0, traced: false });
    if (child.state === 'zombie') {
      if (to === INIT_PID) reap(k, child.pid);
      else wakeParent(k, child.pid);
    } else if (child.traced) psignal(k, child.pid, SIGKILL);
  }
  // Children that somebody else traces come back to us one day: to init instead.
  for (const p of k.state.procs.values()) if (p.realParent === parent) k.setProc(p.pid, { realParent: INIT_PID });
}

/** A zombie that was traced by somebody else goes back to its real parent; any other is gone. */
export function collectZombie(k: Kernel, child: Proc): void {
  if (child.realParent !== 0 && child.realParent !== child.ppid && k.findProc(child.realParent)) {
    const back = child.realParent;
    tellParent(k, deathNews(k.setProc(child.pid, { ppid: back, realParent: 0, traced: false })));
    if (back === INIT_PID) reap(k, child.pid);
    return;
  }
  reap(k, child.pid);
}

/** The zombie is gone for good; its times go to its parent. */
export function reap(k: Kernel, target: Pid): void {
  const p = k.proc(target);
  noteReaped(k, p);
  forgetNews(k, p);
  const parent = k.findProc(p.ppid);
  if (parent) {
    k.setProc(parent.pid, { children: addUsage(parent.children, addUsage(p.deadThreads, p.children)) });
  }
  k.state.procs.delete(target);
  dropLostOwners(k);
}
