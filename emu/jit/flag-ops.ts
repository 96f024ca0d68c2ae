import { EAX, ESP, FLAG_AC, FLAG_CF, FLAG_DF, FLAG_ID, FLAG_NT, FLAG_OF, FLAG_TF } from '../core/core-state.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import { FLAGS, T1 } from './locals.ts';
import { OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Flags by themselves.

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
/** DF is part of EFLAGS whatever the arithmetic flags are. */
function direction(op: number, mask: number): Writer {
  return ({ code }) => {
    code.get(FLAGS.eflags);
    code.i32(mask);
    code.op(op);
    code.set(FLAGS.eflags);
  };
}

/** What PUSHF shows: not RF and VM. */
const PUSHED = 0xfcffff;
/** What POPF may change here. The other flags that user mode may change are seldom changed, and make the interpreter's kind of modes. */
const POPPED = ARITHMETIC_FLAGS | FLAG_DF;
const POPPED_BY_INTERPRETER = FLAG_TF | FLAG_NT | FLAG_AC | FLAG_ID;

const pushf: Writer = (b, insn) => {
  const { code } = b;
  const { operandSize } = insn;
  b.readsFlags();
  b.pushChecked(b.addressIn(ESP, -operandSize), operandSize, WRITE);
  b.settle();
  code.get(FLAGS.eflags);
  code.i32(PUSHED);
  code.op(OP.i32And);
  b.store(operandSize);
  b.advance(ESP, -operandSize);
};

const popf: Writer = (b, insn) => {
  const { code } = b;
  const { operandSize } = insn;
  b.pushChecked(b.addressIn(ESP), operandSize, READ);
  b.load(operandSize);
  code.set(T1);
  b.exitIf(() => {
    code.get(T1);
    code.get(FLAGS.eflags);
    code.op(OP.i32Xor);
    code.i32(operandSize === 4 ? POPPED_BY_INTERPRETER : POPPED_BY_INTERPRETER & 0xffff);
    code.op(OP.i32And);
  });
  b.advance(ESP, operandSize);
  code.get(FLAGS.eflags);
  code.i32(~POPPED);
  code.op(OP.i32And);
  code.get(T1);
  code.i32(POPPED);
  code.op(OP.i32And, OP.i32Or);
  code.set(FLAGS.eflags);
  // Seen or not: DF is among them.
  b.writesFlags();
  b.kind = KNOWN;
};

export const flagWriters: Rows = {
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
  CLD: [direction(OP.i32And, ~FLAG_DF), any],
  STD: [direction(OP.i32Or, FLAG_DF), any],
  SAHF: [sahf, any],
  LAHF: [lahf, any],
  PUSHF: [pushf, any],
  POPF: [popf, any],
};
