import type { Exec } from '../isa/row.ts';
import type { Cpu } from './cpu.ts';
import {
  checkSse,
  D,
  loadOperand,
  loadXmm,
  MASK_SHIFT,
  MXCSR,
  PE,
  ROUND_SHIFT,
  S,
  settleExceptions,
  storeXmm,
  T,
} from './simd.ts';
import { ADD, arithmetic, DIV, DOUBLE, MUL, NEAREST, SINGLE, SUB, squareRoot, unit } from './soft-float.ts';

// Floating-point arithmetic. Source: Intel SDM Vol. 2, the instruction pages of the same names.
// The host's arithmetic (IEEE 754 doubles, rounded to nearest) is used where it gives the very result and where an error-free
// transformation says whether that is exact: operands are zero or normal, and so is the result. All else is soft-float's.

/** 2^27 + 1: splits a double into halves whose products are exact (Dekker, Veltkamp). */
const SPLIT = 134217729;
/** Biased exponents within which the splitting neither overflows nor loses bits. */
const SPLIT_EXPONENT_MIN = 120;
const SPLIT_EXPONENT_MAX = 1980;

/** Begins an instruction; `unit` then stands for its MXCSR. */
export function beginFloat(cpu: Cpu): void {
  checkSse(cpu);
  unit.mxcsr = cpu.r[MXCSR];
  unit.raised = 0;
}

const isNearest = (): boolean => ((unit.mxcsr >> ROUND_SHIFT) & 3) === NEAREST;
/** Whether "inexact" is news: not when the flag is set already and masked. */
const wantsInexact = (): boolean => (unit.mxcsr & (PE | (PE << MASK_SHIFT))) !== (PE | (PE << MASK_SHIFT));

/** a * b - product, exactly. The exponents must be within SPLIT_EXPONENT_MIN .. SPLIT_EXPONENT_MAX. */
function productError(a: number, b: number, product: number): number {
  const aScaled = a * SPLIT;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * SPLIT;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** a + b - sum, exactly. */
function sumError(a: number, b: number, sum: number): number {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

const canSplit = (biased: number): boolean => biased > SPLIT_EXPONENT_MIN && biased < SPLIT_EXPONENT_MAX;

/** T = D op S in lane i of double precision, the ordinary way; false when it must be soft-float's. */
function fastDouble(op: number, i: number): boolean {
  const a = D.f64[i];
  const b = S.f64[i];
  const aExponent = (D.i32[2 * i + 1] >> 20) & 0x7ff;
  const bExponent = (S.i32[2 * i + 1] >> 20) & 0x7ff;
  if (aExponent === 0x7ff || bExponent === 0x7ff) return false;
  if ((aExponent === 0 && a !== 0) || (bExponent === 0 && b !== 0)) return false;
  if (op <= SUB) {
    const addend = op === ADD ? b : -b;
    const sum = a + addend;
    T.f64[i] = sum;
    const exponent = (T.i32[2 * i + 1] >> 20) & 0x7ff;
    if (exponent > 0x7f0 || (exponent === 0 && sum !== 0)) return false;
    if (wantsInexact() && sumError(a, addend, sum) !== 0) unit.raised |= PE;
    return true;
  }
  if (op === MUL) {
    const product = a * b;
    T.f64[i] = product;
    if (a === 0 || b === 0) return true;
    const exponent = (T.i32[2 * i + 1] >> 20) & 0x7ff;
    if (exponent < 2 || exponent === 0x7ff) return false;
    if (!wantsInexact()) return true;
    if (!canSplit(aExponent) || !canSplit(bExponent) || !canSplit(exponent)) return false;
    if (productError(a, b, product) !== 0) unit.raised |= PE;
    return true;
  }
  if (b === 0) return false;
  const quotient = a / b;
  T.f64[i] = quotient;
  if (a === 0) return true;
  const exponent = (T.i32[2 * i + 1] >> 20) & 0x7ff;
  if (exponent < 2 || exponent === 0x7ff) return false;
  if (!wantsInexact()) return true;
  if (!canSplit(aExponent) || !canSplit(bExponent) || !canSplit(exponent)) return false;
  const back = quotient * b;
  if (back !== a || productError(quotient, b, back) !== 0) unit.raised |= PE;
  return true;
}

/** As `fastDouble`, in single precision. A double holds any product, and rounding a sum or quotient twice does no harm. */
function fastSingle(op: number, i: number): boolean {
  const a = D.f32[i];
  const b = S.f32[i];
  const aExponent = (D.i32[i] >> 23) & 0xff;
  const bExponent = (S.i32[i] >> 23) & 0xff;
  if (aExponent === 0xff || bExponent === 0xff) return false;
  if ((aExponent === 0 && a !== 0) || (bExponent === 0 && b !== 0)) return false;
  if (op === DIV && b === 0) return false;
  const addend = op === ADD ? b : -b;
  const wide = op <= SUB ? a + addend : op === MUL ? a * b : a / b;
  T.f32[i] = wide;
  const result = T.f32[i];
  const exponent = (T.i32[i] >> 23) & 0xff;
  if (op <= SUB) {
    if (exponent === 0xff || (exponent < 2 && result !== 0)) return false;
    if (result !== wide || sumError(a, addend, wide) !== 0) unit.raised |= PE;
    return true;
  }
  if (a !== 0 && (op === DIV || b !== 0) && (exponent < 2 || exponent === 0xff)) return false;
  if (op === MUL ? result !== wide : result * b !== a) unit.raised |= PE;
  return true;
}

/** T = D op S in lane i. */
function double(op: number, i: number): void {
  if (!isNearest() || !fastDouble(op, i)) T.u64[i] = arithmetic(DOUBLE, op, D.u64[i], S.u64[i]);
}

function single(op: number, i: number): void {
  if (!isNearest() || !fastSingle(op, i)) T.u32[i] = Number(arithmetic(SINGLE, op, BigInt(D.u32[i]), BigInt(S.u32[i])));
}

function binary(op: number, lane: (op: number, i: number) => void, count: number): Exec {
  const doublewords = lane === double ? count * 2 : count;
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    for (let i = 0; i < count; i++) lane(op, i);
    settleExceptions(cpu, unit.raised);
    for (let i = 0; i < doublewords; i++) D.i32[i] = T.i32[i];
    storeXmm(cpu, reg, D);
  };
}

export const addPs = binary(ADD, single, 4);
export const addSs = binary(ADD, single, 1);
export const addPd = binary(ADD, double, 2);
export const addSd = binary(ADD, double, 1);
export const subPs = binary(SUB, single, 4);
export const subSs = binary(SUB, single, 1);
export const subPd = binary(SUB, double, 2);
export const subSd = binary(SUB, double, 1);
export const mulPs = binary(MUL, single, 4);
export const mulSs = binary(MUL, single, 1);
export const mulPd = binary(MUL, double, 2);
export const mulSd = binary(MUL, double, 1);
export const divPs = binary(DIV, single, 4);
export const divSs = binary(DIV, single, 1);
export const divPd = binary(DIV, double, 2);
export const divSd = binary(DIV, double, 1);

/** Even lanes are subtracted, odd lanes added. */
const addSubSingle = (_op: number, i: number): void => single(i & 1 ? ADD : SUB, i);
const addSubDouble = (_op: number, i: number): void => double(i & 1 ? ADD : SUB, i);

function alternating(lane: (op: number, i: number) => void, count: number): Exec {
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    for (let i = 0; i < count; i++) lane(ADD, i);
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, reg, T);
  };
}
export const addsubPs = alternating(addSubSingle, 4);
export const addsubPd = alternating(addSubDouble, 2);

/** Neighbours of the destination, then of the source: the operands are sorted into two registers first. */
function horizontalSingle(op: number): Exec {
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    const [d0, d1, d2, d3] = D.i32;
    const [s0, s1, s2, s3] = S.i32;
    D.i32.set([d0, d2, s0, s2]);
    S.i32.set([d1, d3, s1, s3]);
    for (let i = 0; i < 4; i++) single(op, i);
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, reg, T);
  };
}

function horizontalDouble(op: number): Exec {
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    const [d0, d1, d2, d3] = D.i32;
    const [s0, s1, s2, s3] = S.i32;
    D.i32.set([d0, d1, s0, s1]);
    S.i32.set([d2, d3, s2, s3]);
    for (let i = 0; i < 2; i++) double(op, i);
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, reg, T);
  };
}

export const haddPs = horizontalSingle(ADD);
export const hsubPs = horizontalSingle(SUB);
export const haddPd = horizontalDouble(ADD);
export const hsubPd = horizontalDouble(SUB);

// Square roots: of the source, in the destination.

function rootDouble(i: number): void {
  const a = S.f64[i];
  const exponent = (S.i32[2 * i + 1] >> 20) & 0x7ff;
  if (isNearest() && a > 0 && canSplit(exponent)) {
    const root = Math.sqrt(a);
    T.f64[i] = root;
    const back = root * root;
    if (wantsInexact() && (back !== a || productError(root, root, back) !== 0)) unit.raised |= PE;
    return;
  }
  T.u64[i] = squareRoot(DOUBLE, S.u64[i]);
}

function rootSingle(i: number): void {
  const a = S.f32[i];
  const exponent = (S.i32[i] >> 23) & 0xff;
  if (isNearest() && a > 0 && exponent > 0 && exponent < 0xff) {
    const root = Math.fround(Math.sqrt(a));
    T.f32[i] = root;
    if (root * root !== a) unit.raised |= PE;
    return;
  }
  T.u32[i] = Number(squareRoot(SINGLE, BigInt(S.u32[i])));
}

/** An operation on each lane of the source that leaves its result in `T`; lanes beyond `count` stay. */
export function unary(lane: (i: number) => void, count: number, bytes: number): Exec {
  const doublewords = (count * bytes) / 4;
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    for (let i = 0; i < count; i++) lane(i);
    settleExceptions(cpu, unit.raised);
    for (let i = 0; i < doublewords; i++) D.i32[i] = T.i32[i];
    storeXmm(cpu, reg, D);
  };
}

export const sqrtPs = unary(rootSingle, 4, 4);
export const sqrtSs = unary(rootSingle, 1, 4);
export const sqrtPd = unary(rootDouble, 2, 8);
export const sqrtSd = unary(rootDouble, 1, 8);

// Approximations. Processors differ in their tables; what is documented is a relative error of 1.5 * 2^-12 at most, that denormals
// count as zeros, that tiny results are zeros, and that no exception is raised. Ours: the true value rounded to 12 bits.

/** Rounds a lane of `T` to 12 significant bits, half up in magnitude; a result below the normal numbers is 0. */
function roundApproximation(i: number): void {
  const bits = T.i32[i] & 0x7fffffff;
  if (bits < 0x800000) T.i32[i] &= 0x80000000;
  else if (bits < 0x7f800000) T.i32[i] = (T.i32[i] + 0x800) & ~0xfff;
}

/** Zeros, denormals and NaNs, which both approximations treat alike; false for other operands. */
function specialApproximation(i: number): boolean {
  const bits = S.i32[i] & 0x7fffffff;
  if (bits > 0x7f800000) T.i32[i] = S.i32[i] | 0x400000;
  else if (bits < 0x800000) T.i32[i] = (S.i32[i] & 0x80000000) | 0x7f800000;
  else return false;
  return true;
}

function reciprocal(i: number): void {
  if (specialApproximation(i)) return;
  T.f32[i] = 1 / S.f32[i];
  roundApproximation(i);
}

function reciprocalRoot(i: number): void {
  if (specialApproximation(i)) return;
  if (S.i32[i] < 0) {
    T.i32[i] = 0xffc00000;
    return;
  }
  T.f32[i] = 1 / Math.sqrt(S.f32[i]);
  roundApproximation(i);
}

export const rcpPs = unary(reciprocal, 4, 4);
export const rcpSs = unary(reciprocal, 1, 4);
export const rsqrtPs = unary(reciprocalRoot, 4, 4);
export const rsqrtSs = unary(reciprocalRoot, 1, 4);
