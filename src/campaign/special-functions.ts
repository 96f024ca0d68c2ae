import { assert } from '../../emu/base/errors.ts';
import { exp, log } from './elementary.ts';

/*
 * The distributions behind intervals and tests. Formulas: NIST Digital Library of Mathematical Functions, 5.11 (log gamma), 8.9 and 8.11
 * (incomplete gamma), 8.17 (incomplete beta, its continued fraction 8.17.22).
 */

const HALF_LOG_TWO_PI = 0.9189385332046727;

/** log of the gamma function of x > 0. */
export function logGamma(x: number): number {
  assert(x > 0, `log gamma of ${x}`);
  // Stirling's series wants a large argument: Gamma(x + 1) = x Gamma(x).
  let shift = 1;
  let z = x;
  let logShift = 0;
  while (z < 15) {
    shift *= z;
    z++;
    if (shift > 1e100) {
      logShift += log(shift);
      shift = 1;
    }
  }
  logShift += log(shift);
  const inverse = 1 / z;
  const square = inverse * inverse;
  const series =
    inverse *
    (1 / 12 -
      square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360))))));
  return (z - 0.5) * log(z) - z + HALF_LOG_TWO_PI + series - logShift;
}

/** Regularised incomplete beta function I_x(a, b): the probability that a Beta(a, b) variable is at most x. */
export function regularizedBeta(x: number, a: number, b: number): number {
  assert(a > 0 && b > 0, `incomplete beta with a = ${a}, b = ${b}`);
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on this side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const front = exp(a * log(x) + b * log(1 - x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
  return front * betaFraction(x, a, b);
}

const TINY = 1e-300;
const TERMS_MAX = 100_000;

/** The continued fraction of the incomplete beta function, by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const notZero = (value: number): number => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < TERMS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    result *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    const change = c * d;
    result *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return result;
}

/** The x at which I_x(a, b) = p: quantile p of Beta(a, b). By bisection: slow, and the same everywhere. */
export function betaQuantile(p: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let n = 0; n < 80 && high - low > 1e-17; n++) {
    const middle = (low + high) / 2;
    if (regularizedBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Probability that a chi-square variable of one degree of freedom exceeds x: Q(1/2, x/2) = erfc(sqrt(x/2)). */
export function chiSquareTail(x: number): number {
  if (x <= 0) return 1;
  const half = x / 2;
  const front = exp(-half + 0.5 * log(half) - logGamma(0.5));
  if (half < 1.5) {
    // Series of the lower function (DLMF 8.11.4).
    let term = 2;
    let sum = term;
    for (let n = 1; n < 500 && term > sum * 1e-17; n++) {
      term *= half / (0.5 + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  // Continued fraction of the upper function (DLMF 8.9.2), by Lentz's method.
  let b = half + 0.5;
  let c = 1 / TINY;
  let d = 1 / b;
  let result = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - 0.5);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const change = c * d;
    result *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return front * result;
}

/** Probability that a standard normal variable is at most z. */
export function normalCdf(z: number): number {
  const tail = chiSquareTail(z * z) / 2;
  return z < 0 ? tail : 1 - tail;
}

/** Quantile p of the standard normal distribution, 0 < p < 1. */
export function normalQuantile(p: number): number {
  assert(p > 0 && p < 1, `normal quantile of ${p}`);
  if (p > 0.5) return -normalQuantile(1 - p);
  let low = -40;
  let high = 0;
  for (let n = 0; n < 100; n++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The z for which a standard normal variable lies within -z .. z with probability `confidence`: 1.96 for 0.95. */
export const twoSidedZ = (confidence: number): number => -normalQuantile((1 - confidence) / 2);
