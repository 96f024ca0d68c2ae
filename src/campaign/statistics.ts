import { assert } from '../../emu/base/errors.ts';
import { betaQuantile, chiSquareTail, regularizedBeta, twoSidedZ } from './special-functions.ts';

/** A confidence interval of a proportion. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * How many faults of `population` to inject so that a proportion is known within +-`error` at this confidence. `p` is the proportion
 * assumed beforehand; 0.5 is the worst. Source: Leveugle, Calvez, Maistri, Vanhauwaert, "Statistical fault injection: quantified
 * error and confidence", DATE 2009: n = N / (1 + e^2 (N - 1) / (t^2 p (1 - p))).
 */
export function sampleSize(population: number, error: number, confidence: number, p = 0.5): number {
  assert(
    error > 0 && error < 1 && confidence > 0 && confidence < 1 && p > 0 && p < 1,
    'error and confidence are in (0, 1)',
  );
  if (population <= 1) return population;
  const t = twoSidedZ(confidence);
  const n = population / (1 + (error * error * (population - 1)) / (t * t * p * (1 - p)));
  // What is whole but for rounding stays whole.
  return Math.min(population, Math.ceil(n - n * 1e-12));
}

/** The error that a sample of n out of `population` leaves: Leveugle's formula the other way round. */
export function sampleError(population: number, n: number, confidence: number, p = 0.5): number {
  if (n >= population) return 0;
  return twoSidedZ(confidence) * Math.sqrt(((p * (1 - p)) / n) * ((population - n) / (population - 1)));
}

/** Wilson's score interval (Wilson 1927). `n` may be an effective size, not whole. No trials: 0 .. 1. */
export function wilson(hits: number, n: number, confidence: number): Interval {
  if (n <= 0) return { low: 0, high: 1 };
  const z = twoSidedZ(confidence);
  const p = hits / n;
  const scale = 1 + (z * z) / n;
  const centre = (p + (z * z) / (2 * n)) / scale;
  const half = (z / scale) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return { low: hits <= 0 ? 0 : Math.max(0, centre - half), high: hits >= n ? 1 : Math.min(1, centre + half) };
}

/** Clopper and Pearson's exact interval (1934). No trials: 0 .. 1. */
export function clopperPearson(hits: number, n: number, confidence: number): Interval {
  if (n <= 0) return { low: 0, high: 1 };
  const tail = (1 - confidence) / 2;
  return {
    low: hits <= 0 ? 0 : betaQuantile(tail, hits, n - hits + 1),
    high: hits >= n ? 1 : betaQuantile(1 - tail, hits + 1, n - hits),
  };
}

/** One stratum of a fault space: `weight` points, of which `n` were drawn, `hits` of them with the outcome in question. */
export interface Stratum {
  readonly weight: number;
  readonly n: number;
  readonly hits: number;
}

export interface Estimate {
  /** Estimated proportion of the whole space. */
  readonly proportion: number;
  /** 0 when every point of every stratum is known. */
  readonly standardError: number;
  readonly wilson: Interval;
  readonly clopperPearson: Interval;
}

/**
 * The proportion over strata drawn at different rates: each counts by its weight, not by how many were drawn. Variance with the
 * finite-population correction (Cochran, Sampling Techniques, 5.4). The intervals are those of a simple sample of the effective size
 * that has this variance (Korn and Graubard 1998); with one stratum and n far below its weight, the plain ones.
 * A stratum that is drawn whole (n = weight) is known and adds no width. Precondition: every stratum with weight has n > 0.
 */
export function stratifiedEstimate(strata: readonly Stratum[], confidence: number): Estimate {
  const total = strata.reduce((sum, { weight }) => sum + weight, 0);
  let known = 0;
  let proportion = 0;
  let variance = 0;
  let drawn = 0;
  let drawnWeight = 0;
  let drawnHits = 0;
  for (const { weight, n, hits } of strata) {
    if (weight === 0) continue;
    assert(n > 0, 'a stratum of which nothing is known');
    const share = weight / total;
    const p = hits / n;
    proportion += share * p;
    if (n >= weight) {
      known += share * p;
      continue;
    }
    drawn += n;
    drawnWeight += share;
    drawnHits += share * p;
    variance += share * share * ((p * (1 - p)) / n) * ((weight - n) / (weight - 1));
  }
  if (drawn === 0) {
    const exact = { low: proportion, high: proportion };
    return { proportion, standardError: 0, wilson: exact, clopperPearson: exact };
  }
  // Inside the part that was sampled: proportion q, effective size m.
  const q = drawnHits / drawnWeight;
  const spread = variance / (drawnWeight * drawnWeight);
  const m = spread > 0 ? (q * (1 - q)) / spread : drawn;
  const widen = ({ low, high }: Interval): Interval => ({
    low: known + drawnWeight * low,
    high: known + drawnWeight * high,
  });
  return {
    proportion,
    standardError: Math.sqrt(variance),
    wilson: widen(wilson(q * m, m, confidence)),
    clopperPearson: widen(clopperPearson(q * m, m, confidence)),
  };
}

export interface McNemar {
  /** Pairs in which only the first, and only the second, has the property. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided p of the exact (binomial) test. */
  readonly exact: number;
  /** The statistic with Edwards' continuity correction, and its p. */
  readonly chiSquare: number;
  readonly chiSquareP: number;
}

/** McNemar's test (1947) of two treatments on the same faults: does one have the property more often? */
export function mcNemar(onlyFirst: number, onlySecond: number): McNemar {
  const n = onlyFirst + onlySecond;
  if (n === 0) return { onlyFirst, onlySecond, exact: 1, chiSquare: 0, chiSquareP: 1 };
  const fewer = Math.min(onlyFirst, onlySecond);
  // P(X <= k) of Binomial(n, 1/2) is I_{1/2}(n - k, k + 1).
  const exact = Math.min(1, 2 * regularizedBeta(0.5, n - fewer, fewer + 1));
  const difference = Math.max(0, Math.abs(onlyFirst - onlySecond) - 1);
  const chiSquare = (difference * difference) / n;
  return { onlyFirst, onlySecond, exact, chiSquare, chiSquareP: chiSquareTail(chiSquare) };
}
