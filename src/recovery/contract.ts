import { assert } from '../../emu/base/errors.ts';
import type { Pid, Tid } from '../../kernel-sim/abi/ids.ts';
import { PSL_USERCHANGE } from '../../kernel-sim/abi/ptrace.ts';
import type { Reg, RegField } from '../../kernel-sim/abi/reg.ts';
import { readCore } from '../../kernel-sim/elf/core-file.ts';
import { cpusOf } from '../../kernel-sim/kern/cpumask.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import { INIT_PID } from '../../kernel-sim/kern/proc.ts';
import { userRegs } from '../../kernel-sim/kern/regs.ts';
import type { Proc } from '../../kernel-sim/kern/state.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import type { System } from '../system.ts';

/*
 * What a recovery owes to the process that it brings back, and to the machine. Watched from outside while the run goes on, from events
 * and the kernel's own records: at the moment of recovery, and whenever the scheduler gives the process a core after that.
 */

/** What a lost process had, and has to have again. */
interface Owed {
  readonly nice: number;
  readonly priClass: number;
  readonly basePri: number;
  /** CPUs on which it may run; null: those it had have all died, and what it falls back to is not its own choice. */
  readonly cpus: readonly number[] | null;
  readonly parent: number;
  readonly signals: readonly number[];
  /** Guest path of the checkpoint; '' when none is used. */
  readonly file: string;
}

const COMPARED = [
  'r_eax',
  'r_ecx',
  'r_edx',
  'r_ebx',
  'r_esp',
  'r_ebp',
  'r_esi',
  'r_edi',
  'r_eip',
] as const satisfies readonly RegField[];

/** Watches a system from now on; `violations` grows while it runs. */
export class ContractMonitor {
  /** One line for each breach, in order. */
  readonly violations: string[] = [];
  private readonly system: System;
  private readonly k: Kernel;
  /** Lost, not yet back. */
  private readonly lost = new Map<Pid, Owed>();
  /** Back: what still has to be so when it runs. */
  private readonly kept = new Map<Pid, Owed>();
  /** Instructions that a core had retired when it was taken out. */
  private readonly removed = new Map<number, number>();

  constructor(system: System) {
    this.system = system;
    this.k = system.kernel;
    system.onEvent((event) => {
      this.see(event);
    });
  }

  /** To be called when the run is over: what can only be told then. */
  finish(): readonly string[] {
    for (const [core, retired] of this.removed) {
      const more = this.system.machine.cores[core]!.retired - retired;
      if (more > 0) this.report(`dead core ${core} has retired ${more} instructions after it was taken out`);
    }
    return this.violations;
  }

  private see(event: TraceEvent): void {
    switch (event.kind) {
      case 'core-removed':
        this.removed.set(event.victim, this.system.machine.cores[event.victim]!.retired);
        for (const pid of this.owing())
          this.amend(pid, (owed) => ({ ...owed, cpus: without(owed.cpus, event.victim, event.replacedBy) }));
        return;
      case 'migrate':
        if (this.removed.has(event.to)) this.report(`pid ${event.pid} was queued on dead core ${event.to}`);
        return;
      case 'switch':
        if (event.pid === 0) return;
        if (this.removed.has(event.core)) this.report(`dead core ${event.core} was given pid ${event.pid}`);
        this.checkKept(event.pid);
        return;
      case 'recovery-start':
        this.loses(event.pid, event.file);
        return;
      case 'recovery-done':
        this.checkRecovered(event.pid);
        return;
      case 'recovery-failed':
        this.lost.delete(event.pid);
        return;
      case 'priority':
        this.amend(event.pid, (owed) => ({ ...owed, nice: event.nice, priClass: this.k.thread(event.tid).priClass }));
        return;
      case 'affinity':
        if (event.why !== 'recovered') this.amend(event.pid, (owed) => ({ ...owed, cpus: event.cpus }));
        return;
      case 'exit':
        this.kept.delete(event.pid);
        for (const pid of this.owing()) {
          this.amend(pid, (owed) => (owed.parent === event.pid ? { ...owed, parent: INIT_PID } : owed));
        }
        return;
      default:
        return;
    }
  }

  private report(text: string): void {
    if (!this.violations.includes(text)) this.violations.push(text);
  }

  private owing(): Pid[] {
    return [...this.lost.keys(), ...this.kept.keys()];
  }

  /** The process itself, or somebody who may, has changed what it has. */
  private amend(pid: Pid, change: (owed: Owed) => Owed): void {
    for (const table of [this.lost, this.kept]) {
      const owed = table.get(pid);
      if (owed) table.set(pid, change(owed));
    }
  }

  /** One that is on its way back already is taken back further: it is owed what it was before. */
  private loses(pid: Pid, file: string): void {
    const p = this.k.findProc(pid);
    // One that had ended lives again with its tree: nobody knows what it had.
    if (!p || p.state === 'zombie') return;
    const before = p.state === 'lost' ? this.lost.get(pid) : undefined;
    this.lost.set(pid, before ? { ...before, file } : this.owedTo(pid, file));
  }

  private owedTo(pid: Pid, file: string): Owed {
    const p = this.k.proc(pid);
    const td = this.k.thread(p.threads[0]!);
    return {
      nice: p.nice,
      priClass: td.priClass,
      basePri: td.basePri,
      cpus: cpusOf(this.k.cpuset(td.cpuset).mask),
      parent: p.realParent || p.ppid,
      signals: signalsOf(this.k, p),
      file,
    };
  }

  private checkRecovered(pid: Pid): void {
    const owed = this.lost.get(pid);
    this.lost.delete(pid);
    const p = this.k.findProc(pid);
    if (!p || p.threads.length === 0) {
      this.report(`pid ${pid} is said to be recovered, but there is no such process`);
      return;
    }
    if (!owed) return;
    const td = this.k.thread(p.threads[0]!);
    if (td.basePri !== owed.basePri)
      this.report(`pid ${pid} has lost its priority: ${td.basePri} instead of ${owed.basePri}`);
    const now = signalsOf(this.k, p);
    for (const signo of owed.signals)
      if (!now.includes(signo)) this.report(`pid ${pid} has lost pending signal ${signo}`);
    if (owed.file !== '') this.checkContents(pid, p, td.tid, owed.file);
    this.kept.set(pid, owed);
    this.checkKept(pid);
  }

  /** What is owed whenever it runs. */
  private checkKept(pid: Pid): void {
    const owed = this.kept.get(pid);
    if (!owed) return;
    const p = this.k.proc(pid);
    const td = this.k.thread(p.threads[0]!);
    const cpus = cpusOf(this.k.cpuset(td.cpuset).mask);
    const parent = p.realParent || p.ppid;
    if (p.nice !== owed.nice) this.report(`pid ${pid} has lost its nice value: ${p.nice} instead of ${owed.nice}`);
    if (td.priClass !== owed.priClass)
      this.report(`pid ${pid} has lost its priority class: ${td.priClass} instead of ${owed.priClass}`);
    if (owed.cpus && cpus.join() !== owed.cpus.join())
      this.report(`pid ${pid} has lost its affinity: ${cpus} instead of ${owed.cpus}`);
    // A debugger may have come since.
    if (!p.traced && parent !== owed.parent)
      this.report(`pid ${pid} has lost its parent: ${parent} instead of ${owed.parent}`);
  }

  /** Memory and registers are those of the checkpoint, byte for byte. */
  private checkContents(pid: Pid, p: Proc, tid: Tid, file: string): void {
    const bytes = readFile(this.k, file);
    assert(typeof bytes !== 'number', `checkpoint ${file} has gone while it was restored`);
    const core = readCore(bytes);
    const space = this.k.space(p.vmspace);
    for (const { vaddr, data } of core.segments) {
      for (let at = 0; at < data.length; at += 4096) {
        const wanted = data.subarray(at, at + 4096);
        const page = (vaddr + at) >>> 12;
        const found = space.isResident(page) ? space.peek(vaddr + at, wanted.length) : new Uint8Array(wanted.length);
        if (!equal(found, wanted))
          this.report(`pid ${pid}: page 0x${page.toString(16)}000 is not as in checkpoint ${file}`);
      }
    }
    const saved = core.threads[0]!.reg;
    const now = userRegs(this.k, tid);
    for (const field of COMPARED) this.checkRegister(pid, field, now[field], saved[field], file);
    // The bits that a user may change: RF, for one, is set in a checkpoint after a page fault and not restored.
    const flags = (reg: Reg): number => reg.r_eflags & PSL_USERCHANGE;
    this.checkRegister(pid, 'r_eflags', flags(now), flags(saved), file);
  }

  private checkRegister(pid: Pid, field: RegField, now: number, saved: number, file: string): void {
    if (now === saved) return;
    this.report(
      `pid ${pid}: ${field.slice(2)} is 0x${now.toString(16)}, in checkpoint ${file} 0x${saved.toString(16)}`,
    );
  }
}

function signalsOf(k: Kernel, p: Proc): number[] {
  const queues = [p.sigqueue, ...p.threads.map((tid) => k.thread(tid).sigqueue)];
  return queues.flatMap((queue) => queue.map(({ signo }) => signo));
}

function without(cpus: readonly number[] | null, dead: number, replacedBy: number): readonly number[] | null {
  const left = cpus?.filter((cpu) => cpu !== dead) ?? [];
  if (replacedBy >= 0 && cpus?.includes(dead)) return [...left, replacedBy].sort((a, b) => a - b);
  return left.length > 0 ? left : null;
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, n) => byte === b[n]);
