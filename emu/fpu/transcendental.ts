import { unpack } from './arithmetic.ts';
import { DE, type FloatEnvironment, PE, UE, ZE } from './environment.ts';
import {
  BIAS,
  classify,
  DENORMAL,
  EXPONENT_MAX,
  type Extended,
  INFINITE,
  QNAN,
  SIGN,
  setInfinity,
  setZero,
  ZERO,
} from './extended.ts';
import { invalid, propagateOne, propagateTwo } from './nan.ts';
import { atanOf, bitLength, cosineOf, expm1, ln2, logOfRatio, pi, sineOf, storeExact, storeInexact } from './series.ts';

// Transcendental functions, rounded from results good to 30 bits more than the 64 that are kept: the same on every host, and within
// half a unit and a little of the true value. Processors are documented to be within 1 ulp (Intel SDM Vol. 1, Transcendental
// Instruction Accuracy), so last bits differ between any two of them. Special operands: SDM Vol. 2, tables of the instructions.

/** Bits behind the point beyond the leading zeros of a result. */
const WORKING_BITS = 112;

const parts = { exponent: 0, hi: 0, lo: 0 };

/** |x| = significand * 2^(power - 63), the significand in 2^63 .. 2^64. */
let significand = 0n;
let power = 0;

function take(x: Extended): void {
  unpack(x, parts);
  significand = (BigInt(parts.hi >>> 0) << 32n) | BigInt(parts.lo >>> 0);
  power = parts.exponent - BIAS;
}

/** What `take` took with `bits` behind the point. */
function fixed(bits: number): bigint {
  const shift = power - 63 + bits;
  return shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift);
}

function isNegative(x: Extended): boolean {
  return (x.se & SIGN) !== 0;
}

/** F2XM1: 2^x - 1 for -1 <= x <= 1. Beyond, where it is undefined, x comes back. */
export function twoToXMinusOne(env: FloatEnvironment, x: Extended, out: Extended): void {
  const kind = classify(x);
  if (kind >= QNAN) {
    propagateOne(env, x, out);
    return;
  }
  const negative = isNegative(x);
  if (kind === ZERO) {
    out.copy(x);
    return;
  }
  if (kind === INFINITE) {
    if (negative) out.set(SIGN | BIAS, -0x80000000, 0);
    else out.copy(x);
    return;
  }
  if (kind === DENORMAL && env.raise(DE)) return;
  take(x);
  if (power >= 0) {
    env.raised |= PE;
    if (power === 0 && significand === 1n << 63n) out.set(negative ? SIGN | (BIAS - 1) : BIAS, -0x80000000, 0);
    else out.copy(x);
    return;
  }
  if (power < -70) {
    storeInexact(env, negative, significand * ln2(128), power - 63 - 128, out);
    return;
  }
  const bits = WORKING_BITS - power;
  const y = (fixed(bits) * ln2(bits)) >> BigInt(bits);
  const value = expm1(negative ? -y : y, bits);
  storeInexact(env, negative, negative ? -value : value, -bits, out);
}

// Sine, cosine, tangent.

/** The pi of the x87 has 66 bits: C90FDAA2 2168C234 C. */
const X87_PI = 0xc90fdaa22168c234cn;
const X87_PI_BITS = 66;

/** Of the reduced angle: remainder in -pi/4 .. pi/4 (fixed point), its bits, and the number of quarter turns modulo 4. */
const angle = { r: 0n, bits: 0, quarter: 0 };

function reduce(negative: boolean): void {
  // In units of 2^-bits the remainder of x modulo pi/2 is exact when bits >= 67 and x has no bits below.
  const exactBits = Math.max(X87_PI_BITS + 1, 63 - power);
  const half = X87_PI << BigInt(exactBits - X87_PI_BITS - 1);
  const x = fixed(exactBits);
  let n = x / half;
  let r = x - n * half;
  if (r * 2n > half) {
    r -= half;
    n++;
  }
  if (negative) {
    r = -r;
    n = -n;
  }
  angle.quarter = Number(BigInt.asUintN(2, n));
  // As many bits more as the remainder has leading zeros.
  const length = r === 0n ? 0 : bitLength(r < 0n ? -r : r);
  angle.bits = Math.max(exactBits, WORKING_BITS + exactBits - length);
  angle.r = r << BigInt(angle.bits - exactBits);
}

function storeFixed(env: FloatEnvironment, value: bigint, bits: number, out: Extended): void {
  if (value === 0n) setZero(out, 0);
  else storeInexact(env, value < 0n, value < 0n ? -value : value, -bits, out);
}

function storeSine(env: FloatEnvironment, quarter: number, out: Extended): void {
  const { r, bits } = angle;
  const value = quarter & 1 ? cosineOf(r, bits) : sineOf(r, bits);
  storeFixed(env, quarter & 2 ? -value : value, bits, out);
}

/** Below this the series stops at its first term: x^2 is beyond the bits of the result. */
const TINY_POWER = -40;

/** Whether the operand of FSIN, FCOS, FSINCOS, FPTAN is beyond -2^63 .. 2^63: C2 is set and nothing else done. */
export function isOutOfRange(x: Extended): boolean {
  const kind = classify(x);
  return kind < INFINITE && (x.se & EXPONENT_MAX) - BIAS >= 63;
}

/** NaN, infinity, denormal: whether they have been dealt with. */
function isSpecialAngle(env: FloatEnvironment, x: Extended, out: Extended): boolean {
  const kind = classify(x);
  if (kind >= QNAN) {
    propagateOne(env, x, out);
    return true;
  }
  if (kind === INFINITE) {
    invalid(env, out);
    return true;
  }
  return kind === DENORMAL && env.raise(DE);
}

/** A little less than the tiny x, or a little more: `significand` with a bit far below. */
function storeNearX(env: FloatEnvironment, negative: boolean, below: boolean, out: Extended): void {
  const n = significand << 64n;
  storeInexact(env, negative, below ? n - 1n : n, power - 63 - 64, out);
}

export function sine(env: FloatEnvironment, x: Extended, out: Extended): void {
  if (isSpecialAngle(env, x, out)) return;
  if (classify(x) === ZERO) {
    out.copy(x);
    return;
  }
  take(x);
  if (power < TINY_POWER) {
    storeNearX(env, isNegative(x), true, out);
    return;
  }
  reduce(isNegative(x));
  storeSine(env, angle.quarter, out);
}

export function cosine(env: FloatEnvironment, x: Extended, out: Extended): void {
  if (isSpecialAngle(env, x, out)) return;
  if (classify(x) === ZERO) {
    out.set(BIAS, -0x80000000, 0);
    return;
  }
  take(x);
  if (power < TINY_POWER) {
    storeInexact(env, false, (1n << 127n) - 1n, -127, out);
    return;
  }
  reduce(isNegative(x));
  storeSine(env, angle.quarter + 1, out);
}

export function tangent(env: FloatEnvironment, x: Extended, out: Extended): void {
  if (isSpecialAngle(env, x, out)) return;
  if (classify(x) === ZERO) {
    out.copy(x);
    return;
  }
  take(x);
  if (power < TINY_POWER) {
    storeNearX(env, isNegative(x), false, out);
    return;
  }
  reduce(isNegative(x));
  const { r, bits, quarter } = angle;
  const s = sineOf(r, bits);
  const c = cosineOf(r, bits);
  // With an odd number of quarter turns -cos/sin. The smaller of the two has WORKING_BITS significant bits.
  const numerator = quarter & 1 ? -c : s;
  const denominator = quarter & 1 ? s : c;
  const extra = BigInt(bits);
  storeFixed(env, (numerator << extra) / denominator, bits, out);
}

// Arctangent.

/** FPATAN: the angle of (x, y). */
export function arctangent(env: FloatEnvironment, y: Extended, x: Extended, out: Extended): void {
  const kindX = classify(x);
  const kindY = classify(y);
  if (kindX >= QNAN || kindY >= QNAN) {
    propagateTwo(env, x, y, out);
    return;
  }
  if ((kindX === DENORMAL || kindY === DENORMAL) && env.raise(DE)) return;
  const left = isNegative(x);
  const negative = isNegative(y);
  if (kindX === INFINITE && kindY === INFINITE) storeEighths(env, negative, left ? 3n : 1n, out);
  else if (kindY === INFINITE || (kindX === ZERO && kindY !== ZERO)) storeEighths(env, negative, 2n, out);
  else if (kindX === INFINITE || kindY === ZERO) {
    if (left) storeEighths(env, negative, 4n, out);
    else setZero(out, y.se & SIGN);
  } else arctangentOfRatio(env, y, x, out);
}

/** k * pi/4 */
function storeEighths(env: FloatEnvironment, negative: boolean, k: bigint, out: Extended): void {
  storeInexact(env, negative, pi(192) * k, -192 - 2, out);
}

function arctangentOfRatio(env: FloatEnvironment, y: Extended, x: Extended, out: Extended): void {
  const left = isNegative(x);
  const negative = isNegative(y);
  take(y);
  const sy = significand;
  const py = power;
  take(x);
  const sx = significand;
  const px = power;
  const distance = py - px;
  if (distance < -70 && !left) {
    // The ratio itself, a little less.
    storeInexact(env, negative, ((sy << 128n) / sx) * 2n - 1n, distance - 129, out);
    return;
  }
  const bits = WORKING_BITS + (left ? 80 : 80 - Math.min(0, distance));
  const b = BigInt(bits);
  const steep = distance > 0 || (distance === 0 && sy > sx);
  // min / max
  const shift = BigInt(Math.min(Math.abs(distance), 2 * bits));
  const t = steep ? (sx << b) / (sy << shift) : (sy << b) / (sx << shift);
  let result = atanOf(t, bits);
  if (steep) result = left ? pi(bits) / 2n + result : pi(bits) / 2n - result;
  else if (left) result = pi(bits) - result;
  storeInexact(env, negative, result, -bits, out);
}

// Logarithms.

/** log2 of n * 2^(power - 63), where n has 64 bits: in fixed point, good to 64 bits less than `bits` next to 0. */
function log2(n: bigint, power: number, bits: number): bigint {
  // m * 2^k with m between about 0.7 and 1.4, where log2(m) does not cancel against k.
  const steep = n > 0xb504f333f9de6484n;
  const one = steep ? 1n << 64n : 1n << 63n;
  const k = steep ? power + 1 : power;
  const z = ((n - one) << BigInt(bits)) / (n + one);
  return (BigInt(k) << BigInt(bits)) + (logOfRatio(z, bits) << BigInt(bits)) / ln2(bits);
}

/** FYL2X: y * log2(x). */
export function yLog2X(env: FloatEnvironment, y: Extended, x: Extended, out: Extended): void {
  const kindX = classify(x);
  const kindY = classify(y);
  if (kindX >= QNAN || kindY >= QNAN) {
    propagateTwo(env, x, y, out);
    return;
  }
  const signY = y.se & SIGN;
  if (kindX !== ZERO && isNegative(x)) {
    invalid(env, out);
    return;
  }
  if (kindX === ZERO) {
    if (kindY === ZERO) invalid(env, out);
    else if (kindY === INFINITE) setInfinity(out, signY ^ SIGN);
    else if (!env.raise(ZE)) setInfinity(out, signY ^ SIGN);
    return;
  }
  if (kindX === INFINITE) {
    if (kindY === ZERO) invalid(env, out);
    else if (!(kindY === DENORMAL && env.raise(DE))) setInfinity(out, signY);
    return;
  }
  const isOne = x.se === BIAS && x.hi === -0x80000000 && x.lo === 0;
  const belowOne = (x.se & EXPONENT_MAX) < BIAS;
  if (kindY === INFINITE) {
    if (isOne) invalid(env, out);
    else if (!(kindX === DENORMAL && env.raise(DE))) setInfinity(out, belowOne ? signY ^ SIGN : signY);
    return;
  }
  if ((kindX === DENORMAL || kindY === DENORMAL) && env.raise(DE)) return;
  if (kindY === ZERO || isOne) {
    setZero(out, belowOne ? signY ^ SIGN : signY);
    return;
  }
  take(y);
  const sy = significand;
  const py = power;
  take(x);
  if (significand === 1n << 63n) {
    // log2(x) is an integer, but processors do not notice that the result is exact.
    storeExact(env, (signY !== 0) !== power < 0, sy * BigInt(Math.abs(power)), py - 63, out);
    env.raised |= (out.se & EXPONENT_MAX) === 0 ? PE | UE : PE;
    return;
  }
  const bits = WORKING_BITS + 64;
  const log = log2(significand, power, bits);
  const magnitude = log < 0n ? -log : log;
  storeInexact(env, (signY !== 0) !== log < 0n, magnitude * sy, py - 63 - bits, out);
}

/** FYL2XP1: y * log2(x + 1), for -(1 - sqrt(2)/2) <= x <= sqrt(2) - 1; beyond, where it is undefined, as far as x > -1. */
export function yLog2XPlusOne(env: FloatEnvironment, y: Extended, x: Extended, out: Extended): void {
  const kindX = classify(x);
  const kindY = classify(y);
  if (kindX >= QNAN || kindY >= QNAN) {
    propagateTwo(env, x, y, out);
    return;
  }
  const signY = y.se & SIGN;
  const signX = x.se & SIGN;
  if (kindX === INFINITE) {
    if (signX !== 0 || kindY === ZERO) invalid(env, out);
    else if (!(kindY === DENORMAL && env.raise(DE))) setInfinity(out, signY);
    return;
  }
  if (kindY === INFINITE) {
    if (kindX === ZERO) invalid(env, out);
    else if (!(kindX === DENORMAL && env.raise(DE))) setInfinity(out, signX ^ signY);
    return;
  }
  if ((kindX === DENORMAL || kindY === DENORMAL) && env.raise(DE)) return;
  if (kindX === ZERO || kindY === ZERO) {
    setZero(out, signX ^ signY);
    return;
  }
  take(y);
  const sy = significand;
  const py = power;
  take(x);
  const negative = signX !== signY;
  if (power < -70) {
    // x / ln 2
    storeInexact(env, negative, ((significand * sy) << 192n) / ln2(192), power - 63 + py - 63, out);
    return;
  }
  if (power >= 0) {
    out.copy(y);
    env.raised |= PE;
    return;
  }
  if (power === -1 && signX !== 0) {
    // Beyond the range: x <= -1/2, and 1 + x is exact.
    const sum = (1n << 64n) - significand;
    const shift = 64 - bitLength(sum);
    const bits = WORKING_BITS + 64;
    storeInexact(env, negative, -log2(sum << BigInt(shift), -1 - shift, bits) * sy, py - 63 - bits, out);
    return;
  }
  const bits = WORKING_BITS + 64 - power;
  const b = BigInt(bits);
  const f = signX === 0 ? fixed(bits) : -fixed(bits);
  // 1 + x = (1 + z) / (1 - z) with z = x / (2 + x), below 1/3.
  const z = (f << b) / ((2n << b) + f);
  const log = (logOfRatio(z, bits) << b) / ln2(bits);
  storeInexact(env, negative, (log < 0n ? -log : log) * sy, py - 63 - bits, out);
}
