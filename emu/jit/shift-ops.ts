import { ECX, FLAG_CF, FLAG_OF } from '../core/core-state.ts';
import { IMMEDIATE, type Insn } from '../isa/insn.ts';
import type { BlockCode } from './block-code.ts';
import { RESULT, SAR, SHL, SHR } from './flag-code.ts';
import { FLAGS, T1, T2, T3, T4, W0, W1 } from './locals.ts';
import { oneOperand, pushSignExtended, putResult } from './operand-code.ts';
import { OP, type WasmCode } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Shifts and rotates.

const SHIFT_OPS: Record<number, number> = { [SHL]: OP.i32Shl, [SHR]: OP.i32ShrU, [SAR]: OP.i32ShrS };

function shift(kind: number): Writer {
  return (b, insn) => {
    const by = insn.operands[1]!;
    if (by.kind === IMMEDIATE) shiftByConstant(b, insn, kind, by.value & 31);
    else shiftByRegister(b, insn, kind);
  };
}

/** Operand 0 goes to T1, extended as the shift wants it. */
function shiftedOperand(b: BlockCode, insn: Insn, kind: number): void {
  const { size } = insn.operands[0]!;
  oneOperand(b, insn);
  if (size === 4 || kind !== SAR) return;
  pushSignExtended(b, T1, size);
  b.code.set(T1);
}

function shiftByConstant(b: BlockCode, insn: Insn, kind: number, count: number): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  if (count === 0) {
    oneOperand(b, insn);
    return;
  }
  shiftedOperand(b, insn, kind);
  code.get(T1);
  code.i32(count);
  code.op(SHIFT_OPS[kind]!);
  code.set(T3);
  putResult(b, insn, T3);
  if (!b.writesFlags()) return;
  const push = (): void => code.i32(count);
  if (size === 4 || kind === SAR) {
    code.get(T1);
    code.set(FLAGS.a);
    push();
    code.set(FLAGS.b);
    b.kind = kind;
    return;
  }
  pushNarrowFlags(b, kind, size, push);
  code.set(FLAGS.b);
  pushSignExtended(b, T3, size);
  code.set(FLAGS.a);
  b.kind = RESULT;
}

function pushBit(code: WasmCode, local: number, index: number): void {
  code.get(local);
  code.i32(index);
  code.op(OP.i32ShrU);
  code.i32(1);
  code.op(OP.i32And);
}

/** Leaves CF and OF of a byte or word T1 on the stack that SHL or SHR, by what `pushCount` leaves, have made T3 (a byte or word and more). */
function pushNarrowFlags(b: BlockCode, kind: number, size: number, pushCount: () => void): void {
  const { code } = b;
  const bits = 8 * size;
  const pushCarry = (): void => {
    if (kind === SHL) {
      pushBit(code, T3, bits);
      return;
    }
    code.get(T1);
    pushCount();
    code.i32(1);
    code.op(OP.i32Sub, OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And);
  };
  pushCarry();
  // OF: CF and the sign differ, or the two top bits do.
  if (kind === SHL) pushCarry();
  else pushBit(code, T3, bits - 2);
  pushBit(code, T3, bits - 1);
  code.op(OP.i32Xor);
  code.i32(11);
  code.op(OP.i32Shl, OP.i32Or);
}

/** The count, 0 .. 31, goes to T2. With 0 the flags stay. */
function countInT2(b: BlockCode): void {
  b.pushRegister(ECX, 4);
  b.code.i32(31);
  b.code.op(OP.i32And);
  b.code.set(T2);
}

function shiftByRegister(b: BlockCode, insn: Insn, kind: number): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  const live = b.changesFlags();
  shiftedOperand(b, insn, kind);
  countInT2(b);
  code.get(T1);
  code.get(T2);
  code.op(SHIFT_OPS[kind]!);
  code.set(T3);
  putResult(b, insn, T3);
  if (!live) return;
  if (size === 4 || kind === SAR) {
    b.setFlagsIf(T2, kind, T1, T2);
    return;
  }
  pushNarrowFlags(b, kind, size, () => code.get(T2));
  code.set(T4);
  pushSignExtended(b, T3, size);
  code.set(T3);
  b.setFlagsIf(T2, RESULT, T3, T4);
}

/** CF and OF become what two pieces of code leave, 0 or 1, when the condition in a local is not 0, or in any case; the other flags stay. */
function setCarryAndOverflow(
  b: BlockCode,
  pushCarry: () => void,
  pushOverflow: () => void,
  condition: number | null,
): void {
  const { code } = b;
  b.settle();
  code.get(FLAGS.eflags);
  code.i32(~(FLAG_CF | FLAG_OF));
  code.op(OP.i32And);
  pushCarry();
  code.op(OP.i32Or);
  pushOverflow();
  code.i32(11);
  code.op(OP.i32Shl, OP.i32Or);
  if (condition !== null) {
    code.get(FLAGS.eflags);
    code.get(condition);
    code.op(OP.select);
  }
  code.set(FLAGS.eflags);
}

/** A byte or word side by side with itself until it fills a doubleword turns as it would alone. */
const SPREAD: Record<number, number> = { 1: 0x01010101, 2: 0x00010001 };

function rotate(isLeft: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const by = insn.operands[1]!;
    const { size } = insn.operands[0]!;
    const byConstant = by.kind === IMMEDIATE;
    const live = !(byConstant && (by.value & 31) === 0) && b.changesFlags();
    oneOperand(b, insn);
    if (byConstant) {
      code.i32(by.value & 31);
      code.set(T2);
    } else countInT2(b);
    code.get(T1);
    if (size < 4) {
      code.i32(SPREAD[size]!);
      code.op(OP.i32Mul);
    }
    code.get(T2);
    code.op(isLeft ? OP.i32Rotl : OP.i32Rotr);
    code.set(T3);
    putResult(b, insn, T3);
    if (!live) return;
    const pushOverflow = (): void => {
      pushBit(code, T3, isLeft ? 0 : 30);
      pushBit(code, T3, 31);
      code.op(OP.i32Xor);
    };
    setCarryAndOverflow(b, () => pushBit(code, T3, isLeft ? 0 : 31), pushOverflow, byConstant ? null : T2);
  };
}

/** RCL and RCR turn CF and the operand together, 9, 17 or 33 bits; a whole turn leaves the flags alone. */
function rotateWithCarry(isLeft: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const by = insn.operands[1]!;
    const bits = 8 * insn.operands[0]!.size;
    const byConstant = by.kind === IMMEDIATE;
    b.readsFlags();
    const live = !(byConstant && (by.value & 31) % (bits + 1) === 0) && b.changesFlags();
    oneOperand(b, insn);
    if (byConstant) code.i32((by.value & 31) % (bits + 1));
    else {
      countInT2(b);
      code.get(T2);
      code.i32(bits + 1);
      code.op(OP.i32RemU);
    }
    code.tee(T2);
    code.op(OP.i64ExtendI32U);
    code.set(W1);
    b.pushCarry();
    code.op(OP.i64ExtendI32U);
    code.i64(BigInt(bits));
    code.op(OP.i64Shl);
    code.get(T1);
    code.op(OP.i64ExtendI32U, OP.i64Or);
    code.tee(W0);
    code.get(W1);
    code.op(isLeft ? OP.i64Shl : OP.i64ShrU);
    code.get(W0);
    code.i64(BigInt(bits + 1));
    code.get(W1);
    code.op(OP.i64Sub, isLeft ? OP.i64ShrU : OP.i64Shl, OP.i64Or);
    code.tee(W0);
    code.op(OP.i32WrapI64);
    code.set(T3);
    putResult(b, insn, T3);
    if (!live) return;
    const pushCarry = (): void => {
      code.get(W0);
      code.i64(BigInt(bits));
      code.op(OP.i64ShrU, OP.i32WrapI64);
      code.i32(1);
      code.op(OP.i32And);
    };
    // OF: the sign has changed.
    const pushOverflow = (): void => {
      pushBit(code, T1, bits - 1);
      pushBit(code, T3, bits - 1);
      code.op(OP.i32Xor);
    };
    setCarryAndOverflow(b, pushCarry, pushOverflow, byConstant ? null : T2);
  };
}

/** SHLD and SHRD. */
function doubleShift(isLeft: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    const by = insn.operands[2]!;
    const byConstant = by.kind === IMMEDIATE;
    const isNothing = byConstant && (by.value & 31) === 0;
    const live = !isNothing && b.changesFlags();
    oneOperand(b, insn);
    if (isNothing) return;
    if (byConstant) {
      code.i32(by.value & 31);
      code.set(T2);
    } else countInT2(b);
    if (size === 4) shiftDoublewords(b, insn, isLeft);
    else shiftWords(b, insn, isLeft);
    putResult(b, insn, T3);
    if (!live) return;
    code.get(T4);
    code.get(T3);
    code.i32(31);
    code.op(OP.i32ShrU);
    if (isLeft) code.get(T4);
    else {
      // OF: the sign; after a shift by 1, whether it has changed.
      pushBit(code, T1, 8 * size - 1);
      code.get(T2);
      code.i32(1);
      code.op(OP.i32Eq, OP.i32And);
    }
    code.op(OP.i32Xor);
    code.i32(11);
    code.op(OP.i32Shl, OP.i32Or);
    code.set(T4);
    b.setFlagsIf(T2, RESULT, T3, T4);
  };
}
/** T1 and operand 1, shifted by T2, to T3; the last bit that is shifted out to T4. */
function shiftDoublewords(b: BlockCode, insn: Insn, isLeft: boolean): void {
  const { code } = b;
  // (value << count) | (source >>> (32 - count)), where a count of 0 must not bring the source in.
  code.get(T1);
  code.get(T2);
  code.op(isLeft ? OP.i32Shl : OP.i32ShrU);
  b.pushOperand(insn, 1);
  code.i32(31);
  code.get(T2);
  code.op(OP.i32Sub, isLeft ? OP.i32ShrU : OP.i32Shl);
  code.i32(1);
  code.op(isLeft ? OP.i32ShrU : OP.i32Shl, OP.i32Or);
  code.set(T3);
  code.get(T1);
  if (isLeft) code.i32(32);
  code.get(T2);
  if (!isLeft) code.i32(1);
  code.op(OP.i32Sub, OP.i32ShrU);
  code.i32(1);
  code.op(OP.i32And);
  code.set(T4);
}

/** The same of words, T3 sign-extended. Counts go up to 31: destination, source and destination stand in a row (exec-shift.ts). */
function shiftWords(b: BlockCode, insn: Insn, isLeft: boolean): void {
  const { code } = b;
  const pushShifted = (push: () => void, by: bigint): void => {
    push();
    code.op(OP.i64ExtendI32U);
    code.i64(by);
    code.op(OP.i64Shl);
  };
  pushShifted(() => code.get(T1), 32n);
  pushShifted(() => b.pushOperand(insn, 1), 16n);
  code.op(OP.i64Or);
  code.get(T1);
  code.op(OP.i64ExtendI32U, OP.i64Or);
  code.set(W0);
  const pushRow = (from: number): void => {
    code.get(W0);
    if (isLeft) code.i32(from);
    code.get(T2);
    if (isLeft) code.op(OP.i32Sub);
    else {
      code.i32(from);
      code.op(OP.i32Sub);
    }
    code.op(OP.i64ExtendI32U, OP.i64ShrU, OP.i32WrapI64);
  };
  pushRow(isLeft ? 32 : 0);
  code.op(OP.i32Extend16S);
  code.set(T3);
  // The bit beside those that are left.
  pushRow(isLeft ? 48 : 1);
  code.i32(1);
  code.op(OP.i32And);
  code.set(T4);
}

export const shiftWriters: Rows = {
  SHL: [shift(SHL), any],
  SAL: [shift(SHL), any],
  SHR: [shift(SHR), any],
  SAR: [shift(SAR), any],
  ROL: [rotate(true), any],
  ROR: [rotate(false), any],
  RCL: [rotateWithCarry(true), any],
  RCR: [rotateWithCarry(false), any],
  SHLD: [doubleShift(true), any],
  SHRD: [doubleShift(false), any],
};
