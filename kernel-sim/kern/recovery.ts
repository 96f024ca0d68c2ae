import { cpuId } from '../../emu/base/brand.ts';
import { assert } from '../../emu/base/errors.ts';
import type { Pid, Signo } from '../abi/ids.ts';
import { SIGKILL } from '../abi/signal.ts';
import { closeAllDescriptors } from '../vfs/filedesc.ts';
import { releaseVmspace } from '../vm/vmspace.ts';
import { cpusOf } from './cpumask.ts';
import { releaseCpuset, removeCpuFromSets, reportAffinity, retainCpuset } from './cpuset.ts';
import { exitProcess } from './exit.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { spawnNative } from './native.ts';
import { INIT_PID } from './proc.ts';
import { enforceAffinity, retireCpu } from './sched.ts';
import { sigInfo } from './signal.ts';
import { wakeup } from './sleep.ts';
import type { Proc, Recovery } from './state.ts';

/** The native program that restores a process from a core file: registered by src/restart. */
export const RESTART_PROGRAM = 'restart';
/** So many cores may die under the restart of one process before it is given up. */
const ATTEMPTS_MAX = 32;

/**
 * The fault interrupt: `victim` is taken out for good. Its queued threads go to other cores, it leaves every CPU set, and what it was
 * running (whose registers are gone with it) is brought back from its last checkpoint.
 */
export function faultInterrupt(k: Kernel, victim: KernelCore): void {
  const running = k.cpu(victim.id).current;
  const changed = removeCpuFromSets(k, victim.id);
  const lost = running === 0 ? undefined : k.thread(running);
  if (lost) {
    // Neither on a core nor on a queue: the thread will not be seen again.
    k.setThread(lost.tid, { state: 'suspended', onCpu: -1 });
    k.pcbs.set(lost.tid, victim.registersLost ? victim.state.save().fill(0) : victim.state.save());
  }
  retireCpu(k, victim.id);
  const left = k.state.cpus.filter((cpu) => !cpu.dead).map((cpu) => cpu.cpu);
  k.emit({ kind: 'core-removed', victim: cpuId(victim.id), cpusLeft: left });
  for (const tid of changed) {
    if (tid === lost?.tid || !k.state.threads.has(tid)) continue;
    enforceAffinity(k, tid);
    reportAffinity(k, tid, `core ${victim.id} removed`);
  }
  if (lost) recoverProcess(k, lost.pid, victim);
}

function recoverProcess(k: Kernel, pid: Pid, victim: KernelCore): void {
  const p = k.proc(pid);
  const interrupted = [...k.state.recoveries.values()].find(
    (recovery) => recovery.agent === pid || recovery.pid === p.pid,
  );
  if (interrupted?.agent === pid) {
    // The core died under the restart itself: what it had made is thrown away, and another begins.
    const half = [...k.state.procs.values()].filter((child) => child.ppid === pid);
    exitProcess(k, pid, { signo: SIGKILL, dumped: false });
    for (const child of half) if (k.findProc(child.pid)) discard(k, child.pid);
    startAgent(k, { ...interrupted, attempts: interrupted.attempts + 1 });
    return;
  }
  const owner = [...k.state.recoveries.values()].find((recovery) => recovery.agent === p.ppid);
  if (owner) {
    // The half-restored process was running (towards its entry point) on the core that died.
    const { agent } = owner;
    discard(k, pid);
    if (k.findProc(agent)) discard(k, agent);
    startAgent(k, { ...owner, attempts: owner.attempts + 1 });
    return;
  }
  if (p.native && (p.native.data as { lostPid?: number }).lostPid) {
    // A restart that had done its work already: nobody misses it.
    exitProcess(k, pid, { signo: SIGKILL, dumped: false });
    return;
  }
  const file = p.checkpoint?.lastFile ?? '';
  k.emit({ kind: 'recovery-start', pid, victim: cpuId(victim.id), file });
  const why = obstacle(k, p, file);
  if (why !== null) {
    k.emit({ kind: 'recovery-failed', pid, victim: cpuId(victim.id), why });
    exitProcess(k, pid, { signo: SIGKILL, dumped: false });
    return;
  }
  const td = k.thread(p.threads[0]!);
  const { tid, name, priClass, basePri, priority, cpuset, cpusUsed, runNs, sleepNs } = td;
  // Handlers are the process's and stay; mask and stack belong to the state that comes back.
  const { sigmask, sigstack } = p.checkpoint?.signals ?? td;
  retainCpuset(k, cpuset);
  loseBody(k, p);
  startAgent(k, {
    pid,
    victim: victim.id,
    detectedNs: k.now(),
    file,
    fromNs: p.checkpoint?.lastNs ?? 0,
    agent: INIT_PID,
    attempts: 1,
    thread: { tid, name, priClass, basePri, priority, cpuset, sigmask, sigstack, cpusUsed, runNs, sleepNs },
  });
}

/** Why a process cannot be brought back; null when it can. */
function obstacle(k: Kernel, p: Proc, file: string): string | null {
  if (k.config.recovery === 'none') return 'recovery is switched off';
  if (p.native) return 'it is a native process';
  if (file === '') return 'there is no checkpoint of it';
  if (p.threads.length > 1) return `it has ${p.threads.length} threads; only a process with one can be restarted`;
  const { fsBase, gsBase } = k.thread(p.threads[0]!);
  if (fsBase !== 0 || gsBase !== 0 || p.ldt.length > 0)
    return 'it has thread-local storage, whose segments no restart can set';
  return null;
}

/** Ends a process that never came to be anybody's: no parent is told. */
function discard(k: Kernel, pid: Pid): void {
  k.setProc(pid, { ppid: INIT_PID, realParent: 0, traced: false });
  exitProcess(k, pid, { signo: SIGKILL, dumped: false });
}

/** Threads and memory are gone; identity, parent, descriptors and signals stay. */
function loseBody(k: Kernel, p: Proc): void {
  for (const tid of p.threads) {
    const td = k.thread(tid);
    if (td.sleep) k.sleepChanged(td, null);
    releaseCpuset(k, td.cpuset);
    k.pcbs.delete(tid);
    k.state.threads.delete(tid);
  }
  if (p.vmspace !== 0) releaseVmspace(k, p.vmspace);
  // On its way to a stop: it stops once it is restored.
  const stopping = p.stopped === 'signal' && !p.sigqueue.some((s) => s.signo === p.xstat);
  const sigqueue = stopping ? [...p.sigqueue, sigInfo(p.xstat as Signo)] : p.sigqueue;
  k.setProc(p.pid, { state: 'lost', threads: [], vmspace: 0, stopped: 'no', stopThread: 0, xstat: 0, sigqueue });
}

function startAgent(k: Kernel, recovery: Recovery): void {
  const p = k.proc(recovery.pid);
  if (recovery.attempts > ATTEMPTS_MAX) {
    giveUp(k, recovery, 'too many cores died under its restart');
    return;
  }
  k.faults.recoveryBegins(recovery.pid, recovery.attempts);
  const data = { executable: p.execPath, core: recovery.file, args: [...p.args], lostPid: recovery.pid };
  const agent = spawnNative(k, RESTART_PROGRAM, data, { nice: p.nice, cpuset: recovery.thread.cpuset });
  if (agent === null) {
    giveUp(k, recovery, 'there is no room for another process');
    return;
  }
  k.state.recoveries.set(recovery.pid, { ...recovery, agent });
}

/** The restart has failed: the process ends as if killed. */
export function giveUp(k: Kernel, recovery: Recovery, why: string): void {
  k.emit({ kind: 'recovery-failed', pid: recovery.pid, victim: cpuId(recovery.victim), why });
  exitProcess(k, recovery.pid, { signo: SIGKILL, dumped: false });
  k.state.recoveries.delete(recovery.pid);
  releaseCpuset(k, recovery.thread.cpuset);
}

/**
 * The restored process `child`, stopped under its tracer, becomes the lost process: memory, thread and registers pass to the old pid,
 * with the old priority, nice value and affinity, the old parent and the old descriptors. It is then traced under the old pid.
 */
export function adoptIdentity(k: Kernel, child: Pid, lostPid: Pid): void {
  const recovery = k.state.recoveries.get(lostPid);
  assert(recovery, `pid ${lostPid} is not being recovered`);
  const body = k.proc(child);
  const lost = k.proc(lostPid);
  assert(
    body.traced && body.stopped === 'trace' && body.threads.length === 1,
    `pid ${child} is not a restored process`,
  );
  closeAllDescriptors(k, child);
  const [tid] = body.threads;
  const { cpuset, tid: _oldTid, ...scheduling } = recovery.thread;
  releaseCpuset(k, k.thread(tid!).cpuset);
  // The recovery's own hold on the set passes to the thread.
  k.setThread(tid!, { ...scheduling, cpuset, pid: lostPid });
  k.setProc(lostPid, {
    state: 'normal',
    ppid: body.ppid,
    realParent: lost.realParent || lost.ppid,
    vmspace: body.vmspace,
    threads: body.threads,
    auxv: body.auxv,
    traced: true,
    stopped: 'trace',
    stopReported: true,
    stopThread: body.stopThread,
    stopInfo: body.stopInfo,
    xstat: body.xstat,
  });
  k.state.procs.delete(child);
  k.state.recoveries.delete(lostPid);
  // A debugger of the lost process may wait for it: it is no child of that one any more.
  if (lost.traced) wakeup(k, `wait:${lost.ppid}`);
  k.emit({ kind: 'affinity', pid: lostPid, tid: tid!, cpus: cpusOf(k.cpuset(cpuset).mask), why: 'recovered' });
  k.emit({ kind: 'recovery-done', pid: lostPid, victim: cpuId(recovery.victim), fromNs: recovery.fromNs, body: child });
}
