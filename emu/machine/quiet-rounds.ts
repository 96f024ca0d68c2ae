import { type Engine, type EngineExit, EXIT_BUDGET, isRetired } from '../core/engine.ts';
import type { FaultInjector } from '../faults/injector.ts';
import { anyBreakpoint } from '../interp/debug-registers.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { Core, OpenRound, TrapHandler } from './machine.ts';
import { type Schedule, turnOf } from './schedule.ts';
import { areApart, Trial } from './trial.ts';

/** How far quiet rounds may go. All are limits that the machine itself sees to when they are near. */
export interface QuietLimits {
  /** Something is due then: a timer, a fault, a poll, the end of the run. The round before it ends there. */
  readonly horizonNs: number;
  /** The run pauses after the round in which this time comes. */
  readonly pauseNs: number;
  /** No more than these are retired by all cores together, and where that many are is not passed by. */
  readonly retiredMax: number;
}

/** Where quiet rounds have ended. */
export interface QuietEnd {
  /** Start of the next round, or of the one that is open. */
  readonly nowNs: number;
  /** The round in which they have ended, when that is not over: the core whose turn it is has begun with it. */
  readonly open: OpenRound | null;
  /** What that core has to tell the kernel. */
  readonly exit: EngineExit;
}

/** Instructions in one run of the engine at most: what ends the run in between is found by drawing that many rounds. */
const RUN_MAX = 1 << 20;
/** A trial is as long as the n-th part of the time for which nobody has trapped, so that what is done in vain never is much. */
const TRIAL_SHARE = 4;
/** So many pages that have to be copied cost as much as the rest of a trial's beginning; more than the last are too many. */
const TRIAL_PAGES = 16;
const TRIAL_PAGES_MAX = 128;
/** After there were more there is no trial for so many instructions; if that happens again before long, for twice as many, up to the last. */
const TRIAL_RETRY_MIN = 2_000_000;
const TRIAL_RETRY_MAX = 1_000_000_000;

/**
 * Rounds in which the kernel has nothing to do but to count: each core goes on with what it runs, or is idle, and nothing is due. They come
 * and go without asking anybody, and where only one core has something to run the engine runs through all of them at once. What is
 * left behind is what one round after the other would have left.
 */
export class QuietRounds {
  private readonly cycleNs: number;
  private readonly cores: readonly Core[];
  private readonly engine: Engine;
  private readonly handler: TrapHandler;
  private readonly schedule: Schedule;
  private readonly faults: FaultInjector;
  /** Of one stretch of rounds: what each core runs, and for how long the kernel has not been told that it has. */
  private readonly spaces: (AddressSpace | null)[] = [];
  private readonly unchargedNs: Float64Array;
  private busy = 0;
  private readonly trial: Trial;
  /** Time since somebody has trapped, time until there may be trials again, how long that was last, and trials since: in instructions of a core. */
  private calm = 0;
  private untilTrial = 0;
  private retry = TRIAL_RETRY_MIN;
  private tried = 0;

  constructor(
    cycleNs: number,
    cores: readonly Core[],
    engine: Engine,
    handler: TrapHandler,
    schedule: Schedule,
    faults: FaultInjector,
  ) {
    this.cycleNs = cycleNs;
    this.cores = cores;
    this.engine = engine;
    this.handler = handler;
    this.schedule = schedule;
    this.faults = faults;
    this.unchargedNs = new Float64Array(cores.length);
    this.trial = new Trial(cycleNs, cores, engine, schedule);
  }

  /** Goes as far as it can from the start of a round on; null: not even one round is quiet for sure. */
  run(nowNs: number, limits: QuietLimits): QuietEnd | null {
    const end = this.isQuiet() ? this.goOn(nowNs, limits) : null;
    const passed = end === null ? 0 : (end.nowNs - nowNs) / this.cycleNs;
    this.calm = end?.exit === EXIT_BUDGET ? this.calm + passed : 0;
    this.untilTrial -= passed;
    return end;
  }

  private goOn(nowNs: number, limits: QuietLimits): QuietEnd | null {
    if (this.busy > 1) return this.onTrial(nowNs, limits) ?? this.together(nowNs, limits);
    const core = this.cores.find(({ id }) => this.spaces[id] !== null);
    return core ? this.alone(core, nowNs, limits) : null;
  }

  private isQuiet(): boolean {
    const { cores, handler, spaces } = this;
    if (!this.faults.areQuiet) return false;
    this.busy = 0;
    for (const core of cores) {
      const space = core.failed ? null : handler.goesOn(core);
      if (space === undefined || core.slowdown !== 1 || anyBreakpoint(core.state.i32)) return false;
      spaces[core.id] = space;
      if (space !== null) this.busy++;
    }
    return true;
  }

  /** Instructions that this core may retire before a fault is due. */
  private untilFault(core: Core): number {
    return this.faults.stopAt(core) - core.retired - 1;
  }

  private get retired(): number {
    let sum = 0;
    for (const core of this.cores) sum += core.retired;
    return sum;
  }

  /** One core runs, the others are idle: rounds are only counted, and that afterwards. */
  private alone(core: Core, nowNs: number, { horizonNs, pauseNs, retiredMax }: QuietLimits): QuietEnd | null {
    const { cycleNs, cores, schedule } = this;
    const fromNs = Math.max(core.clockNs, nowNs, core.wakeNs);
    const instructionsTo = (ns: number): number => Math.max(0, Math.ceil((ns - fromNs) / cycleNs));
    const most = Math.min(
      RUN_MAX,
      this.untilFault(core),
      retiredMax - this.retired - 1,
      instructionsTo(Math.min(pauseNs, Number.MAX_SAFE_INTEGER)) - 1,
    );
    const whole = instructionsTo(horizonNs);
    const budget = Math.min(whole, most);
    if (budget <= 0 || budget < Math.min(whole, schedule.longest)) return null;
    core.wakeNs = 0;
    core.state.tscBase = Math.floor(fromNs / cycleNs);
    const exit = this.engine.run(core.state, this.spaces[core.id]!, budget);
    core.retired += core.state.retired;
    core.clockNs = fromNs + core.state.retired * cycleNs;
    const isWhole = exit === EXIT_BUDGET && budget === whole;
    // The round in which the last instruction began, or in which the next one will.
    const atNs = exit !== EXIT_BUDGET && isRetired(core.state, exit) ? core.clockNs - cycleNs : core.clockNs;
    const { beforeNs, startNs, endNs, firstCore } = schedule.drawRounds(
      cores.length,
      nowNs,
      cycleNs,
      horizonNs,
      (endNs) => (isWhole ? endNs >= horizonNs : endNs > atNs),
    );
    const turn = turnOf(core.id, firstCore, cores.length);
    this.letIdle(firstCore, isWhole ? cores.length : turn, startNs, beforeNs);
    // The kernel hears of the part of a budget when it hears of the whole.
    const keptNs = isWhole || exit !== EXIT_BUDGET ? 0 : core.clockNs - (fromNs + instructionsTo(startNs) * cycleNs);
    this.unchargedNs[core.id] = core.clockNs - fromNs - keptNs;
    this.settle(startNs);
    if (isWhole) return { nowNs: endNs, open: null, exit };
    return { nowNs: startNs, open: { endNs, firstCore, turns: turn, unchargedNs: keptNs }, exit };
  }

  /** Rounds in which several cores may run before one of their limits is near. */
  private roundsMax(retiredMax: number): number {
    const { longest } = this.schedule;
    let rounds = RUN_MAX;
    for (const core of this.cores) {
      if (this.spaces[core.id] !== null) rounds = Math.min(rounds, Math.floor(this.untilFault(core) / longest));
    }
    return Math.min(rounds, Math.floor((retiredMax - this.retired - 1) / (longest * this.busy)));
  }

  /** Whether a trial that saves so many turns costs less than they do. */
  private isWorthTrying(turns: number): boolean {
    const least = this.engine.trialMin ?? Number.POSITIVE_INFINITY;
    if (turns < least || this.untilTrial > 0 || !areApart(this.spaces)) return false;
    const pages = Math.max(...this.spaces.map((space) => space?.trialPages ?? 0));
    if (pages > TRIAL_PAGES_MAX) {
      this.giveUpTrials();
      return false;
    }
    return turns >= least * (1 + pages / TRIAL_PAGES);
  }

  /** No trials for a while: the longer, the fewer there were since the last time. */
  private giveUpTrials(): void {
    for (const space of this.spaces) space?.endTrials();
    this.retry = this.tried > 8 * this.retry ? TRIAL_RETRY_MIN : Math.min(2 * this.retry, TRIAL_RETRY_MAX);
    this.untilTrial = this.retry;
    this.tried = 0;
  }

  /** Several cores run, each all of its turns at once. Null: better not. */
  private onTrial(nowNs: number, { horizonNs, pauseNs, retiredMax }: QuietLimits): QuietEnd | null {
    const { cores, schedule, spaces, trial, unchargedNs } = this;
    const { longest } = schedule;
    const rounds = Math.min(
      Math.max(2, Math.floor(this.calm / TRIAL_SHARE / longest)),
      Math.floor(RUN_MAX / longest),
      this.roundsMax(retiredMax),
    );
    const turns = Math.min(rounds, (Math.min(horizonNs, pauseNs) - nowNs) / this.cycleNs / longest);
    if (turns < 2 || !this.isWorthTrying(turns)) return null;
    const before = cores.map(({ retired }) => retired);
    const end = trial.run(
      spaces,
      nowNs,
      horizonNs,
      (endNs, number) => endNs >= horizonNs || endNs >= pauseNs || number === rounds,
    );
    this.tried += turns * longest;
    const { round, turn, exit } = end;
    const { startNs, endNs, firstCore } = round;
    for (const core of cores) unchargedNs[core.id]! += (core.retired - before[core.id]!) * this.cycleNs;
    const isWhole = turn === cores.length;
    this.letIdle(firstCore, turn, startNs, round.beforeNs);
    this.settle(startNs);
    if (isWhole) return { nowNs: endNs, open: null, exit };
    return { nowNs: startNs, open: { endNs, firstCore, turns: turn, unchargedNs: 0 }, exit };
  }

  /** Several cores run: one round after the other. */
  private together(nowNs: number, { horizonNs, pauseNs, retiredMax }: QuietLimits): QuietEnd | null {
    const { cycleNs, cores, engine, spaces, unchargedNs, schedule } = this;
    let rounds = this.roundsMax(retiredMax);
    if (rounds <= 0) return null;
    let beforeNs = Number.NEGATIVE_INFINITY;
    let startNs = nowNs;
    for (;;) {
      const { instructions, firstCore } = schedule.next(cores.length);
      const endNs = Math.min(horizonNs, startNs + instructions * cycleNs);
      // The same for all cores that begin with the round.
      const whole = Math.ceil((endNs - startNs) / cycleNs);
      const startCycle = Math.floor(startNs / cycleNs);
      for (let turn = 0, next = firstCore; turn < cores.length; turn++) {
        const core = cores[next]!;
        next = next + 1 === cores.length ? 0 : next + 1;
        const space = spaces[core.id]!;
        if (space === null) continue;
        if (core.clockNs !== startNs || core.wakeNs !== 0) {
          core.clockNs = Math.max(core.clockNs, startNs, core.wakeNs);
          core.wakeNs = 0;
        }
        const fromNs = core.clockNs;
        if (fromNs >= endNs) continue;
        const isWhole = fromNs === startNs;
        const budget = isWhole ? whole : Math.ceil((endNs - fromNs) / cycleNs);
        core.state.tscBase = isWhole ? startCycle : Math.floor(fromNs / cycleNs);
        const exit = engine.takeTurn
          ? engine.takeTurn(core.state, space, budget)
          : engine.run(core.state, space, budget);
        const { retired } = core.state;
        core.retired += retired;
        core.clockNs = fromNs + retired * cycleNs;
        unchargedNs[core.id]! += retired * cycleNs;
        if (exit === EXIT_BUDGET) continue;
        this.letIdle(firstCore, turn, startNs, beforeNs);
        this.settle(startNs);
        return { nowNs: startNs, open: { endNs, firstCore, turns: turn, unchargedNs: 0 }, exit };
      }
      beforeNs = startNs;
      startNs = endNs;
      if (endNs < horizonNs && endNs < pauseNs && --rounds > 0) continue;
      this.letIdle(0, cores.length, beforeNs, beforeNs);
      this.settle(beforeNs);
      return { nowNs: endNs, open: null, exit: EXIT_BUDGET };
    }
  }

  /** Idle cores keep up: those that have had their turn in the last round with its start, the others with that of the round before. */
  private letIdle(firstCore: number, turns: number, startNs: number, beforeNs: number): void {
    const { cores, spaces } = this;
    for (let turn = 0; turn < cores.length; turn++) {
      const core = cores[(firstCore + turn) % cores.length]!;
      const ns = turn < turns ? startNs : beforeNs;
      if (spaces[core.id] !== null || core.failed || ns === Number.NEGATIVE_INFINITY) continue;
      core.clockNs = Math.max(core.clockNs, ns, core.wakeNs);
      core.wakeNs = 0;
    }
  }

  /** The kernel hears of what it has not been told of; the last round began at `startNs`. */
  private settle(startNs: number): void {
    const { cores, handler, unchargedNs } = this;
    this.engine.settle?.();
    handler.timers(startNs);
    for (const core of cores) {
      if (unchargedNs[core.id] === 0) continue;
      handler.charge(core, unchargedNs[core.id]!);
      unchargedNs[core.id] = 0;
    }
  }
}
