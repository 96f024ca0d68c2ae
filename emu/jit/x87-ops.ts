import { EAX } from '../core/core-state.ts';
import { C0, C1, C2, C3, PE } from '../fpu/environment.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { type BlockCode, HELPER_X87 } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import { type Known, type Operation, SINGLE, writeFloatCheck, writeValueCheck, X87_DOUBLE } from './float-check.ts';
import {
  D0,
  D1,
  D2,
  FLAGS,
  S0,
  STACK,
  T0,
  T1,
  X87_A,
  X87_B,
  X87_DP,
  X87_INEXACT,
  X87_LAST,
  X87_NOTE,
  X87_OPERAND_NOTE,
  X87_STATUS,
} from './locals.ts';
import { MEM, OP, UNLIKELY } from './wasm-code.ts';
import { any, type Row, type Rows, type Writer } from './writer.ts';
import { LAST_ARITHMETIC, LAST_CLEAR, LAST_SINGLE, X87_ADD, X87_DIV, X87_MUL, X87_SQRT } from './x87-state.ts';

// The x87 at 53-bit precision, to nearest, everything masked, on registers that hold zeros and normal doubles: then the machine's
// doubles give its results. Where TOP is and which registers are empty is known when the code is written. Whether the last result
// was rounded up (C1) is worked out when somebody asks. Anything else is the interpreter's.

/** Reads the memory operand to `local`: m32fp, m64fp, m16int or m32int. It is then known to be a zero or middling. */
function readMemory(b: BlockCode, insn: Insn, local: number): void {
  const { code } = b;
  const format = insn.row.operands[0] as string;
  const offset = b.pushNear(b.addressOf(insn), insn.operands[0]!.size, READ);
  switch (format) {
    case 'm64fp':
      code.tee(T1);
      code.mem(MEM.f64Load, offset);
      code.set(local);
      writeValueCheck(b, X87_DOUBLE, local, (to) => {
        to.get(T1);
        to.mem(MEM.i32Load, offset + 4);
      });
      return;
    case 'm32fp':
      code.mem(MEM.f32Load, offset);
      code.set(S0);
      // A denormal single is a normal double, but raises an exception.
      writeValueCheck(b, SINGLE, S0);
      code.get(S0);
      code.op(OP.f64PromoteF32);
      break;
    case 'm16int':
      code.mem(MEM.i32Load16S, offset);
      code.op(OP.f64ConvertI32S);
      break;
    default:
      code.mem(MEM.i32Load, offset);
      code.op(OP.f64ConvertI32S);
  }
  code.set(local);
}

/** Notes the instruction, and its operand, for exception handlers. After what may leave for the interpreter. */
function note(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const number = b.x87Note(insn);
  code.i32(number);
  code.set(X87_NOTE);
  if (insn.operands[0]?.kind !== IN_MEMORY) return;
  code.i32(number);
  code.set(X87_OPERAND_NOTE);
  b.pushOffset(insn);
  code.set(X87_DP);
}

/** What the last result says of C1. */
function setLast(b: BlockCode, last: number): void {
  b.code.i32(last);
  b.code.set(X87_LAST);
}

function getStack(b: BlockCode, i: number): void {
  b.code.get(STACK + b.stackRegister(i));
}

/** Takes a value from the WebAssembly stack into ST(i), which is not empty afterwards. `known`: it is a zero or middling. */
function setStack(b: BlockCode, i: number, known: boolean): void {
  b.code.set(STACK + b.fillStackRegister(i, known));
}

const OPERATIONS: Record<number, readonly [Operation, op: number]> = {
  [X87_ADD]: ['sum', OP.f64Add],
  [X87_MUL]: ['product', OP.f64Mul],
  [X87_DIV]: ['quotient', OP.f64Div],
  [X87_SQRT]: ['root', OP.f64Sqrt],
};

/** D2 = D0 op D1, or the instruction is the interpreter's. */
function compute(b: BlockCode, number: number, known: Known): void {
  const { code } = b;
  const [operation, op] = OPERATIONS[number]!;
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

/** An operand: code that leaves it on the stack, and whether it is known to be a zero or middling. */
interface Operand {
  readonly push: () => void;
  readonly known: boolean;
}

const stackOperand = (b: BlockCode, i: number): Operand => ({ push: () => getStack(b, i), known: b.knowsStack(i) });

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

/** Makes room and fills it. */
function pushed(b: BlockCode, insn: Insn, { push, known }: Operand): void {
  push();
  b.pushStack();
  setStack(b, 0, known);
  note(b, insn);
  setLast(b, LAST_CLEAR);
}

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
      getStack(b, 0);
      code.set(D0);
      // Within the range of singles, and "inexact" no news.
      b.exitIf(() => {
        code.get(D0);
        code.op(OP.f64Abs);
        code.f64(2 ** -120);
        code.op(OP.f64Ge);
        code.get(D0);
        code.op(OP.f64Abs);
        code.f64(2 ** 120);
        code.op(OP.f64Le, OP.i32And, OP.i32Eqz);
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
  else {
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

/** FNSTSW AX where C1 is known to be 0. */
const storeStatus: Writer = (b) => {
  const { code } = b;
  b.useStack();
  b.exitIf(() => {
    code.get(X87_LAST);
    code.i32(LAST_CLEAR);
    code.op(OP.i32GtU);
  });
  code.get(X87_STATUS);
  code.get(X87_STATUS);
  code.i32(~C1);
  code.op(OP.i32And);
  code.get(X87_LAST);
  code.i32(LAST_CLEAR);
  code.op(OP.i32Ne, OP.select);
  code.i32(b.stackTop << 11);
  code.op(OP.i32Or);
  b.popRegister(EAX, 2);
};

const form =
  (...forms: string[]) =>
  (insn: Insn): boolean =>
    forms.includes(insn.row.operands[0] as string);
const floats = form('m32fp', 'm64fp', 'ST(0)', 'ST(i)');

const rows: Record<string, Row> = {
  FLD: [
    (b, insn) => (insn.operands[0]!.kind === IN_MEMORY ? loadMemory : loadRegister)(b, insn),
    form('m32fp', 'm64fp', 'ST(i)'),
  ],
  FILD: [loadMemory, form('m16int', 'm32int')],
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
  FNSTSW: [storeStatus, form('AX')],
};
for (const kind of ['ADD', 'MUL', 'SUB', 'SUBR', 'DIV', 'DIVR']) {
  rows[`F${kind}`] = [arithmetic(kind, false), any];
  rows[`FI${kind}`] = [arithmetic(kind, false), any];
  rows[`F${kind}P`] = [arithmetic(kind, true), any];
}

export const x87Writers: Rows = rows;
