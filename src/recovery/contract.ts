import { stopsForGood } from '../../emu/faults/plan.ts';
import type { Pid, Tid } from '../../kernel-sim/abi/ids.ts';
import { cpuBit, cpusOf } from '../../kernel-sim/kern/cpumask.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import type { System } from '../system.ts';

interface KnownProcess {
  readonly nice: number;
  readonly parent: number;
}

interface KnownThread {
  readonly pid: number;
  readonly priClass: number;
  readonly mask: number;
}

/**
 * Watches a system for what recovery promises, at every scheduling event: a process that comes back keeps its parent, nice value,
 * priority class and CPU set (less the dead cores, or with a spare in the place of one), and nothing runs on a dead core.
 * What a program changes itself, by system calls that have an event of their own, is learnt anew.
 */
export class ContractWatch {
  /** One sentence for each breach. */
  readonly breaches: string[] = [];
  private readonly k: Kernel;
  private readonly processes = new Map<number, KnownProcess>();
  private readonly threads = new Map<Tid, KnownThread>();
  private readonly dead = new Set<number>();

  constructor(system: System) {
    this.k = system.kernel;
    system.onEvent((event) => this.see(event));
  }

  private see(event: TraceEvent): void {
    switch (event.kind) {
      case 'switch':
        if (event.pid !== 0) this.check(event.pid, event.tid, event.core, event.ns);
        return;
      case 'core-fault':
        if (stopsForGood(event.model)) this.dead.add(event.victim);
        return;
      case 'core-removed':
        this.removed(event.victim, event.replacedBy);
        return;
      case 'priority':
        this.processes.delete(event.pid);
        this.threads.delete(event.tid);
        return;
      case 'affinity':
        // The reasons of cpuset(2) and its kin; those of a removed core and of a recovery are what is watched.
        if (/^(cpuset|set )/.test(event.why)) this.threads.delete(event.tid);
        return;
      case 'exit':
        this.ended(event.pid);
        return;
      case 'discard':
        this.ended(event.pid);
        return;
      default:
        return;
    }
  }

  /** Its children have another parent now, and its pid may be given out again. */
  private ended(pid: number): void {
    this.processes.delete(pid);
    for (const [tid, td] of this.threads) if (td.pid === pid) this.threads.delete(tid);
    for (const [child, { parent }] of this.processes) if (parent === pid) this.processes.delete(child);
  }

  private removed(victim: number, replacedBy: number): void {
    this.dead.add(victim);
    for (const [tid, td] of this.threads) {
      if ((td.mask & cpuBit(victim)) === 0) continue;
      const left = (td.mask & ~cpuBit(victim)) >>> 0;
      const mask = replacedBy < 0 ? left : (left | cpuBit(replacedBy)) >>> 0;
      // An empty set falls back to the one above it.
      if (mask === 0) this.threads.delete(tid);
      else this.threads.set(tid, { ...td, mask });
    }
  }

  private check(pid: Pid, tid: Tid, core: number, ns: number): void {
    const breach = (what: string): void => void this.breaches.push(`${ns} ns: pid ${pid}, thread ${tid}: ${what}`);
    if (this.dead.has(core)) breach(`runs on core ${core}, which is dead`);
    const p = this.k.proc(pid);
    const td = this.k.thread(tid);
    if (p.native || p.system) return;
    const { mask } = this.k.cpuset(td.cpuset);
    if ((mask & cpuBit(core)) === 0) breach(`runs on core ${core}, outside its CPU set ${cpusOf(mask).join(',')}`);
    const known = this.processes.get(pid);
    const before = this.threads.get(tid);
    const parent = p.traced ? (known?.parent ?? p.ppid) : p.ppid;
    if (known && known.nice !== p.nice) breach(`nice ${known.nice} has become ${p.nice}`);
    if (known && known.parent !== parent) breach(`parent ${known.parent} has become ${parent}`);
    if (before && before.priClass !== td.priClass)
      breach(`priority class ${before.priClass} has become ${td.priClass}`);
    if (before && before.mask !== mask)
      breach(`CPU set ${cpusOf(before.mask).join(',')} has become ${cpusOf(mask).join(',')}`);
    this.processes.set(pid, { nice: p.nice, parent });
    this.threads.set(tid, { pid, priClass: td.priClass, mask });
  }
}
