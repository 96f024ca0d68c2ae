import { unpack } from './arithmetic.ts';
import { C1, DE, DOWN, type FloatEnvironment, IE, OE, PE, TO_NEAREST, UE, UP } from './environment.ts';
import {
  BIAS,
  classify,
  EXPONENT_MAX,
  type Extended,
  INFINITE,
  SIGN,
  SNAN,
  setZero,
  UNSUPPORTED,
  ZERO,
} from './extended.ts';
import { toMagnitude } from './remainder.ts';
import { cutOff, normalize, roundsAway, shifted, shiftRightSticky } from './round.ts';

// Between the extended format and those in memory. Source: Intel SDM Vol. 2, FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP.

/** A value on its way to memory: up to 80 bits in three words, the lowest first. */
export const stored = { w0: 0, w1: 0, w2: 0 };
const normal = { exponent: 0, hi: 0, lo: 0 };

/**
 * A single (exponent 8 bits, fraction 23 in the top of hi) or double (11, 52) taken apart: the fraction is left-aligned.
 * Returns the exception that loading it raises: DE for a denormal, IE for an SNaN (which stays one in `out`), else 0.
 */
function unpackSmaller(
  sign: number,
  exponent: number,
  exponentMax: number,
  hi: number,
  lo: number,
  out: Extended,
): number {
  const rebias = BIAS - (exponentMax >> 1);
  if (exponent === 0) {
    if ((hi | lo) === 0) {
      setZero(out, sign);
      return 0;
    }
    const shift = normalize(hi, lo, 0);
    out.set(sign | (rebias - shift), shifted.hi, shifted.lo);
    return DE;
  }
  out.set(
    sign | (exponent === exponentMax ? EXPONENT_MAX : exponent + rebias),
    (hi >>> 1) | -0x80000000,
    (lo >>> 1) | (hi << 31),
  );
  return exponent === exponentMax && hi >= 0 && (hi | lo) !== 0 ? IE : 0;
}

export function fromSingle(bits: number, out: Extended): number {
  return unpackSmaller((bits >>> 16) & SIGN, (bits >>> 23) & 0xff, 0xff, bits << 9, 0, out);
}

export function fromDouble(hi: number, lo: number, out: Extended): number {
  return unpackSmaller((hi >>> 16) & SIGN, (hi >>> 20) & 0x7ff, 0x7ff, (hi << 12) | (lo >>> 20), lo << 12, out);
}

/** A 64-bit integer. */
export function fromInt64(hi: number, lo: number, out: Extended): void {
  const sign = hi < 0 ? SIGN : 0;
  if (sign !== 0) {
    hi = lo === 0 ? -hi | 0 : ~hi;
    lo = -lo | 0;
  }
  if ((hi | lo) === 0) setZero(out, 0);
  else {
    const shift = normalize(hi, lo, 0);
    out.set(sign | (BIAS + 63 - shift), shifted.hi, shifted.lo);
  }
}

/**
 * Rounds to a double (53 bits) or single (24) in `stored`. Returns false when an unmasked exception forbids the store:
 * IE, and with a destination in memory OE and UE as well.
 */
export function toSmaller(env: FloatEnvironment, a: Extended, bits: 24 | 53): boolean {
  const kind = classify(a);
  const sign = a.se & SIGN;
  const exponentMax = bits === 53 ? 0x7ff : 0xff;
  if (kind >= INFINITE) {
    if (kind === INFINITE) pack(sign, exponentMax, 0, 0, bits);
    else if (kind === UNSUPPORTED) {
      if (env.raise(IE)) return false;
      pack(SIGN, exponentMax, 0x40000000, 0, bits);
    } else {
      if (kind === SNAN && env.raise(IE)) return false;
      pack(sign, exponentMax, (a.hi & 0x7fffffff) | 0x40000000, a.lo, bits);
    }
    return true;
  }
  if (kind === ZERO) {
    pack(sign, 0, 0, 0, bits);
    return true;
  }
  unpack(a, normal);
  let { hi, lo } = normal;
  let exponent = normal.exponent - BIAS + (exponentMax >> 1);
  let rest = 0;
  let tiny = false;
  if (exponent <= 0) {
    // Tiny after rounding: all ones below the smallest normal number may still become it.
    const cut = cutOff(hi, lo, 0, bits);
    const ones = bits === 53 ? hi === -1 && lo >>> 11 === 0x1fffff : hi >>> 8 === 0xffffff;
    const odd = bits === 53 ? (lo & 0x800) !== 0 : (hi & 0x100) !== 0;
    tiny = exponent < 0 || !ones || !roundsAway(env.rounding, cut, sign, odd);
    if (tiny && env.unmasked & UE) {
      env.raised |= UE;
      return false;
    }
    shiftRightSticky(hi, lo, 0, 1 - exponent);
    hi = shifted.hi;
    lo = shifted.lo;
    rest = shifted.rest;
    exponent = 0;
  }
  const cut = cutOff(hi, lo, rest, bits);
  const odd = bits === 53 ? (lo & 0x800) !== 0 : (hi & 0x100) !== 0;
  const away = roundsAway(env.rounding, cut, sign, odd);
  if (away) {
    if (bits === 24) hi = (hi + 0x100) | 0;
    else {
      const sum = (lo >>> 0) + 0x800;
      lo = sum | 0;
      if (sum > 0xffffffff) hi = (hi + 1) | 0;
    }
    if (exponent === 0) {
      if (hi < 0) exponent = 1;
    } else if (hi >= 0) {
      // Carried out: the significand is a power of two.
      exponent++;
      hi = -0x80000000;
    }
  }
  if (exponent >= exponentMax) {
    env.raised |= OE;
    if (env.unmasked & OE) return false;
    const infinite = env.rounding === TO_NEAREST || env.rounding === (sign !== 0 ? DOWN : UP);
    env.raised |= infinite ? PE | C1 : PE;
    if (infinite) pack(sign, exponentMax, 0, 0, bits);
    else pack(sign, exponentMax - 1, -1, -1, bits);
    return true;
  }
  if (cut !== 0) env.raised |= (tiny ? UE | PE : PE) | (away ? C1 : 0);
  pack(sign, exponent, hi, lo, bits);
  return true;
}

/** Exponent field and significand, whose integer bit is dropped. */
function pack(sign: number, exponent: number, hi: number, lo: number, bits: number): void {
  if (bits === 24) {
    stored.w0 = (sign << 16) | (exponent << 23) | ((hi & 0x7fffffff) >>> 8);
    stored.w1 = 0;
  } else {
    stored.w0 = (lo >>> 11) | (hi << 21);
    stored.w1 = (sign << 16) | (exponent << 20) | ((hi & 0x7fffffff) >>> 11);
  }
}

/** To an integer of 2, 4 or 8 bytes in `stored`; returns false when an unmasked IE forbids the store. */
export function toInteger(env: FloatEnvironment, a: Extended, size: number, rounding: number): boolean {
  const before = env.raised;
  const kind = classify(a);
  const power = (a.se & EXPONENT_MAX) - BIAS;
  const negative = (a.se & SIGN) !== 0;
  let valid = kind < INFINITE;
  if (kind === ZERO) {
    stored.w0 = stored.w1 = 0;
    return true;
  }
  valid = valid && power <= 63;
  if (valid) {
    toMagnitude(env, a, rounding);
    const { hi, lo, rest } = shifted;
    if (rest !== 0) valid = false;
    else if (size === 8) valid = hi >= 0 || (negative && hi === -0x80000000 && lo === 0);
    else {
      const limit = (size === 4 ? 0x7fffffff : 0x7fff) + (negative ? 1 : 0);
      valid = hi === 0 && lo >>> 0 <= limit;
    }
    stored.w0 = negative ? -lo | 0 : lo;
    stored.w1 = negative ? (lo === 0 ? -hi | 0 : ~hi) : hi;
  }
  if (valid) return true;
  env.raised = before;
  if (env.raise(IE)) return false;
  stored.w0 = size === 8 ? 0 : size === 4 ? -0x80000000 : 0x8000;
  stored.w1 = -0x80000000;
  return true;
}

const BCD_DIGITS = 18;

/** From 18 packed decimal digits and a sign, ten bytes in three words. A nibble above 9 counts as what it is. */
export function fromBcd(w0: number, w1: number, w2: number, out: Extended): void {
  let hi = 0;
  let lo = 0;
  for (let i = BCD_DIGITS - 1; i >= 0; i--) {
    const word = i >= 16 ? w2 : i >= 8 ? w1 : w0;
    const digit = (word >>> ((i & 7) * 4)) & 15;
    const low = (lo >>> 0) * 10 + digit;
    hi = (Math.imul(hi, 10) + Math.floor(low / 0x100000000)) | 0;
    lo = low | 0;
  }
  fromInt64(hi, lo, out);
  out.se = (out.se & EXPONENT_MAX) | (w2 & SIGN);
}

const MAX_BCD_HIGH = Math.floor(1e18 / 0x100000000);
const MAX_BCD_LOW = 1e18 % 0x100000000;

/** To packed decimal in `stored`; returns false when an unmasked IE forbids the store. */
export function toBcd(env: FloatEnvironment, a: Extended): boolean {
  const before = env.raised;
  const kind = classify(a);
  const sign = a.se & SIGN;
  let valid = kind < INFINITE && (a.se & EXPONENT_MAX) - BIAS < 60;
  let high = 0;
  let low = 0;
  if (kind !== ZERO && valid) {
    toMagnitude(env, a, env.rounding);
    high = shifted.hi >>> 0;
    low = shifted.lo >>> 0;
    valid = high < MAX_BCD_HIGH || (high === MAX_BCD_HIGH && low < MAX_BCD_LOW);
  }
  if (!valid) {
    env.raised = before;
    if (env.raise(IE)) return false;
    stored.w0 = 0;
    stored.w1 = 0xc0000000 | 0;
    stored.w2 = 0xffff;
    return true;
  }
  stored.w0 = stored.w1 = 0;
  stored.w2 = sign;
  for (let i = 0; i < BCD_DIGITS; i++) {
    const rest = (high % 10) * 0x100000000 + low;
    high = Math.floor(high / 10);
    low = Math.floor(rest / 10);
    const digit = (rest % 10) << ((i & 7) * 4);
    if (i >= 16) stored.w2 |= digit;
    else if (i >= 8) stored.w1 |= digit;
    else stored.w0 |= digit;
  }
  return true;
}
