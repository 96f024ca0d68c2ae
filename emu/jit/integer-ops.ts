import { EAX, ECX, EDX, FLAG_AF, FLAG_CF, FLAG_OF } from '../core/core-state.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import {
  ADD,
  ADD8,
  ADD16,
  DEC,
  DEC8,
  DEC16,
  IMUL,
  INC,
  INC8,
  INC16,
  LOGIC,
  MUL,
  RESULT,
  SAR,
  SHL,
  SHR,
  SUB,
  SUB8,
  SUB16,
} from './flag-code.ts';
import { FLAGS, REGISTER, T0, T1, T2, T3, T4, W0, W1 } from './locals.ts';
import { OP } from './wasm-code.ts';

// Integer instructions, each to the effect of its row's exec in emu/interp.

export type Writer = (b: BlockCode, insn: Insn) => void;

const upShift = (size: number): number => 32 - 8 * size;

/** Operand 0 goes to T1, operand 1 to T2. Memory that will be written has its address in T0. */
function twoOperands(b: BlockCode, insn: Insn, writes: boolean): void {
  const { code } = b;
  const [to, from] = insn.operands;
  const { size } = to!;
  if (to!.kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, writes ? READ | WRITE : READ);
    if (writes) code.tee(T0);
    b.load(size);
    code.set(T1);
    b.pushOperand(insn, 1);
    code.set(T2);
    return;
  }
  if (from!.kind === IN_MEMORY) {
    b.pushOperand(insn, 1);
    code.set(T2);
    b.pushRegister(to!.reg, size);
    code.set(T1);
    return;
  }
  b.pushRegister(to!.reg, size);
  code.set(T1);
  b.pushOperand(insn, 1);
  code.set(T2);
}

/** The result in `local` goes where operand 0 is. */
function putResult(b: BlockCode, insn: Insn, local: number): void {
  const { kind, reg, size } = insn.operands[0]!;
  if (kind === IN_MEMORY) {
    b.code.get(T0);
    b.code.get(local);
    b.store(size);
  } else {
    b.code.get(local);
    b.popRegister(reg, size);
  }
}

/** Flags (kind, T1, T2), both shifted up when they are bytes or words. */
function keepOperands(b: BlockCode, kind: number, size: number): void {
  const { code } = b;
  for (const [from, to] of [
    [T1, FLAGS.a],
    [T2, FLAGS.b],
  ] as const) {
    code.get(from);
    if (size < 4) {
      code.i32(upShift(size));
      code.op(OP.i32Shl);
    }
    code.set(to);
  }
  b.kind = kind;
}

function pushSignExtended(b: BlockCode, local: number, size: number): void {
  b.code.get(local);
  if (size === 1) b.code.op(OP.i32Extend8S);
  else if (size === 2) b.code.op(OP.i32Extend16S);
}

const ADD_KINDS = [0, ADD8, ADD16, 0, ADD];
const SUB_KINDS = [0, SUB8, SUB16, 0, SUB];
const INC_KINDS = [0, INC8, INC16, 0, INC];
const DEC_KINDS = [0, DEC8, DEC16, 0, DEC];

/** A register that has grown or shrunk by a constant stays comparable for page checks. */
function isRegisterPlusConstant(insn: Insn): boolean {
  const [to, from] = insn.operands;
  return to!.kind === IN_REGISTER && to!.size === 4 && from!.kind === IMMEDIATE;
}

function addOrSub(isSub: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size, reg } = insn.operands[0]!;
    twoOperands(b, insn, true);
    code.get(T1);
    code.get(T2);
    code.op(isSub ? OP.i32Sub : OP.i32Add);
    if (isRegisterPlusConstant(insn)) {
      code.set(REGISTER + reg);
      const { value } = insn.operands[1]!;
      b.becomes(reg, reg, isSub ? -value : value);
    } else {
      code.set(T3);
      putResult(b, insn, T3);
    }
    if (b.writesFlags()) keepOperands(b, (isSub ? SUB_KINDS : ADD_KINDS)[size]!, size);
  };
}

const cmp: Writer = (b, insn) => {
  const { size } = insn.operands[0]!;
  twoOperands(b, insn, false);
  if (b.writesFlags()) keepOperands(b, SUB_KINDS[size]!, size);
};

function logic(op: number, writes: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    twoOperands(b, insn, writes);
    code.get(T1);
    code.get(T2);
    code.op(op);
    code.set(T3);
    if (writes) putResult(b, insn, T3);
    if (!b.writesFlags()) return;
    pushSignExtended(b, T3, size);
    code.set(FLAGS.a);
    b.kind = LOGIC;
  };
}

/** ADC and SBB: CF, AF and OF from the carries out of every bit. */
function withCarry(isSub: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    const top = 8 * size - 1;
    twoOperands(b, insn, true);
    b.readsFlags();
    code.get(T1);
    code.get(T2);
    code.op(isSub ? OP.i32Sub : OP.i32Add);
    b.pushCarry();
    code.op(isSub ? OP.i32Sub : OP.i32Add);
    code.set(T3);
    putResult(b, insn, T3);
    const seen = b.writesSeenFlags();
    if (seen === 'none') return;
    // Carries: (a & b) | ((a | b) & ~r), borrows: (~a & b) | ((~a | b) & r).
    const pushA = (): void => {
      code.get(T1);
      if (!isSub) return;
      code.i32(-1);
      code.op(OP.i32Xor);
    };
    pushA();
    code.get(T2);
    code.op(OP.i32And);
    pushA();
    code.get(T2);
    code.op(OP.i32Or);
    code.get(T3);
    if (!isSub) {
      code.i32(-1);
      code.op(OP.i32Xor);
    }
    code.op(OP.i32And, OP.i32Or);
    code.i32(top);
    code.op(OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And);
    if (seen === 'all') {
      // OF: (a ^ r) & (b ^ r), or (a ^ b) & (a ^ r).
      code.get(T1);
      code.get(isSub ? T2 : T3);
      code.op(OP.i32Xor);
      code.get(isSub ? T1 : T2);
      code.get(T3);
      code.op(OP.i32Xor, OP.i32And);
      code.i32(top);
      code.op(OP.i32ShrU);
      code.i32(1);
      code.op(OP.i32And);
      code.i32(11);
      code.op(OP.i32Shl, OP.i32Or);
      code.get(T1);
      code.get(T2);
      code.op(OP.i32Xor);
      code.get(T3);
      code.op(OP.i32Xor);
      code.i32(FLAG_AF);
      code.op(OP.i32And, OP.i32Or);
    }
    code.set(FLAGS.b);
    pushSignExtended(b, T3, size);
    code.set(FLAGS.a);
    b.kind = RESULT;
  };
}

/** Operand 0 goes to T1; memory has its address in T0. */
function oneOperand(b: BlockCode, insn: Insn): void {
  const { kind, reg, size } = insn.operands[0]!;
  if (kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, READ | WRITE);
    b.code.tee(T0);
    b.load(size);
  } else b.pushRegister(reg, size);
  b.code.set(T1);
}

function incOrDec(isDec: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { kind, reg, size } = insn.operands[0]!;
    oneOperand(b, insn);
    const live = b.incrementsFlags();
    code.get(T1);
    code.i32(isDec ? -1 : 1);
    code.op(OP.i32Add);
    code.set(T3);
    if (kind === IN_REGISTER && size === 4) {
      code.get(T3);
      code.set(REGISTER + reg);
      b.becomes(reg, reg, isDec ? -1 : 1);
    } else putResult(b, insn, T3);
    if (!live) return;
    b.keepCarry();
    code.get(T3);
    if (size < 4) {
      code.i32(upShift(size));
      code.op(OP.i32Shl);
    }
    code.set(FLAGS.a);
    b.kind = (isDec ? DEC_KINDS : INC_KINDS)[size]!;
  };
}

const neg: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  oneOperand(b, insn);
  code.get(T1);
  code.set(T2);
  code.i32(0);
  code.tee(T1);
  code.get(T2);
  code.op(OP.i32Sub);
  code.set(T3);
  putResult(b, insn, T3);
  if (b.writesFlags()) keepOperands(b, SUB_KINDS[size]!, size);
};

const not: Writer = (b, insn) => {
  oneOperand(b, insn);
  b.code.get(T1);
  b.code.i32(-1);
  b.code.op(OP.i32Xor);
  b.code.set(T3);
  putResult(b, insn, T3);
};

// Shifts.

const SHIFT_OPS: Record<number, number> = { [SHL]: OP.i32Shl, [SHR]: OP.i32ShrU, [SAR]: OP.i32ShrS };

function shift(kind: number): Writer {
  return (b, insn) => {
    const [to, by] = insn.operands;
    if (by!.kind === IMMEDIATE) shiftByConstant(b, insn, kind, by!.value & 31);
    else if (to!.size === 4) shiftByRegister(b, insn, kind);
  };
}

function shiftByConstant(b: BlockCode, insn: Insn, kind: number, count: number): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  oneOperand(b, insn);
  if (count === 0) return;
  if (size < 4 && kind === SAR) {
    pushSignExtended(b, T1, size);
    code.set(T1);
  }
  code.get(T1);
  code.i32(count);
  code.op(SHIFT_OPS[kind]!);
  code.set(T3);
  putResult(b, insn, T3);
  if (!b.writesFlags()) return;
  if (size === 4 || kind === SAR) {
    // A sign-extended byte or word gives the flags of the doubleword.
    code.get(T1);
    code.set(FLAGS.a);
    code.i32(count);
    code.set(FLAGS.b);
    b.kind = kind;
    return;
  }
  const bits = 8 * size;
  const bitOf = (local: number, index: number): void => {
    code.get(local);
    code.i32(index);
    code.op(OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And);
  };
  const pushCarry = (): void => {
    if (count > bits) code.i32(0);
    else bitOf(T1, kind === SHL ? bits - count : count - 1);
  };
  pushCarry();
  // OF: CF and the sign differ, or the two top bits do.
  if (kind === SHL) pushCarry();
  else bitOf(T3, bits - 2);
  bitOf(T3, bits - 1);
  code.op(OP.i32Xor);
  code.i32(11);
  code.op(OP.i32Shl, OP.i32Or);
  code.set(FLAGS.b);
  pushSignExtended(b, T3, size);
  code.set(FLAGS.a);
  b.kind = RESULT;
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
  const live = b.changesFlags();
  oneOperand(b, insn);
  countInT2(b);
  code.get(T1);
  code.get(T2);
  code.op(SHIFT_OPS[kind]!);
  code.set(T3);
  putResult(b, insn, T3);
  if (live) b.setFlagsIf(T2, kind, T1, T2);
}

/** ROL and ROR of doublewords change CF and OF only. */
function rotate(isLeft: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const by = insn.operands[1]!;
    const byConstant = by.kind === IMMEDIATE;
    const live = !(byConstant && (by.value & 31) === 0) && b.changesFlags();
    oneOperand(b, insn);
    if (byConstant) {
      code.i32(by.value & 31);
      code.set(T2);
    } else countInT2(b);
    code.get(T1);
    code.get(T2);
    code.op(isLeft ? OP.i32Rotl : OP.i32Rotr);
    code.set(T3);
    putResult(b, insn, T3);
    if (!live) return;
    b.settle();
    // CF and OF as they come, taken only if the count is not 0.
    code.get(FLAGS.eflags);
    code.i32(~(FLAG_CF | FLAG_OF));
    code.op(OP.i32And);
    const bit = (index: number): void => {
      code.get(T3);
      code.i32(index);
      code.op(OP.i32ShrU);
      code.i32(1);
      code.op(OP.i32And);
    };
    bit(isLeft ? 0 : 31);
    code.op(OP.i32Or);
    bit(isLeft ? 0 : 30);
    bit(31);
    code.op(OP.i32Xor);
    code.i32(11);
    code.op(OP.i32Shl, OP.i32Or);
    if (!byConstant) {
      code.get(FLAGS.eflags);
      code.get(T2);
      code.op(OP.select);
    }
    code.set(FLAGS.eflags);
  };
}

/** SHLD and SHRD of doublewords. */
function doubleShift(isLeft: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
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
    putResult(b, insn, T3);
    if (!live) return;
    // CF: the last bit shifted out.
    code.get(T1);
    if (isLeft) {
      code.i32(32);
      code.get(T2);
      code.op(OP.i32Sub);
    } else {
      code.get(T2);
      code.i32(1);
      code.op(OP.i32Sub);
    }
    code.op(OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And);
    code.tee(T4);
    code.get(T3);
    code.i32(31);
    code.op(OP.i32ShrU);
    if (isLeft) code.get(T4);
    else {
      // OF: the sign; after a shift by 1, whether it has changed.
      code.get(T1);
      code.i32(31);
      code.op(OP.i32ShrU);
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

// Multiplication and division.

/** IMUL with two or three operands, of doublewords. */
const imul: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  const first = insn.operands.length === 3 ? 1 : 0;
  b.pushOperand(insn, first + 1);
  code.set(T2);
  b.pushOperand(insn, first);
  code.tee(T1);
  code.get(T2);
  code.op(OP.i32Mul);
  b.popRegister(reg, 4);
  if (b.writesFlags()) keepOperands(b, IMUL, 4);
};

/** MUL and IMUL of EAX. */
function multiply(isSigned: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const extend = isSigned ? OP.i64ExtendI32S : OP.i64ExtendI32U;
    b.pushOperand(insn, 0);
    code.tee(T2);
    code.op(extend);
    b.pushRegister(EAX, 4);
    code.tee(T1);
    code.op(extend, OP.i64Mul);
    code.tee(W0);
    code.op(OP.i32WrapI64);
    b.popRegister(EAX, 4);
    code.get(W0);
    code.i64(32n);
    code.op(OP.i64ShrU, OP.i32WrapI64);
    b.popRegister(EDX, 4);
    if (b.writesFlags()) keepOperands(b, isSigned ? IMUL : MUL, 4);
  };
}

/** The quotient fits exactly when the upper half is below the divisor. */
const div: Writer = (b, insn) => {
  const { code } = b;
  b.pushOperand(insn, 0);
  code.set(T2);
  b.exitIf(() => {
    b.pushRegister(EDX, 4);
    code.get(T2);
    code.op(OP.i32GeU);
  });
  b.pushRegister(EDX, 4);
  code.op(OP.i32Eqz);
  code.if();
  b.pushRegister(EAX, 4);
  code.tee(T1);
  code.get(T2);
  code.op(OP.i32RemU);
  b.popRegister(EDX, 4);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32DivU);
  b.popRegister(EAX, 4);
  code.else();
  b.pushRegister(EDX, 4);
  code.op(OP.i64ExtendI32U);
  code.i64(32n);
  code.op(OP.i64Shl);
  b.pushRegister(EAX, 4);
  code.op(OP.i64ExtendI32U, OP.i64Or);
  code.tee(W0);
  code.get(T2);
  code.op(OP.i64ExtendI32U);
  code.tee(W1);
  code.op(OP.i64RemU, OP.i32WrapI64);
  b.popRegister(EDX, 4);
  code.get(W0);
  code.get(W1);
  code.op(OP.i64DivU, OP.i32WrapI64);
  b.popRegister(EAX, 4);
  code.end();
};

/** Of a sign-extended EAX by anything but 0 and -1; the rest is rare. */
const idiv: Writer = (b, insn) => {
  const { code } = b;
  b.pushOperand(insn, 0);
  code.set(T2);
  b.exitIf(() => {
    b.pushRegister(EDX, 4);
    b.pushRegister(EAX, 4);
    code.i32(31);
    code.op(OP.i32ShrS, OP.i32Ne);
    code.get(T2);
    code.i32(1);
    code.op(OP.i32Add);
    code.i32(2);
    code.op(OP.i32LtU, OP.i32Or);
  });
  b.pushRegister(EAX, 4);
  code.tee(T1);
  code.get(T2);
  code.op(OP.i32RemS);
  b.popRegister(EDX, 4);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32DivS);
  b.popRegister(EAX, 4);
};

// Bits.

/** BT, BTS, BTR, BTC with the offset modulo 32: CF is the bit, the other flags stay. */
function bitTest(change: number | null): Writer {
  return (b, insn) => {
    const { code } = b;
    const live = b.changesFlags();
    const { kind, reg } = insn.operands[0]!;
    if (change !== null) oneOperand(b, insn);
    else {
      if (kind === IN_MEMORY) b.pushOperand(insn, 0);
      else b.pushRegister(reg, 4);
      code.set(T1);
    }
    if (insn.operands[1]!.kind === IMMEDIATE) code.i32(insn.operands[1]!.value & 31);
    else {
      b.pushOperand(insn, 1);
      code.i32(31);
      code.op(OP.i32And);
    }
    code.set(T2);
    if (change !== null) {
      code.get(T1);
      code.i32(1);
      code.get(T2);
      code.op(OP.i32Shl);
      if (change === OP.i32And) {
        code.i32(-1);
        code.op(OP.i32Xor);
      }
      code.op(change);
      code.set(T3);
      putResult(b, insn, T3);
    }
    if (!live) return;
    b.settle();
    code.get(FLAGS.eflags);
    code.i32(~FLAG_CF);
    code.op(OP.i32And);
    code.get(T1);
    code.get(T2);
    code.op(OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And, OP.i32Or);
    code.set(FLAGS.eflags);
  };
}

/** BSF and BSR: a source of 0 leaves the destination. */
function bitScan(isForward: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    b.pushOperand(insn, 1);
    code.set(T1);
    if (isForward) {
      code.get(T1);
      code.op(OP.i32Ctz);
    } else {
      code.i32(31);
      code.get(T1);
      code.op(OP.i32Clz, OP.i32Sub);
    }
    b.pushRegister(reg, 4);
    code.get(T1);
    code.op(OP.select);
    b.popRegister(reg, 4);
    if (!b.writesFlags()) return;
    code.get(T1);
    code.set(FLAGS.a);
    b.kind = LOGIC;
  };
}

// Exchanges.

const xadd: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  twoOperands(b, insn, true);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32Add);
  code.set(T3);
  if (to!.kind === IN_REGISTER) {
    code.get(T1);
    b.popRegister(from!.reg, from!.size);
  }
  putResult(b, insn, T3);
  if (to!.kind === IN_MEMORY) {
    code.get(T1);
    b.popRegister(from!.reg, from!.size);
  }
  if (b.writesFlags()) keepOperands(b, ADD_KINDS[to!.size]!, to!.size);
};

/** Compares the accumulator with operand 0, which is written in either case. */
const cmpxchg: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  twoOperands(b, insn, true);
  // T1 = old value, T2 = new one, T3 = expected, T4 = equal.
  b.pushRegister(EAX, size);
  code.tee(T3);
  code.get(T1);
  code.op(OP.i32Eq);
  code.set(T4);
  code.get(T2);
  code.get(T1);
  code.get(T4);
  code.op(OP.select);
  code.set(T2);
  if (insn.operands[0]!.kind === IN_MEMORY) {
    putResult(b, insn, T2);
    code.get(T3);
    code.get(T1);
    code.get(T4);
    code.op(OP.select);
    b.popRegister(EAX, size);
  } else {
    // The destination may be the accumulator itself, which is written last when they differ.
    putResult(b, insn, T2);
    b.pushRegister(EAX, size);
    code.get(T1);
    code.get(T4);
    code.op(OP.select);
    b.popRegister(EAX, size);
  }
  if (!b.writesFlags()) return;
  code.get(T1);
  code.set(T2);
  code.get(T3);
  code.set(T1);
  keepOperands(b, SUB_KINDS[size]!, size);
};

/** CLC, STC, CMC. */
function carryFlag(write: (b: BlockCode) => void): Writer {
  return (b) => {
    if (!b.changesFlags()) return;
    b.settle();
    b.code.get(FLAGS.eflags);
    write(b);
    b.code.set(FLAGS.eflags);
  };
}

const sahf: Writer = (b) => {
  const { code } = b;
  if (!b.changesFlags()) return;
  b.settle();
  const low = ARITHMETIC_FLAGS & ~FLAG_OF;
  code.get(FLAGS.eflags);
  code.i32(~low);
  code.op(OP.i32And);
  b.pushRegister(EAX + 4, 1);
  code.i32(low);
  code.op(OP.i32And, OP.i32Or);
  code.set(FLAGS.eflags);
};

const lahf: Writer = (b) => {
  const { code } = b;
  b.readsFlags();
  b.settle();
  code.get(FLAGS.eflags);
  code.i32(ARITHMETIC_FLAGS & ~FLAG_OF);
  code.op(OP.i32And);
  code.i32(2);
  code.op(OP.i32Or);
  b.popRegister(EAX + 4, 1);
};

// Who takes which forms. The operand sizes that a writer can do.

const is4 = (insn: Insn): boolean => insn.operands[0]!.size === 4;
const any = (): boolean => true;

const SHIFTABLE = (insn: Insn): boolean => insn.operands[1]!.kind === IMMEDIATE || is4(insn);
/** A bit offset in a register reaches beyond a memory operand. */
const IN_OPERAND = (insn: Insn): boolean =>
  is4(insn) && (insn.operands[0]!.kind === IN_REGISTER || insn.operands[1]!.kind === IMMEDIATE);

export const integerWriters: Record<string, readonly [writer: Writer, takes: (insn: Insn) => boolean]> = {
  ADD: [addOrSub(false), any],
  SUB: [addOrSub(true), any],
  ADC: [withCarry(false), any],
  SBB: [withCarry(true), any],
  CMP: [cmp, any],
  AND: [logic(OP.i32And, true), any],
  OR: [logic(OP.i32Or, true), any],
  XOR: [logic(OP.i32Xor, true), any],
  TEST: [logic(OP.i32And, false), any],
  INC: [incOrDec(false), any],
  DEC: [incOrDec(true), any],
  NEG: [neg, any],
  NOT: [not, any],
  SHL: [shift(SHL), SHIFTABLE],
  SAL: [shift(SHL), SHIFTABLE],
  SHR: [shift(SHR), SHIFTABLE],
  SAR: [shift(SAR), SHIFTABLE],
  ROL: [rotate(true), is4],
  ROR: [rotate(false), is4],
  SHLD: [doubleShift(true), is4],
  SHRD: [doubleShift(false), is4],
  // With one operand it is the accumulator that is multiplied.
  IMUL: [(b, insn) => (insn.operands.length === 1 ? multiply(true) : imul)(b, insn), is4],
  MUL: [multiply(false), is4],
  DIV: [div, is4],
  IDIV: [idiv, is4],
  BT: [bitTest(null), IN_OPERAND],
  BTS: [bitTest(OP.i32Or), IN_OPERAND],
  BTR: [bitTest(OP.i32And), IN_OPERAND],
  BTC: [bitTest(OP.i32Xor), IN_OPERAND],
  BSF: [bitScan(true), is4],
  BSR: [bitScan(false), is4],
  XADD: [xadd, any],
  CMPXCHG: [cmpxchg, any],
  CLC: [
    carryFlag(({ code }) => {
      code.i32(~FLAG_CF);
      code.op(OP.i32And);
    }),
    any,
  ],
  STC: [
    carryFlag(({ code }) => {
      code.i32(FLAG_CF);
      code.op(OP.i32Or);
    }),
    any,
  ],
  CMC: [
    carryFlag(({ code }) => {
      code.i32(FLAG_CF);
      code.op(OP.i32Xor);
    }),
    any,
  ],
  SAHF: [sahf, any],
  LAHF: [lahf, any],
};
