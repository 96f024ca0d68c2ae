import { cpuId } from '../../emu/base/brand.ts';
import { assert, unreachable } from '../../emu/base/errors.ts';
import type { Pid, Signo, Tid } from '../abi/ids.ts';
import { SIGKILL } from '../abi/signal.ts';
import { closeAllDescriptors } from '../vfs/filedesc.ts';
import { changeRange } from '../vm/map.ts';
import { releaseVmspace } from '../vm/vmspace.ts';
import { signalsOfBeginning, signalsToHold, startAgain } from './beginning.ts';
import { isReadable, lastReadable } from './checkpoint.ts';
import { cpusOf, hasCpu } from './cpumask.ts';
import { CPUSET_DEFAULT, releaseCpuset, retainCpuset } from './cpuset.ts';
import { exitProcess } from './exit.ts';
import { type FaultReport, reportDetection } from './fault-report.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { relend } from './lend.ts';
import { spawnNative } from './native.ts';
import { INIT_PID } from './proc.ts';
import { POLICIES, type Remedy } from './recovery-policy.ts';
import { reenterSyscall } from './regs.ts';
import { keepsCore, takeOutCore } from './remove-core.ts';
import { rollForward } from './roll-forward.ts';
import { cancelRecovery, discard, lostAgain, rollBackRecords, takeTreePoints } from './rollback.ts';
import { treeOf } from './rollback-point.ts';
import { endSharing } from './sharing.ts';
import { sigInfo } from './signal.ts';
import { wakeup } from './sleep.ts';
import type {
  CpusetId,
  Proc,
  Recovery,
  RollbackPoint,
  Sleep,
  Suspect,
  Thread,
  ThreadIdentity,
  TreePoint,
  VmspaceId,
} from './state.ts';
import { removeThread } from './thread.ts';

/** The native program that restores a process from a core file: registered by src/restart. */
export const RESTART_PROGRAM = 'restart';
/** So many cores may die under the restart of one process before it is given up. */
const ATTEMPTS_MAX = 32;

/** A fault of a core has been noticed: what recovery-policy.ts says is done with the core, and with what it was running. */
export function faultInterrupt(k: Kernel, report: FaultReport): void {
  const { core } = report;
  if (k.cpu(core.id).dead) return;
  reportDetection(k, report);
  const running = k.cpu(core.id).current;
  const now = running === 0 ? [] : [{ pid: k.thread(running).pid, fromNs: Number.POSITIVE_INFINITY }];
  if (!keepsCore(k, report)) takeOutCore(k, core);
  for (const suspect of report.suspects ?? now) {
    const p = k.findProc(suspect.pid);
    if (p && p.state !== 'zombie' && !p.system) recoverProcess(k, suspect, report);
  }
}

/** Brings a process back from before it ran on the core, as far as it may have been misled there. */
function recoverProcess(k: Kernel, { pid, fromNs }: Suspect, report: FaultReport): void {
  // What the kernel's own restart does is no work of the core's.
  if (report.suspects ? k.proc(pid).native !== null : recoverRecovery(k, pid)) return;
  const p = k.proc(pid);
  const victim = cpuId(report.core.id);
  const { remedies } = POLICIES[k.config.recovery];
  const back = wayBack(k, p, fromNs);
  const begins = (): void => {
    const points = remedies.includes('beginning') ? [] : back.points;
    for (const { proc, file } of points) k.emit({ kind: 'recovery-start', pid: proc.pid, victim, file });
    if (points.length === 0) k.emit({ kind: 'recovery-start', pid, victim, file: '' });
  };
  const reasons: string[] = [];
  if (remedies[0] !== 'forward') begins();
  for (const remedy of remedies) {
    const why = p.native ? 'it is a native process' : apply(k, p, remedy, report, back);
    if (why === null) return;
    reasons.push(why);
    if (remedy === 'forward') begins();
  }
  const why = reasons.join('; ') || 'recovery is switched off';
  k.emit({ kind: 'recovery-failed', pid, victim, why });
  exitProcess(k, pid, { signo: SIGKILL, dumped: false });
}

interface WayBack {
  /** One for each process that goes back, together; empty when there is none. */
  readonly points: readonly RollbackPoint[];
  /** Of which tree checkpoint they are. */
  readonly tree: TreePoint | undefined;
  /** Why there is none. */
  readonly why: string;
}

/**
 * To the last checkpoint before `fromNs` that can be read: of its tree, where trees go back as a whole and there is a sound one, or its
 * own.
 */
function wayBack(k: Kernel, p: Proc, fromNs: number): WayBack {
  const tree = k.config.recoveryOptions.scope === 'tree' ? treeOf(k, p.pid) : undefined;
  if (tree && tree.members[0]!.ns <= fromNs && tree.members.every((member) => isReadable(k, member)))
    return { points: tree.members, tree, why: '' };
  const own = lastReadable(k, p, fromNs);
  return typeof own === 'string'
    ? { points: [], tree: undefined, why: own }
    : { points: [own], tree: undefined, why: '' };
}

/** Does it, or says why it cannot be done. */
function apply(k: Kernel, p: Proc, remedy: Remedy, report: FaultReport, back: WayBack): string | null {
  switch (remedy) {
    case 'forward':
      return rollForward(k, p, report);
    case 'rollback':
      if (back.points.length === 0) return back.why;
      rollBack(k, back.tree ? takeTreePoints(k, back.tree) : back.points, report.core);
      return null;
    case 'beginning': {
      const beginning = p.checkpoint?.points[0];
      if (!beginning || beginning.file) return 'it was forked and has executed no program since';
      const heldSignals = signalsToHold(k, p, beginning);
      const identities = loseAll(k, [beginning], report.core)[0]!;
      const pending = [...identities.flatMap(({ sigqueue }) => sigqueue), ...k.proc(p.pid).sigqueue];
      rollBackRecords(k, [beginning]);
      k.setProc(p.pid, signalsOfBeginning(beginning, heldSignals, pending));
      return startAgain(k, beginning, identities[0]!, report.core);
    }
    default:
      return unreachable(remedy);
  }
}

/** The core died under a restart: what it had made is thrown away, and another begins. False when `pid` has no part in one. */
function recoverRecovery(k: Kernel, pid: Pid): boolean {
  const p = k.proc(pid);
  const recoveries = [...k.state.recoveries.values()];
  const own = recoveries.find((recovery) => recovery.agent === pid);
  if (own) {
    const half = [...k.state.procs.values()].filter((child) => child.ppid === pid);
    exitProcess(k, pid, { signo: SIGKILL, dumped: false });
    for (const child of half) if (k.findProc(child.pid)) discard(k, child.pid);
    startAgent(k, { ...own, attempts: own.attempts + 1 });
    return true;
  }
  const owner = recoveries.find((recovery) => recovery.agent === p.ppid);
  if (owner) {
    // The half-restored process was running (towards its entry point) on the core that died.
    discard(k, pid);
    if (k.findProc(owner.agent)) discard(k, owner.agent);
    startAgent(k, { ...owner, attempts: owner.attempts + 1 });
    return true;
  }
  if (p.native && (p.native.data as { lostPid?: number }).lostPid) {
    // A restart that had done its work already: nobody misses it.
    exitProcess(k, pid, { signo: SIGKILL, dumped: false });
    return true;
  }
  return false;
}

// ---- going back ------------------------------------------------------------------------------------------------------------

/** Processes go back to these points, one each, together: restarts that run on their own do the rest. */
export function rollBack(k: Kernel, points: readonly RollbackPoint[], core: KernelCore): void {
  const identities = loseAll(k, points, core);
  rollBackRecords(k, points);
  points.forEach((point, n) => {
    const { pid } = point.proc;
    const program = { victim: core.id, detectedNs: k.now(), point, agent: INIT_PID, attempts: 1 };
    startAgent(k, { pid, ...program, threads: identities[n]! });
  });
}

/** Their threads and memory are gone; what the threads were to the scheduler is kept, by process. */
function loseAll(k: Kernel, points: readonly RollbackPoint[], core: KernelCore): ThreadIdentity[][] {
  const identities = points.map((point) => {
    const threads = point.threads.map((then) => identityOf(k, then, core));
    for (const { cpuset } of threads) retainCpuset(k, cpuset);
    return threads;
  });
  for (const point of points) {
    const { proc: then } = point;
    const p = k.findProc(then.pid);
    if (!p || p.state === 'zombie') k.state.procs.set(then.pid, lostAgain(point));
    else loseBody(k, p);
  }
  return identities;
}

/** Priority and CPU set are those of today where the thread still lives; mask and stack belong to the state that comes back. */
function identityOf(k: Kernel, then: Thread, core: KernelCore): ThreadIdentity {
  const lost = k.state.recoveries.get(then.pid)?.threads.find(({ tid }) => tid === then.tid);
  const now = k.state.threads.get(then.tid) ?? lost;
  const { tid, name, sigmask, sigmaskAfter, sigstack, unparked, pending, sleep, inheritedPri, lendsTo } = then;
  const { priClass, basePri, priority, cpusUsed, runNs, sleepNs } = now ?? then;
  const first = k.findProc(then.pid)?.threads[0];
  const cpuset =
    now?.cpuset ?? (first === undefined ? undefined : k.thread(first).cpuset) ?? keptSet(k, then) ?? CPUSET_DEFAULT;
  const lastCpu = k.cpu(core.id).dead ? (now ?? then).lastCpu : core.id;
  return {
    ...{ tid, name, priClass, basePri, priority, cpuset, sigstack, unparked, lastCpu, cpusUsed, runNs, sleepNs },
    ...{ sigmask, sigmaskAfter, pending, sleep, inheritedPri, lendsTo },
    sigqueue: now?.sigqueue ?? [],
  };
}

const keptSet = (k: Kernel, { cpuset }: Thread): number | undefined =>
  k.state.cpusets.has(cpuset) ? cpuset : undefined;

/** Threads and memory are gone; identity, parent, descriptors and signals stay. */
function loseBody(k: Kernel, p: Proc): void {
  const restart = k.state.recoveries.get(p.pid);
  if (restart) cancelRecovery(k, restart);
  endSharing(k, p.pid, 'sigacts');
  for (const tid of p.threads) removeThread(k, tid);
  if (p.vmspace !== 0) releaseVmspace(k, p.vmspace);
  // On its way to a stop: it stops once it is restored.
  const stopping = p.stopped === 'signal' && !p.sigqueue.some((s) => s.signo === p.xstat);
  const sigqueue = stopping ? [...p.sigqueue, sigInfo(p.xstat as Signo)] : p.sigqueue;
  k.setProc(p.pid, { state: 'lost', threads: [], vmspace: 0, stopped: 'no', stopThread: 0, xstat: 0, sigqueue });
}

function startAgent(k: Kernel, recovery: Recovery): void {
  const { pid, point } = recovery;
  if (recovery.attempts > ATTEMPTS_MAX) {
    giveUp(k, recovery, 'too many cores died under its restart');
    return;
  }
  const data = { executable: point.proc.execPath, core: point.file, args: [...point.proc.args], lostPid: pid };
  const { cpuset } = recovery.threads[0]!;
  const like = { nice: k.proc(pid).nice, cpuset, lastCpu: idleCpuBeside(k, cpuset, recovery.victim) };
  k.faults.recoveryBegins(pid, recovery.attempts);
  const agent = spawnNative(k, RESTART_PROGRAM, data, like);
  if (agent === null) {
    giveUp(k, recovery, 'there is no room for another process');
    return;
  }
  k.state.recoveries.set(pid, { ...recovery, agent });
}

/** Where a restart does not stand in the way of the process, which is to come back on `cpu` if that is still in service; -1: nowhere. */
function idleCpuBeside(k: Kernel, cpuset: CpusetId, cpu: number): number {
  const { mask } = k.cpuset(cpuset);
  const beside = k.state.cpus.find((other) => other.cpu !== cpu && other.load === 0 && hasCpu(mask, other.cpu));
  return beside?.cpu ?? -1;
}

/** The restart has failed: the process ends as if killed. */
export function giveUp(k: Kernel, recovery: Recovery, why: string): void {
  k.emit({ kind: 'recovery-failed', pid: recovery.pid, victim: cpuId(recovery.victim), why });
  exitProcess(k, recovery.pid, { signo: SIGKILL, dumped: false });
  k.state.recoveries.delete(recovery.pid);
  for (const { cpuset } of recovery.threads) releaseCpuset(k, cpuset);
}

/**
 * The restored process `child`, stopped under its tracer, becomes the lost process: memory, threads and registers pass to the old pid,
 * with the old thread ids, priorities, nice value and affinity, the old parent and the old descriptors. It is then traced under the old
 * pid.
 */
export function adoptIdentity(k: Kernel, child: Pid, lostPid: Pid): void {
  const recovery = k.state.recoveries.get(lostPid);
  assert(recovery, `pid ${lostPid} is not being recovered`);
  const body = k.proc(child);
  const lost = k.proc(lostPid);
  const { point, threads } = recovery;
  assert(
    body.traced && body.stopped === 'trace' && body.threads.length === threads.length,
    `pid ${child} is not a restored process`,
  );
  closeAllDescriptors(k, child);
  threads.forEach((identity, n) => {
    renameThread(k, body.threads[n]!, lostPid, identity, body.vmspace);
  });
  // The locks are those of the state that has come back, the priorities those that the threads had in the end.
  for (const { tid } of threads) relend(k, tid);
  adoptMap(k, body.vmspace, point);
  const { comm, args, execPath, textVnode, osrel, env } = point.proc;
  k.setProc(lostPid, {
    ...{ comm, args, execPath, textVnode, osrel, env },
    state: 'normal',
    ppid: body.ppid,
    realParent: lost.realParent || lost.ppid,
    vmspace: body.vmspace,
    threads: threads.map(({ tid }) => tid),
    auxv: body.auxv,
    ldt: body.ldt,
    traced: true,
    stopped: 'trace',
    stopReported: true,
    stopThread: threads[0]!.tid,
    stopInfo: body.stopInfo,
    xstat: body.xstat,
  });
  k.state.procs.delete(child);
  k.state.recoveries.delete(lostPid);
  // A debugger of the lost process may wait for it: it is no child of that one any more.
  if (lost.traced) wakeup(k, `wait:${lost.ppid}`);
  for (const { tid, cpuset } of threads)
    k.emit({ kind: 'affinity', pid: lostPid, tid, cpus: cpusOf(k.cpuset(cpuset).mask), why: 'recovered' });
  const { victim } = recovery;
  k.emit({ kind: 'recovery-done', pid: lostPid, victim: cpuId(victim), fromNs: point.ns, body: child });
}

/** What no system call of the restored body's could say of its memory. */
function adoptMap(k: Kernel, id: VmspaceId, { map, wiresAll }: RollbackPoint): void {
  for (const { start, end, maxProt, noCoredump, inherit, wired } of map)
    changeRange(k, id, start, end, (part) => ({ ...part, maxProt, noCoredump, inherit, wired }));
  k.setVmspace(id, { wiresAll });
}

/** A thread of the restored body gets the id and the place in the scheduler of the one that was lost, and the recovery's hold on its set. */
function renameThread(k: Kernel, from: Tid, pid: Pid, identity: ThreadIdentity, vmspace: VmspaceId): void {
  const td = k.thread(from);
  const block = k.pcbs.get(from);
  assert(block && td.state === 'suspended', `thread ${from} is not stopped`);
  releaseCpuset(k, td.cpuset);
  k.state.threads.delete(from);
  k.pcbs.delete(from);
  const { tid, pending } = identity;
  k.state.threads.set(tid, {
    ...td,
    ...identity,
    pid,
    sleep: null,
    pending: pending && { ...pending, woken: 'wakeup' },
  });
  k.pcbs.set(tid, block);
  if (!pending) return;
  reenterSyscall(k, tid, pending);
  const sleep = stillAsleep(identity, vmspace);
  // Any other call looks again whether what it waits for has come.
  if (sleep) k.setThread(tid, { state: 'sleeping', sleep, pending, sleepStartNs: k.now() });
  else if (!identity.sleep) k.setThread(tid, { pending });
}

/** A sleep that only time, a signal or a fellow thread can end goes on; the queues of _umtx_op(2) have the address space in their names. */
function stillAsleep({ sleep }: ThreadIdentity, vmspace: VmspaceId): Sleep | null {
  const [kind, queue, place, at] = sleep?.wchan.split(':') ?? [];
  // In shared memory the queue belongs to an object that the new body does not have.
  if (kind === 'umtx' && !/^\d+$/.test(place!)) return null;
  if (kind === 'umtx') return { ...sleep!, wchan: [kind, queue, vmspace, at].join(':') };
  return kind === '' || kind === 'lthr' ? sleep : null;
}
