import { type CpuId, cpuId } from '../base/brand.ts';
import { assert } from '../base/errors.ts';
import { CoreState, type DescriptorTables } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import type { FaultPlan, FaultSpec } from '../faults/plan.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { MachineEvent } from './events.ts';
import { DEFAULT_FAULT_GENERATOR, FaultGenerator, type FaultGeneratorConfig } from './fault-generator.ts';
import { DEFAULT_SCHEDULE, Schedule, type ScheduleConfig } from './schedule.ts';

/** One core as the machine sees it. */
export interface Core {
  readonly id: CpuId;
  readonly state: CoreState;
  /** Instructions retired since power-on. */
  retired: number;
  /** The core's own virtual time in ns, ahead of the machine's by at most what it did in this round. */
  clockNs: number;
  /** Earliest time at which an idle core may start on what was given to it. */
  wakeNs: number;
  /** Fail-stop: it retires nothing and answers nobody, for good. */
  failed: boolean;
  failedAtNs: number;
  /** When its first fault that nobody has noticed yet struck, in ns and in retired instructions; null: none. */
  struck: { readonly ns: number; readonly instruction: number } | null;
}

/** The kernel, as the machine calls it. emu defines it, kernel-sim implements it. */
export interface TrapHandler {
  /**
   * Called before a core runs: gives the address space of the thread to run (the core's state is loaded), null when the core is idle,
   * or 'again' when the handler has spent time of the core on work of its own and wants to be asked again.
   */
  prepare(core: Core): AddressSpace | null | 'again';
  /** The core has retired `instructions` in user mode, from `core.clockNs` before to now. */
  charge(core: Core, instructions: number): void;
  /** The core stopped with a system call or an exception. The handler may move `core.clockNs` on for the kernel's own work. */
  trap(core: Core, exit: EngineExit): void;
  /** Virtual time of the kernel's next timer; Infinity when it has none. */
  nextTimerNs(): number;
  /** Runs every timer that is due at `nowNs`. */
  timers(nowNs: number): void;
  /** True when the core has, or will have at once, something to run. */
  hasWork(core: Core): boolean;
  /** The fault interrupt, taken by `on`: `victim` has not answered so many polls. */
  faultInterrupt(on: Core, victim: Core, misses: number, nowNs: number): void;
  /** Name of the process whose thread the core runs; '' when idle. */
  processName(core: Core): string;
  /** Why the run is over, or null. */
  finished(): string | null;
  /** True while a process waits for the host to type something. */
  waitsForInput(): boolean;
  /** Called between rounds and traps when the machine runs in paranoid mode: throws on a broken invariant. */
  checkInvariants(): void;
}

export interface MachineConfig {
  readonly cores: number;
  /** Duration of one instruction in ns; an integer. 10 is 100 MHz. */
  readonly cycleNs: number;
  readonly schedule?: ScheduleConfig;
  readonly faultGenerator?: FaultGeneratorConfig;
  readonly faults?: FaultPlan;
  /** Checks every invariant after every round and trap: slow, for tests. */
  readonly paranoid?: boolean;
}

export const CORES_MAX = 32;
/** What an engine takes at most in one run. */
const BUDGET_MAX = 0x7fffffff;

export interface RunLimits {
  /** Stop at this virtual time. */
  readonly untilNs?: number;
  /** Stop when all cores together have retired so many instructions since power-on. */
  readonly instructions?: number;
  /** Return with 'paused' after the round in which this time has come: the run goes on as if it had never stopped. */
  readonly pauseNs?: number;
}

export type StopReason =
  /** The handler said so; `detail` is what it said. */
  | 'finished'
  | 'time-limit'
  | 'instruction-limit'
  | 'paused'
  /** Every core has failed. */
  | 'no-healthy-core'
  /** Nothing will ever happen again. */
  | 'deadlock'
  /** Nothing happens until the host types something. */
  | 'waiting-for-input';

export interface Stop {
  readonly reason: StopReason;
  readonly detail: string;
}

/** Cores, clock, fault interrupt generator and the run loop. A run is a function of what is given to the constructor. */
export class Machine {
  readonly config: MachineConfig;
  readonly cores: readonly Core[];
  /** Virtual time at the start of the current round. */
  nowNs = 0;
  readonly generator: FaultGenerator;
  private readonly engine: Engine;
  private readonly handler: TrapHandler;
  private readonly schedule: Schedule;
  private readonly emit: (event: MachineEvent) => void;
  private armed: FaultSpec[];

  constructor(
    config: MachineConfig,
    engine: Engine,
    tables: DescriptorTables,
    makeHandler: (cores: readonly Core[]) => TrapHandler,
    emit: (event: MachineEvent) => void,
  ) {
    assert(
      config.cores >= 1 && config.cores <= CORES_MAX,
      `a machine has 1 to ${CORES_MAX} cores, not ${config.cores}`,
    );
    this.config = config;
    this.engine = engine;
    this.emit = emit;
    this.cores = Array.from({ length: config.cores }, (_, n) => ({
      id: cpuId(n),
      state: new CoreState(cpuId(n), tables),
      retired: 0,
      clockNs: 0,
      wakeNs: 0,
      failed: false,
      failedAtNs: 0,
      struck: null,
    }));
    this.generator = new FaultGenerator(config.faultGenerator ?? DEFAULT_FAULT_GENERATOR, config.cores);
    this.schedule = new Schedule(config.schedule ?? DEFAULT_SCHEDULE);
    this.armed = [...(config.faults ?? [])];
    this.handler = makeHandler(this.cores);
  }

  /** Instructions retired by all cores since power-on. */
  get retired(): number {
    let sum = 0;
    for (const core of this.cores) sum += core.retired;
    return sum;
  }

  run(limits: RunLimits = {}): Stop {
    const untilNs = limits.untilNs ?? Number.POSITIVE_INFINITY;
    const instructionsMax = limits.instructions ?? Number.POSITIVE_INFINITY;
    for (;;) {
      this.devices();
      const finished = this.handler.finished();
      if (finished !== null) return { reason: 'finished', detail: finished };
      if (this.cores.every((core) => core.failed))
        return { reason: 'no-healthy-core', detail: 'every core has failed' };
      if (this.nowNs >= untilNs) return { reason: 'time-limit', detail: `virtual time ${this.nowNs} ns` };
      if (this.retired >= instructionsMax)
        return { reason: 'instruction-limit', detail: `${this.retired} instructions` };
      const stop = this.round(untilNs, instructionsMax);
      if (stop) return stop;
      if (this.config.paranoid) this.handler.checkInvariants();
      if (limits.pauseNs !== undefined && this.nowNs >= limits.pauseNs) return { reason: 'paused', detail: '' };
    }
  }

  /**
   * Lets virtual time pass on a machine with nothing to do: after a run that ended before `ns` because everything had finished or
   * waits for the host.
   */
  idleUntil(ns: number): void {
    if (ns > this.nowNs) this.nowNs = ns;
  }

  /** What is due now: timers, time-triggered faults, the fault interrupt generator. */
  private devices(): void {
    // Polls that fell into idle time that was skipped: no core has died since.
    this.poll(this.nowNs - 1);
    this.handler.timers(this.nowNs);
    this.fireTimeFaults();
    this.poll(this.nowNs);
  }

  /** The fault interrupt generator's clock comes to `ns`; what it finds is reported now. */
  private poll(ns: number): void {
    const found = this.generator.advance(ns, (core) => !this.cores[core]!.failed);
    for (const { core, misses } of found) {
      const victim = this.cores[core]!;
      const on = this.cores.find((candidate) => !candidate.failed);
      if (!on) return;
      if (on.clockNs < this.nowNs) on.clockNs = this.nowNs;
      this.handler.faultInterrupt(on, victim, misses, this.nowNs);
    }
  }

  /** Lets every core run to the end of the round. Returns a stop when there is nothing left to run. */
  private round(untilNs: number, instructionsMax: number): Stop | null {
    const timerNs = this.handler.nextTimerNs();
    const faultNs = this.nextTimeFaultNs();
    const busy = this.cores.some((core) => !core.failed && this.handler.hasWork(core));
    // The generator alone is no reason to go on, unless it still has a dead core to find.
    const detecting = this.detecting();
    if (!busy && timerNs === Number.POSITIVE_INFINITY && faultNs === Number.POSITIVE_INFINITY && !detecting) {
      return this.handler.waitsForInput()
        ? { reason: 'waiting-for-input', detail: 'a process reads from the console' }
        : { reason: 'deadlock', detail: 'every process waits for something that will not happen' };
    }
    let endNs = Math.min(timerNs, faultNs, untilNs);
    // Where nobody runs and nobody has died, every poll will be answered: those moments are skipped like any idle time.
    if (busy || detecting) endNs = Math.min(endNs, this.generator.nextNs);
    if (busy) {
      const { instructions, firstCore } = this.schedule.next(this.cores.length);
      endNs = Math.min(endNs, this.nowNs + instructions * this.config.cycleNs);
      const left = instructionsMax - this.retired;
      if (left < instructions * this.cores.length) {
        const share = Math.max(1, Math.floor(left / this.cores.length));
        endNs = Math.min(endNs, this.nowNs + share * this.config.cycleNs);
      }
      for (let n = 0; n < this.cores.length; n++) {
        const core = this.cores[(firstCore + n) % this.cores.length]!;
        if (!core.failed) this.runCore(core, endNs, instructionsMax);
      }
    }
    if (endNs > this.nowNs) this.nowNs = endNs;
    return null;
  }

  private runCore(core: Core, endNs: number, instructionsMax: number): void {
    const { cycleNs } = this.config;
    core.clockNs = Math.max(core.clockNs, this.nowNs, core.wakeNs);
    core.wakeNs = 0;
    while (core.clockNs < endNs && !core.failed) {
      const faultAt = this.instructionFault(core);
      if (core.retired >= faultAt) {
        this.fail(core, core.clockNs, isInstructionFault(core));
        return;
      }
      const space = this.handler.prepare(core);
      if (!space) return;
      if (space === 'again' || core.clockNs >= endNs) continue;
      if (this.fireProcessFault(core)) return;
      // The limit of a run is exact; the sum is needed only when there is one.
      const left = instructionsMax === Number.POSITIVE_INFINITY ? instructionsMax : instructionsMax - this.retired;
      if (left <= 0) return;
      const budget = Math.min(Math.ceil((endNs - core.clockNs) / cycleNs), faultAt - core.retired, left, BUDGET_MAX);
      core.state.tscBase = Math.floor(core.clockNs / cycleNs);
      const exit = this.engine.run(core.state, space, budget);
      const { retired } = core.state;
      core.retired += retired;
      core.clockNs += retired * cycleNs;
      this.handler.charge(core, retired);
      // A core that dies at this very instruction does not get as far as the kernel: the loop's next turn, or the next round's,
      // would be too late, as timers would still find it alive.
      if (core.retired >= faultAt) {
        this.fail(core, core.clockNs, isInstructionFault(core));
        return;
      }
      if (exit === EXIT_BUDGET) continue;
      this.handler.trap(core, exit);
      if (this.config.paranoid) this.handler.checkInvariants();
    }
    // A core that ran out of work just at the end of the round says so now, not when it next has some.
    if (!core.failed && !this.handler.hasWork(core)) this.handler.prepare(core);
  }

  // ---- faults --------------------------------------------------------------------------------------------------------

  private detecting(): boolean {
    return this.cores.some((core) => core.failed && this.nowNs - core.failedAtNs < this.detectionBoundNs());
  }

  /** No fault stays unreported longer than this. */
  private detectionBoundNs(): number {
    const { periodNs, deadlineNs, misses } = this.generator.config;
    return periodNs * (misses + 1) + deadlineNs;
  }

  private nextTimeFaultNs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { trigger } of this.armed) {
      if (trigger.at === 'time' && trigger.ns < next) next = trigger.ns;
      else if (trigger.at === 'process' && trigger.ns > this.nowNs && trigger.ns < next) next = trigger.ns;
    }
    return next;
  }

  private fireTimeFaults(): void {
    for (const spec of [...this.armed]) {
      const { trigger } = spec;
      if (trigger.at !== 'time' || trigger.ns > this.nowNs) continue;
      const core = this.cores[trigger.core];
      if (core) this.fail(core, this.nowNs, (candidate) => candidate === spec);
    }
  }

  /** A fault aimed at a process strikes the core that is about to run it. */
  private fireProcessFault(core: Core): boolean {
    if (this.armed.length === 0) return false;
    const name = this.handler.processName(core);
    const spec = this.armed.find(
      ({ trigger }) => trigger.at === 'process' && trigger.process === name && trigger.ns <= core.clockNs,
    );
    if (!spec) return false;
    this.fail(core, core.clockNs, (candidate) => candidate === spec);
    return true;
  }

  /** The count of retired instructions at which this core dies; Infinity when no such fault is armed. */
  private instructionFault(core: Core): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { trigger } of this.armed) {
      if (trigger.at === 'instruction' && trigger.core === core.id && trigger.instruction < next)
        next = trigger.instruction;
    }
    return next;
  }

  private fail(core: Core, atNs: number, fired: (spec: FaultSpec) => boolean): void {
    this.armed = this.armed.filter((spec) => !fired(spec));
    if (core.failed) return;
    core.failed = true;
    core.failedAtNs = atNs;
    core.struck ??= { ns: atNs, instruction: core.retired };
    this.emit({
      ns: atNs,
      core: core.id,
      instruction: core.retired,
      kind: 'core-fault',
      victim: core.id,
      model: 'fail-stop',
    });
  }
}

/** Picks the faults of this core that its count of retired instructions has reached. */
const isInstructionFault =
  (core: Core) =>
  ({ trigger }: FaultSpec): boolean =>
    trigger.at === 'instruction' && trigger.core === core.id && trigger.instruction <= core.retired;
