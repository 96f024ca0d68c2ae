import { assert } from '../base/errors.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, isRetired } from '../core/engine.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { Core } from './machine.ts';
import { type Schedule, type TimedRound, turnOf } from './schedule.ts';

/*
 * Rounds on trial. As long as nobody traps, cores with spaces of their own do not notice each other, and it does not matter who goes first: each
 * runs all of its turns at once. When one then traps, those that had gone on beyond its turn are put back to where they began and go again, up to
 * where they belong.
 */

/** Where a trial has ended. */
export interface TrialEnd {
  /** The last round that has begun. */
  readonly round: TimedRound;
  /** In that, the turn of the core that has trapped; the number of cores when nobody has, and the round is over. */
  readonly turn: number;
  readonly exit: EngineExit;
}

/** What one core does in it. */
interface Attempt {
  readonly core: Core;
  readonly space: AddressSpace;
  /** When it begins, and its registers then. */
  readonly fromNs: number;
  readonly block: Uint8Array;
  retired: number;
  exit: EngineExit;
}

/** Whether no two cores run in the same space; null: idle. */
export function areApart(spaces: readonly (AddressSpace | null)[]): boolean {
  const taken = spaces.filter((space) => space !== null);
  return new Set(taken).size === taken.length;
}

export class Trial {
  private readonly cycleNs: number;
  private readonly cores: readonly Core[];
  private readonly engine: Engine;
  private readonly schedule: Schedule;

  constructor(cycleNs: number, cores: readonly Core[], engine: Engine, schedule: Schedule) {
    this.cycleNs = cycleNs;
    this.cores = cores;
    this.engine = engine;
    this.schedule = schedule;
  }

  /**
   * Runs the rounds from `nowNs` to the one that `isLast`, none of which ends behind the horizon. Cores, spaces and schedule are left as if one
   * turn had come after the other.
   */
  run(
    spaces: readonly (AddressSpace | null)[],
    nowNs: number,
    horizonNs: number,
    isLast: (endNs: number, number: number) => boolean,
  ): TrialEnd {
    const { cores, cycleNs, schedule } = this;
    const attempts = this.begin(spaces, nowNs);
    const draws = schedule.snapshot();
    let end: TrialEnd = {
      round: schedule.drawRounds(cores.length, nowNs, cycleNs, horizonNs, isLast),
      turn: cores.length,
      exit: EXIT_BUDGET,
    };
    for (const attempt of attempts) {
      this.go(attempt, end);
      const { core, fromNs, retired, exit } = attempt;
      if (exit === EXIT_BUDGET) continue;
      const atNs = fromNs + (isRetired(core.state, exit) ? retired - 1 : retired) * cycleNs;
      schedule.restore(draws);
      const round = schedule.drawRounds(cores.length, nowNs, cycleNs, horizonNs, (endNs) => endNs > atNs);
      end = { round, turn: this.turnOf(core, round), exit };
    }
    for (const attempt of attempts) this.conclude(attempt, end, nowNs);
    return end;
  }

  private begin(spaces: readonly (AddressSpace | null)[], nowNs: number): Attempt[] {
    const attempts: Attempt[] = [];
    for (const core of this.cores) {
      const space = spaces[core.id]!;
      if (space === null) continue;
      const fromNs = Math.max(core.clockNs, nowNs, core.wakeNs);
      attempts.push({ core, space, fromNs, block: core.state.save(), retired: 0, exit: EXIT_BUDGET });
    }
    // The last to go knows how far the others have come, and never has to go back.
    for (const { space } of attempts.slice(0, -1)) space.beginTrial();
    return attempts;
  }

  private turnOf({ id }: Core, { firstCore }: TimedRound): number {
    return turnOf(id, firstCore, this.cores.length);
  }

  /** Instructions of a core up to an end. */
  private budgetOf({ core, fromNs }: Attempt, { round, turn }: TrialEnd): number {
    const endNs = this.turnOf(core, round) <= turn ? round.endNs : round.startNs;
    return Math.max(0, Math.ceil((endNs - fromNs) / this.cycleNs));
  }

  /** Lets a core run from its beginning to an end, or until it traps. */
  private go(attempt: Attempt, end: TrialEnd): void {
    const { core, space, fromNs } = attempt;
    const budget = this.budgetOf(attempt, end);
    attempt.retired = 0;
    attempt.exit = EXIT_BUDGET;
    if (budget === 0) return;
    core.state.tscBase = Math.floor(fromNs / this.cycleNs);
    attempt.exit = this.engine.run(core.state, space, budget);
    attempt.retired = core.state.retired;
  }

  /** Takes a core to the end of the trial, back if need be. */
  private conclude(attempt: Attempt, end: TrialEnd, nowNs: number): void {
    const { core, space, fromNs, block } = attempt;
    const { cycleNs } = this;
    const turn = this.turnOf(core, end.round);
    // A fault leaves its address behind even where nothing has been retired since.
    const hasTrapped = attempt.exit !== EXIT_BUDGET && turn !== end.turn;
    const isAhead = hasTrapped || attempt.retired > this.budgetOf(attempt, end);
    space.endTrial(!isAhead);
    if (isAhead) {
      core.state.load(block);
      this.go(attempt, end);
      assert(attempt.exit === EXIT_BUDGET, `core ${core.id} does something else when it runs again`);
    }
    if (turn > end.turn && end.round.startNs === nowNs) return;
    core.retired += attempt.retired;
    core.clockNs = fromNs + attempt.retired * cycleNs;
    core.wakeNs = 0;
  }
}
