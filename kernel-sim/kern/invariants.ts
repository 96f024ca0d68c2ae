import { assert } from '../../emu/base/errors.ts';
import { sameValue } from '../../emu/base/same-value.ts';
import type { Tid } from '../abi/ids.ts';
import { checkTerminals } from '../tty/invariants.ts';
import { checkFileInvariants } from '../vfs/invariants.ts';
import { checkSharedPages } from '../vm/invariants.ts';
import { cpuBit } from './cpumask.ts';
import type { Kernel } from './kernel.ts';
import { LDT_MAX } from './ldt.ts';
import { lentPriority } from './lend.ts';
import { queued } from './runq.ts';
import type { Proc, Thread } from './state.ts';

/** Walks everything and throws an InvariantError at the first thing that does not hold (DESIGN.md, Invariants). */
export function checkInvariants(k: Kernel): void {
  const problems = [...schedulerProblems(k), ...processProblems(k), ...memoryProblems(k), ...cpusetProblems(k)];
  problems.push(...checkSharedPages(k), ...checkTerminals(k));
  problems.push(...checkFileInvariants(k));
  assert(problems.length === 0, problems.join('; '));
}

function schedulerProblems(k: Kernel): string[] {
  const problems: string[] = [];
  const places = new Map<Tid, string[]>();
  const put = (tid: Tid, place: string): void => {
    const list = places.get(tid);
    if (list) list.push(place);
    else places.set(tid, [place]);
  };
  for (const { cpu, current, queues, dead, load } of k.state.cpus) {
    const waiting = queued(queues);
    for (const tid of waiting) put(tid, `queue ${cpu}`);
    if (current !== 0) put(current, `core ${cpu}`);
    if (dead && (current !== 0 || waiting.length > 0)) problems.push(`dead core ${cpu} owns threads`);
    const expected = waiting.length + (current === 0 ? 0 : 1);
    if (load !== expected) problems.push(`core ${cpu} has load ${load}, not ${expected}`);
  }
  const anybodyLends = [...k.state.threads.values()].some(({ lendsTo }) => lendsTo !== 0);
  for (const td of k.state.threads.values()) {
    const where = places.get(td.tid) ?? [];
    places.delete(td.tid);
    const expected = td.state === 'running' ? `core ${td.onCpu}` : td.state === 'runnable' ? `queue ${td.onCpu}` : '';
    if (where.join() !== expected) problems.push(`thread ${td.tid} is ${td.state} but stands in [${where.join()}]`);
    if (td.state === 'sleeping') {
      if (!td.sleep) problems.push(`thread ${td.tid} sleeps for nothing`);
      else if (td.sleep.wchan === '' && td.sleep.deadlineNs === null && !td.sleep.interruptible) {
        problems.push(`thread ${td.tid} will never be woken`);
      }
    }
    if (td.state === 'suspended' && !td.held && td.onCpu < 0 && !mayBeSuspended(k, td))
      problems.push(`thread ${td.tid} is suspended, and nobody will let it go on`);
    if (td.held && td.state === 'runnable') problems.push(`thread ${td.tid} is held back but queued`);
    const lent = anybodyLends ? lentPriority(k, td.tid) : td.inheritedPri;
    if (td.lentPri !== lent) problems.push(`thread ${td.tid} runs with a lent priority of ${td.lentPri}, not ${lent}`);
    problems.push(...sleepProblems(k, td));
    if ((td.state === 'running') === k.pcbs.has(td.tid))
      problems.push(`thread ${td.tid} is ${td.state}: saved registers do not fit`);
  }
  const deadlines = [...k.state.threads.values()].map(({ sleep }) => sleep?.deadlineNs ?? Number.POSITIVE_INFINITY);
  const earliest = deadlines.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  if (k.nextDeadlineNs() !== earliest) problems.push(`the next deadline is ${earliest}, not ${k.nextDeadlineNs()}`);
  for (const tid of places.keys()) problems.push(`thread ${tid} is queued but does not exist`);
  return problems;
}

/** Its process is stopped, or the core that ran it has died and was not yet dealt with. */
const mayBeSuspended = (k: Kernel, td: Thread): boolean => k.proc(td.pid).stopped !== 'no';

/** A sleep belongs to a call in progress; a queue of _umtx_op(2) is one of the thread's own memory. */
function sleepProblems(k: Kernel, td: Thread): string[] {
  if (!td.sleep) return [];
  const problems: string[] = [];
  if (!td.pending) problems.push(`thread ${td.tid} sleeps outside any system call`);
  if (td.state !== 'sleeping') problems.push(`thread ${td.tid} sleeps and is ${td.state}`);
  const [kind, , vmspace] = td.sleep.wchan.split(':');
  if (kind === 'umtx' && /^\d+$/.test(vmspace!) && Number(vmspace) !== k.proc(td.pid).vmspace)
    problems.push(`thread ${td.tid} waits in memory that is not its own`);
  return problems;
}

function processProblems(k: Kernel): string[] {
  const problems: string[] = [];
  const actions = new Map<number, Proc>();
  for (const p of k.state.procs.values()) {
    const sharer = p.sigactsGroup === 0 ? undefined : actions.get(p.sigactsGroup);
    if (sharer && !sameValue(sharer.sigacts, p.sigacts))
      problems.push(`processes ${sharer.pid} and ${p.pid} share signal actions that differ`);
    actions.set(p.sigactsGroup, p);
    if (!k.state.procs.has(p.ppid) && p.pid !== 1) problems.push(`process ${p.pid} has no parent ${p.ppid}`);
    for (const tid of p.threads) {
      const td = k.state.threads.get(tid);
      if (td?.pid !== p.pid) problems.push(`thread ${tid} is not of process ${p.pid}`);
      else if (p.stopped !== 'no' && td.state === 'runnable')
        problems.push(`thread ${tid} is queued while its process is stopped`);
    }
    if (new Set(p.threads).size !== p.threads.length) problems.push(`process ${p.pid} lists a thread twice`);
    if (p.stopped === 'no' && p.stopThread !== 0)
      problems.push(`process ${p.pid} runs, but thread ${p.stopThread} has stopped it`);
    if (p.ldt.length % 2 !== 0 || p.ldt.length > 2 * LDT_MAX) problems.push(`process ${p.pid} has a torn LDT`);
    if (p.state !== 'normal' && p.threads.length > 0) problems.push(`${p.state} process ${p.pid} has threads`);
    if (p.stopped === 'trace' && !p.traced)
      problems.push(`process ${p.pid} stopped for a tracer that it does not have`);
    if (p.state === 'lost' && !k.state.recoveries.has(p.pid)) problems.push(`nobody recovers lost process ${p.pid}`);
  }
  for (const td of k.state.threads.values()) {
    if (!k.state.procs.get(td.pid)?.threads.includes(td.tid)) problems.push(`thread ${td.tid} belongs to no process`);
  }
  return problems;
}

function memoryProblems(k: Kernel): string[] {
  const problems: string[] = [];
  const users = new Map<number, number>();
  for (const p of k.state.procs.values()) if (p.vmspace !== 0) users.set(p.vmspace, (users.get(p.vmspace) ?? 0) + 1);
  for (const vm of k.state.vmspaces.values()) {
    if (users.get(vm.id) !== vm.refs)
      problems.push(`vmspace ${vm.id} has ${vm.refs} references, not ${users.get(vm.id) ?? 0}`);
    let end = 0;
    for (const entry of vm.map) {
      if (entry.start < end || entry.end <= entry.start)
        problems.push(`vmspace ${vm.id}: entries overlap at ${entry.start.toString(16)}`);
      end = entry.end;
    }
    const pages = k.space(vm.id).residentPages();
    let index = 0;
    for (const page of pages) {
      while (index < vm.map.length && vm.map[index]!.end <= page * 4096) index++;
      const entry = vm.map[index];
      if (!entry || entry.start > page * 4096)
        problems.push(`vmspace ${vm.id}: page ${page.toString(16)} is outside the map`);
    }
  }
  for (const id of k.spaces.keys()) if (!k.state.vmspaces.has(id)) problems.push(`address space ${id} has no vmspace`);
  for (const id of k.copies.keys())
    if (!k.state.vmspaces.has(id)) problems.push(`a copy of ${id}, which is no vmspace`);
  return problems;
}

function cpusetProblems(k: Kernel): string[] {
  const problems: string[] = [];
  const refs = new Map<number, number>();
  const count = (id: number): void => {
    refs.set(id, (refs.get(id) ?? 0) + 1);
  };
  for (const td of k.state.threads.values()) count(td.cpuset);
  for (const { threads } of k.state.recoveries.values()) for (const { cpuset } of threads) count(cpuset);
  for (const set of k.state.cpusets.values()) if (set.parent !== null) count(set.parent);
  const healthy = k.state.cpus.reduce((mask, cpu) => (cpu.dead ? mask : mask | cpuBit(cpu.cpu)), 0) >>> 0;
  for (const set of k.state.cpusets.values()) {
    const parent = set.parent === null ? undefined : k.state.cpusets.get(set.parent);
    if (set.parent !== null && !parent) problems.push(`cpuset ${set.id} has no parent`);
    if (parent && (set.mask & ~parent.mask) !== 0) problems.push(`cpuset ${set.id} leaves its parent`);
    if (healthy !== 0 && (set.mask & healthy) === 0) problems.push(`cpuset ${set.id} has no healthy CPU`);
    if ((refs.get(set.id) ?? 0) !== set.refs)
      problems.push(`cpuset ${set.id} has ${set.refs} references, not ${refs.get(set.id) ?? 0}`);
  }
  return problems;
}
