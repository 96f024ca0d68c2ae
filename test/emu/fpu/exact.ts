import { C1, DOWN, OE, PE, TO_NEAREST, UE, UP } from '../../../emu/fpu/environment.ts';

// An oracle for rounding: exact numbers as fractions, rounded by the definition in IEEE 754. Slow and plain.

const BIAS = 0x3fff;

/** (-1)^negative * numerator / denominator * 2^exponent, not zero. */
export interface Exact {
  readonly negative: boolean;
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly exponent: number;
}

export interface Rounded {
  readonly se: number;
  readonly significand: bigint;
  readonly raised: number;
}

/** Floor of x / 2^k, and whether something was left over twice as a number: 0 nothing, 1 below half, 2 half, 3 above. */
function cut(x: Exact, unit: number): { quotient: bigint; rest: number } {
  // x / 2^unit
  const shift = x.exponent - unit;
  const numerator = shift >= 0 ? x.numerator << BigInt(shift) : x.numerator;
  const denominator = shift >= 0 ? x.denominator : x.denominator << BigInt(-shift);
  const quotient = numerator / denominator;
  const remainder = numerator - quotient * denominator;
  const twice = 2n * remainder;
  return { quotient, rest: remainder === 0n ? 0 : twice < denominator ? 1 : twice === denominator ? 2 : 3 };
}

function away(x: Exact, rounding: number, quotient: bigint, rest: number): boolean {
  if (rest === 0) return false;
  if (rounding === TO_NEAREST) return rest === 3 || (rest === 2 && (quotient & 1n) === 1n);
  return rounding === (x.negative ? DOWN : UP);
}

/** floor(log2 |x|) */
function magnitudeOf(x: Exact): number {
  let e = x.numerator.toString(2).length - x.denominator.toString(2).length + x.exponent;
  if (cut(x, e).quotient === 0n) e--;
  return e;
}

function roundAt(x: Exact, rounding: number, unit: number): { quotient: bigint; rest: number; up: boolean } {
  const { quotient, rest } = cut(x, unit);
  const up = away(x, rounding, quotient, rest);
  return { quotient: up ? quotient + 1n : quotient, rest, up };
}

/** Rounds to the extended format with all exceptions masked. */
export function roundExact(x: Exact, precision: number, rounding: number): Rounded {
  const sign = x.negative ? 0x8000 : 0;
  const magnitude = magnitudeOf(x);
  const free = roundAt(x, rounding, magnitude - precision + 1);
  const carried = free.quotient >> BigInt(precision) !== 0n;
  const tiny = magnitude + (carried ? 1 : 0) < 1 - BIAS;
  // Below the smallest normal exponent the unit stays.
  const exponent = Math.max(magnitude, 1 - BIAS);
  const { quotient, rest, up } = roundAt(x, rounding, exponent - precision + 1);
  let significand = quotient << BigInt(64 - precision);
  let biased = exponent + BIAS;
  if (significand >> 64n) {
    significand >>= 1n;
    biased++;
  }
  if (significand >> 63n === 0n) biased = 0;
  if (biased >= 0x7fff) {
    const infinite = rounding === TO_NEAREST || rounding === (x.negative ? DOWN : UP);
    return infinite
      ? { se: sign | 0x7fff, significand: 1n << 63n, raised: OE | PE | C1 }
      : { se: sign | 0x7ffe, significand: ((1n << BigInt(precision)) - 1n) << BigInt(64 - precision), raised: OE | PE };
  }
  const inexact = rest !== 0 ? PE | (tiny ? UE : 0) | (up ? C1 : 0) : 0;
  return { se: sign | biased, significand, raised: inexact };
}
