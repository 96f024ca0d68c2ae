import type { FloatEnvironment } from './environment.ts';
import { type Extended, SIGN } from './extended.ts';
import { roundAndPack } from './round.ts';

// Elementary functions in fixed point: a BigInt n stands for n / 2^bits. Every sum is cut off where its terms vanish, so the error is
// some units of 2^-bits; callers choose bits with 64 and more to spare beyond the 64 of the result.

/** Digits of constants kept. */
const CONSTANT_BITS = 320;

function square(n: bigint, bits: bigint): bigint {
  return (n * n) >> bits;
}

/** Number of bits of a positive integer. */
export function bitLength(n: bigint): number {
  const text = n.toString(16);
  return text.length * 4 - Math.clz32(Number.parseInt(text[0]!, 16)) + 28;
}

/** ln((1 + z) / (1 - z)) / 2 */
function atanh(z: bigint, bits: bigint): bigint {
  const z2 = square(z, bits);
  let sum = z;
  for (let power = (z * z2) >> bits, k = 3n; power !== 0n && power !== -1n; power = (power * z2) >> bits, k += 2n)
    sum += power / k;
  return sum;
}

function atanSmall(z: bigint, bits: bigint): bigint {
  const z2 = square(z, bits);
  let sum = z;
  let sign = -1n;
  for (let power = (z * z2) >> bits, k = 3n; power !== 0n && power !== -1n; power = (power * z2) >> bits, k += 2n) {
    sum += (sign * power) / k;
    sign = -sign;
  }
  return sum;
}

let constants: { ln2: bigint; pi: bigint; atans: bigint[] } | null = null;

function theConstants(): { ln2: bigint; pi: bigint; atans: bigint[] } {
  if (constants !== null) return constants;
  const bits = BigInt(CONSTANT_BITS + 16);
  const one = 1n << bits;
  const inverse = (n: bigint): bigint => one / n;
  // Machin: pi/4 = 4 atan(1/5) - atan(1/239); ln 2 = 2 atanh(1/3).
  const pi = 4n * (4n * atanSmall(inverse(5n), bits) - atanSmall(inverse(239n), bits));
  const ln2 = 2n * atanh(inverse(3n), bits);
  // atan(k/8) from atan((k-1)/8): the difference is atan((1/8) / (1 + k(k-1)/64)) = atan(8 / (64 + k(k-1))).
  const atans = [0n];
  for (let k = 1n; k <= 8n; k++)
    atans.push(atans[Number(k) - 1]! + atanSmall((8n << bits) / (64n + k * (k - 1n)), bits));
  constants = { ln2: ln2 >> 16n, pi: pi >> 16n, atans: atans.map((n) => n >> 16n) };
  return constants;
}

function scaled(constant: bigint, bits: number): bigint {
  return constant >> BigInt(CONSTANT_BITS - bits);
}

export function ln2(bits: number): bigint {
  return scaled(theConstants().ln2, bits);
}

export function pi(bits: number): bigint {
  return scaled(theConstants().pi, bits);
}

/** e^y - 1 for |y| < 1. */
export function expm1(y: bigint, bits: number): bigint {
  const b = BigInt(bits);
  let sum = y;
  let term = y;
  for (let k = 2n; term !== 0n && term !== -1n; k++) {
    term = ((term * y) >> b) / k;
    sum += term;
  }
  return sum;
}

/** ln((1 + z) / (1 - z)) for |z| < 1/4. */
export function logOfRatio(z: bigint, bits: number): bigint {
  return 2n * atanh(z, BigInt(bits));
}

/** Sine and cosine of |r| < 1. */
export function sineOf(r: bigint, bits: number): bigint {
  return alternating(r, r, bits, 1n);
}

export function cosineOf(r: bigint, bits: number): bigint {
  return alternating(1n << BigInt(bits), r, bits, 0n);
}

function alternating(first: bigint, r: bigint, bits: number, k0: bigint): bigint {
  const b = BigInt(bits);
  const r2 = square(r, b);
  let sum = first;
  let term = first;
  for (let k = k0; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * r2) >> b) / ((k + 1n) * (k + 2n));
    sum += term;
  }
  return sum;
}

/** atan of 0 <= t <= 1. */
export function atanOf(t: bigint, bits: number): bigint {
  const b = BigInt(bits);
  const k = ((t << 3n) + (1n << (b - 1n))) >> b;
  if (k === 0n) return atanSmall(t, b);
  // (t - c) / (1 + t c) with c = k / 8
  const z = (((t << 3n) - (k << b)) << b) / ((8n << b) + t * k);
  return scaled(theConstants().atans[Number(k)]!, bits) + atanSmall(z, b);
}

/** Stores n * 2^exponent, n > 0, as an inexact result with 64 bits. */
export function storeInexact(
  env: FloatEnvironment,
  negative: boolean,
  n: bigint,
  exponent: number,
  out: Extended,
): void {
  store(env, negative, n, exponent, 1, out);
}

/** The same when n has not been cut off. */
export function storeExact(env: FloatEnvironment, negative: boolean, n: bigint, exponent: number, out: Extended): void {
  store(env, negative, n, exponent, 0, out);
}

function store(
  env: FloatEnvironment,
  negative: boolean,
  n: bigint,
  exponent: number,
  sticky: number,
  out: Extended,
): void {
  const length = bitLength(n);
  let m = n;
  if (length > 96) {
    m = n >> BigInt(length - 96);
    if (m << BigInt(length - 96) !== n) sticky = 1;
  } else m = n << BigInt(96 - length);
  const hi = Number(BigInt.asIntN(32, m >> 64n));
  const lo = Number(BigInt.asIntN(32, m >> 32n));
  const rest = Number(BigInt.asIntN(32, m)) | sticky;
  roundAndPack(env, negative ? SIGN : 0, 0x3fff + exponent + length - 1, hi, lo, rest, 64, out);
}
