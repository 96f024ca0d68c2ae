import { PE } from '../fpu/environment.ts';
import { WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { D0, D1, T0, X87_A, X87_B, X87_INEXACT, X87_STATUS } from './locals.ts';
import { MEM, OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';
import { getStack, note, setLast, setStack } from './x87-operands.ts';
import { LAST_ROUNDED } from './x87-state.ts';

// The x87's values rounded to integers: to nearest, or toward zero.

/** D1 = D0 as a whole number; what was cut off is inexact. */
function writeRounded(b: BlockCode, truncates: boolean): void {
  const { code } = b;
  code.get(D0);
  code.op(truncates ? OP.f64Trunc : OP.f64Nearest);
  code.set(D1);
}

function noteRounded(b: BlockCode): void {
  const { code } = b;
  code.get(D0);
  code.set(X87_A);
  code.get(D1);
  code.set(X87_B);
  setLast(b, LAST_ROUNDED);
  if (b.inexactIsOld) return;
  const pushComparison = (op: number): void => {
    code.get(D0);
    code.get(D1);
    code.op(op);
  };
  pushComparison(OP.f64Ne);
  code.i32(Math.log2(PE));
  code.op(OP.i32Shl);
  code.get(X87_STATUS);
  code.op(OP.i32Or);
  code.set(X87_STATUS);
  pushComparison(OP.f64Eq);
  code.get(X87_INEXACT);
  code.op(OP.i32And);
  code.set(X87_INEXACT);
}

/** FIST, FISTP, FISTTP of what fits. */
function storeInteger(pops: boolean, truncates: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    const limit = 2 ** (8 * size - 1);
    b.requireFilled(0);
    b.pushChecked(b.addressOf(insn), size, WRITE);
    code.set(T0);
    getStack(b, 0);
    code.set(D0);
    writeRounded(b, truncates || b.truncates);
    b.exitIf(() => {
      code.get(D1);
      code.f64(-limit);
      code.op(OP.f64Ge);
      code.get(D1);
      code.f64(limit);
      code.op(OP.f64Lt, OP.i32And, OP.i32Eqz);
    });
    code.get(T0);
    code.get(D1);
    if (size === 8) {
      code.op(OP.i64TruncF64S);
      code.mem(MEM.i64Store);
    } else {
      code.op(OP.i32TruncF64S);
      b.store(size);
    }
    noteRounded(b);
    note(b, insn);
    if (pops) b.popStack();
  };
}

/** FRNDINT. */
const roundToInteger: Writer = (b, insn) => {
  b.requireFilled(0);
  getStack(b, 0);
  b.code.set(D0);
  writeRounded(b, b.truncates);
  noteRounded(b);
  note(b, insn);
  const known = b.knowsStack(0);
  b.code.get(D1);
  setStack(b, 0, known);
};

export const x87IntegerWriters: Rows = {
  FIST: [storeInteger(false, false), any],
  FISTP: [storeInteger(true, false), any],
  FISTTP: [storeInteger(true, true), any],
  FRNDINT: [roundToInteger, any],
};
