import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dalyInterval, exponentialQuantile, youngInterval } from '../../../src/campaign/checkpoint-interval.ts';
import { exp, log } from '../../../src/campaign/elementary.ts';
import { chiSquareTail, logGamma, normalQuantile, regularizedBeta } from '../../../src/campaign/special-functions.ts';
import {
  clopperPearson,
  mcNemar,
  sampleError,
  sampleSize,
  stratifiedEstimate,
  wilson,
} from '../../../src/campaign/statistics.ts';

/** Made with SciPy 1.17.1 and mpmath 1.3.0: distributions, binomtest(...).proportion_ci, exact McNemar from the binomial CDF. */
const oracle = JSON.parse(readFileSync(new URL('statistics-oracle.json', import.meta.url), 'utf8')) as Record<
  'normalQuantile' | 'chiSquareTail' | 'logGamma' | 'regularizedBeta' | 'intervals' | 'mcnemar' | 'log' | 'exp',
  number[][]
>;

/** Relative difference, absolute near 0. */
function near(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-12)).toBeLessThan(tolerance);
}

describe('special functions', () => {
  it('have the values that SciPy and mpmath give', () => {
    for (const [x, value] of oracle.log) if (value !== 0) near(log(x!), value!, 1e-15);
    for (const [x, value] of oracle.exp) near(exp(x!), value!, 3e-13);
    for (const [x, value] of oracle.logGamma) if (value !== 0) near(logGamma(x!), value!, 1e-12);
    for (const [x, a, b, value] of oracle.regularizedBeta) near(regularizedBeta(x!, a!, b!), value!, 1e-9);
    for (const [x, value] of oracle.chiSquareTail) near(chiSquareTail(x!), value!, 1e-11);
    for (const [p, value] of oracle.normalQuantile) expect(Math.abs(normalQuantile(p!) - value!)).toBeLessThan(1e-9);
  });

  it('end at their limits', () => {
    expect(log(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(log(-1)).toBeNaN();
    expect([exp(-800), exp(800)]).toEqual([0, Number.POSITIVE_INFINITY]);
    expect([regularizedBeta(0, 2, 3), regularizedBeta(1, 2, 3)]).toEqual([0, 1]);
  });
});

describe('intervals of a proportion', () => {
  it("are Wilson's and Clopper and Pearson's as SciPy has them", () => {
    for (const [hits, n, confidence, low, high, wilsonLow, wilsonHigh] of oracle.intervals) {
      const exact = clopperPearson(hits!, n!, confidence!);
      expect(Math.abs(exact.low - low!)).toBeLessThan(1e-9);
      expect(Math.abs(exact.high - high!)).toBeLessThan(1e-9);
      const score = wilson(hits!, n!, confidence!);
      expect(Math.abs(score.low - wilsonLow!)).toBeLessThan(1e-9);
      expect(Math.abs(score.high - wilsonHigh!)).toBeLessThan(1e-9);
    }
  });

  it("agree with Newcombe's published examples (Statistics in Medicine 17, 1998, table I)", () => {
    const round = ({ low, high }: { low: number; high: number }): number[] =>
      [low, high].map((x) => Number(x.toFixed(4)));
    expect(round(wilson(81, 263, 0.95))).toEqual([0.2553, 0.3662]);
    expect(round(wilson(15, 148, 0.95))).toEqual([0.0624, 0.1605]);
    expect(round(clopperPearson(81, 263, 0.95))).toEqual([0.2527, 0.3676]);
    expect(round(clopperPearson(15, 148, 0.95))).toEqual([0.0578, 0.1617]);
    expect(round(clopperPearson(0, 20, 0.95))).toEqual([0, 0.1684]);
  });

  it('say nothing without trials', () => {
    expect(wilson(0, 0, 0.95)).toEqual({ low: 0, high: 1 });
    expect(clopperPearson(0, 0, 0.95)).toEqual({ low: 0, high: 1 });
  });
});

describe('stratifiedEstimate', () => {
  it('is the plain interval for one stratum much larger than the sample', () => {
    const {
      proportion,
      wilson: score,
      clopperPearson: exact,
    } = stratifiedEstimate([{ weight: 1e12, n: 263, hits: 81 }], 0.95);
    expect(proportion).toBeCloseTo(81 / 263, 12);
    expect(score.low).toBeCloseTo(wilson(81, 263, 0.95).low, 6);
    expect(exact.high).toBeCloseTo(clopperPearson(81, 263, 0.95).high, 6);
  });

  it('knows exactly what was drawn whole', () => {
    const known = stratifiedEstimate(
      [
        { weight: 700, n: 700, hits: 0 },
        { weight: 300, n: 300, hits: 150 },
      ],
      0.95,
    );
    expect(known).toMatchObject({ proportion: 0.15, standardError: 0, wilson: { low: 0.15, high: 0.15 } });
  });

  it('weighs strata by their size and not by how many were drawn', () => {
    const { proportion, wilson: score } = stratifiedEstimate(
      [
        { weight: 9000, n: 10, hits: 0 },
        { weight: 1000, n: 100, hits: 50 },
      ],
      0.95,
    );
    expect(proportion).toBeCloseTo(0.05, 12);
    expect(score.low).toBeLessThan(0.05);
    expect(score.high).toBeGreaterThan(0.05);
  });

  it('covers the truth about as often as it says', () => {
    // A fixed little generator: the shares do not hang on Math.random.
    let state = 12345;
    const uniform = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) / 0x1000000;
    };
    const draw = (n: number, p: number): number => Array.from({ length: n }, uniform).filter((u) => u < p).length;
    let covered = 0;
    for (let trial = 0; trial < 400; trial++) {
      const strata = [
        { weight: 1e6, n: 150, hits: draw(150, 0.1) },
        { weight: 3e6, n: 100, hits: draw(100, 0.3) },
      ];
      const { wilson: score } = stratifiedEstimate(strata, 0.95);
      if (score.low <= 0.25 && 0.25 <= score.high) covered++;
    }
    expect(covered / 400).toBeGreaterThan(0.92);
    expect(covered / 400).toBeLessThan(0.985);
  });
});

describe('sampleSize', () => {
  it("is that of Leveugle's formula", () => {
    // Leveugle et al. 2009, table I: p = 0.5, 95 %: 9513 faults give 1 % in a space of 1 000 000.
    expect(sampleSize(1_000_000, 0.01, 0.95)).toBe(9513);
    expect(sampleSize(1_000_000, 0.05, 0.95)).toBe(384);
    expect(sampleSize(100, 0.01, 0.95)).toBe(99);
    expect(sampleSize(1, 0.01, 0.95)).toBe(1);
    expect(sampleSize(1e15, 0.01, 0.99)).toBe(16588);
  });

  it('is undone by sampleError', () => {
    const n = sampleSize(123_456, 0.02, 0.98);
    expect(sampleError(123_456, n, 0.98)).toBeLessThanOrEqual(0.02);
    expect(sampleError(123_456, n - 1, 0.98)).toBeGreaterThan(0.02);
    expect(sampleError(500, 500, 0.95)).toBe(0);
  });
});

describe('mcNemar', () => {
  it('has the p values that SciPy gives', () => {
    for (const [first, second, exact, chiSquare, p] of oracle.mcnemar) {
      const test = mcNemar(first!, second!);
      expect(test.exact).toBeCloseTo(exact!, 10);
      expect(test.chiSquare).toBeCloseTo(chiSquare!, 10);
      expect(test.chiSquareP).toBeCloseTo(p!, 10);
    }
  });
});

describe('optimum checkpoint interval', () => {
  it("is Young's and Daly's", () => {
    expect(youngInterval(300, 86_400)).toBeCloseTo(7200, 9);
    // sqrt(2 * 300 * 86400) (1 + sqrt(300 / 172800) / 3 + 300 / 172800 / 9) - 300
    expect(dalyInterval(300, 86_400)).toBeCloseTo(7001.3889, 3);
    expect(dalyInterval(10, 5)).toBe(5);
  });

  it('makes the expected time of a run smallest, by the exact model', () => {
    // Daly 2006, equation 20: expected wall time of a solve time Ts with intervals t, restart time R.
    const wall = (t: number, cost: number, mtbf: number): number => (Math.exp((t + cost) / mtbf) - 1) / t;
    for (const [cost, mtbf] of [
      [5, 300],
      [5, 1000],
      [30, 600],
    ] as const) {
      const best = Array.from({ length: 2000 }, (_, n) => 0.5 * (n + 1)).reduce((a, b) =>
        wall(b, cost, mtbf) < wall(a, cost, mtbf) ? b : a,
      );
      expect(Math.abs(dalyInterval(cost, mtbf) / best - 1)).toBeLessThan(0.01);
    }
  });

  it('draws exponential times by their quantiles', () => {
    expect(exponentialQuantile(0.5, 100)).toBeCloseTo(100 * Math.LN2, 10);
    expect(exponentialQuantile(0, 100)).toBe(-0);
  });
});
