import { unpack } from './arithmetic.ts';
import { C0, C1, C2, C3, DE, type FloatEnvironment, OE, PE, UE, ZE } from './environment.ts';
import {
  BIAS,
  classify,
  DENORMAL,
  EXPONENT_MAX,
  Extended,
  INFINITE,
  NORMAL,
  QNAN,
  SIGN,
  setInfinity,
  setZero,
  ZERO,
} from './extended.ts';
import { invalid, propagateOne, propagateTwo } from './nan.ts';
import { cutOff, roundAndPack, roundsAway, shifted, shiftRightSticky } from './round.ts';
import { isBelow } from './wide.ts';

// Operations beside basic arithmetic. Their results are exact or rounded to 64 bits. Source: Intel SDM Vol. 2, FPREM, FPREM1, FSCALE, FXTRACT,
// FRNDINT.

const left = { exponent: 0, hi: 0, lo: 0 };
const right = { exponent: 0, hi: 0, lo: 0 };

/**
 * FPREM (quotient truncated) or FPREM1 (to nearest). Returns the condition codes: C2 when the exponents are too far apart for
 * one go, else the low bits of the quotient in C0 C3 C1; -1 when there is no quotient.
 */
export function remainder(env: FloatEnvironment, a: Extended, b: Extended, nearest: boolean, out: Extended): number {
  const kindA = classify(a);
  const kindB = classify(b);
  if (kindA >= QNAN || kindB >= QNAN) {
    propagateTwo(env, a, b, out);
    return -1;
  }
  if (kindA === INFINITE || kindB === ZERO) {
    invalid(env, out);
    return -1;
  }
  if ((kindA === DENORMAL || kindB === DENORMAL) && env.raise(DE)) return -1;
  if (kindA === ZERO) {
    out.copy(a);
    return 0;
  }
  const sign = a.se & SIGN;
  if (kindB === INFINITE) {
    unpack(a, left);
    roundAndPack(env, sign, left.exponent, left.hi, left.lo, 0, 64, out);
    return 0;
  }
  unpack(a, left);
  unpack(b, right);
  const distance = left.exponent - right.exponent;
  if (distance >= 64) {
    // Part of the way: the exponent comes down by 32 to 63.
    const steps = (distance & 31) | 32;
    longDivide(steps);
    storeRemainder(env, sign, left.exponent - steps, out);
    return C2;
  }
  if (distance < -1 || (!nearest && distance < 0)) {
    roundAndPack(env, sign, left.exponent, left.hi, left.lo, 0, 64, out);
    return 0;
  }
  let quotient = 0;
  let flipped = 0;
  if (distance < 0) {
    // |a| < |b|, and |a| may be above half of |b|: a is one place below b, its significand against that of b.
    if (isBelow(right.hi, right.lo, left.hi, left.lo)) {
      subtractFrom(right.hi, right.lo, left.exponent);
      flipped = SIGN;
      quotient = 1;
      storeRemainder(env, sign ^ flipped, halfExponent, out);
    } else roundAndPack(env, sign, left.exponent, left.hi, left.lo, 0, 64, out);
    return quotientCodes(quotient);
  }
  quotient = longDivide(distance);
  if (nearest && (left.hi | left.lo) !== 0 && isAboveHalf((quotient & 1) !== 0)) {
    const lo = (right.lo >>> 0) - (left.lo >>> 0);
    left.hi = (right.hi - left.hi - (lo < 0 ? 1 : 0)) | 0;
    left.lo = lo | 0;
    flipped = SIGN;
    quotient++;
  }
  storeRemainder(env, sign ^ flipped, right.exponent, out);
  return quotientCodes(quotient);
}

function quotientCodes(quotient: number): number {
  return (quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0);
}

let halfExponent = 0;

/** 2 * hi:lo - left, one bit wider for a moment: right is one place above left. The result has the exponent of left. */
function subtractFrom(hi: number, lo: number, exponent: number): void {
  // 2r - l = r - (l - r): both below 2^64 because r < l < 2r.
  const lowOne = (left.lo >>> 0) - (lo >>> 0);
  const highOne = (left.hi - hi - (lowOne < 0 ? 1 : 0)) | 0;
  const lowTwo = (lo >>> 0) - (lowOne >>> 0);
  left.hi = (hi - highOne - (lowTwo < 0 ? 1 : 0)) | 0;
  left.lo = lowTwo | 0;
  halfExponent = exponent;
}

/** Divides left by right, `steps` + 1 bits of the quotient: the remainder stays in left; returns the low bits of the quotient. */
function longDivide(steps: number): number {
  let { hi, lo } = left;
  const divHi = right.hi;
  const divLo = right.lo;
  let quotient = 0;
  let carry = 0;
  for (let i = 0; ; i++) {
    quotient = (quotient << 1) & 0xff;
    if (carry !== 0 || !isBelow(hi, lo, divHi, divLo)) {
      const low = (lo >>> 0) - (divLo >>> 0);
      hi = (hi - divHi - (low < 0 ? 1 : 0)) | 0;
      lo = low | 0;
      quotient |= 1;
    }
    if (i === steps) break;
    carry = hi >>> 31;
    hi = (hi << 1) | (lo >>> 31);
    lo <<= 1;
  }
  left.hi = hi;
  left.lo = lo;
  return quotient;
}

/** Whether the remainder in left is more than half of right, or half and the quotient is odd. */
function isAboveHalf(odd: boolean): boolean {
  if (left.hi < 0) return true;
  const hi = (left.hi << 1) | (left.lo >>> 31);
  const lo = left.lo << 1;
  if (isBelow(right.hi, right.lo, hi, lo)) return true;
  return odd && hi === right.hi && lo === right.lo;
}

function storeRemainder(env: FloatEnvironment, sign: number, exponent: number, out: Extended): void {
  if ((left.hi | left.lo) === 0) {
    setZero(out, sign);
    return;
  }
  out.set(0, left.hi, left.lo);
  unpack(out, left);
  // unpack took it for a denormal, whose exponent is 1.
  roundAndPack(env, sign, exponent + left.exponent - 1, left.hi, left.lo, 0, 64, out);
}

/** a * 2^trunc(b). */
export function scale(env: FloatEnvironment, a: Extended, b: Extended, out: Extended): void {
  const kindA = classify(a);
  const kindB = classify(b);
  if (kindA >= QNAN || kindB >= QNAN) {
    propagateTwo(env, a, b, out);
    return;
  }
  const sign = a.se & SIGN;
  const down = (b.se & SIGN) !== 0;
  if (kindB === INFINITE && ((kindA === ZERO && !down) || (kindA === INFINITE && down))) {
    invalid(env, out);
    return;
  }
  if ((kindA === DENORMAL || kindB === DENORMAL) && env.raise(DE)) return;
  if (kindA === INFINITE || kindA === ZERO) {
    out.copy(a);
    return;
  }
  if (kindB === INFINITE) {
    if (down) setZero(out, sign);
    else setInfinity(out, sign);
    return;
  }
  const power = (b.se & EXPONENT_MAX) - BIAS;
  let amount = 0;
  if (power >= 0) amount = power > 16 ? 0x20000 : b.hi >>> (31 - power);
  unpack(a, left);
  scaleBy(env, sign, left.exponent, down ? -amount : amount, out);
}

/** Out of reach even of a wrapped exponent: the wrapped result is infinity or zero. */
function scaleBy(env: FloatEnvironment, sign: number, exponent: number, amount: number, out: Extended): void {
  const scaled = exponent + amount;
  if (env.unmasked & OE && scaled >= EXPONENT_MAX + 0x6000) {
    env.raised |= OE | PE | C1;
    setInfinity(out, sign);
    return;
  }
  if (env.unmasked & UE && scaled + 0x6000 <= 0) {
    env.raised |= UE | PE;
    setZero(out, sign);
    return;
  }
  roundAndPack(env, sign, scaled, left.hi, left.lo, 0, 64, out);
}

/** Splits into exponent (a number) and significand. */
export function extract(env: FloatEnvironment, a: Extended, exponentOut: Extended, significandOut: Extended): void {
  const kind = classify(a);
  if (kind >= QNAN) {
    propagateOne(env, a, significandOut);
    exponentOut.copy(significandOut);
    return;
  }
  const sign = a.se & SIGN;
  if (kind === ZERO) {
    if (env.raise(ZE)) return;
    setInfinity(exponentOut, SIGN);
    setZero(significandOut, sign);
    return;
  }
  if (kind === INFINITE) {
    setInfinity(exponentOut, 0);
    setInfinity(significandOut, sign);
    return;
  }
  if (kind === DENORMAL && env.raise(DE)) return;
  unpack(a, left);
  const { exponent, hi, lo } = left;
  fromInteger(exponent - BIAS, exponentOut);
  significandOut.set(sign | BIAS, hi, lo);
}

/** An int32 in the extended format. */
export function fromInteger(value: number, out: Extended): void {
  if (value === 0) {
    setZero(out, 0);
    return;
  }
  const magnitude = Math.abs(value) | 0;
  const shift = Math.clz32(magnitude);
  out.set((value < 0 ? SIGN : 0) | (BIAS + 31 - shift), magnitude << shift, 0);
}

/** Rounds to an integral value by `env.rounding`. */
export function roundToIntegral(env: FloatEnvironment, a: Extended, out: Extended): void {
  const kind = classify(a);
  if (kind >= QNAN) {
    propagateOne(env, a, out);
    return;
  }
  if (kind === INFINITE || kind === ZERO) {
    out.copy(a);
    return;
  }
  if (kind === DENORMAL && env.raise(DE)) return;
  const sign = a.se & SIGN;
  const power = (a.se & EXPONENT_MAX) - BIAS;
  if (kind === NORMAL && power >= 63) {
    out.copy(a);
    return;
  }
  toMagnitude(env, a, env.rounding);
  const { hi, lo } = shifted;
  if ((hi | lo) === 0) setZero(out, sign);
  else {
    unpack(integral.set(0, hi, lo), left);
    out.set(sign | (BIAS + 63 + left.exponent - 1), left.hi, left.lo);
  }
}
const integral = new Extended();

/**
 * The magnitude of a finite number below 2^64 as an integer in `shifted`; raises PE and C1. `shifted.rest` becomes 1 when rounding
 * carried to 2^64.
 */
export function toMagnitude(env: FloatEnvironment, a: Extended, rounding: number): void {
  const power = (a.se & EXPONENT_MAX || 1) - BIAS;
  shiftRightSticky(a.hi, a.lo, 0, 63 - power);
  const cut = cutOff(shifted.hi, shifted.lo, shifted.rest, 64);
  shifted.rest = 0;
  if (cut === 0) return;
  if (!roundsAway(rounding, cut, a.se & SIGN, (shifted.lo & 1) !== 0)) {
    env.raised |= PE;
    return;
  }
  env.raised |= PE | C1;
  shifted.lo = (shifted.lo + 1) | 0;
  if (shifted.lo !== 0) return;
  shifted.hi = (shifted.hi + 1) | 0;
  if (shifted.hi === 0) shifted.rest = 1;
}
