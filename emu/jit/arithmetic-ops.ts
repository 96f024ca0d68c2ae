import { FLAG_AF } from '../core/core-state.ts';
import { IMMEDIATE, IN_REGISTER, type Insn } from '../isa/insn.ts';
import { LOGIC, RESULT } from './flag-code.ts';
import { FLAGS, REGISTER, T1, T2, T3 } from './locals.ts';
import {
  ADD_KINDS,
  DEC_KINDS,
  INC_KINDS,
  keepOperands,
  oneOperand,
  pushSignExtended,
  putResult,
  SUB_KINDS,
  twoOperands,
  upShift,
} from './operand-code.ts';
import { OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Sums, differences, logic.

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
export const arithmeticWriters: Rows = {
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
};
