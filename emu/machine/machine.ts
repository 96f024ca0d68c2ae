import { cpuId } from '../base/brand.ts';
import { assert, UsageError } from '../base/errors.ts';
import type { PrngState } from '../base/prng.ts';
import { sameValue } from '../base/same-value.ts';
import { CoreState, type DescriptorTables } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import { checkFaultPlan } from '../faults/check-plan.ts';
import { describeTrigger } from '../faults/describe.ts';
import { FaultInjector, type FaultsSnapshot } from '../faults/injector.ts';
import type { FaultPlan } from '../faults/plan.ts';
import { isAhead } from '../faults/trigger.ts';
import type { FaultHooks, FaultSite, FaultyCore, MachineCheck } from '../faults/world.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { MachineEvent } from './events.ts';
import {
  DEFAULT_FAULT_GENERATOR,
  FaultGenerator,
  type FaultGeneratorConfig,
  type FaultGeneratorState,
} from './fault-generator.ts';
import { type QuietEnd, type QuietLimits, QuietRounds } from './quiet-rounds.ts';
import { DEFAULT_SCHEDULE, Schedule, type ScheduleConfig } from './schedule.ts';

/** One core as the machine sees it. */
export interface Core extends FaultyCore {
  /** Instructions retired since power-on. */
  retired: number;
  /** The core's own virtual time in ns, ahead of the machine's by at most what it did in this round. */
  clockNs: number;
  /** Earliest time at which an idle core may start on what was given to it. */
  wakeNs: number;
}

/** A core at one moment. What its descriptor tables are follows from the thread that it runs. */
export interface CoreSnapshot extends Omit<Core, 'id' | 'state'> {
  /** The state block (core-state.ts). */
  readonly block: Uint8Array;
}

/** A round that has begun, in which `turns` cores have had theirs. */
export interface OpenRound {
  readonly endNs: number;
  readonly firstCore: number;
  readonly turns: number;
  /** Time that the core whose turn it is has run in a budget that is not used up yet: the kernel has not been told. */
  readonly unchargedNs: number;
}

/** The machine between two instructions, without what is fixed by its configuration. */
export interface MachineSnapshot {
  readonly nowNs: number;
  readonly cores: readonly CoreSnapshot[];
  readonly generator: FaultGeneratorState;
  readonly schedule: PrngState;
  readonly faults: FaultsSnapshot;
  readonly round: OpenRound | null;
}

/** The kernel, as the machine calls it. emu defines it, kernel-sim implements it. */
export interface TrapHandler extends FaultSite {
  /**
   * Called before a core runs: gives the address space of the thread to run (the core's state is loaded), null when the core is idle,
   * or 'again' when the handler has spent time of the core on work of its own and wants to be asked again.
   */
  prepare(core: Core): AddressSpace | null | 'again';
  /**
   * What the core goes on with as long as nothing is due and nobody traps: `prepare` would give this, and do nothing else; null when the core
   * stays idle. Undefined when the handler has something to do first, or wants to hear of every run and every charge.
   */
  goesOn(core: Core): AddressSpace | null | undefined;
  /** The engine has returned from a run of this core with `exit`; what it did is in the core's state. Not yet charged. */
  ran(core: Core, exit: EngineExit): void;
  /** The core has run in user mode for so many ns, up to now. */
  charge(core: Core, ns: number): void;
  /** The core stopped with a system call or an exception. The handler may move `core.clockNs` on for the kernel's own work. */
  trap(core: Core, exit: EngineExit): void;
  /** Virtual time of the kernel's next timer; Infinity when it has none. */
  nextTimerNs(): number;
  /** Runs every timer that is due at `nowNs`. */
  timers(nowNs: number): void;
  /** True when the core has, or will have at once, something to run. */
  hasWork(core: Core): boolean;
  /** The fault interrupt, taken by `on`: `victim` has not answered so many polls, as the device sees it at `nowNs`. */
  faultInterrupt(on: Core, victim: Core, misses: number, nowNs: number): void;
  /** The machine check interrupt, taken by `on`: `victim` has met an error and waits for what is to become of it. */
  machineCheck(on: Core, victim: Core, check: MachineCheck, nowNs: number): void;
  /** Why the run is over, or null. */
  finished(): string | null;
  /** True while a process waits for the host to type something. */
  waitsForInput(): boolean;
  /** Called between rounds and traps when the machine runs in paranoid mode: throws on a broken invariant. */
  checkInvariants(): void;
}

/** Has a core run something else than its own thread, from the state given and up to the budget; no clock and no counter is moved. */
export type RunOn = (core: { readonly id: number }, ...what: Parameters<Engine['run']>) => EngineExit;

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
/** A core answers a poll in the time of so many instructions: an interrupt, a word to the device, the return. */
const ANSWER_INSTRUCTIONS = 100;
/** Nanoseconds beyond are no longer exact: a clock would stand still when a little is added. */
const TIME_END_NS = Number.MAX_SAFE_INTEGER;
/** What is due behind the end of time never happens. */
const beforeTheEnd = (ns: number): number => (ns < TIME_END_NS ? ns : Number.POSITIVE_INFINITY);
/** What an engine takes at most in one run. */
const BUDGET_MAX = 0x7fffffff;

export interface RunLimits {
  /** Stop at this virtual time. */
  readonly untilNs?: number;
  /** Stop when all cores together have retired so many instructions since power-on. */
  readonly instructions?: number;
  /** Return with 'paused' after the round in which this time has come: the run goes on as if it had never stopped. */
  readonly pauseNs?: number;
  /**
   * Return with 'paused' when all cores together have retired so many instructions since power-on, in the middle of a round if need be.
   * The run goes on as if it had never stopped; the round that was cut goes on with the limits under which it began.
   */
  readonly pauseInstructions?: number;
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

const NEVER = Number.POSITIVE_INFINITY;
const PAUSED: Stop = { reason: 'paused', detail: '' };

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
  private readonly faults: FaultInjector;
  private readonly quiet: QuietRounds;
  private readonly emit: (event: MachineEvent) => void;
  private open: OpenRound | null = null;

  constructor(
    config: MachineConfig,
    engine: Engine,
    tables: DescriptorTables,
    makeHandler: (cores: readonly Core[], faults: FaultHooks, runOn: RunOn) => TrapHandler,
    emit: (event: MachineEvent) => void,
  ) {
    assert(
      config.cores >= 1 && config.cores <= CORES_MAX,
      `a machine has 1 to ${CORES_MAX} cores, not ${config.cores}`,
    );
    this.config = config;
    this.engine = engine;
    this.cores = Array.from({ length: config.cores }, (_, n) => ({
      id: cpuId(n),
      state: new CoreState(cpuId(n), tables),
      retired: 0,
      clockNs: 0,
      wakeNs: 0,
      failed: false,
      failedAtNs: 0,
      registersLost: false,
      slowdown: 1,
      struck: null,
    }));
    const { deadlineNs } = config.faultGenerator ?? DEFAULT_FAULT_GENERATOR;
    const answerNs = ANSWER_INSTRUCTIONS * config.cycleNs;
    if (deadlineNs < answerNs) {
      const what = `is shorter than the ${answerNs} ns that a sound core takes to answer`;
      throw new UsageError({ what, key: 'faultGenerator.deadlineNs' });
    }
    this.generator = new FaultGenerator(config.faultGenerator ?? DEFAULT_FAULT_GENERATOR, config.cores);
    this.schedule = new Schedule(config.schedule ?? DEFAULT_SCHEDULE);
    this.emit = emit;
    this.faults = new FaultInjector(config.faults ?? [], this.cores, emit);
    this.handler = makeHandler(this.cores, this.faults, (core, ...what) =>
      this.faults.engineForCopy(this.cores[core.id]!, engine).run(...what),
    );
    this.faults.attach(this.handler);
    const { cores, handler, schedule, faults } = this;
    this.quiet = new QuietRounds(config.cycleNs, cores, engine, handler, schedule, faults);
  }

  /** Instructions retired by all cores since power-on. */
  get retired(): number {
    let sum = 0;
    for (const core of this.cores) sum += core.retired;
    return sum;
  }

  run(limits: RunLimits = {}): Stop {
    const { untilNs = NEVER, instructions = NEVER, pauseNs = NEVER, pauseInstructions = NEVER } = limits;
    const all: Required<RunLimits> = { untilNs, instructions, pauseNs, pauseInstructions };
    for (;;) {
      const stop = this.open ? null : this.beginRounds(all);
      if (stop) return stop;
      if (this.open && !this.finishRound(all)) return PAUSED;
      if (this.config.paranoid) this.handler.checkInvariants();
      if (this.nowNs >= pauseNs) return PAUSED;
    }
  }

  snapshot(): MachineSnapshot {
    return {
      nowNs: this.nowNs,
      cores: this.cores.map(({ id: _, state, ...core }) => ({ ...core, block: state.save() })),
      generator: this.generator.snapshot(),
      schedule: this.schedule.snapshot(),
      faults: this.faults.snapshot(),
      round: this.open,
    };
  }

  /**
   * Makes the machine what it was, but for its cores' descriptor tables, which the kernel sets. With `faults` it goes on with these
   * instead of those that were still to come. Errors: UsageError for one that would have struck before.
   */
  restore(snapshot: MachineSnapshot, faults?: FaultPlan): void {
    assert(snapshot.cores.length === this.cores.length, 'a snapshot of a machine with another number of cores');
    if (faults) {
      for (const { trigger } of checkFaultPlan(faults, this.cores.length)) {
        if (isAhead(trigger, snapshot)) continue;
        throw new UsageError({ what: `the fault (${describeTrigger(trigger)}) would have struck before the snapshot` });
      }
    }
    this.nowNs = snapshot.nowNs;
    this.cores.forEach((core, n) => {
      const { block, ...rest } = snapshot.cores[n]!;
      Object.assign(core, rest);
      core.state.load(block);
    });
    this.generator.restore(snapshot.generator);
    this.schedule.restore(snapshot.schedule);
    this.faults.restore(snapshot.faults);
    if (faults) this.faults.arm(faults);
    this.open = snapshot.round;
  }

  /** No fault is still to come, and those that came have left nothing behind that acts later. */
  get faultsAreOver(): boolean {
    return this.faults.areOver;
  }

  /** Whether the machine is what a snapshot of a run without faults says, and no fault is still to come: then it goes on in the same way. */
  isAt(snapshot: MachineSnapshot): boolean {
    if (!this.faults.areOver) return false;
    const now = this.snapshot();
    // When a fault last struck a core only tells how late its detection comes; none is to come.
    const cores = snapshot.cores.map((core, n) => ({ ...core, struck: now.cores[n]!.struck }));
    return sameValue(now, { ...snapshot, cores, faults: now.faults });
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
    this.faults.advance(this.nowNs);
    this.reportMachineChecks();
    this.poll(this.nowNs);
  }

  /** The fault interrupt generator's clock comes to `ns`; what it finds is reported now. */
  private poll(ns: number): void {
    const found = this.generator.advance(ns, (core) => this.answerNs(this.cores[core]!));
    for (const { core, misses } of found) {
      const victim = this.cores[core]!;
      this.interrupt(victim, this.nowNs, (on) => this.handler.faultInterrupt(on, victim, misses, this.nowNs));
    }
  }

  /**
   * What is due comes first; then rounds go by as long as they are quiet, or the length of the next is settled. Returns a stop when the
   * run is over or pauses.
   */
  private beginRounds(limits: Required<RunLimits>): Stop | null {
    this.devices();
    const finished = this.handler.finished();
    if (finished !== null) return { reason: 'finished', detail: finished };
    if (!this.faults.someAreBackLater && this.cores.every((core) => core.failed)) {
      return { reason: 'no-healthy-core', detail: 'every core has failed' };
    }
    if (this.nowNs >= TIME_END_NS) return { reason: 'time-limit', detail: 'the end of virtual time, after 104 days' };
    if (this.nowNs >= limits.untilNs) return { reason: 'time-limit', detail: `virtual time ${this.nowNs} ns` };
    const left = limits.instructions - this.retired;
    if (left <= 0) return { reason: 'instruction-limit', detail: `${this.retired} instructions` };
    const timerNs = beforeTheEnd(this.handler.nextTimerNs());
    const faultNs = this.faults.nextTimeNs(this.nowNs);
    const busy = this.cores.some((core) => !core.failed && this.handler.hasWork(core));
    // The generator alone is no reason to go on, unless it still has a dead core to find.
    const detecting = this.detecting();
    if (!busy && timerNs === NEVER && faultNs === NEVER && !detecting) {
      return this.handler.waitsForInput()
        ? { reason: 'waiting-for-input', detail: 'a process reads from the console' }
        : { reason: 'deadlock', detail: 'every process waits for something that will not happen' };
    }
    let dueNs = Math.min(timerNs, faultNs, limits.untilNs);
    // Where nobody runs and nobody has died, every poll will be answered: those moments are skipped like any idle time.
    if (busy || detecting) dueNs = Math.min(dueNs, this.generator.nextNs);
    if (!busy) {
      this.open = { endNs: dueNs, firstCore: 0, turns: this.cores.length, unchargedNs: 0 };
      return null;
    }
    const quiet = this.config.paranoid ? null : this.quiet.run(this.nowNs, this.quietLimits(dueNs, limits));
    if (quiet !== null) return this.goOnFrom(quiet, limits) ? null : PAUSED;
    const { instructions, firstCore } = this.schedule.next(this.cores.length);
    let endNs = Math.min(dueNs, this.nowNs + instructions * this.config.cycleNs);
    if (left < instructions * this.cores.length) {
      const share = Math.max(1, Math.floor(left / this.cores.length));
      endNs = Math.min(endNs, this.nowNs + share * this.config.cycleNs);
    }
    this.open = { endNs, firstCore, turns: 0, unchargedNs: 0 };
    return null;
  }

  /** Near the end of the instructions that are left rounds become shorter, and are not quiet. */
  private quietLimits(
    horizonNs: number,
    { pauseNs, pauseInstructions, instructions }: Required<RunLimits>,
  ): QuietLimits {
    const unshortened = instructions - this.schedule.longest * this.cores.length;
    return { horizonNs, pauseNs, retiredMax: Math.min(pauseInstructions, unshortened) };
  }

  /** Quiet rounds are over: the turn in which they have ended goes on as any other. False when the run pauses in it. */
  private goOnFrom({ nowNs, open, exit }: QuietEnd, limits: Required<RunLimits>): boolean {
    this.nowNs = nowNs;
    this.open = open;
    if (open === null) return true;
    const core = this.cores[(open.firstCore + open.turns) % this.cores.length]!;
    if (exit !== EXIT_BUDGET) this.enterKernel(core, exit);
    if (!this.runCore(core, open.endNs, limits)) return false;
    this.reportMachineChecks();
    this.open = { ...open, turns: open.turns + 1, unchargedNs: 0 };
    return true;
  }

  /** Lets every core run to the end of the open round, one after the other. False when the run pauses before that. */
  private finishRound(limits: Required<RunLimits>): boolean {
    const { endNs, firstCore, turns } = this.open!;
    for (let n = turns; n < this.cores.length; n++) {
      const core = this.cores[(firstCore + n) % this.cores.length]!;
      if (n > turns) this.open = { endNs, firstCore, turns: n, unchargedNs: 0 };
      if (core.failed) continue;
      core.clockNs = Math.max(core.clockNs, this.nowNs, core.wakeNs);
      core.wakeNs = 0;
      if (!this.runCore(core, endNs, limits)) return false;
      this.reportMachineChecks();
    }
    this.open = null;
    if (endNs > this.nowNs) this.nowNs = endNs;
    return true;
  }

  /** A core's turn in the round, from where it is. False when the run pauses before its end. */
  private runCore(core: Core, endNs: number, { instructions, pauseInstructions }: Required<RunLimits>): boolean {
    const { cycleNs } = this.config;
    while (core.clockNs < endNs && !core.failed) {
      const untilPause = pauseInstructions === NEVER ? NEVER : pauseInstructions - this.retired;
      if (untilPause <= 0) return false;
      const space = this.handler.prepare(core);
      if (!space) return true;
      if (space === 'again' || core.clockNs >= endNs) continue;
      this.faults.beforeRun(core);
      if (core.failed) return true;
      const stopAt = this.faults.stopAt(core);
      // The limit of a run is exact; the sum is needed only when there is one.
      const left = instructions === NEVER ? NEVER : instructions - this.retired;
      if (left <= 0) return true;
      const instructionNs = cycleNs * core.slowdown;
      const budget = Math.min(Math.ceil((endNs - core.clockNs) / instructionNs), left, BUDGET_MAX);
      const piece = Math.min(budget, untilPause, stopAt - core.retired);
      core.state.tscBase = Math.floor(core.clockNs / cycleNs);
      const exit = this.faults.engineFor(core, this.engine).run(core.state, space, piece);
      this.handler.ran(core, exit);
      const { retired } = core.state;
      core.retired += retired;
      core.clockNs += retired * instructionNs;
      const open = this.open!;
      const ranNs = open.unchargedNs + retired * instructionNs;
      // What strikes here comes before the kernel: the loop's next turn, or the next round's, would be too late, as timers would still
      // find the core as it was.
      this.faults.arrive(core);
      if (exit === EXIT_BUDGET && retired < budget && !core.failed) {
        // Neither a fault nor a pause must show: the kernel hears of a budget as a whole.
        this.open = { ...open, unchargedNs: ranNs };
        continue;
      }
      if (open.unchargedNs > 0) this.open = { ...open, unchargedNs: 0 };
      this.handler.charge(core, ranNs);
      if (core.failed) return true;
      if (exit !== EXIT_BUDGET) this.enterKernel(core, exit);
    }
    // A core that ran out of work just at the end of the round says so now, not when it next has some.
    if (!core.failed && !this.handler.hasWork(core)) this.handler.prepare(core);
    return true;
  }

  private enterKernel(core: Core, exit: EngineExit): void {
    this.faults.entersKernel(core);
    this.handler.trap(core, exit);
    if (this.config.paranoid) this.handler.checkInvariants();
  }

  // ---- faults --------------------------------------------------------------------------------------------------------

  /** A core may turn out to have failed before long. */
  private detecting(): boolean {
    const boundNs = this.detectionBoundNs();
    return this.cores.some(
      (core) => (core.failed || this.faults.mayMissPolls(core)) && this.nowNs - core.failedAtNs < boundNs,
    );
  }

  /** No fault stays unreported longer than this. */
  private detectionBoundNs(): number {
    const { periodNs, deadlineNs, misses } = this.generator.config;
    return periodNs * (misses + 1) + deadlineNs;
  }

  /** The time that a core takes to answer a poll of the fault interrupt generator; Infinity when it never does. */
  private answerNs(core: Core): number {
    if (core.failed || !this.faults.interruptReaches(core.id)) return Number.POSITIVE_INFINITY;
    return ANSWER_INSTRUCTIONS * this.config.cycleNs * core.slowdown;
  }

  /** Machine checks are reported at once: the lowest healthy core takes the interrupt. A core that the kernel keeps goes on. */
  private reportMachineChecks(): void {
    for (const check of this.faults.takeMachineChecks()) {
      const victim = this.cores[check.victim]!;
      const ns = victim.failedAtNs;
      this.interrupt(victim, ns, (on) => {
        this.handler.machineCheck(on, victim, check, ns);
        if (!this.handler.inService(victim)) return;
        victim.failed = false;
        this.emit({ ns, core: victim.id, instruction: victim.retired, kind: 'core-back', victim: victim.id });
      });
    }
  }

  /** The fault of `victim` is known at `ns`: the lowest healthy core, if there is one, is told. */
  private interrupt(victim: Core, ns: number, deliver: (on: Core) => void): void {
    const on = this.cores.find((candidate) => !candidate.failed && candidate !== victim);
    if (!on) return;
    if (on.clockNs < ns) on.clockNs = ns;
    deliver(on);
    if (this.handler.inService(victim)) return;
    // Whatever was wrong with it: a core that has been taken out takes part in nothing.
    victim.failed = true;
    this.generator.report(victim.id);
  }
}
