import { C1, DOWN, type FloatEnvironment, OE, PE, TO_NEAREST, TO_ZERO, UE, UP } from './environment.ts';
import { EXPONENT_MAX, type Extended, SIGN } from './extended.ts';

// Rounding. A value before it is a 96-bit significand hi:lo:rest with the binary point after the top bit; the lowest bit of `rest`
// is sticky. Source: Intel SDM Vol. 1, Rounding; Numeric Overflow, Underflow; IEEE 754.

/** With an unmasked overflow or underflow the exponent is wrapped by this much. */
const WRAP = 0x6000;

/** What is cut off a significand: nothing, less than half a unit, half, more. */
const EXACT = 0;
const BELOW_HALF = 1;
const HALF = 2;
const ABOVE_HALF = 3;

/** What is cut off hi:lo:rest when `precision` (24, 53 or 64) bits stay. */
export function cutOff(hi: number, lo: number, rest: number, precision: number): number {
  if (precision === 64) return half(rest < 0, rest & 0x7fffffff);
  if (precision === 53) return half((lo & 0x400) !== 0, (lo & 0x3ff) | rest);
  return half((hi & 0x80) !== 0, (hi & 0x7f) | lo | rest);
}

function half(top: boolean, others: number): number {
  if (top) return others === 0 ? HALF : ABOVE_HALF;
  return others === 0 ? EXACT : BELOW_HALF;
}

/** Whether rounding goes away from zero. */
export function roundsAway(rounding: number, cut: number, sign: number, odd: boolean): boolean {
  if (cut === EXACT) return false;
  if (rounding === TO_NEAREST) return cut === ABOVE_HALF || (cut === HALF && odd);
  if (rounding === TO_ZERO) return false;
  return rounding === (sign !== 0 ? DOWN : UP);
}

function isOdd(hi: number, lo: number, precision: number): boolean {
  if (precision === 64) return (lo & 1) !== 0;
  return precision === 53 ? (lo & 0x800) !== 0 : (hi & 0x100) !== 0;
}

/**
 * Rounds a value whose significand has its top bit set and stores it. `exponent` is biased and may be out of range.
 * Raises OE, UE, PE and C1. Tininess is detected after rounding.
 */
export function roundAndPack(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  rest: number,
  precision: number,
  out: Extended,
): void {
  if (exponent <= 0) {
    if (env.unmasked & UE) {
      if (isTiny(env, sign, exponent, hi, lo, rest, precision)) {
        env.raised |= UE;
        exponent += WRAP;
      }
    } else {
      packDenormal(env, sign, exponent, hi, lo, rest, precision, out);
      return;
    }
  }
  const cut = cutOff(hi, lo, rest, precision);
  if (cut !== EXACT || precision !== 64) {
    const away = roundsAway(env.rounding, cut, sign, isOdd(hi, lo, precision));
    if (precision === 53) lo &= ~0x7ff;
    else if (precision === 24) {
      hi &= ~0xff;
      lo = 0;
    }
    if (away) {
      if (precision === 24) hi = (hi + 0x100) | 0;
      else {
        const sum = (lo >>> 0) + (precision === 53 ? 0x800 : 1);
        lo = sum | 0;
        if (sum > 0xffffffff) hi = (hi + 1) | 0;
      }
      if (hi >= 0) {
        hi = -0x80000000;
        exponent++;
      }
    }
    if (cut !== EXACT) env.raised |= away ? PE | C1 : PE;
  }
  if (exponent >= EXPONENT_MAX) {
    if (!(env.unmasked & OE)) {
      packOverflow(env, sign, precision, out);
      return;
    }
    env.raised |= OE;
    exponent -= WRAP;
  }
  out.se = sign | (exponent & EXPONENT_MAX);
  out.hi = hi;
  out.lo = lo;
}

/** Whether the value is below the smallest normal number after rounding to the precision without a limit of the exponent. */
function isTiny(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  rest: number,
  precision: number,
): boolean {
  if (exponent < 0) return true;
  if (!roundsAway(env.rounding, cutOff(hi, lo, rest, precision), sign, isOdd(hi, lo, precision))) return true;
  // Only all ones become the power of two above.
  if (precision === 24) return hi >>> 8 !== 0xffffff;
  return hi !== -1 || (precision === 53 ? lo >>> 11 !== 0x1fffff : lo !== -1);
}

function packDenormal(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  rest: number,
  precision: number,
  out: Extended,
): void {
  const tiny = isTiny(env, sign, exponent, hi, lo, rest, precision);
  shiftRightSticky(hi, lo, rest, 1 - exponent);
  hi = shifted.hi;
  lo = shifted.lo;
  const cut = cutOff(hi, lo, shifted.rest, precision);
  const away = roundsAway(env.rounding, cut, sign, isOdd(hi, lo, precision));
  if (precision === 53) lo &= ~0x7ff;
  else if (precision === 24) {
    hi &= ~0xff;
    lo = 0;
  }
  if (away) {
    if (precision === 24) hi = (hi + 0x100) | 0;
    else {
      const sum = (lo >>> 0) + (precision === 53 ? 0x800 : 1);
      lo = sum | 0;
      if (sum > 0xffffffff) hi = (hi + 1) | 0;
    }
  }
  if (cut !== EXACT) env.raised |= (tiny ? UE | PE : PE) | (away ? C1 : 0);
  out.se = sign | (hi < 0 ? 1 : 0);
  out.hi = hi;
  out.lo = lo;
}

/** The masked response to overflow: infinity, or the largest number when rounding goes towards zero. */
function packOverflow(env: FloatEnvironment, sign: number, precision: number, out: Extended): void {
  const { rounding } = env;
  const infinite = rounding === TO_NEAREST || rounding === (sign !== 0 ? DOWN : UP);
  env.raised = (env.raised & ~C1) | OE | PE | (infinite ? C1 : 0);
  if (infinite) out.set(sign | EXPONENT_MAX, -0x80000000, 0);
  else
    out.set(
      sign | (EXPONENT_MAX - 1),
      precision === 24 ? -0x100 : -1,
      precision === 24 ? 0 : precision === 53 ? -0x800 : -1,
    );
}

/** Result of the shifts below. */
export const shifted = { hi: 0, lo: 0, rest: 0 };

/** Shifts hi:lo:rest right; what falls out stays as a set lowest bit. */
export function shiftRightSticky(hi: number, lo: number, rest: number, count: number): void {
  if (count >= 96) {
    rest = (hi | lo | rest) !== 0 ? 1 : 0;
    hi = lo = 0;
  } else {
    let sticky = 0;
    for (; count >= 32; count -= 32) {
      sticky |= rest;
      rest = lo;
      lo = hi;
      hi = 0;
    }
    if (count > 0) {
      sticky |= rest << (32 - count);
      rest = (rest >>> count) | (lo << (32 - count));
      lo = (lo >>> count) | (hi << (32 - count));
      hi >>>= count;
    }
    if (sticky !== 0) rest |= 1;
  }
  shifted.hi = hi | 0;
  shifted.lo = lo | 0;
  shifted.rest = rest | 0;
}

/** Shifts hi:lo:rest left by less than 32. */
function shiftLeft(hi: number, lo: number, rest: number, count: number): void {
  if (count > 0) {
    hi = (hi << count) | (lo >>> (32 - count));
    lo = (lo << count) | (rest >>> (32 - count));
    rest <<= count;
  }
  shifted.hi = hi;
  shifted.lo = lo;
  shifted.rest = rest;
}

/** Shifts a significand that is not zero until its top bit is set; returns by how much. */
export function normalize(hi: number, lo: number, rest: number): number {
  let count = 0;
  while (hi === 0) {
    hi = lo;
    lo = rest;
    rest = 0;
    count += 32;
  }
  const more = Math.clz32(hi);
  shiftLeft(hi, lo, rest, more);
  return count + more;
}

/** `sign` as the status of the sum of two zeros of different sign, or of a difference of equals. */
export function exactZeroSign(env: FloatEnvironment): number {
  return env.rounding === DOWN ? SIGN : 0;
}
