import { Prng, type PrngState } from '../base/prng.ts';

/**
 * How the cores' instructions are interleaved. Time goes in rounds; in each round every core runs for the same stretch of virtual
 * time, one core after the other. `fixed`: always the same length, cores in order. `seeded`: length and first core drawn per round.
 */
export type ScheduleConfig =
  | { readonly kind: 'fixed'; readonly instructions: number }
  | {
      readonly kind: 'seeded';
      readonly seed: number;
      readonly minInstructions: number;
      readonly maxInstructions: number;
    };

/** A round in virtual time. */
export interface TimedRound {
  readonly startNs: number;
  readonly endNs: number;
  readonly firstCore: number;
  /** Start of the round before it; -Infinity when that was not among those that were drawn. */
  readonly beforeNs: number;
}

export const DEFAULT_SCHEDULE: ScheduleConfig = { kind: 'fixed', instructions: 10_000 };

export interface Round {
  readonly instructions: number;
  /** Index of the core that goes first; the others follow in order. */
  readonly firstCore: number;
}

/** Which turn of a round is a core's, from 0. */
export const turnOf = (core: number, firstCore: number, cores: number): number => (core - firstCore + cores) % cores;

export class Schedule {
  private readonly config: ScheduleConfig;
  private readonly prng: Prng;

  constructor(config: ScheduleConfig) {
    this.config = config;
    this.prng = Prng.seeded(config.kind === 'seeded' ? config.seed : 0, 1);
  }

  /** Instructions of the longest round that there can be. */
  get longest(): number {
    return this.config.kind === 'fixed' ? this.config.instructions : this.config.maxInstructions;
  }

  next(cores: number): Round {
    if (this.config.kind === 'fixed') return { instructions: this.config.instructions, firstCore: 0 };
    const { minInstructions, maxInstructions } = this.config;
    return { instructions: this.prng.between(minInstructions, maxInstructions), firstCore: this.prng.below(cores) };
  }

  /** Draws rounds from a time on, none of which ends behind the horizon, up to one that `isLast` by its end and its number, from 1. */
  drawRounds(
    cores: number,
    fromNs: number,
    cycleNs: number,
    horizonNs: number,
    isLast: (endNs: number, number: number) => boolean,
  ): TimedRound {
    let beforeNs = Number.NEGATIVE_INFINITY;
    let startNs = fromNs;
    for (let number = 1; ; number++) {
      const { instructions, firstCore } = this.next(cores);
      const endNs = Math.min(horizonNs, startNs + instructions * cycleNs);
      if (isLast(endNs, number)) return { startNs, endNs, firstCore, beforeNs };
      beforeNs = startNs;
      startNs = endNs;
    }
  }

  snapshot(): PrngState {
    return this.prng.snapshot();
  }

  restore(state: PrngState): void {
    this.prng.restore(state);
  }
}
