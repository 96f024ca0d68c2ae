import type { CpuId } from '../../emu/base/brand.ts';
import { Prng } from '../../emu/base/prng.ts';
import { CR2, EIP, EXIT_ERROR_CODE, EXIT_VECTOR } from '../../emu/core/core-state.ts';
import {
  type EngineExit,
  EXIT_SYSCALL,
  PF_WRITE,
  VECTOR_AC,
  VECTOR_BP,
  VECTOR_BR,
  VECTOR_DB,
  VECTOR_DE,
  VECTOR_GP,
  VECTOR_MF,
  VECTOR_NM,
  VECTOR_NP,
  VECTOR_OF,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  VECTOR_UD,
  VECTOR_XM,
} from '../../emu/core/engine.ts';
import type { Guest, MachineCheck } from '../../emu/faults/world.ts';
import type { Core, TrapHandler } from '../../emu/machine/machine.ts';
import type { AddressSpace } from '../../emu/memory/address-space.ts';
import type { Signo, Tid } from '../abi/ids.ts';
import { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP } from '../abi/signal.ts';
import { CONSOLE } from '../tty/tty.ts';
import { consoleIsRead } from '../vfs/console.ts';
import { vmFault } from '../vm/fault.ts';
import { checkpointAll } from './checkpoint.ts';
import { hasCpu } from './cpumask.ts';
import { chargeCopy, copyAgrees, copyDiverged, leaveCopy, levelCopy, runCopy } from './duplicate.ts';
import { copyMismatch } from './duplicate-mismatch.ts';
import { takeFloatTrap } from './float-trap.ts';
import { checkInvariants } from './invariants.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { machineCheck } from './machine-check.ts';
import { type NativePrograms, runNative } from './native.ts';
import { INIT_PID } from './proc.ts';
import { faultInterrupt } from './recovery.ts';
import { fxsaveOf, setTrapFlag } from './regs.ts';
import {
  allowedCpus,
  balance,
  balanceDelayNs,
  canChooseThread,
  chooseThread,
  enterCore,
  statTick,
  yieldCore,
} from './sched.ts';
import { STAT_TICK_NS } from './sched-priority.ts';
import { beginSelfTests, endSelfTest } from './self-test.ts';
import { deliverSignals, haltThread, sigInfo, trapsignal } from './signal.ts';
import { wakeThread } from './sleep.ts';
import { makeSystemCall, syscallEnter, syscallResume } from './syscall.ts';
import { chargeItimers, hasCpuTimers, nextAlarmNs, runAlarms } from './timer.ts';

/** Vector to (signal, si_code, T_ number): FreeBSD 9.1 i386/trap.c (freebsd-i386-abi.md, F.4). */
const TRAPS = new Map<number, readonly [signo: Signo, code: number, trapno: number]>([
  [VECTOR_DE, [SIGFPE, 2, 18]],
  [VECTOR_DB, [SIGTRAP, 2, 10]],
  [VECTOR_BP, [SIGTRAP, 1, 3]],
  [VECTOR_OF, [SIGFPE, 1, 20]],
  [VECTOR_BR, [SIGFPE, 8, 21]],
  [VECTOR_UD, [SIGILL, 5, 1]],
  [VECTOR_NM, [SIGILL, 7, 22]],
  [VECTOR_TS, [SIGBUS, 3, 25]],
  [VECTOR_NP, [SIGBUS, 2, 26]],
  [VECTOR_SS, [SIGBUS, 2, 27]],
  [VECTOR_GP, [SIGBUS, 3, 9]],
  [VECTOR_MF, [SIGFPE, 7, 6]],
  [VECTOR_AC, [SIGBUS, 1, 14]],
  [VECTOR_XM, [SIGFPE, 0, 29]],
]);
const T_PAGEFLT = 12;
const SEGV_MAPERR = 1;
const SEGV_ACCERR = 2;
/** FreeBSD IDT_IO_INTS: the vector of the first interrupt request. */
const FIRST_IRQ_VECTOR = 32;
/** Legacy si_code of a protection fault (UCODE of old binaries). */
const BUS_PAGE_FAULT = 12;
/** P_OSREL_SIGSEGV: programs built for an older system, or without an ABI note, get SIGBUS for a protection fault. */
const OSREL_SIGSEGV = 700004;

/** The kernel as the machine sees it: what happens at each trap, timer and interrupt. */
export class KernelTrapHandler implements TrapHandler {
  private readonly k: Kernel;
  private readonly programs: NativePrograms;

  constructor(k: Kernel, programs: NativePrograms) {
    this.k = k;
    this.programs = programs;
  }

  prepare(core: Core): AddressSpace | null | 'again' {
    const { k } = this;
    k.current = core;
    try {
      return this.choose(core);
    } finally {
      k.current = null;
    }
  }

  private choose(core: Core): AddressSpace | null | 'again' {
    const { k } = this;
    for (;;) {
      const cpu = k.cpu(core.id);
      if (cpu.dead) return null;
      if (cpu.current === 0) {
        const td = chooseThread(k, core);
        if (!td) {
          this.reportIdle(core);
          return null;
        }
        enterCore(k, core, td);
        this.spend(core, k.config.costs.contextSwitchInstructions);
        continue;
      }
      const tid = cpu.current;
      const td = k.thread(tid);
      const isStopped = k.proc(td.pid).stopped !== 'no';
      const isAllowed = hasCpu(allowedCpus(k, td), core.id);
      if (cpu.needResched || !isAllowed) {
        k.setCpu(core.id, { needResched: false });
        const leaves = cpu.load > 1 || !isAllowed;
        if (leaves && !isStopped) {
          yieldCore(k, core, cpu.preempted === true);
          continue;
        }
        if (leaves && td.pending) {
          // The rest of its call waits for the process to be continued, not in a queue. (Without a call it halts below.)
          haltThread(k, core);
          continue;
        }
      }
      if (td.pending) {
        syscallResume(k, core, tid);
        continue;
      }
      if (td.ast || isStopped) {
        if (!this.settleCopy(core, tid)) continue;
        if (deliverSignals(k, core, tid) && k.thread(tid).atCallEntry) makeSystemCall(k, core, tid);
        continue;
      }
      const p = k.proc(td.pid);
      if (p.native) {
        this.spend(core, k.config.costs.syscallInstructions);
        runNative(k, core, tid, this.programs);
        return 'again';
      }
      if (copyDiverged(k, tid)) {
        copyMismatch(k, core, tid);
        continue;
      }
      levelCopy(k, tid);
      return k.space(p.vmspace);
    }
  }

  goesOn(core: Core): AddressSpace | null | undefined {
    const { k } = this;
    const cpu = k.cpu(core.id);
    if (cpu.dead) return null;
    if (cpu.current === 0) return cpu.idle && !canChooseThread(k, core.id) ? null : undefined;
    const td = k.thread(cpu.current);
    const p = k.proc(td.pid);
    const isUndisturbed = !cpu.needResched && !td.pending && !td.ast && p.stopped === 'no';
    if (!isUndisturbed || p.native || k.config.duplicate || hasCpuTimers(p)) return undefined;
    return hasCpu(allowedCpus(k, td), core.id) ? k.space(p.vmspace) : undefined;
  }

  /** The kernel is about to act on the process. False when it differs from its copy: then it is lost, or back where it was. */
  private settleCopy(core: Core, tid: Tid): boolean {
    const { k } = this;
    if (copyAgrees(k, tid)) {
      leaveCopy(k, k.proc(k.thread(tid).pid).vmspace);
      return true;
    }
    copyMismatch(k, core, tid);
    return false;
  }

  ran(core: Core, exit: EngineExit): void {
    runCopy(this.k, core, exit);
  }

  private reportIdle(core: Core): void {
    if (this.k.cpu(core.id).idle) return;
    this.k.setCpu(core.id, { idle: true });
    this.k.emit({ kind: 'switch', pid: 0 as never, tid: 0 as never, name: 'idle' });
  }

  charge(core: Core, ns: number): void {
    const { k } = this;
    chargeCopy(k, core, ns);
    const tid = k.cpu(core.id).current;
    if (tid === 0) return;
    const td = k.thread(tid);
    k.state.threads.set(tid, { ...td, userNs: td.userNs + ns });
    const [user, nice, system, interrupt, idle] = k.cpu(core.id).cpTimes;
    const p = k.proc(td.pid);
    const isNice = p.nice > 0;
    k.setCpu(core.id, {
      cpTimes: isNice ? [user, nice + ns, system, interrupt, idle] : [user + ns, nice, system, interrupt, idle],
    });
    chargeItimers(k, p, ns, 0);
  }

  /** The kernel's own work on a core, counted as so many instructions' time. */
  private spend(core: KernelCore, instructions: number): void {
    const { k } = this;
    const ns = instructions * k.config.cycleNs * core.slowdown;
    core.clockNs += ns;
    const cpu = k.cpu(core.id);
    const [user, nice, system, interrupt, idle] = cpu.cpTimes;
    k.setCpu(core.id, { cpTimes: [user, nice, system + ns, interrupt, idle] });
    if (cpu.current === 0) return;
    const td = k.thread(cpu.current);
    k.state.threads.set(td.tid, { ...td, systemNs: td.systemNs + ns });
    chargeItimers(k, k.proc(td.pid), 0, ns);
  }

  trap(core: Core, exit: EngineExit): void {
    const { k } = this;
    k.current = core;
    try {
      const tid = k.cpu(core.id).current as Tid;
      this.spend(core, k.config.costs.syscallInstructions);
      if (!this.settleCopy(core, tid)) return;
      if (k.proc(k.thread(tid).pid).system) this.selfTested(core, exit);
      else if (exit === EXIT_SYSCALL) syscallEnter(k, core, tid);
      else this.exception(core, tid);
      // Made as soon as possible: what strikes before that strikes both.
      if (k.cpu(core.id).current === tid && !k.thread(tid).pending && !k.thread(tid).ast) levelCopy(k, tid);
    } finally {
      k.current = null;
    }
  }

  private selfTested(core: Core, exit: EngineExit): void {
    const verdict = endSelfTest(this.k, core, exit);
    if (verdict.kind === 'unsound') faultInterrupt(this.k, { core, by: 'self-test', ...verdict });
  }

  private exception(core: Core, tid: Tid): void {
    const { k } = this;
    const regs = core.state.i32;
    const vector = regs[EXIT_VECTOR]!;
    const td = k.thread(tid);
    if (vector === VECTOR_PF) {
      const address = regs[CR2]! >>> 0;
      const p = k.proc(td.pid);
      const outcome = vmFault(k, p.vmspace, address, (regs[EXIT_ERROR_CODE]! & PF_WRITE) !== 0);
      if (outcome === 'mapped') k.setThread(tid, { minorFaults: td.minorFaults + 1 });
      if (outcome === 'mapped' || outcome === 'no-memory') return;
      const protection = outcome === 'protection';
      const old = protection && p.osrel < OSREL_SIGSEGV;
      const code = old ? BUS_PAGE_FAULT : protection ? SEGV_ACCERR : SEGV_MAPERR;
      trapsignal(k, tid, sigInfo(old ? SIGBUS : SIGSEGV, { code, addr: address, trapno: T_PAGEFLT }));
      return;
    }
    if (vector === VECTOR_DB) setTrapFlag(k, tid, false);
    const [signo, code, trapno] = TRAPS.get(vector) ?? [SIGBUS, 3, 30];
    const detail = vector === VECTOR_MF ? takeFloatTrap(fxsaveOf(k, tid)) : code;
    trapsignal(k, tid, sigInfo(signo, { code: detail, addr: regs[EIP]! >>> 0, trapno }));
  }

  // ---- time ------------------------------------------------------------------------------------------------------------

  nextTimerNs(): number {
    const { k } = this;
    let next = Math.min(k.nextDeadlineNs(), nextAlarmNs(k));
    const { nextStatTickNs, nextBalanceNs, nextCheckpointNs } = k.state.counters;
    if (k.state.cpus.some((cpu) => !cpu.dead && cpu.load > 0)) next = Math.min(next, nextStatTickNs, nextBalanceNs);
    if (k.config.selfTest && k.state.cpus.some((cpu) => !cpu.dead && cpu.load > 0))
      next = Math.min(next, k.state.counters.nextSelfTestNs);
    // When nothing else is due, checkpoints of processes that never change would go on for ever.
    if (k.config.checkpointEveryNs > 0 && next !== Number.POSITIVE_INFINITY) next = Math.min(next, nextCheckpointNs);
    return next;
  }

  timers(nowNs: number): void {
    const { k } = this;
    k.clockNs = nowNs;
    if (k.nextDeadlineNs() <= nowNs) {
      const due = [...k.state.threads.values()]
        .filter(({ sleep }) => sleep?.deadlineNs != null && sleep.deadlineNs <= nowNs)
        .sort((a, b) => a.sleep!.deadlineNs! - b.sleep!.deadlineNs! || a.tid - b.tid);
      for (const td of due) wakeThread(k, k.thread(td.tid), 'timeout');
    }
    runAlarms(k, nowNs);
    const { counters } = k.state;
    if (counters.nextStatTickNs <= nowNs) {
      statTick(k);
      const passed = Math.floor((nowNs - counters.nextStatTickNs) / STAT_TICK_NS) + 1;
      k.setCounters({ nextStatTickNs: counters.nextStatTickNs + passed * STAT_TICK_NS });
    }
    if (counters.nextBalanceNs <= nowNs) {
      balance(k);
      const prng = Prng.seeded(k.config.seed, 0x20000 + Math.floor(nowNs / 1e6));
      k.setCounters({ nextBalanceNs: nowNs + balanceDelayNs(prng.next()) });
    }
    if (k.config.selfTest && counters.nextSelfTestNs <= nowNs) {
      beginSelfTests(k);
      k.setCounters({ nextSelfTestNs: nowNs + k.config.selfTest.periodNs });
    }
    if (k.config.checkpointEveryNs > 0 && counters.nextCheckpointNs <= nowNs) {
      checkpointAll(k);
      k.setCounters({ nextCheckpointNs: nowNs + k.config.checkpointEveryNs });
    }
  }

  hasWork(core: Core): boolean {
    const { cpus } = this.k.state;
    const own = cpus[core.id]!;
    if (own.dead) return false;
    return own.load > 0 || cpus.some((cpu) => !cpu.dead && cpu.load >= 2);
  }

  faultInterrupt(on: Core, victim: Core, misses: number, nowNs: number): void {
    this.k.current = on;
    try {
      faultInterrupt(this.k, { core: victim, by: 'heartbeat', permanent: true, misses, noticedNs: nowNs });
    } finally {
      this.k.current = null;
    }
  }

  /**
   * FreeBSD's handler (x86/mca.c) logs what the bank says, and panics unless the hardware has corrected the error. Differs: only the
   * core that met the error and what it ran are concerned, and the recovery policy says how.
   */
  machineCheck(on: Core, victim: Core, { bank, status, address }: MachineCheck, nowNs: number): void {
    const { k } = this;
    k.current = on;
    try {
      k.log(`MCA: Bank ${bank}, Status 0x${status.replace(/^0x/, '')}`);
      k.log(`MCA: CPU ${victim.id}${address === '' ? '' : `, Address 0x${address.replace(/^0x/, '')}`}`);
      machineCheck(k, victim, { status, address }, nowNs);
    } finally {
      k.current = null;
    }
  }

  /** FreeBSD logs an interrupt without a handler and returns from it. Differs: it does so for every one, not for the first five. */
  strayInterrupt({ id }: { readonly id: CpuId }, vector: number): void {
    const { k } = this;
    const core = k.cores[id]!;
    const outer = k.current;
    k.current = core;
    core.clockNs = Math.max(core.clockNs, k.clockNs);
    this.spend(core, k.config.costs.syscallInstructions);
    k.log(`stray irq${vector - FIRST_IRQ_VECTOR}`);
    k.current = outer;
  }

  guestOn({ id }: { readonly id: CpuId }): Guest | null {
    const { k } = this;
    const tid = k.cpu(id).current;
    if (tid === 0) return null;
    const p = k.proc(k.thread(tid).pid);
    return p.native ? null : { name: p.comm, space: k.space(p.vmspace) };
  }

  guestNamed(name: string): AddressSpace | null {
    const { k } = this;
    const named = [...k.state.procs.values()].filter((p) => p.comm === name && p.vmspace !== 0 && !p.native);
    const oldest = named.sort((a, b) => a.pid - b.pid)[0];
    return oldest ? k.space(oldest.vmspace) : null;
  }

  inService({ id }: { readonly id: CpuId }): boolean {
    return !this.k.cpu(id).dead;
  }

  processName(core: { readonly id: CpuId }): string {
    const tid = this.k.cpu(core.id).current;
    return tid === 0 ? '' : this.k.proc(this.k.thread(tid).pid).comm;
  }

  finished(): string | null {
    for (const { pid, system } of this.k.state.procs.values()) if (pid !== INIT_PID && !system) return null;
    return 'every process has ended';
  }

  waitsForInput(): boolean {
    // A key may be one that stands for a signal.
    const { session, inputEnded } = this.k.tty(CONSOLE);
    return (session !== 0 && !inputEnded) || consoleIsRead(this.k);
  }

  checkInvariants(): void {
    checkInvariants(this.k);
  }
}
