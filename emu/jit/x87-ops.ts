import { C0, C2, C3, PE } from '../fpu/environment.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import { WRITE } from './access-check.ts';
import { type BlockCode, HELPER_X87 } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import { type Known, type Operation, pushIsBeyondSingles, writeFloatCheck, X87_DOUBLE } from './float-check.ts';
import { D0, D1, D2, FLAGS, T0, T1, X87_A, X87_B, X87_INEXACT, X87_LAST, X87_STATUS } from './locals.ts';
import { MEM, OP, UNLIKELY } from './wasm-code.ts';
import { any, type Row, type Rows, type Writer } from './writer.ts';
import { x87ControlWriters } from './x87-control-ops.ts';
import { x87IntegerWriters } from './x87-integer-ops.ts';
import {
  form,
  getStack,
  note,
  type Operand,
  pushed,
  readMemory,
  setLast,
  setStack,
  stackOperand,
} from './x87-operands.ts';
import { LAST_ARITHMETIC, LAST_CLEAR, LAST_SINGLE, X87_ADD, X87_DIV, X87_MUL, X87_SQRT } from './x87-state.ts';

// The x87 at 53-bit precision, to nearest, everything masked, on registers that hold zeros and normal doubles: then the machine's
// doubles give its results. Where TOP is and which registers are empty is known when the code is written. Whether the last result
// was rounded up (C1) is worked out when somebody asks. Anything else is the interpreter's.

const OPERATIONS: Record<number, readonly [Operation, op: number]> = {
  [X87_ADD]: ['sum', OP.f64Add],
  [X87_MUL]: ['product', OP.f64Mul],
  [X87_DIV]: ['quotient', OP.f64Div],
  [X87_SQRT]: ['root', OP.f64Sqrt],
};

/** Arithmetic while rounding is toward zero is the interpreter's. */
function exitUnlessNearest(b: BlockCode): void {
  if (b.truncates) b.exitIf(() => b.code.i32(1));
}

/** D2 = D0 op D1, or the instruction is the interpreter's. */
function compute(b: BlockCode, number: number, known: Known): void {
  const { code } = b;
  const [operation, op] = OPERATIONS[number]!;
  exitUnlessNearest(b);
  code.get(D0);
  if (operation !== 'root') code.get(D1);
  code.op(op);
  code.set(D2);
  const second = operation === 'root' ? D0 : D1;
  if (b.inexactIsOld) writeFloatCheck(b, X87_DOUBLE, operation, known);
  else {
    code.get(X87_INEXACT);
    code.if(UNLIKELY);
    askHelper(b, number, second);
    code.else();
    writeFloatCheck(b, X87_DOUBLE, operation, known);
    code.end();
  }
  code.get(D0);
  code.set(X87_A);
  code.get(second);
  code.set(X87_B);
  setLast(b, LAST_ARITHMETIC + number);
}

/** Whether the operation on D0 and another local can be done with doubles; "inexact" is raised if it is. */
function askHelper(b: BlockCode, number: number, second: number): void {
  const { code } = b;
  code.i32(number);
  code.get(D0);
  code.get(second);
  code.call(HELPER_X87);
  code.set(T1);
  b.exitIf(() => {
    code.get(T1);
    code.op(OP.i32Eqz);
  });
  // 2: inexact.
  code.get(T1);
  code.i32(2);
  code.op(OP.i32Eq);
  code.if();
  code.get(X87_STATUS);
  code.i32(PE);
  code.op(OP.i32Or);
  code.set(X87_STATUS);
  code.i32(0);
  code.set(X87_INEXACT);
  code.end();
}

const BASE_OPERATIONS: Record<string, number> = {
  ADD: X87_ADD,
  SUB: X87_ADD,
  SUBR: X87_ADD,
  MUL: X87_MUL,
  DIV: X87_DIV,
  DIVR: X87_DIV,
};

/** D2 = `to` op `from`; SUBR and DIVR have them exchanged, and a difference is a sum. */
function arrange(b: BlockCode, kind: string, to: Operand, from: Operand): void {
  const { code } = b;
  const [first, second] = kind.endsWith('R') ? [from, to] : [to, from];
  first.push();
  code.set(D0);
  second.push();
  if (kind.startsWith('SUB')) code.op(OP.f64Neg);
  code.set(D1);
  compute(b, BASE_OPERATIONS[kind]!, { a: first.known, b: second.known });
}

function arithmetic(kind: string, pops: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const inMemory = insn.operands[0]!.kind === IN_MEMORY;
    const to = inMemory ? 0 : insn.operands[0]!.reg;
    b.requireFilled(to);
    if (inMemory) readMemory(b, insn, D2);
    else b.requireFilled(insn.operands[1]!.reg);
    const from = inMemory ? { push: () => code.get(D2), known: true } : stackOperand(b, insn.operands[1]!.reg);
    arrange(b, kind, stackOperand(b, to), from);
    note(b, insn);
    code.get(D2);
    setStack(b, to, true);
    if (pops) b.popStack();
  };
}

const loadMemory: Writer = (b, insn) => {
  readMemory(b, insn, D0);
  pushed(b, insn, { push: () => b.code.get(D0), known: true });
};

const loadRegister: Writer = (b, insn) => {
  const from = insn.operands[0]!.reg;
  b.requireFilled(from);
  pushed(b, insn, stackOperand(b, from));
};

function loadConstant(value: number): Writer {
  return (b, insn) => pushed(b, insn, { push: () => b.code.f64(value), known: true });
}

function storeMemory(pops: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    b.requireFilled(0);
    b.pushChecked(b.addressOf(insn), size, WRITE);
    if (size === 8) {
      getStack(b, 0);
      code.mem(MEM.f64Store);
      setLast(b, LAST_CLEAR);
    } else {
      code.set(T0);
      exitUnlessNearest(b);
      getStack(b, 0);
      code.set(D0);
      // Within the range of singles, and "inexact" no news.
      b.exitIf(() => {
        pushIsBeyondSingles(code, D0);
        code.get(X87_INEXACT);
        code.op(OP.i32Or);
        code.get(D0);
        code.f64(0);
        code.op(OP.f64Ne, OP.i32And);
      });
      code.get(T0);
      code.get(D0);
      code.op(OP.f32DemoteF64, OP.i32ReinterpretF32);
      code.mem(MEM.i32Store);
      code.get(D0);
      code.set(X87_A);
      setLast(b, LAST_SINGLE);
    }
    note(b, insn);
    if (pops) b.popStack();
  };
}

function storeRegister(pops: boolean): Writer {
  return (b, insn) => {
    b.requireFilled(0);
    const known = b.knowsStack(0);
    getStack(b, 0);
    setStack(b, insn.operands[0]!.reg, known);
    note(b, insn);
    setLast(b, LAST_CLEAR);
    if (pops) b.popStack();
  };
}

const exchange: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  b.requireFilled(0);
  b.requireFilled(reg);
  const [first, second] = [b.knowsStack(0), b.knowsStack(reg)];
  getStack(b, 0);
  getStack(b, reg);
  setStack(b, 0, second);
  setStack(b, reg, first);
  note(b, insn);
  code.i32(LAST_CLEAR);
  code.set(X87_LAST);
};

function unary(op: number): Writer {
  return (b, insn) => {
    b.requireFilled(0);
    getStack(b, 0);
    b.code.op(op);
    setStack(b, 0, b.knowsStack(0));
    note(b, insn);
    setLast(b, LAST_CLEAR);
  };
}

/** By EFLAGS; C1 stays. */
const moveIf: Writer = (b, insn) => {
  const from = insn.operands[1]!.reg;
  b.requireFilled(0);
  b.requireFilled(from);
  const known = b.knowsStack(0) && b.knowsStack(from);
  getStack(b, from);
  getStack(b, 0);
  // B, E, BE, U and their opposites.
  const condition = [2, 4, 6, 10][(insn.modrm >> 3) & 3]!;
  b.pushCondition(condition | (insn.row.opcode & 1));
  b.code.op(OP.select);
  setStack(b, 0, known);
  note(b, insn);
};

const squareRoot: Writer = (b, insn) => {
  b.requireFilled(0);
  getStack(b, 0);
  b.code.set(D0);
  compute(b, X87_SQRT, { a: b.knowsStack(0), b: true });
  note(b, insn);
  b.code.get(D2);
  setStack(b, 0, true);
};

// Comparisons: of numbers, so never unordered.

/** ST(0) goes to D0, what it is compared with to D1. */
function compared(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const [first, second] = insn.operands;
  b.requireFilled(0);
  if (first?.kind === IN_MEMORY) readMemory(b, insn, D1);
  else if (insn.row.mnemonic === 'FTST') {
    code.f64(0);
    code.set(D1);
  } else {
    const reg = first === undefined ? 1 : (second ?? first).reg;
    b.requireFilled(reg);
    getStack(b, reg);
    code.set(D1);
  }
  getStack(b, 0);
  code.set(D0);
}

function pushLessEqual(b: BlockCode, lessShift: number, equalShift: number): void {
  const { code } = b;
  code.get(D0);
  code.get(D1);
  code.op(OP.f64Lt);
  code.i32(lessShift);
  code.op(OP.i32Shl);
  code.get(D0);
  code.get(D1);
  code.op(OP.f64Eq);
  code.i32(equalShift);
  code.op(OP.i32Shl, OP.i32Or);
}

function compare(popCount: number): Writer {
  return (b, insn) => {
    const { code } = b;
    compared(b, insn);
    code.get(X87_STATUS);
    code.i32(~(C0 | C2 | C3));
    code.op(OP.i32And);
    pushLessEqual(b, Math.log2(C0), Math.log2(C3));
    code.op(OP.i32Or);
    code.set(X87_STATUS);
    note(b, insn);
    setLast(b, LAST_CLEAR);
    for (let i = 0; i < popCount; i++) b.popStack();
  };
}

function compareToFlags(pops: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    compared(b, insn);
    note(b, insn);
    setLast(b, LAST_CLEAR);
    if (pops) b.popStack();
    if (!b.writesFlags()) return;
    code.get(FLAGS.eflags);
    code.i32(~ARITHMETIC_FLAGS);
    code.op(OP.i32And);
    pushLessEqual(b, 0, 6);
    code.op(OP.i32Or);
    code.set(FLAGS.eflags);
    b.kind = KNOWN;
  };
}

const floats = form('m32fp', 'm64fp', 'ST(0)', 'ST(i)');

const rows: Record<string, Row> = {
  FLD: [
    (b, insn) => (insn.operands[0]!.kind === IN_MEMORY ? loadMemory : loadRegister)(b, insn),
    form('m32fp', 'm64fp', 'ST(i)'),
  ],
  FILD: [loadMemory, form('m16int', 'm32int', 'm64int')],
  FLD1: [loadConstant(1), any],
  FLDZ: [loadConstant(0), any],
  FST: [
    (b, insn) => (insn.operands[0]!.kind === IN_MEMORY ? storeMemory(false) : storeRegister(false))(b, insn),
    floats,
  ],
  // D9 D8+i takes an empty register too.
  FSTP: [
    (b, insn) => (insn.operands[0]!.kind === IN_MEMORY ? storeMemory(true) : storeRegister(true))(b, insn),
    (insn) => floats(insn) && !(insn.row.opcode === 0xd9 && insn.operands[0]!.kind !== IN_MEMORY),
  ],
  FXCH: [exchange, any],
  FCHS: [unary(OP.f64Neg), any],
  FABS: [unary(OP.f64Abs), any],
  FSQRT: [squareRoot, any],
  FCOM: [compare(0), any],
  FCOMP: [compare(1), any],
  FCOMPP: [compare(2), any],
  FUCOM: [compare(0), any],
  FUCOMP: [compare(1), any],
  FUCOMPP: [compare(2), any],
  FICOM: [compare(0), any],
  FICOMP: [compare(1), any],
  FCOMI: [compareToFlags(false), any],
  FUCOMI: [compareToFlags(false), any],
  FCOMIP: [compareToFlags(true), any],
  FUCOMIP: [compareToFlags(true), any],
  FTST: [compare(0), any],
  ...x87IntegerWriters,
  ...x87ControlWriters,
};
for (const condition of ['B', 'E', 'BE', 'U']) {
  rows[`FCMOV${condition}`] = [moveIf, any];
  rows[`FCMOVN${condition}`] = [moveIf, any];
}
for (const kind of ['ADD', 'MUL', 'SUB', 'SUBR', 'DIV', 'DIVR']) {
  rows[`F${kind}`] = [arithmetic(kind, false), any];
  rows[`FI${kind}`] = [arithmetic(kind, false), any];
  rows[`F${kind}P`] = [arithmetic(kind, true), any];
}

export const x87Writers: Rows = rows;
