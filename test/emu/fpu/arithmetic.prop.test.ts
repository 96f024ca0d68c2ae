import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, divide, multiply, squareRoot } from '../../../emu/fpu/arithmetic.ts';
import {
  addDoubles,
  divideDoubles,
  multiplyDoubles,
  outcome,
  rootOfDouble,
} from '../../../emu/fpu/double-arithmetic.ts';
import { DE, FloatEnvironment } from '../../../emu/fpu/environment.ts';
import { Extended, fromPlainDouble } from '../../../emu/fpu/extended.ts';
import { type Exact, type Rounded, roundExact } from './exact.ts';

const SEED = 0x387;
const RUNS = Number(process.env.FPU_RUNS ?? 3000);

/** Sign and exponent, significand. */
type Value = readonly [number, bigint];

const significand = fc.oneof(
  fc.bigInt({ min: 1n << 63n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 1n << 52n, max: (1n << 53n) - 1n }).map((n) => n << 11n),
  fc.bigInt({ min: 1n << 23n, max: (1n << 24n) - 1n }).map((n) => n << 40n),
  fc.constantFrom(1n << 63n, (1n << 64n) - 1n, (1n << 63n) + 1n, 0xfffffffffffff800n, 0xfffffffffffffc00n),
);
const exponent = fc.oneof(
  fc.integer({ min: 0x3ff0, max: 0x400f }),
  fc.integer({ min: 1, max: 0x7ffe }),
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 0x7fa0, max: 0x7ffe }),
  fc.integer({ min: 0x1fe0, max: 0x2020 }),
);
const normal: fc.Arbitrary<Value> = fc
  .tuple(fc.boolean(), exponent, significand)
  .map(([negative, e, s]) => [(negative ? 0x8000 : 0) | e, s] as const);
const denormal: fc.Arbitrary<Value> = fc
  .tuple(fc.boolean(), significand, fc.integer({ min: 1, max: 62 }))
  .map(([negative, s, shift]) => [negative ? 0x8000 : 0, s >> BigInt(shift)] as const);
const value = fc.oneof({ weight: 8, arbitrary: normal }, { weight: 1, arbitrary: denormal });
/** Close to the first, so that subtraction cancels. */
const pair = fc.oneof(
  fc.tuple(value, value),
  fc
    .tuple(normal, significand, fc.integer({ min: -66, max: 66 }), fc.boolean())
    .map(([a, s, distance, flip]): [Value, Value] => [
      a,
      [((a[0] & 0x8000) ^ (flip ? 0x8000 : 0)) | Math.min(0x7ffe, Math.max(1, (a[0] & 0x7fff) + distance)), s],
    ]),
);
const control = fc.record({ precision: fc.constantFrom(24, 53, 64), rounding: fc.integer({ min: 0, max: 3 }) });

function extended([se, s]: Value): Extended {
  return new Extended().set(se, Number(BigInt.asIntN(32, s >> 32n)), Number(BigInt.asIntN(32, s)));
}

function exact([se, s]: Value): Exact {
  return {
    negative: (se & 0x8000) !== 0,
    numerator: s,
    denominator: 1n,
    exponent: (se & 0x7fff || 1) - 0x3fff - 63,
  };
}

/** What an operation gives and raises, DE left out. */
function run(
  { precision, rounding }: { precision: number; rounding: number },
  operation: (env: FloatEnvironment, out: Extended) => void,
): Rounded {
  const env = new FloatEnvironment();
  env.precision = precision;
  env.rounding = rounding;
  const out = new Extended();
  operation(env, out);
  return {
    se: out.se,
    significand: (BigInt(out.hi >>> 0) << 32n) | BigInt(out.lo >>> 0),
    raised: env.raised & ~DE,
  };
}

describe('extended arithmetic is the exact result, rounded once', () => {
  it('in additions and subtractions', () => {
    fc.assert(
      fc.property(pair, control, ([a, b], c) => {
        const x = exact(a);
        const y = exact(b);
        const unit = Math.min(x.exponent, y.exponent);
        const signed = (n: Exact): bigint => (n.negative ? -n.numerator : n.numerator) << BigInt(n.exponent - unit);
        const sum = signed(x) + signed(y);
        const got = run(c, (env, out) => add(env, extended(a), extended(b), false, out));
        if (sum === 0n) {
          expect(got).toEqual({ se: c.rounding === 1 ? 0x8000 : 0, significand: 0n, raised: 0 });
          return;
        }
        const wanted = { negative: sum < 0n, numerator: sum < 0n ? -sum : sum, denominator: 1n, exponent: unit };
        expect(got).toEqual(roundExact(wanted, c.precision, c.rounding));
        const flipped: Value = [b[0] ^ 0x8000, b[1]];
        expect(run(c, (env, out) => add(env, extended(a), extended(flipped), true, out))).toEqual(got);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('in multiplications', () => {
    fc.assert(
      fc.property(pair, control, ([a, b], c) => {
        const x = exact(a);
        const y = exact(b);
        const wanted = {
          negative: x.negative !== y.negative,
          numerator: x.numerator * y.numerator,
          denominator: 1n,
          exponent: x.exponent + y.exponent,
        };
        expect(run(c, (env, out) => multiply(env, extended(a), extended(b), out))).toEqual(
          roundExact(wanted, c.precision, c.rounding),
        );
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('in divisions', () => {
    fc.assert(
      fc.property(pair, control, ([a, b], c) => {
        const x = exact(a);
        const y = exact(b);
        const wanted = {
          negative: x.negative !== y.negative,
          numerator: x.numerator,
          denominator: y.numerator,
          exponent: x.exponent - y.exponent,
        };
        expect(run(c, (env, out) => divide(env, extended(a), extended(b), out))).toEqual(
          roundExact(wanted, c.precision, c.rounding),
        );
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('in square roots: the square of what lies half a unit off is on the other side', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(24, 53, 64), ([se, s], precision) => {
        const a: Value = [se & 0x7fff, s];
        const x = exact(a);
        const got = run({ precision, rounding: 0 }, (env, out) => squareRoot(env, extended(a), out));
        const root = exact([got.se, got.significand]);
        // Twice the root plus and minus one unit, squared, against four times x.
        const unit = 1n << BigInt(64 - precision);
        const shift = x.exponent + 2 - 2 * root.exponent;
        const left = (n: bigint): bigint => (shift < 0 ? (n * n) << BigInt(-shift) : n * n);
        const right = shift < 0 ? x.numerator : x.numerator << BigInt(shift);
        expect(left(2n * root.numerator - unit) <= right).toBe(true);
        expect(left(2n * root.numerator + unit) >= right).toBe(true);
        expect((got.raised & 0x20) !== 0).toBe(left(2n * root.numerator) !== right);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });
});

describe('host doubles stand for 53-bit arithmetic', () => {
  const finite = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -1000, max: 1000 }),
    fc.double({ min: -4, max: 4, noNaN: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  );
  const plain = finite.filter((x) => x === 0 || Math.abs(x) >= 2 ** -1022);
  type Binary = (env: FloatEnvironment, a: Extended, b: Extended, out: Extended) => void;

  it.each([
    ['addition', addDoubles, (env, a, b, out) => add(env, a, b, false, out)],
    ['multiplication', multiplyDoubles, multiply],
    ['division', divideDoubles, divide],
    ['square root', (x: number) => rootOfDouble(x), (env, a, _b, out) => squareRoot(env, a, out)],
  ] as readonly [string, (x: number, y: number) => number, Binary][])(
    'in %s, exceptions and C1 included',
    (_name, byDoubles, bySoftware) => {
      fc.assert(
        fc.property(plain, plain, (x, y) => {
          const result = byDoubles(x, y);
          if (Number.isNaN(result)) return;
          const raised = outcome.raised;
          const a = new Extended();
          const b = new Extended();
          fromPlainDouble(x, a);
          fromPlainDouble(y, b);
          const wanted = run({ precision: 53, rounding: 0 }, (env, out) => bySoftware(env, a, b, out));
          fromPlainDouble(result, a);
          expect({
            se: a.se,
            significand: (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0),
            raised,
          }).toEqual(wanted);
        }),
        { seed: SEED, numRuns: RUNS },
      );
    },
  );
});
