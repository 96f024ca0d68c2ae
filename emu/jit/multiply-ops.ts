import { EAX, EDX, FLAG_CF, FLAG_OF } from '../core/core-state.ts';
import type { Insn } from '../isa/insn.ts';
import type { BlockCode } from './block-code.ts';
import { IMUL, MUL, RESULT } from './flag-code.ts';
import { FLAGS, T1, T2, T3, W0, W1 } from './locals.ts';
import { keepOperands, pushSignExtended } from './operand-code.ts';
import { OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Multiplication and division.

/** CF and OF of a product in T3 of two bytes or words: whether it is more than one. */
function keepNarrowOverflow(b: BlockCode, isSigned: boolean, size: number): void {
  const { code } = b;
  pushSignExtended(b, T3, size);
  code.tee(FLAGS.a);
  if (!isSigned) {
    code.i32(size === 1 ? 0xff : 0xffff);
    code.op(OP.i32And);
  }
  code.get(T3);
  code.op(OP.i32Ne);
  code.i32(FLAG_CF | FLAG_OF);
  code.op(OP.i32Mul);
  code.set(FLAGS.b);
  b.kind = RESULT;
}

/** IMUL with two or three operands. */
const imul: Writer = (b, insn) => {
  const { code } = b;
  const { reg, size } = insn.operands[0]!;
  const first = insn.operands.length === 3 ? 1 : 0;
  b.pushOperand(insn, first + 1);
  code.set(T2);
  b.pushOperand(insn, first);
  code.set(T1);
  pushSignExtended(b, T1, size);
  pushSignExtended(b, T2, size);
  code.op(OP.i32Mul);
  code.tee(T3);
  b.popRegister(reg, size);
  if (!b.writesFlags()) return;
  if (size === 4) keepOperands(b, IMUL, 4);
  else keepNarrowOverflow(b, true, size);
};

/** MUL and IMUL of the accumulator. */
function multiply(isSigned: boolean): Writer {
  return (b, insn) => (insn.operands[0]!.size === 4 ? multiplyDoublewords : multiplyNarrow)(b, insn, isSigned);
}

function multiplyDoublewords(b: BlockCode, insn: Insn, isSigned: boolean): void {
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
}

function multiplyNarrow(b: BlockCode, insn: Insn, isSigned: boolean): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  b.pushOperand(insn, 0);
  code.set(T2);
  b.pushRegister(EAX, size);
  code.set(T1);
  for (const local of [T1, T2]) {
    if (isSigned) pushSignExtended(b, local, size);
    else code.get(local);
  }
  code.op(OP.i32Mul);
  code.set(T3);
  popDouble(b, size, () => code.get(T3));
  if (b.writesFlags()) keepNarrowOverflow(b, isSigned, size);
}

/** AX, or DX and AX, become what is pushed. */
function popDouble(b: BlockCode, size: number, push: () => void): void {
  push();
  b.popRegister(EAX, 2);
  if (size === 1) return;
  push();
  b.code.i32(16);
  b.code.op(OP.i32ShrU);
  b.popRegister(EDX, 2);
}

/** AX, or DX and AX, go to T1. */
function doubleToT1(b: BlockCode, size: number): void {
  const { code } = b;
  b.pushRegister(EAX, 2);
  if (size === 2) {
    b.pushRegister(EDX, 2);
    code.i32(16);
    code.op(OP.i32Shl, OP.i32Or);
  }
  code.set(T1);
}

/** Quotient T3 and the remainder on the stack go to AL and AH, or AX and DX. */
function popQuotient(b: BlockCode, size: number): void {
  b.popRegister(size === 1 ? EAX + 4 : EDX, size);
  b.code.get(T3);
  b.popRegister(EAX, size);
}

const div: Writer = (b, insn) => (insn.operands[0]!.size === 4 ? divideDoublewords : divideNarrow)(b, insn);

/** AX by a byte, or DX:AX by a word. */
function divideNarrow(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  b.pushOperand(insn, 0);
  code.set(T2);
  doubleToT1(b, size);
  b.exitIf(() => {
    code.get(T1);
    code.i32(8 * size);
    code.op(OP.i32ShrU);
    code.get(T2);
    code.op(OP.i32GeU);
  });
  code.get(T1);
  code.get(T2);
  code.op(OP.i32DivU);
  code.set(T3);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32RemU);
  popQuotient(b, size);
}

/** The quotient fits exactly when the upper half is below the divisor. */
function divideDoublewords(b: BlockCode, insn: Insn): void {
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
  divideEax(b, OP.i32DivU, OP.i32RemU);
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
}

/** EAX and EDX become quotient and remainder of EAX by T2. */
function divideEax(b: BlockCode, divide: number, remainder: number): void {
  const { code } = b;
  b.pushRegister(EAX, 4);
  code.tee(T1);
  code.get(T2);
  code.op(remainder);
  b.popRegister(EDX, 4);
  code.get(T1);
  code.get(T2);
  code.op(divide);
  b.popRegister(EAX, 4);
}

const idiv: Writer = (b, insn) =>
  (insn.operands[0]!.size === 4 ? divideSignedDoublewords : divideSignedNarrow)(b, insn);

/** By anything but 0 and -1, and only if the quotient fits. */
function divideSignedNarrow(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const { size } = insn.operands[0]!;
  b.pushOperand(insn, 0);
  code.set(T2);
  pushSignExtended(b, T2, size);
  code.set(T2);
  doubleToT1(b, size);
  pushSignExtended(b, T1, 2 * size);
  code.set(T1);
  exitIfZeroOrMinusOne(b);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32DivS);
  code.set(T3);
  b.exitIf(() => {
    pushSignExtended(b, T3, size);
    code.get(T3);
    code.op(OP.i32Ne);
  });
  code.get(T1);
  code.get(T2);
  code.op(OP.i32RemS);
  popQuotient(b, size);
}

/** The instruction is the interpreter's when the divisor T2 is 0 or -1. */
function exitIfZeroOrMinusOne(b: BlockCode): void {
  const { code } = b;
  b.exitIf(() => {
    code.get(T2);
    code.i32(1);
    code.op(OP.i32Add);
    code.i32(2);
    code.op(OP.i32LtU);
  });
}

/** Of a sign-extended EAX by anything but 0 and -1; the rest is rare. */
function divideSignedDoublewords(b: BlockCode, insn: Insn): void {
  const { code } = b;
  b.pushOperand(insn, 0);
  code.set(T2);
  b.exitIf(() => {
    b.pushRegister(EDX, 4);
    b.pushRegister(EAX, 4);
    code.i32(31);
    code.op(OP.i32ShrS, OP.i32Ne);
  });
  exitIfZeroOrMinusOne(b);
  divideEax(b, OP.i32DivS, OP.i32RemS);
}

export const multiplyWriters: Rows = {
  // With one operand it is the accumulator that is multiplied.
  IMUL: [(b, insn) => (insn.operands.length === 1 ? multiply(true) : imul)(b, insn), any],
  MUL: [multiply(false), any],
  DIV: [div, any],
  IDIV: [idiv, any],
};
