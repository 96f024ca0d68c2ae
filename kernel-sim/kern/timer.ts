import type { Pid, Signo, Tid } from '../abi/ids.ts';
import { SI_TIMER } from '../abi/siginfo.ts';
import { SIGALRM, SIGPROF, SIGVTALRM } from '../abi/signal.ts';
import type { Kernel } from './kernel.ts';
import { nextKqueueTimerNs, runKqueueTimers } from './kqueue.ts';
import { psignal, sigInfo, tdsignal } from './signal.ts';
import type { Itimer, KTimer, Proc } from './state.ts';

/*
 * Timers of processes that end in signals: setitimer(2) (FreeBSD 9.1 kern/kern_time.c, realitexpire and itimerdecr) and the POSIX timers
 * of ktimer_create(2). Both stand in the process record as virtual times.
 */

export const ITIMER_REAL = 0;
export const ITIMER_VIRTUAL = 1;
export const ITIMER_PROF = 2;
/** sigev_notify. */
export const SIGEV_SIGNAL = 1;
export const SIGEV_THREAD_ID = 4;

/** When the next timer of any process or kqueue is due; Infinity: none. */
export function nextAlarmNs(k: Kernel): number {
  let next = nextKqueueTimerNs(k);
  for (const { itimers, timers } of k.state.procs.values()) {
    const real = itimers[ITIMER_REAL]!;
    if (real.valueNs > 0 && real.valueNs < next) next = real.valueNs;
    for (const timer of timers) if (timer && timer.deadlineNs !== null) next = Math.min(next, timer.deadlineNs);
  }
  return next;
}

/** Lets everything go off that is due. */
export function runAlarms(k: Kernel, nowNs: number): void {
  runKqueueTimers(k, nowNs);
  const armed = [...k.state.procs.values()].filter((p) => p.timers.length > 0 || p.itimers[ITIMER_REAL]!.valueNs > 0);
  for (const { pid } of armed.sort((a, b) => a.pid - b.pid)) {
    realTimer(k, k.proc(pid), nowNs);
    k.proc(pid).timers.forEach((timer, id) => {
      if (timer && timer.deadlineNs !== null && timer.deadlineNs <= nowNs) expire(k, pid, id, timer, nowNs);
    });
  }
}

/** How many periods have gone by at `nowNs`, the first at `dueNs`. */
const periodsPassed = (dueNs: number, intervalNs: number, nowNs: number): number =>
  intervalNs === 0 ? 1 : Math.floor((nowNs - dueNs) / intervalNs) + 1;

function realTimer(k: Kernel, p: Proc, nowNs: number): void {
  const { valueNs, intervalNs } = p.itimers[ITIMER_REAL]!;
  if (valueNs === 0 || valueNs > nowNs) return;
  const next = intervalNs === 0 ? 0 : valueNs + periodsPassed(valueNs, intervalNs, nowNs) * intervalNs;
  setItimer(k, p.pid, ITIMER_REAL, { valueNs: next, intervalNs });
  psignal(k, p.pid, SIGALRM);
}

export function setItimer(k: Kernel, pid: Pid, which: number, timer: Itimer): void {
  k.setProc(pid, { itimers: k.proc(pid).itimers.map((old, n) => (n === which ? timer : old)) });
}

/** Whether the process has a timer that runs by the CPU time it uses. */
export const hasCpuTimers = ({ itimers }: Proc): boolean =>
  itimers[ITIMER_VIRTUAL]!.valueNs > 0 || itimers[ITIMER_PROF]!.valueNs > 0;

/** The process has used CPU time: its virtual and its profiling timer run by that. */
export function chargeItimers(k: Kernel, p: Proc, userNs: number, systemNs: number): void {
  const virtual = p.itimers[ITIMER_VIRTUAL]!;
  const prof = p.itimers[ITIMER_PROF]!;
  if (virtual.valueNs > 0) spend(k, p, ITIMER_VIRTUAL, virtual, userNs, SIGVTALRM);
  if (prof.valueNs > 0) spend(k, p, ITIMER_PROF, prof, userNs + systemNs, SIGPROF);
}

function spend(k: Kernel, p: Proc, which: number, { valueNs, intervalNs }: Itimer, ns: number, signo: Signo): void {
  const left = valueNs - ns;
  if (left > 0) {
    setItimer(k, p.pid, which, { valueNs: left, intervalNs });
    return;
  }
  const next = intervalNs === 0 ? 0 : left + periodsPassed(valueNs, intervalNs, ns) * intervalNs;
  setItimer(k, p.pid, which, { valueNs: next, intervalNs });
  psignal(k, p.pid, signo);
}

/** A POSIX timer goes off. While its last signal is still pending, expiries are only counted (overrun). */
function expire(k: Kernel, pid: Pid, id: number, timer: KTimer, nowNs: number): void {
  const dueNs = timer.deadlineNs!;
  const passed = periodsPassed(dueNs, timer.intervalNs, nowNs);
  const deadlineNs = timer.intervalNs === 0 ? null : dueNs + passed * timer.intervalNs;
  const pending = isPending(k, pid, id);
  const overrun = pending ? timer.overrun + passed : passed - 1;
  setTimer(k, pid, id, { ...timer, deadlineNs, overrun });
  if (pending) return;
  const info = sigInfo(timer.signo, { code: SI_TIMER, value: timer.value, trapno: id, overrun });
  if (timer.notify === SIGEV_SIGNAL) psignal(k, pid, timer.signo, 0, info);
  else if (timer.notify === SIGEV_THREAD_ID && k.proc(pid).threads.includes(timer.tid as Tid))
    tdsignal(k, timer.tid as Tid, info);
}

function isPending(k: Kernel, pid: Pid, id: number): boolean {
  const p = k.proc(pid);
  const queued = [...p.sigqueue, ...p.threads.flatMap((tid) => k.thread(tid).sigqueue)];
  return queued.some((info) => info.code === SI_TIMER && info.trapno === id);
}

export function setTimer(k: Kernel, pid: Pid, id: number, timer: KTimer | null): void {
  const timers = [...k.proc(pid).timers];
  timers[id] = timer;
  k.setProc(pid, { timers });
}
