import { EAX } from '../core/core-state.ts';
import { C1 } from '../fpu/environment.ts';
import { CONTROL_MASK, CONTROL_ONES } from '../fpu/x87.ts';
import { IN_MEMORY } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { S_X87_CONTROL, STATE } from './layout.ts';
import { T0, T1, X87_LAST, X87_STATUS } from './locals.ts';
import { MEM, OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';
import { LAST_CLEAR, NEAREST, TRUNCATING } from './x87-state.ts';

// The x87's control and status words. C truncates between two FLDCW: which of the two roundings there is code knows when it is written.

/** FLDCW that changes rounding from nearest to toward zero, or back, and nothing else that code relies on. */
const loadControl: Writer = (b, insn) => {
  const { code } = b;
  b.useStack();
  b.pushChecked(b.addressOf(insn), 2, READ);
  b.load(2);
  code.set(T1);
  const { mask, value } = b.truncates ? NEAREST : TRUNCATING;
  b.exitIf(() => {
    code.get(T1);
    code.i32(mask);
    code.op(OP.i32And);
    code.i32(value);
    code.op(OP.i32Ne);
  });
  code.i32(STATE);
  code.get(T1);
  code.i32(CONTROL_MASK);
  code.op(OP.i32And);
  code.i32(CONTROL_ONES);
  code.op(OP.i32Or);
  code.mem(MEM.i32Store, S_X87_CONTROL * 4);
  b.changeRounding();
};

const storeControl: Writer = (b, insn) => {
  const { code } = b;
  b.useStack();
  b.pushChecked(b.addressOf(insn), 2, WRITE);
  code.i32(STATE);
  code.mem(MEM.i32Load, S_X87_CONTROL * 4);
  b.store(2);
};

/** FNSTSW where C1 is known to be 0. */
const storeStatus: Writer = (b, insn) => {
  const { code } = b;
  const { kind } = insn.operands[0]!;
  b.useStack();
  if (kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), 2, WRITE);
    code.set(T0);
  }
  b.exitIf(() => {
    code.get(X87_LAST);
    code.i32(LAST_CLEAR);
    code.op(OP.i32GtU);
  });
  if (kind === IN_MEMORY) code.get(T0);
  code.get(X87_STATUS);
  code.get(X87_STATUS);
  code.i32(~C1);
  code.op(OP.i32And);
  code.get(X87_LAST);
  code.i32(LAST_CLEAR);
  code.op(OP.i32Ne, OP.select);
  code.i32(b.stackTop << 11);
  code.op(OP.i32Or);
  if (kind === IN_MEMORY) b.store(2);
  else b.popRegister(EAX, 2);
};

/** Everything is masked: nothing is ever pending. */
const wait: Writer = (b) => b.useStack();

export const x87ControlWriters: Rows = {
  FLDCW: [loadControl, any],
  FNSTCW: [storeControl, any],
  FNSTSW: [storeStatus, any],
  FWAIT: [wait, any],
};
