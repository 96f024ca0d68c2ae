import { Prng } from '../../emu/base/prng.ts';
import { drawDistinct } from './draw.ts';
import type { FaultSpace } from './fault-space.ts';
import type { SampleSpec } from './schema.ts';
import { sampleSize } from './statistics.ts';

/** Which faults of one space are injected, and what each stands for. */
export interface Selection {
  /** Faults drawn from the space: its size when exhaustive. */
  readonly drawn: number;
  /** Of these, so many are masked without being run, since nothing reads the bit before it is overwritten: by target, as targetName has it. */
  readonly masked: ReadonlyMap<string, number>;
  /** Numbers of the faults to inject, ascending. */
  readonly faults: readonly number[];
  /** How many drawn faults each of them stands for: the sum and `masked` make `drawn`. */
  readonly weights: readonly number[];
}

/** How many faults of a space of this size a sample has. */
export function sampleCount(sample: SampleSpec, size: number): number {
  if (sample === 'exhaustive') return size;
  if ('size' in sample) return Math.min(size, sample.size);
  return sampleSize(size, sample.error, sample.confidence, sample.p);
}

/** The faults drawn from a space: null means all. `stream` keeps the draws of the entries apart. */
export function drawFaults(
  space: FaultSpace,
  sample: SampleSpec,
  seed: number,
  stream: number,
): readonly number[] | null {
  const count = sampleCount(sample, space.size);
  return count === space.size ? null : drawDistinct(Prng.seeded(seed, stream), space.size, count);
}

/** Without pruning each drawn fault stands for itself. */
export function plainSelection(space: FaultSpace, drawn: readonly number[] | null): Selection {
  const faults = drawn ?? Array.from({ length: space.size }, (_, n) => n);
  return { drawn: faults.length, masked: new Map(), faults, weights: new Array<number>(faults.length).fill(1) };
}
