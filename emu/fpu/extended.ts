/**
 * A number in the double extended-precision format as it stands in an x87 register: sign and biased exponent (16 bits), and the
 * 64-bit significand with its explicit integer bit in two doublewords. Source: Intel SDM Vol. 1, Floating-Point Data Types.
 */
export class Extended {
  /** Sign in bit 15, exponent in bits 0..14. */
  se = 0;
  /** Upper and lower half of the significand, as int32. */
  hi = 0;
  lo = 0;

  set(se: number, hi: number, lo: number): this {
    this.se = se;
    this.hi = hi;
    this.lo = lo;
    return this;
  }

  copy(from: Extended): this {
    this.se = from.se;
    this.hi = from.hi;
    this.lo = from.lo;
    return this;
  }
}

export const SIGN = 0x8000;
export const EXPONENT_MAX = 0x7fff;
export const BIAS = 0x3fff;
/** The integer bit. */
export const MSB = -0x80000000;

// Classes, the ordinary ones first.
export const NORMAL = 0;
export const ZERO = 1;
/** Also the pseudo-denormals, whose integer bit is set: they have the same value as with exponent 1. */
export const DENORMAL = 2;
export const INFINITE = 3;
export const QNAN = 4;
export const SNAN = 5;
/** Unnormals, pseudo-infinities, pseudo-NaNs: an exponent without the integer bit. */
export const UNSUPPORTED = 6;

export function classify(x: Extended): number {
  const exponent = x.se & EXPONENT_MAX;
  if (exponent === 0) return (x.hi | x.lo) === 0 ? ZERO : DENORMAL;
  if (x.hi >= 0) return UNSUPPORTED;
  if (exponent !== EXPONENT_MAX) return NORMAL;
  if (((x.hi & 0x7fffffff) | x.lo) === 0) return INFINITE;
  return x.hi & 0x40000000 ? QNAN : SNAN;
}

/** The QNaN floating-point indefinite, the masked response to an invalid operation. */
export function setIndefinite(x: Extended): void {
  x.set(SIGN | EXPONENT_MAX, 0xc0000000 | 0, 0);
}

export function setInfinity(x: Extended, sign: number): void {
  x.set(sign | EXPONENT_MAX, MSB, 0);
}

export function setZero(x: Extended, sign: number): void {
  x.set(sign, 0, 0);
}

// Doubles and their bits: one place, for every host that is little-endian (typed arrays of the space take that for granted too).
const doubles = new Float64Array(1);
const words = new Int32Array(doubles.buffer);

/** The double with these bits. */
export function doubleOf(hi: number, lo: number): number {
  words[0] = lo;
  words[1] = hi;
  return doubles[0];
}

export function highWord(value: number): number {
  doubles[0] = value;
  return words[1];
}

/** A zero or normal double in the extended format. */
export function fromPlainDouble(value: number, out: Extended): void {
  const high = highWord(value);
  const low = words[0];
  const sign = (high >>> 16) & SIGN;
  const exponent = (high >>> 20) & 0x7ff;
  if (exponent === 0) out.set(sign, 0, 0);
  else out.set(sign | (exponent + (BIAS - 1023)), MSB | ((high & 0xfffff) << 11) | (low >>> 21), low << 11);
}

/** Whether the value is +0, -0 or the value of a normal double: then `plainDouble` gives it. */
export function isPlainDouble(se: number, hi: number, lo: number): boolean {
  const exponent = se & EXPONENT_MAX;
  if (exponent === 0) return (hi | lo) === 0;
  return hi < 0 && (lo & 0x7ff) === 0 && exponent > BIAS - 1023 && exponent < BIAS + 1024;
}

export function plainDouble(se: number, hi: number, lo: number): number {
  const exponent = se & EXPONENT_MAX;
  const sign = (se & SIGN) << 16;
  if (exponent === 0) return doubleOf(sign, 0);
  return doubleOf(sign | ((exponent - (BIAS - 1023)) << 20) | ((hi & 0x7fffffff) >>> 11), (hi << 21) | (lo >>> 11));
}

/** The exponent that the significand counts from: that of denormals is 1. */
export function unpackedExponent(x: Extended): number {
  return x.se & EXPONENT_MAX || 1;
}
