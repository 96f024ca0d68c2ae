import { assert } from '../../emu/base/errors.ts';
import type { Tid } from '../abi/ids.ts';
import { PRI_FIFO_BIT, PRI_MIN_BATCH, PRI_TIMESHARE, priBase } from '../abi/priority.ts';
import { cpTimesNow } from './cp-time.ts';
import { cpuBit, hasCpu } from './cpumask.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { sampleLoad } from './load-average.ts';
import { tablesOf } from './regs.ts';
import { checkCpuLimit } from './resource.ts';
import { chooseFrom, dequeue, EMPTY_QUEUES, enqueue, queued, tickQueues } from './runq.ts';
import { decayHistory, SLICE_TICKS, STAT_TICK_NS, shouldPreempt, slideWindow, userPriority } from './sched-priority.ts';
import { noteRun } from './self-test.ts';
import type { PerCpu, Thread } from './state.ts';

/*
 * The scheduler: FreeBSD's ULE (sys/kern/sched_ule.c) over the queues of runq.ts and the priorities of sched-priority.ts.
 * Differs: one cache group holds all CPUs, and times are in ns of virtual time.
 */

/** kern.sched.balance: mean time between two balancings, in ns. */
const BALANCE_NS = 1_000_000_000;

/** CPUs on which a thread may run: its set, without the dead. */
export function allowedCpus(k: Kernel, td: Thread): number {
  let mask = k.cpuset(td.cpuset).mask;
  for (const cpu of k.state.cpus) if (cpu.dead) mask = (mask & ~cpuBit(cpu.cpu)) >>> 0;
  return mask;
}

/** FreeBSD sched_wakeup and sched_add: the thread can run; it goes to the queue of the CPU that suits it best. */
export function makeRunnable(k: Kernel, td: Thread, why: 'wakeup' | 'new' | 'resume' | 'migrate'): void {
  const nowNs = k.now();
  let next = td;
  if (why === 'wakeup' || why === 'resume') {
    const sleptNs = Math.max(0, nowNs - td.sleepStartNs);
    next = { ...td, ...decayHistory({ runNs: td.runNs, sleepNs: td.sleepNs + sleptNs }), sleepStartNs: nowNs };
    next = { ...next, ...slideWindow(next, 0, nowNs), slice: SLICE_TICKS };
  }
  const nice = k.proc(td.pid).nice;
  const priority = userPriority(next, nice, nowNs);
  // A batch thread that comes out of a sleep in the kernel goes ahead of its fellows until it is back in user mode.
  const boosted =
    why === 'wakeup' && priBase(td.priClass) === PRI_TIMESHARE ? Math.min(priority, PRI_MIN_BATCH) : priority;
  next = { ...next, priority: boosted };
  place(k, next, pickCpu(k, next), false);
}

/** Puts a thread on a CPU's queue and tells that CPU when it should give way to it. */
function place(k: Kernel, td: Thread, cpu: number, preempted: boolean): void {
  k.state.threads.set(td.tid, { ...td, state: 'runnable', onCpu: cpu });
  const target = k.cpu(cpu);
  k.setCpu(cpu, { queues: enqueue(target.queues, td.tid, td.priority, preempted), load: target.load + 1 });
  const core = k.cores[cpu]!;
  if (target.current === 0) {
    core.wakeNs = Math.max(core.wakeNs, k.now());
    return;
  }
  const running = k.thread(target.current);
  // From a timer: the clock's own thread has thrown the running one off already, which goes back to the head of its queue.
  const byClock = k.current === null;
  const remote = k.current !== null && k.current.id !== cpu;
  const preempts = shouldPreempt(td.priority, running.priority, remote);
  const better = td.priority < running.priority;
  if (remote && preempts && !k.faults.interruptReaches(cpu)) return;
  if (remote ? preempts : better) k.setCpu(cpu, { needResched: true, preempted: byClock || preempts });
}

/** FreeBSD sched_pickcpu: the CPU it ran on last if that is idle, else the least loaded, the last one winning ties. */
function pickCpu(k: Kernel, td: Thread): number {
  const allowed = allowedCpus(k, td);
  assert(allowed !== 0, `thread ${td.tid} may run on no CPU`);
  const last = td.lastCpu;
  if (last >= 0 && hasCpu(allowed, last) && k.cpu(last).load === 0) return last;
  let best = -1;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (const { cpu, load, dead } of k.state.cpus) {
    if (dead || !hasCpu(allowed, cpu)) continue;
    if (load < bestLoad || (load === bestLoad && cpu === last)) {
      best = cpu;
      bestLoad = load;
    }
  }
  return best;
}

/** Takes a runnable thread off its queue, wherever it stands. The caller says what it is next. */
export function removeFromQueue(k: Kernel, td: Thread): Thread {
  assert(td.state === 'runnable', `thread ${td.tid} is ${td.state}, not on a queue`);
  const cpu = k.cpu(td.onCpu);
  k.setCpu(td.onCpu, { queues: dequeue(cpu.queues, td.tid), load: cpu.load - 1 });
  return k.setThread(td.tid, { onCpu: -1 });
}

// ---- switching ---------------------------------------------------------------------------------------------------------

/** FreeBSD sched_switch, first half: the core lets go of its thread, whose registers are saved. The caller says what it is next. */
export function leaveCore(k: Kernel, core: KernelCore): Thread {
  const { current } = k.cpu(core.id);
  assert(current !== 0, `core ${core.id} runs nothing`);
  k.faults.threadLeaves(core.id);
  k.pcbs.set(current, core.state.save());
  k.setCpu(core.id, { current: 0, load: k.cpu(core.id).load - 1, needResched: false, preempted: false });
  return k.setThread(current, { onCpu: -1 });
}

/** The running thread stays runnable but gives the core up: its slice is over, or somebody better is there. */
export function yieldCore(k: Kernel, core: KernelCore, preempted: boolean): void {
  const td = leaveCore(k, core);
  const counted = { ...td, involuntarySwitches: td.involuntarySwitches + 1 };
  const allowed = allowedCpus(k, td);
  const cpu = hasCpu(allowed, core.id) ? core.id : pickCpu(k, td);
  if (cpu !== core.id) reportMigration(k, td, core.id, cpu, 'affinity');
  place(k, counted, cpu, preempted && cpu === core.id);
}

/** FreeBSD sched_choose: takes the best thread off the core's own queues, or steals one; undefined: the core stays idle. */
export function chooseThread(k: Kernel, core: KernelCore): Thread | undefined {
  const own = chooseFrom(k.cpu(core.id).queues);
  if (own !== undefined) return removeFromQueue(k, k.thread(own));
  return steal(k, core.id);
}

/** Whether `chooseThread` would find one. */
export function canChooseThread(k: Kernel, cpu: number): boolean {
  return chooseFrom(k.cpu(cpu).queues) !== undefined || findStealable(k, cpu) !== undefined;
}

/** FreeBSD tdq_idled: an idle CPU takes a waiting thread from the CPU that has most of them. */
function steal(k: Kernel, thief: number): Thread | undefined {
  const found = findStealable(k, thief);
  if (found === undefined) return undefined;
  const td = removeFromQueue(k, k.thread(found.tid));
  reportMigration(k, td, found.from, thief, 'steal');
  return td;
}

function findStealable(k: Kernel, thief: number): { readonly tid: Tid; readonly from: number } | undefined {
  const isVictim = (cpu: PerCpu): boolean => !cpu.dead && cpu.cpu !== thief && cpu.load >= 2;
  if (!k.state.cpus.some(isVictim)) return undefined;
  const victims = k.state.cpus.filter(isVictim).sort((a, b) => b.load - a.load || a.cpu - b.cpu);
  for (const { cpu, queues } of victims) {
    const tid = queued(queues).find((candidate) => hasCpu(allowedCpus(k, k.thread(candidate)), thief));
    if (tid !== undefined) return { tid, from: cpu };
  }
  return undefined;
}

export function reportMigration(k: Kernel, td: Thread, from: number, to: number, why: string): void {
  k.emit({ kind: 'migrate', pid: td.pid, tid: td.tid, from, to, why });
}

/** The core now runs this thread: its registers are loaded. */
export function enterCore(k: Kernel, core: KernelCore, td: Thread): Thread {
  const block = k.pcbs.get(td.tid);
  assert(block, `thread ${td.tid} has no saved registers`);
  core.state.load(block);
  core.state.tables = tablesOf(k, td.tid);
  k.pcbs.delete(td.tid);
  const cpu = k.cpu(core.id);
  k.setCpu(core.id, { current: td.tid, load: cpu.load + 1, needResched: false, preempted: false, idle: false });
  const p = k.proc(td.pid);
  if (!p.system) noteRun(k, core.id, td.pid);
  const nowNs = k.now();
  const running = k.setThread(td.tid, {
    state: 'running',
    onCpu: core.id,
    lastCpu: core.id,
    cpusUsed: (td.cpusUsed | cpuBit(core.id)) >>> 0,
    priority: userPriority(td, p.nice, nowNs),
    dispatchedNs: nowNs,
  });
  k.emit({ kind: 'switch', pid: td.pid, tid: td.tid, name: p.comm });
  return running;
}

// ---- the clock ---------------------------------------------------------------------------------------------------------

/** The statistics clock ticks on every CPU at once (statclock, sched_clock). */
export function statTick(k: Kernel): void {
  for (const { cpu, dead, current } of k.state.cpus) {
    if (dead || k.cores[cpu]!.failed || !k.faults.interruptReaches(cpu)) continue;
    k.setCpu(cpu, { queues: tickQueues(k.cpu(cpu).queues) });
    if (current === 0) continue;
    checkCpuLimit(k, k.proc(k.thread(current).pid));
    const td = k.thread(current);
    if (td.priClass & PRI_FIFO_BIT) continue;
    const nice = k.proc(td.pid).nice;
    let next: Thread = td;
    if (priBase(td.priClass) === PRI_TIMESHARE) {
      next = { ...td, ...decayHistory({ runNs: td.runNs + STAT_TICK_NS, sleepNs: td.sleepNs }) };
      next = { ...next, ...slideWindow(next, STAT_TICK_NS, k.clockNs) };
      next = { ...next, priority: userPriority(next, nice, k.clockNs) };
    }
    const slice = next.slice - 1;
    k.state.threads.set(td.tid, { ...next, slice: slice > 0 ? slice : SLICE_TICKS });
    if (slice <= 0 && k.cpu(cpu).load > 1) k.setCpu(cpu, { needResched: true, preempted: false });
  }
  sampleLoad(k);
}

/** FreeBSD sched_balance: moves one thread from the most to the least loaded CPU. */
export function balance(k: Kernel): void {
  const healthy = k.state.cpus.filter((cpu) => !cpu.dead);
  const high = healthy.reduce((a, b) => (b.load > a.load ? b : a));
  const low = healthy.reduce((a, b) => (b.load < a.load ? b : a));
  if (high.load - low.load < 2) return;
  const found = queued(high.queues).find((candidate) => hasCpu(allowedCpus(k, k.thread(candidate)), low.cpu));
  if (found === undefined) return;
  const td = removeFromQueue(k, k.thread(found));
  reportMigration(k, td, high.cpu, low.cpu, 'balance');
  place(k, td, low.cpu, false);
}

/** Time to the next balancing: half to one and a half times the mean, as drawn from `random` in [0, 2^32). */
export const balanceDelayNs = (random: number): number =>
  BALANCE_NS / 2 + Math.floor((random / 0x100000000) * BALANCE_NS);

/** A thread may no longer be where it is: it moves, at once from a queue, at the next boundary from a core (sched_affinity). */
export function enforceAffinity(k: Kernel, tid: Tid): void {
  const td = k.thread(tid);
  if (td.onCpu < 0 || hasCpu(allowedCpus(k, td), td.onCpu)) return;
  if (td.state === 'running') {
    k.setCpu(td.onCpu, { needResched: true });
    return;
  }
  const from = td.onCpu;
  const free = removeFromQueue(k, td);
  const to = pickCpu(k, free);
  reportMigration(k, free, from, to, 'affinity');
  place(k, free, to, false);
}

/** The priority of a thread has to be worked out afresh: its nice value or its class was changed. */
export function reprioritise(k: Kernel, tid: Tid): void {
  const td = k.thread(tid);
  const priority = userPriority(td, k.proc(td.pid).nice, k.now());
  if (td.state !== 'runnable') {
    k.setThread(tid, { priority });
    return;
  }
  const cpu = td.onCpu;
  const free = removeFromQueue(k, td);
  place(k, { ...free, priority }, cpu, false);
}

/** A CPU is taken out for good: its queued threads go elsewhere. The thread that it ran is the caller's business. */
export function retireCpu(k: Kernel, victim: number): void {
  const waiting = queued(k.cpu(victim).queues);
  for (const tid of waiting) removeFromQueue(k, k.thread(tid));
  k.setCpu(victim, { cpTimes: cpTimesNow(k, victim) });
  k.setCpu(victim, { dead: true, current: 0, load: 0, queues: EMPTY_QUEUES, needResched: false });
  for (const tid of waiting) {
    const td = k.thread(tid);
    const to = pickCpu(k, td);
    reportMigration(k, td, victim, to, 'core removed');
    place(k, td, to, false);
  }
}
