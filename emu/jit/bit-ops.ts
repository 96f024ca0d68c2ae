import { FLAG_CF } from '../core/core-state.ts';
import { IMMEDIATE, IN_REGISTER, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { LOGIC } from './flag-code.ts';
import { FLAGS, T0, T1, T2, T3 } from './locals.ts';
import { pushSignExtended, putResult } from './operand-code.ts';
import { OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Bits.

/** The operand with the bit goes to T1. A bit offset in a register reaches any bit of memory around its address. */
function operandWithBit(b: BlockCode, insn: Insn, writes: boolean): void {
  const { code } = b;
  const [target, offset] = insn.operands;
  const { kind, reg, size } = target!;
  if (kind === IN_REGISTER) b.pushRegister(reg, size);
  else {
    const pushUnits = (): void => {
      b.pushRegister(offset!.reg, size);
      if (size === 2) code.op(OP.i32Extend16S);
      code.i32(size === 4 ? 5 : 4);
      code.op(OP.i32ShrS);
      code.i32(size === 4 ? 2 : 1);
      code.op(OP.i32Shl);
    };
    const address = b.addressOf(insn);
    b.pushChecked(
      offset!.kind === IMMEDIATE ? address : b.beyond(address, pushUnits),
      size,
      writes ? READ | WRITE : READ,
    );
    code.tee(T0);
    b.load(size);
  }
  code.set(T1);
}

/** BT, BTS, BTR, BTC: CF is the bit, the other flags stay. */
function bitTest(change: number | null): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    const live = b.changesFlags();
    operandWithBit(b, insn, change !== null);
    const inOperand = 8 * size - 1;
    if (insn.operands[1]!.kind === IMMEDIATE) code.i32(insn.operands[1]!.value & inOperand);
    else {
      b.pushOperand(insn, 1);
      code.i32(inOperand);
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
    const { reg, size } = insn.operands[0]!;
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
    b.pushRegister(reg, size);
    code.get(T1);
    code.op(OP.select);
    b.popRegister(reg, size);
    if (!b.writesFlags()) return;
    pushSignExtended(b, T1, size);
    code.set(FLAGS.a);
    b.kind = LOGIC;
  };
}
export const bitWriters: Rows = {
  BT: [bitTest(null), any],
  BTS: [bitTest(OP.i32Or), any],
  BTR: [bitTest(OP.i32And), any],
  BTC: [bitTest(OP.i32Xor), any],
  BSF: [bitScan(true), any],
  BSR: [bitScan(false), any],
};
