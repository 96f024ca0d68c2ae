import { assert } from '../../emu/base/errors.ts';
import { EDEADLK, EINVAL, EPERM, ESRCH } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { cpuBit, cpusOf, hasCpu } from './cpumask.ts';
import type { Kernel } from './kernel.ts';
import { enforceAffinity } from './sched.ts';
import type { CpuSet, CpusetId } from './state.ts';

/*
 * CPU sets: FreeBSD sys/kern/kern_cpuset.c. Set 0 is the root with every CPU, set 1 its child and the default; numbered sets are made
 * by cpuset(2); an anonymous set (id below 0) is a thread's own mask under its numbered set.
 */

export const CPUSET_ROOT = 0;
export const CPUSET_DEFAULT = 1;

export function retainCpuset(k: Kernel, id: CpusetId): void {
  const set = k.cpuset(id);
  k.state.cpusets.set(id, { ...set, refs: set.refs + 1 });
}

/** The last user takes the set with it; sets 0 and 1 stay. */
export function releaseCpuset(k: Kernel, id: CpusetId): void {
  const set = k.cpuset(id);
  const refs = set.refs - 1;
  if (refs > 0 || id === CPUSET_ROOT || id === CPUSET_DEFAULT) {
    k.state.cpusets.set(id, { ...set, refs });
    return;
  }
  k.state.cpusets.delete(id);
  if (set.parent !== null) releaseCpuset(k, set.parent);
}

/** A set under `parent`, which gains a user; the new set starts with none. */
function newCpuset(k: Kernel, id: CpusetId, parent: CpusetId, mask: number): CpuSet {
  retainCpuset(k, parent);
  const set: CpuSet = { id, parent, mask, refs: 0 };
  k.state.cpusets.set(id, set);
  return set;
}

/** The numbered set of a thread's set: itself, or the one above an anonymous one (cpuset_refbase). */
export function baseSet(k: Kernel, id: CpusetId): CpuSet {
  const set = k.cpuset(id);
  return set.id >= 0 || set.parent === null ? set : baseSet(k, set.parent);
}

/** The root above a set (cpuset_refroot). */
export function rootSet(k: Kernel, id: CpusetId): CpuSet {
  const set = k.cpuset(id);
  return set.parent === null ? set : rootSet(k, set.parent);
}

/** Moves a thread to a set. */
function joinSet(k: Kernel, tid: Tid, id: CpusetId): void {
  const td = k.thread(tid);
  retainCpuset(k, id);
  k.setThread(tid, { cpuset: id });
  releaseCpuset(k, td.cpuset);
}

/** cpuset(2): a new numbered set with all CPUs of the caller's, under the caller's root; the process moves there. */
export function makeSet(k: Kernel, pid: Pid): CpusetId {
  const p = k.proc(pid);
  const first = k.thread(p.threads[0]!);
  const root = rootSet(k, first.cpuset);
  const set = newCpuset(k, k.next('nextCpuset'), root.id, root.mask);
  // A thread's own mask is kept under the new set.
  const error = setProcessSet(k, pid, set.id);
  assert(!error, `set ${set.id} has every CPU of its root`);
  return set.id;
}

/**
 * cpuset_setid(2): a process joins a numbered set. A thread with a mask of its own keeps that under the new set; EDEADLK when it would
 * have no CPU there.
 */
export function setProcessSet(k: Kernel, pid: Pid, id: CpusetId): Errno | 0 {
  const target = k.state.cpusets.get(id);
  if (!target || id < 0) return ESRCH;
  const p = k.proc(pid);
  for (const tid of p.threads) {
    const own = k.cpuset(k.thread(tid).cpuset);
    if (own.id < 0 && (own.mask & target.mask) === 0) return EDEADLK;
  }
  for (const tid of p.threads) {
    const own = k.cpuset(k.thread(tid).cpuset);
    if (own.id >= 0) joinSet(k, tid, id);
    else joinSet(k, tid, newCpuset(k, nextAnonymous(k), id, (own.mask & target.mask) >>> 0).id);
    enforceAffinity(k, tid);
    reportAffinity(k, tid, 'cpuset_setid');
  }
  return 0;
}

function nextAnonymous(k: Kernel): CpusetId {
  const id = k.state.counters.nextAnonCpuset;
  k.setCounters({ nextAnonCpuset: id - 1 });
  return id;
}

/** cpuset_setaffinity(2) on a thread: a mask of its own under its numbered set. EDEADLK when the mask leaves that set. */
export function setThreadMask(k: Kernel, tid: Tid, mask: number): Errno | 0 {
  const base = baseSet(k, k.thread(tid).cpuset);
  if (mask === 0 || (mask & ~base.mask) !== 0) return EDEADLK;
  joinSet(k, tid, newCpuset(k, nextAnonymous(k), base.id, mask >>> 0).id);
  enforceAffinity(k, tid);
  reportAffinity(k, tid, 'cpuset_setaffinity');
  return 0;
}

/** A set of its own for a thread of the kernel's, under the root; the thread is its one user. */
export function boundSet(k: Kernel, mask: number): CpusetId {
  const set = newCpuset(k, nextAnonymous(k), CPUSET_ROOT, mask);
  retainCpuset(k, set.id);
  return set.id;
}

/** The CPUs that were taken out for good. */
export function deadMask(k: Kernel): number {
  return k.state.cpus.reduce((mask, cpu) => (cpu.dead ? mask | cpuBit(cpu.cpu) : mask), 0) >>> 0;
}

/**
 * cpuset_setaffinity(2) on a numbered set: all sets below follow. EPERM on the root set, EINVAL when the mask leaves the parent,
 * EDEADLK when a set below would become empty (or have only dead CPUs). FreeBSD cpuset_modify, cpuset_testupdate.
 */
export function setSetMask(k: Kernel, id: CpusetId, mask: number): Errno | 0 {
  const set = k.cpuset(id);
  if (set.parent === null) return EPERM;
  if (mask === 0) return EDEADLK;
  const parent = k.cpuset(set.parent);
  if ((mask & ~parent.mask) !== 0) return EINVAL;
  const below = descendants(k, id);
  const dead = deadMask(k);
  if ((mask & ~dead) === 0) return EDEADLK;
  for (const child of below) if ((child.mask & mask & ~dead) === 0) return EDEADLK;
  k.state.cpusets.set(id, { ...set, mask: mask >>> 0 });
  for (const child of below) k.state.cpusets.set(child.id, { ...k.cpuset(child.id), mask: (child.mask & mask) >>> 0 });
  const changed = new Set([id, ...below.map((child) => child.id)]);
  for (const td of [...k.state.threads.values()].sort((a, b) => a.tid - b.tid)) {
    if (!changed.has(td.cpuset)) continue;
    enforceAffinity(k, td.tid);
    reportAffinity(k, td.tid, `set ${id}`);
  }
  return 0;
}

function descendants(k: Kernel, id: CpusetId): CpuSet[] {
  const found: CpuSet[] = [];
  for (const set of k.state.cpusets.values()) {
    if (set.parent === id) found.push(set, ...descendants(k, set.id));
  }
  return found.sort((a, b) => a.id - b.id);
}

export function reportAffinity(k: Kernel, tid: Tid, why: string): void {
  const td = k.thread(tid);
  k.emit({ kind: 'affinity', pid: td.pid, tid, cpus: cpusOf(k.cpuset(td.cpuset).mask), why });
}

/**
 * A CPU is taken out for good: it leaves every set. A set that would become empty falls back to the healthy CPUs of the set above, and
 * the log says so. Returns the threads whose sets changed.
 */
export function removeCpuFromSets(k: Kernel, cpu: number): Tid[] {
  const changed = new Set<CpusetId>();
  const root = k.cpuset(CPUSET_ROOT);
  k.state.cpusets.set(root.id, { ...root, mask: (root.mask & ~cpuBit(cpu)) >>> 0 });
  changed.add(root.id);
  // Parents first: descendants come in order of depth.
  const visit = (parent: CpuSet): void => {
    const children = [...k.state.cpusets.values()]
      .filter((set) => set.parent === parent.id)
      .sort((a, b) => a.id - b.id);
    for (const child of children) {
      if (hasCpu(child.mask, cpu)) {
        let mask = (child.mask & ~cpuBit(cpu)) >>> 0;
        if (mask === 0) {
          mask = k.cpuset(parent.id).mask;
          const name = child.id >= 0 ? `cpuset ${child.id}` : `the affinity of ${ownersOf(k, child.id)}`;
          k.log(
            `${name} had only CPU ${cpu}, which has failed: it falls back to ${cpusOf(mask).join(', ') || 'no CPU'}`,
          );
        }
        k.state.cpusets.set(child.id, { ...child, mask });
        changed.add(child.id);
      }
      visit(k.cpuset(child.id));
    }
  };
  visit(root);
  const tids = [...k.state.threads.values()].filter((td) => changed.has(td.cpuset)).map((td) => td.tid);
  return tids.sort((a, b) => a - b);
}

/** Another CPU takes the place of one that is taken out, in every set that has it. Returns the threads whose sets changed. */
export function replaceCpuInSets(k: Kernel, gone: number, by: number): Tid[] {
  const changed = new Set<CpusetId>();
  for (const set of [...k.state.cpusets.values()]) {
    if (!hasCpu(set.mask, gone)) continue;
    k.state.cpusets.set(set.id, { ...set, mask: ((set.mask & ~cpuBit(gone)) | cpuBit(by)) >>> 0 });
    changed.add(set.id);
  }
  const tids = [...k.state.threads.values()].filter((td) => changed.has(td.cpuset)).map((td) => td.tid);
  return tids.sort((a, b) => a - b);
}

function ownersOf(k: Kernel, id: CpusetId): string {
  const owners = [...k.state.threads.values()].filter((td) => td.cpuset === id).sort((a, b) => a.tid - b.tid);
  return owners.map((td) => `${td.name}[${td.pid}]`).join(', ') || `set ${id}`;
}
