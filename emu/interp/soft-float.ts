import { DAZ, DE, FTZ, IE, MASK_SHIFT, OE, PE, ROUND_SHIFT, UE, ZE } from './simd.ts';

// Binary floating point in integers, with every rounding mode, flag and special value of SSE: exact and slow, for what the
// handlers' fast ways do not cover. Source: Intel SDM Vol. 1, chapter 4 (Floating-Point Data Types, Overview of
// Floating-Point Exceptions), Programming with SSE; IEEE 754.

/** A binary interchange format. Values are their bits, in a bigint. */
export interface Format {
  /** Bits of the fraction; one more with the leading bit. */
  readonly fractionBits: number;
  /** Biased exponent of infinities and NaNs. */
  readonly exponentMax: number;
  readonly bias: number;
  readonly signBit: bigint;
  readonly fractionMask: bigint;
  /** The fraction bit that makes a NaN quiet. */
  readonly quietBit: bigint;
  readonly infinity: bigint;
  /** The QNaN that stands for "no result". */
  readonly indefinite: bigint;
}

function format(exponentBits: number, fractionBits: number): Format {
  const exponentMax = (1 << exponentBits) - 1;
  const fraction = BigInt(fractionBits);
  const infinity = BigInt(exponentMax) << fraction;
  const signBit = 1n << BigInt(exponentBits + fractionBits);
  const quietBit = 1n << (fraction - 1n);
  return {
    fractionBits,
    exponentMax,
    bias: exponentMax >> 1,
    signBit,
    fractionMask: (1n << fraction) - 1n,
    quietBit,
    infinity,
    indefinite: signBit | infinity | quietBit,
  };
}

export const SINGLE = format(8, 23);
export const DOUBLE = format(11, 52);

export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const TOWARD_ZERO = 3;

/** MXCSR as the running instruction found it, and the exception flags that it has raised so far. */
export const unit = { mxcsr: 0x1f80, raised: 0 };

export const ADD = 0;
export const SUB = 1;
export const MUL = 2;
export const DIV = 3;

/** A finite number is significand * 2^exponent. */
interface Unpacked {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
}

export function isNan(f: Format, bits: bigint): boolean {
  return (bits & ~f.signBit) > f.infinity;
}

function isSignaling(f: Format, bits: bigint): boolean {
  return isNan(f, bits) && (bits & f.quietBit) === 0n;
}

function isDenormal(f: Format, bits: bigint): boolean {
  return (bits & f.infinity) === 0n && (bits & f.fractionMask) !== 0n;
}

/** The operand that the operation sees: with DAZ a denormal is a zero of its sign. */
function input(f: Format, bits: bigint): bigint {
  return unit.mxcsr & DAZ && isDenormal(f, bits) ? bits & f.signBit : bits;
}

function unpack(f: Format, bits: bigint): Unpacked {
  const fraction = bits & f.fractionMask;
  const biased = Number((bits >> BigInt(f.fractionBits)) & BigInt(f.exponentMax));
  return {
    negative: (bits & f.signBit) !== 0n,
    significand: biased === 0 ? fraction : fraction | (f.fractionMask + 1n),
    exponent: Math.max(biased, 1) - f.bias - f.fractionBits,
    infinite: biased === f.exponentMax,
  };
}

/** Number of bits; 0 for 0. */
function bitLength(value: bigint): number {
  let bits = 0;
  let rest = value;
  for (; rest >= 0x100000000n; rest >>= 32n) bits += 32;
  return bits + 32 - Math.clz32(Number(rest));
}

const signed = (f: Format, negative: boolean, bits: bigint): bigint => (negative ? f.signBit | bits : bits);

let inexact = false;

/** The multiple of 2^quantum, as that multiple, that significand * 2^exponent rounds to. Says whether it is `inexact`. */
function roundTo(negative: boolean, significand: bigint, exponent: number, quantum: number): bigint {
  inexact = false;
  if (quantum <= exponent) return significand << BigInt(exponent - quantum);
  const shift = BigInt(quantum - exponent);
  const floor = significand >> shift;
  const rest = significand - (floor << shift);
  if (rest === 0n) return floor;
  inexact = true;
  const mode = (unit.mxcsr >> ROUND_SHIFT) & 3;
  if (mode === NEAREST) {
    const half = 1n << (shift - 1n);
    return rest > half || (rest === half && (floor & 1n) === 1n) ? floor + 1n : floor;
  }
  return (mode === UP && !negative) || (mode === DOWN && negative) ? floor + 1n : floor;
}

/**
 * Rounds significand * 2^exponent, not 0, to a format and raises what that raises. `sticky`: the true value is a little larger.
 * A result is tiny when it is below the smallest normal number after rounding to full precision.
 */
function round(f: Format, negative: boolean, significand: bigint, exponent: number, sticky: boolean): bigint {
  // Two more bits: where the sticky bit goes is below every place that is rounded at.
  const exact = (significand << 2n) | (sticky ? 1n : 0n);
  const low = exponent - 2;
  const top = low + bitLength(exact) - 1;
  const minimum = 1 - f.bias;
  const carry = f.fractionMask + 1n;
  let tiny = top < minimum;
  if (top === minimum - 1 && roundTo(negative, exact, low, top - f.fractionBits) === carry << 1n) tiny = false;
  let quantum = Math.max(top, minimum) - f.fractionBits;
  let rounded = roundTo(negative, exact, low, quantum);
  const { mxcsr } = unit;
  if (tiny) {
    const masked = (mxcsr & (UE << MASK_SHIFT)) !== 0;
    if (masked && mxcsr & FTZ) {
      unit.raised |= UE | PE;
      return signed(f, negative, 0n);
    }
    if (inexact || !masked) unit.raised |= UE;
    // For a handler's eyes the exponent has no bounds: "inexact" is about the significand alone.
    if (!masked) roundTo(negative, exact, low, top - f.fractionBits);
  }
  if (inexact) unit.raised |= PE;
  if (rounded === carry << 1n) {
    rounded >>= 1n;
    quantum++;
  }
  const biased = rounded < carry ? 0 : quantum + f.fractionBits + f.bias;
  if (biased >= f.exponentMax) {
    unit.raised |= OE;
    if (mxcsr & (OE << MASK_SHIFT)) unit.raised |= PE;
    return overflow(f, negative);
  }
  return signed(f, negative, (BigInt(biased) << BigInt(f.fractionBits)) | (rounded & f.fractionMask));
}

/** Infinity or the largest number, by rounding mode. */
function overflow(f: Format, negative: boolean): bigint {
  const mode = (unit.mxcsr >> ROUND_SHIFT) & 3;
  const away = mode === NEAREST || (mode === UP && !negative) || (mode === DOWN && negative);
  return signed(f, negative, away ? f.infinity : f.infinity - 1n);
}

function invalid(f: Format): bigint {
  unit.raised |= IE;
  return f.indefinite;
}

/** The first operand that is a NaN, made quiet. */
function nanOf(f: Format, a: bigint, b: bigint): bigint {
  if (isSignaling(f, a) || isSignaling(f, b)) unit.raised |= IE;
  return (isNan(f, a) ? a : b) | f.quietBit;
}

/** a op b, with the flags of the operation in `unit.raised`. */
export function arithmetic(f: Format, op: number, aBits: bigint, bBits: bigint): bigint {
  const a = input(f, aBits);
  const b = input(f, bBits);
  if (isNan(f, a) || isNan(f, b)) return nanOf(f, a, b);
  const denormal = isDenormal(f, a) || isDenormal(f, b) ? DE : 0;
  const x = unpack(f, a);
  const y = unpack(f, op === SUB ? b ^ f.signBit : b);
  const negative = x.negative !== y.negative;
  switch (op) {
    case ADD:
    case SUB:
      if (x.infinite || y.infinite) {
        if (x.infinite && y.infinite && negative) return invalid(f);
        unit.raised |= denormal;
        return signed(f, (x.infinite ? x : y).negative, f.infinity);
      }
      unit.raised |= denormal;
      return sum(f, x, y);
    case MUL:
      if (x.infinite || y.infinite) {
        if ((!x.infinite && x.significand === 0n) || (!y.infinite && y.significand === 0n)) return invalid(f);
        unit.raised |= denormal;
        return signed(f, negative, f.infinity);
      }
      unit.raised |= denormal;
      if (x.significand === 0n || y.significand === 0n) return signed(f, negative, 0n);
      return round(f, negative, x.significand * y.significand, x.exponent + y.exponent, false);
    default:
      return quotient(f, x, y, denormal);
  }
}

function sum(f: Format, x: Unpacked, y: Unpacked): bigint {
  const exponent = Math.min(x.exponent, y.exponent);
  const magnitude = (n: Unpacked): bigint => {
    const shifted = n.significand << BigInt(n.exponent - exponent);
    return n.negative ? -shifted : shifted;
  };
  const total = magnitude(x) + magnitude(y);
  if (total === 0n) {
    const negative = x.negative === y.negative ? x.negative : ((unit.mxcsr >> ROUND_SHIFT) & 3) === DOWN;
    return signed(f, negative, 0n);
  }
  return round(f, total < 0n, total < 0n ? -total : total, exponent, false);
}

function quotient(f: Format, x: Unpacked, y: Unpacked, denormal: number): bigint {
  const negative = x.negative !== y.negative;
  if (x.infinite) {
    if (y.infinite) return invalid(f);
    unit.raised |= denormal;
    return signed(f, negative, f.infinity);
  }
  if (y.infinite) {
    unit.raised |= denormal;
    return signed(f, negative, 0n);
  }
  if (y.significand === 0n) {
    if (x.significand === 0n) return invalid(f);
    unit.raised |= ZE;
    return signed(f, negative, f.infinity);
  }
  unit.raised |= denormal;
  if (x.significand === 0n) return signed(f, negative, 0n);
  const shift = Math.max(0, f.fractionBits + 3 + bitLength(y.significand) - bitLength(x.significand));
  const dividend = x.significand << BigInt(shift);
  const result = dividend / y.significand;
  return round(f, negative, result, x.exponent - y.exponent - shift, result * y.significand !== dividend);
}

export function squareRoot(f: Format, bits: bigint): bigint {
  const a = input(f, bits);
  if (isNan(f, a)) return nanOf(f, a, a);
  if ((a & ~f.signBit) === 0n) return a;
  if (a & f.signBit) return invalid(f);
  const x = unpack(f, a);
  if (isDenormal(f, a)) unit.raised |= DE;
  if (x.infinite) return a;
  // An even exponent, and enough bits for the whole root.
  let shift = 2 * (f.fractionBits + 3);
  if ((x.exponent - shift) & 1) shift++;
  const square = x.significand << BigInt(shift);
  const root = integerRoot(square);
  return round(f, false, root, (x.exponent - shift) / 2, root * root !== square);
}

/** The largest integer whose square is not above. Newton's method from above. */
function integerRoot(square: bigint): bigint {
  let root = 1n << BigInt((bitLength(square) + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** A number of one format in the other: CVTPS2PD, CVTPD2PS. */
export function convert(from: Format, to: Format, bits: bigint): bigint {
  const a = input(from, bits);
  const negative = (a & from.signBit) !== 0n;
  if (isNan(from, a)) {
    if (isSignaling(from, a)) unit.raised |= IE;
    const fraction = (a & from.fractionMask) | from.quietBit;
    const shift = BigInt(to.fractionBits - from.fractionBits);
    return signed(to, negative, to.infinity | (shift > 0n ? fraction << shift : fraction >> -shift));
  }
  const x = unpack(from, a);
  if (x.infinite) return signed(to, negative, to.infinity);
  if (x.significand === 0n) return signed(to, negative, 0n);
  if (isDenormal(from, a)) unit.raised |= DE;
  return round(to, negative, x.significand, x.exponent, false);
}

/** An integer as a number of a format. */
export function fromInteger(f: Format, value: number): bigint {
  if (value === 0) return 0n;
  return round(f, value < 0, BigInt(Math.abs(value)), 0, false);
}
