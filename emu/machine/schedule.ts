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

export const DEFAULT_SCHEDULE: ScheduleConfig = { kind: 'fixed', instructions: 10_000 };

export interface Round {
  readonly instructions: number;
  /** Index of the core that goes first; the others follow in order. */
  readonly firstCore: number;
}

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

  snapshot(): PrngState {
    return this.prng.snapshot();
  }

  restore(state: PrngState): void {
    this.prng.restore(state);
  }
}
