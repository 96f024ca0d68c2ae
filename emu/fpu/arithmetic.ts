import { DE, type FloatEnvironment, ZE } from './environment.ts';
import {
  BIAS,
  classify,
  DENORMAL,
  EXPONENT_MAX,
  type Extended,
  INFINITE,
  NORMAL,
  QNAN,
  SIGN,
  setInfinity,
  setZero,
  ZERO,
} from './extended.ts';
import { invalid, propagateOne, propagateTwo } from './nan.ts';
import { exactZeroSign, normalize, roundAndPack, shifted, shiftRightSticky } from './round.ts';
import { divideStep, isBelow, multiply64, product, step } from './wide.ts';

// Basic arithmetic. Every function may have its result in one of its operands. Source: Intel SDM Vol. 2, the tables of FADD, FMUL, FDIV,
// FSQRT; Vol. 1, Floating-Point Exceptions: invalid operation before denormal operand before everything else.

/** A significand with its top bit set, and the exponent that belongs to it (not above 0 for small denormals). */
const left = { exponent: 0, hi: 0, lo: 0 };
const right = { exponent: 0, hi: 0, lo: 0 };

export function unpack(x: Extended, out: { exponent: number; hi: number; lo: number }): void {
  out.exponent = x.se & EXPONENT_MAX;
  out.hi = x.hi;
  out.lo = x.lo;
  if (out.exponent !== 0) return;
  out.exponent = 1 - normalize(x.hi, x.lo, 0);
  out.hi = shifted.hi;
  out.lo = shifted.lo;
}

/** a + b, or a - b; rounded to the environment's precision. */
export function add(env: FloatEnvironment, a: Extended, b: Extended, subtract: boolean, out: Extended): void {
  const kindA = classify(a);
  const kindB = classify(b);
  const signA = a.se & SIGN;
  const signB = (b.se & SIGN) ^ (subtract ? SIGN : 0);
  if ((kindA | kindB) !== NORMAL) {
    if (kindA >= QNAN || kindB >= QNAN) {
      propagateTwo(env, a, b, out);
      return;
    }
    if (kindA === INFINITE && kindB === INFINITE && signA !== signB) {
      invalid(env, out);
      return;
    }
    if ((kindA === DENORMAL || kindB === DENORMAL) && env.raise(DE)) return;
    if (kindA === INFINITE || kindB === INFINITE) {
      setInfinity(out, kindA === INFINITE ? signA : signB);
      return;
    }
    if (kindA === ZERO && kindB === ZERO) {
      setZero(out, signA === signB ? signA : exactZeroSign(env));
      return;
    }
    if (kindA === ZERO || kindB === ZERO) {
      unpack(kindA === ZERO ? b : a, left);
      roundAndPack(env, kindA === ZERO ? signB : signA, left.exponent, left.hi, left.lo, 0, env.precision, out);
      return;
    }
  }
  const expA = a.se & EXPONENT_MAX || 1;
  const expB = b.se & EXPONENT_MAX || 1;
  // The one with the larger exponent stays, the other is shifted.
  const swap = expA < expB;
  const hi = swap ? b.hi : a.hi;
  const lo = swap ? b.lo : a.lo;
  const exponent = swap ? expB : expA;
  const sign = swap ? signB : signA;
  if (swap) shiftRightSticky(a.hi, a.lo, 0, expB - expA);
  else shiftRightSticky(b.hi, b.lo, 0, expA - expB);
  if (signA === signB) addMagnitudes(env, sign, exponent, hi, lo, out);
  else subtractMagnitudes(env, sign, exponent, hi, lo, out);
}

/** hi:lo plus what `shifted` holds. */
function addMagnitudes(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  out: Extended,
): void {
  const sumLo = (lo >>> 0) + (shifted.lo >>> 0);
  const sumHi = (hi >>> 0) + (shifted.hi >>> 0) + (sumLo > 0xffffffff ? 1 : 0);
  let { rest } = shifted;
  lo = sumLo | 0;
  hi = sumHi | 0;
  if (sumHi > 0xffffffff) {
    rest = (rest >>> 1) | (rest & 1) | (lo << 31);
    lo = (lo >>> 1) | (hi << 31);
    hi = (hi >>> 1) | -0x80000000;
    exponent++;
  } else if (hi >= 0) {
    exponent -= normalize(hi, lo, rest);
    hi = shifted.hi;
    lo = shifted.lo;
    rest = shifted.rest;
  }
  roundAndPack(env, sign, exponent, hi, lo, rest, env.precision, out);
}

/** hi:lo minus what `shifted` holds. */
function subtractMagnitudes(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  out: Extended,
): void {
  let { rest } = shifted;
  if (rest === 0 && isBelow(hi, lo, shifted.hi, shifted.lo)) {
    // Only with equal exponents.
    const ownHi = hi;
    const ownLo = lo;
    hi = shifted.hi;
    lo = shifted.lo;
    shifted.hi = ownHi;
    shifted.lo = ownLo;
    sign ^= SIGN;
  }
  rest = -rest | 0;
  const borrow = rest !== 0 ? 1 : 0;
  const lowDifference = (lo >>> 0) - (shifted.lo >>> 0) - borrow;
  hi = (hi - shifted.hi - (lowDifference < 0 ? 1 : 0)) | 0;
  lo = lowDifference | 0;
  if ((hi | lo | rest) === 0) {
    setZero(out, exactZeroSign(env));
    return;
  }
  if (hi >= 0) {
    exponent -= normalize(hi, lo, rest);
    hi = shifted.hi;
    lo = shifted.lo;
    rest = shifted.rest;
  }
  roundAndPack(env, sign, exponent, hi, lo, rest, env.precision, out);
}

export function multiply(env: FloatEnvironment, a: Extended, b: Extended, out: Extended): void {
  const kindA = classify(a);
  const kindB = classify(b);
  const sign = (a.se ^ b.se) & SIGN;
  if ((kindA | kindB) !== NORMAL) {
    if (kindA >= QNAN || kindB >= QNAN) {
      propagateTwo(env, a, b, out);
      return;
    }
    if ((kindA === INFINITE && kindB === ZERO) || (kindA === ZERO && kindB === INFINITE)) {
      invalid(env, out);
      return;
    }
    if ((kindA === DENORMAL || kindB === DENORMAL) && env.raise(DE)) return;
    if (kindA === INFINITE || kindB === INFINITE) {
      setInfinity(out, sign);
      return;
    }
    if (kindA === ZERO || kindB === ZERO) {
      setZero(out, sign);
      return;
    }
  }
  unpack(a, left);
  unpack(b, right);
  multiply64(left.hi, left.lo, right.hi, right.lo);
  let { w3, w2, w1 } = product;
  let sticky = product.w0;
  let exponent = left.exponent + right.exponent - BIAS + 1;
  if (w3 >= 0) {
    w3 = (w3 << 1) | (w2 >>> 31);
    w2 = (w2 << 1) | (w1 >>> 31);
    w1 = (w1 << 1) | (sticky >>> 31);
    sticky <<= 1;
    exponent--;
  }
  roundAndPack(env, sign, exponent, w3, w2, sticky !== 0 ? w1 | 1 : w1, env.precision, out);
}

export function divide(env: FloatEnvironment, a: Extended, b: Extended, out: Extended): void {
  const kindA = classify(a);
  const kindB = classify(b);
  const sign = (a.se ^ b.se) & SIGN;
  if ((kindA | kindB) !== NORMAL) {
    if (kindA >= QNAN || kindB >= QNAN) {
      propagateTwo(env, a, b, out);
      return;
    }
    if ((kindA === INFINITE && kindB === INFINITE) || (kindA === ZERO && kindB === ZERO)) {
      invalid(env, out);
      return;
    }
    // Division by zero comes before the denormal operand that is divided.
    if (kindB === ZERO && kindA !== INFINITE) {
      if (!env.raise(ZE)) setInfinity(out, sign);
      return;
    }
    if ((kindA === DENORMAL || kindB === DENORMAL) && env.raise(DE)) return;
    if (kindA === INFINITE) {
      setInfinity(out, sign);
      return;
    }
    if (kindA === ZERO || kindB === INFINITE) {
      setZero(out, sign);
      return;
    }
  }
  unpack(a, left);
  unpack(b, right);
  let exponent = left.exponent - right.exponent + BIAS;
  let { hi, lo } = left;
  // The dividend must be below the divisor for the digits of the quotient to fill 64 bits: 0.1..., or halved from 1....
  let carried = 0;
  if (isBelow(hi, lo, right.hi, right.lo)) exponent--;
  else {
    carried = (lo & 1) << 31;
    lo = (lo >>> 1) | (hi << 31);
    hi >>>= 1;
  }
  divideStep(hi, lo, right.hi, right.lo);
  let first = step.digit;
  if (carried !== 0) first = addToRemainder(first, carried, right.hi, right.lo);
  divideStep(step.hi, step.lo, right.hi, right.lo);
  const second = step.digit;
  const remainder = step.hi | step.lo;
  let rest = 0;
  if (remainder !== 0) {
    divideStep(step.hi, step.lo, right.hi, right.lo);
    rest = step.digit | 1;
  }
  roundAndPack(env, sign, exponent, first, second, rest, env.precision, out);
}

/** Adds a doubleword to the remainder in `step`; returns the digit, one more when the remainder reaches the divisor. */
function addToRemainder(digit: number, value: number, divHi: number, divLo: number): number {
  const sumLo = (step.lo >>> 0) + (value >>> 0);
  const sumHi = (step.hi >>> 0) + (sumLo > 0xffffffff ? 1 : 0);
  step.lo = sumLo | 0;
  step.hi = sumHi | 0;
  if (sumHi <= 0xffffffff && isBelow(step.hi, step.lo, divHi, divLo)) return digit;
  const lowDifference = (step.lo >>> 0) - (divLo >>> 0);
  step.hi = (step.hi - divHi - (lowDifference < 0 ? 1 : 0)) | 0;
  step.lo = lowDifference | 0;
  return (digit + 1) | 0;
}

export function squareRoot(env: FloatEnvironment, a: Extended, out: Extended): void {
  const kind = classify(a);
  if (kind !== NORMAL || a.se & SIGN) {
    if (kind >= QNAN) {
      propagateOne(env, a, out);
      return;
    }
    if (kind === ZERO) {
      out.copy(a);
      return;
    }
    if (a.se & SIGN) {
      invalid(env, out);
      return;
    }
    if (kind === DENORMAL && env.raise(DE)) return;
    if (kind === INFINITE) {
      out.copy(a);
      return;
    }
  }
  unpack(a, left);
  // value = s * 2^(e - 63) with an even exponent before the root: the root of s * 2^63 or s * 2^64 has 64 bits.
  const unbiased = left.exponent - BIAS;
  const odd = unbiased & 1;
  const radicand = ((BigInt(left.hi >>> 0) << 32n) | BigInt(left.lo >>> 0)) << (odd ? 64n : 63n);
  const root = integerRoot(radicand);
  const exponent = ((unbiased - odd) >> 1) + BIAS;
  const remainder = radicand - root * root;
  // Above half a unit when the remainder exceeds the root; it is never half.
  const rest = remainder === 0n ? 0 : remainder > root ? -0x7fffffff : 1;
  roundAndPack(
    env,
    0,
    exponent,
    Number(BigInt.asIntN(32, root >> 32n)),
    Number(BigInt.asIntN(32, root)),
    rest,
    env.precision,
    out,
  );
}

/** Floor of the square root of a number of 127 or 128 bits. The double is only the first guess. */
function integerRoot(n: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(n))));
  root = (root + n / root) >> 1n;
  while (root * root > n) root--;
  while ((root + 1n) * (root + 1n) <= n) root++;
  return root;
}
