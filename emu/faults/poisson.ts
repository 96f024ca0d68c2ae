import type { Prng } from '../base/prng.ts';

/**
 * The time to the next event of a Poisson process: an exponential variate of this mean, a whole number of ns and at least 1. Exact but for
 * the 32 bits of the fraction and made of comparisons and integers alone, so that every host gets the same.
 * Algorithm: J. von Neumann, Various techniques used in connection with random digits, 1951: of runs of falling uniform numbers, the
 * first that has odd length gives its first number as the fraction, the failures before it the whole part.
 */
export function exponentialGapNs(prng: Prng, meanNs: number): number {
  for (let whole = 0; ; whole++) {
    const fraction = prng.next();
    let last = fraction;
    let length = 1;
    for (let next = prng.next(); next < last; next = prng.next()) {
      last = next;
      length++;
    }
    if (length % 2 === 1) {
      const ns = BigInt(whole) * BigInt(meanNs) + ((BigInt(fraction) * BigInt(meanNs)) >> 32n);
      return Number(ns < 1n ? 1n : ns > MAX ? MAX : ns);
    }
  }
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
