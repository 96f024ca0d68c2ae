/**
 * The fault interrupt generator: a device that asks every core for a sign of life each period and, when one has failed to answer
 * often enough, raises the fault interrupt. (Section 2.1 of the paper: "periodically interacts with all the cores".)
 */
export interface FaultGeneratorConfig {
  /** Virtual ns from one poll to the next. */
  readonly periodNs: number;
  /** A core that has not answered so many ns after the poll has missed it. Shorter than the period. */
  readonly deadlineNs: number;
  /** Consecutive misses that make a fault. */
  readonly misses: number;
}

export const DEFAULT_FAULT_GENERATOR: FaultGeneratorConfig = { periodNs: 10_000_000, deadlineNs: 1_000_000, misses: 2 };

export interface FaultGeneratorState {
  readonly nextPollNs: number;
  readonly deadlineNs: number | null;
  readonly answered: readonly boolean[];
  readonly missed: readonly number[];
  readonly reported: readonly boolean[];
}

export class FaultGenerator {
  readonly config: FaultGeneratorConfig;
  private nextPollNs: number;
  /** When the answers to the current poll are due; null between that and the next poll. */
  private deadlineNs: number | null = null;
  private readonly answered: boolean[];
  private readonly missed: number[];
  private readonly reported: boolean[];

  constructor(config: FaultGeneratorConfig, cores: number) {
    this.config = config;
    this.nextPollNs = config.periodNs;
    this.answered = new Array(cores).fill(true);
    this.missed = new Array(cores).fill(0);
    this.reported = new Array(cores).fill(false);
  }

  /** When the device next has something to do, in virtual ns. */
  get nextNs(): number {
    return this.deadlineNs ?? this.nextPollNs;
  }

  /**
   * The device's clock has come to `nowNs`. `answerNs(core)` is the time in which the core answers a poll.
   * Returns the cores whose fault is to be reported now, with the number of polls each has missed.
   */
  advance(nowNs: number, answerNs: (core: number) => number): { core: number; misses: number }[] {
    const found: { core: number; misses: number }[] = [];
    while (this.nextNs <= nowNs) {
      if (this.deadlineNs === null) {
        this.skipPolls(nowNs, answerNs);
        for (let core = 0; core < this.answered.length; core++) {
          this.answered[core] = answerNs(core) <= this.config.deadlineNs;
        }
        this.deadlineNs = this.nextPollNs + this.config.deadlineNs;
        this.nextPollNs += this.config.periodNs;
        continue;
      }
      this.deadlineNs = null;
      for (let core = 0; core < this.answered.length; core++) {
        if (this.answered[core]) {
          this.missed[core] = 0;
          continue;
        }
        const misses = this.missed[core]! + 1;
        this.missed[core] = misses;
        if (misses < this.config.misses || this.reported[core]) continue;
        this.report(core);
        found.push({ core, misses });
      }
    }
    return found;
  }

  /**
   * Polls of idle time that was skipped, but for the last ones: when every core answers or is known to be dead, nothing comes of them but
   * a count.
   */
  private skipPolls(nowNs: number, answerNs: (core: number) => number): void {
    const polls = Math.floor((nowNs - this.nextPollNs) / this.config.periodNs) - 1;
    if (polls <= 0) return;
    const answers = this.answered.map((_, core) => answerNs(core) <= this.config.deadlineNs);
    if (answers.some((answered, core) => !answered && !this.reported[core])) return;
    this.nextPollNs += polls * this.config.periodNs;
    answers.forEach((answered, core) => {
      if (!answered) this.missed[core] = this.missed[core]! + polls;
    });
  }

  /** The fault of this core is known: it is not reported again. */
  report(core: number): void {
    this.reported[core] = true;
  }

  snapshot(): FaultGeneratorState {
    return {
      nextPollNs: this.nextPollNs,
      deadlineNs: this.deadlineNs,
      answered: [...this.answered],
      missed: [...this.missed],
      reported: [...this.reported],
    };
  }

  restore(state: FaultGeneratorState): void {
    this.nextPollNs = state.nextPollNs;
    this.deadlineNs = state.deadlineNs;
    for (let core = 0; core < this.answered.length; core++) {
      this.answered[core] = state.answered[core]!;
      this.missed[core] = state.missed[core]!;
      this.reported[core] = state.reported[core]!;
    }
  }
}
