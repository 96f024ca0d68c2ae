import type { BlockCode } from './block-code.ts';
import { D0, D1, D2, S0, S1, S2 } from './locals.ts';
import { OP, SIMD, UNLIKELY, type WasmCode } from './wasm-code.ts';

// Whether operands and result of an operation are so ordinary that WebAssembly's arithmetic is the machine's, which raises nothing but
// "inexact". Numbers in the middle half of the exponents, which nearly all are, take a shift and a subtraction each and one branch for all:
// what is left of the exponent is below half the range, the sign bit clear. The others are looked at more closely.

type Push = (code: WasmCode) => void;

/** Operands a and b and the result are in three locals. */
export interface FloatFormat {
  readonly a: number;
  readonly b: number;
  readonly result: number;
  /** Leaves on the stack the bits of a local down to the exponent, as an i32. */
  readonly pushUpper: (code: WasmCode, local: number) => void;
  readonly exponentBits: number;
  /** Leaves on the stack whether a local is neither a zero nor surely good for the format's arithmetic. */
  readonly pushIsOdd: (code: WasmCode, local: number) => void;
  readonly pushIsZero: (code: WasmCode, local: number) => void;
  /** An operand of a product or quotient is good for certain when the other operand and the result are in the middle. */
  readonly impliesOperand: boolean;
  /** Vector instructions for lanes of so many bits. */
  readonly lanes: {
    readonly bits: number;
    readonly shl: number;
    readonly sub: number;
    readonly bitmask: number;
    readonly extract: number;
  };
}

const EXPONENT_MASK = 0x7ffn << 52n;

function pushUpper64(code: WasmCode, local: number): void {
  code.get(local);
  code.op(OP.i64ReinterpretF64);
  code.i64(32n);
  code.op(OP.i64ShrU, OP.i32WrapI64);
}

/** Leaves whether a double is not well inside the range of singles: a zero is not, either. */
export function pushIsBeyondSingles(code: WasmCode, local: number): void {
  code.get(local);
  code.op(OP.f64Abs);
  code.f64(2 ** -120);
  code.op(OP.f64Ge);
  code.get(local);
  code.op(OP.f64Abs);
  code.f64(2 ** 120);
  code.op(OP.f64Le, OP.i32And, OP.i32Eqz);
}

function pushIsZero64(code: WasmCode, local: number): void {
  code.get(local);
  code.op(OP.i64ReinterpretF64);
  code.i64(1n);
  code.op(OP.i64Shl, OP.i64Eqz);
}

/** Leaves whether a double is neither a zero nor has one of the exponents `first` .. `last`. */
function pushIsOdd64(code: WasmCode, local: number, first: bigint, last: bigint): void {
  code.get(local);
  code.op(OP.i64ReinterpretF64);
  code.i64(EXPONENT_MASK);
  code.op(OP.i64And);
  code.i64(first << 52n);
  code.op(OP.i64Sub);
  code.i64((last - first) << 52n);
  code.op(OP.i64GtU);
  pushIsZero64(code, local);
  code.op(OP.i32Eqz, OP.i32And);
}

/** Doubles of SSE: the smallest normal ones may be results that were rounded up to them. */
export const DOUBLE: FloatFormat = {
  a: D0,
  b: D1,
  result: D2,
  pushUpper: pushUpper64,
  exponentBits: 11,
  pushIsOdd: (code, local) => pushIsOdd64(code, local, 2n, 2046n),
  pushIsZero: pushIsZero64,
  impliesOperand: true,
  lanes: {
    bits: 64,
    shl: SIMD.i64x2Shl,
    sub: SIMD.i64x2Sub,
    bitmask: SIMD.i64x2Bitmask,
    extract: SIMD.f64x2ExtractLane,
  },
};

/** Doubles in the x87's registers: what C1 is worked out from later must not leave the range either. */
export const X87_DOUBLE: FloatFormat = {
  ...DOUBLE,
  pushIsOdd: (code, local) => pushIsOdd64(code, local, 124n, 1922n),
  impliesOperand: false,
};

export const SINGLE: FloatFormat = {
  a: S0,
  b: S1,
  result: S2,
  pushUpper: (code, local) => {
    code.get(local);
    code.op(OP.i32ReinterpretF32);
  },
  exponentBits: 8,
  pushIsOdd: (code, local) => {
    code.get(local);
    code.op(OP.i32ReinterpretF32);
    code.i32(0xff << 23);
    code.op(OP.i32And);
    code.i32(2 << 23);
    code.op(OP.i32Sub);
    code.i32(252 << 23);
    code.op(OP.i32GtU);
    SINGLE.pushIsZero(code, local);
    code.op(OP.i32Eqz, OP.i32And);
  },
  pushIsZero: (code, local) => {
    code.get(local);
    code.op(OP.i32ReinterpretF32);
    code.i32(1);
    code.op(OP.i32Shl, OP.i32Eqz);
  },
  impliesOperand: true,
  lanes: {
    bits: 32,
    shl: SIMD.i32x4Shl,
    sub: SIMD.i32x4Sub,
    bitmask: SIMD.i32x4Bitmask,
    extract: SIMD.f32x4ExtractLane,
  },
};

/** A comparison has no result. */
export type Operation = 'sum' | 'product' | 'quotient' | 'root' | 'comparison';

/** What is known of the operands of an operation: that they are zeros or good for the format's arithmetic. */
export interface Known {
  readonly a: boolean;
  readonly b: boolean;
  /** Leaves the upper bits of b on the stack, when that is cheaper than from its local. */
  readonly pushUpperB?: Push | undefined;
}

/** The instruction is the interpreter's if result = a op b is not what the machine computes. "Inexact" is no news. */
export function writeFloatCheck(b: BlockCode, format: FloatFormat, operation: Operation, known: Known): void {
  const { code } = b;
  const first = 2 ** (format.exponentBits - 2);
  const pushA: Push = (to) => format.pushUpper(to, format.a);
  const pushB: Push = known.pushUpperB ?? ((to) => format.pushUpper(to, format.b));
  const pushResult: Push = (to) => format.pushUpper(to, format.result);
  const middles: (readonly [push: Push, first: number])[] = [];
  if (format.impliesOperand && (operation === 'product' || operation === 'quotient') && !(known.a && known.b)) {
    // a = result / b or result * b: then its exponent is not below the least of normal numbers, and above the greatest there is no result.
    const other = operation === 'product' && known.b ? pushA : pushB;
    middles.push([other, first - 1], [pushResult, first + (operation === 'product' ? 1 : 2)]);
  } else {
    if (!known.a) middles.push([pushA, first]);
    if (!known.b && operation !== 'root') middles.push([pushB, first]);
    if (operation !== 'comparison') middles.push([pushResult, first]);
  }
  if (middles.length === 0) return;
  middles.forEach(([push, from], i) => {
    pushOutside(code, format, push, from);
    if (i > 0) code.op(OP.i32Or);
  });
  if (operation === 'root') {
    pushA(code);
    code.op(OP.i32Or);
  }
  code.i32(0);
  code.op(OP.i32LtS);
  code.if(UNLIKELY);
  b.exitIf(() => pushIsDoubtful(code, format, operation));
  code.end();
}

/** The instruction is the interpreter's if a value is no zero and not good for the format's arithmetic. */
export function writeValueCheck(b: BlockCode, format: FloatFormat, local: number, pushUpper?: Push): void {
  const { code } = b;
  pushOutside(code, format, pushUpper ?? ((to) => format.pushUpper(to, local)), 2 ** (format.exponentBits - 2));
  code.i32(0);
  code.op(OP.i32LtS);
  code.if(UNLIKELY);
  b.exitIf(() => format.pushIsOdd(code, local));
  code.end();
}

/** Leaves a number below 0 on the stack unless the exponent is one of the half of all exponents that begins with `first`. */
function pushOutside(code: WasmCode, format: FloatFormat, push: Push, first: number): void {
  push(code);
  code.i32(1);
  code.op(OP.i32Shl);
  code.i32(first << (32 - format.exponentBits));
  code.op(OP.i32Sub);
}

/** The same of all lanes of three vectors. */
export function writeVectorCheck(
  b: BlockCode,
  format: FloatFormat,
  operation: Operation,
  vectors: { readonly a: number; readonly b: number; readonly result: number },
): void {
  const { code } = b;
  const { shl, sub, bitmask, extract } = format.lanes;
  const locals = ['a', 'b', 'result'] as const;
  // The constant that `pushOutside` subtracts, in every lane.
  const constant = BigInt(2 ** (format.exponentBits - 2)) << BigInt(format.lanes.bits - format.exponentBits);
  const first = format.lanes.bits === 64 ? constant : (constant << 32n) | constant;
  locals.forEach((name, i) => {
    code.get(vectors[name]);
    code.i32(1);
    code.simd(shl);
    code.v128(first, first);
    code.simd(sub);
    if (i > 0) code.simd(SIMD.v128Or);
  });
  code.simd(bitmask);
  code.if(UNLIKELY);
  for (let lane = 0; lane < 128 / format.lanes.bits; lane++) {
    for (const name of locals) {
      code.get(vectors[name]);
      code.simd(extract, lane);
      code.set(format[name]);
    }
    b.exitIf(() => pushIsDoubtful(code, format, operation));
  }
  code.end();
}

/** Leaves on the stack whether the closer look does not help. */
function pushIsDoubtful(code: WasmCode, format: FloatFormat, operation: Operation): void {
  format.pushIsOdd(code, format.a);
  if (operation !== 'root') {
    format.pushIsOdd(code, format.b);
    code.op(OP.i32Or);
  }
  if (operation === 'comparison') return;
  format.pushIsOdd(code, format.result);
  code.op(OP.i32Or);
  if (operation === 'root') {
    // Negative, and not a zero.
    format.pushUpper(code, format.a);
    code.i32(0);
    code.op(OP.i32LtS);
    format.pushIsZero(code, format.a);
    code.op(OP.i32Eqz, OP.i32And, OP.i32Or);
  }
  if (operation === 'sum' || operation === 'root') return;
  // A zero that is no operand's doing has underflowed.
  format.pushIsZero(code, format.result);
  format.pushIsZero(code, format.a);
  if (operation === 'product') {
    format.pushIsZero(code, format.b);
    code.op(OP.i32Or);
  }
  code.op(OP.i32Eqz, OP.i32And, OP.i32Or);
}
