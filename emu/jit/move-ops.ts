import { EAX, EDX } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { REGISTER } from './locals.ts';
import { OP } from './wasm-code.ts';
import { any, is4, type Row, type Rows, type Writer } from './writer.ts';

// Moves.

const nop: Writer = () => {};

const mov: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  if (to!.kind === IN_MEMORY) {
    const offset = b.pushNear(b.addressOf(insn), to!.size, WRITE);
    b.pushOperand(insn, 1);
    b.store(to!.size, offset);
    return;
  }
  b.pushOperand(insn, 1);
  if (to!.size === 4 && from!.kind === IN_REGISTER) {
    code.set(REGISTER + to!.reg);
    b.becomes(to!.reg, from!.reg, 0);
  } else b.popRegister(to!.reg, to!.size);
};

const movzx: Writer = (b, insn) => {
  b.pushOperand(insn, 1);
  b.popRegister(insn.operands[0]!.reg, insn.operands[0]!.size);
};

const movsx: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  if (from!.kind === IN_MEMORY) {
    b.load(from!.size, true, b.pushNear(b.addressOf(insn), from!.size, READ));
  } else {
    b.pushRegister(from!.reg, from!.size);
    code.op(from!.size === 1 ? OP.i32Extend8S : OP.i32Extend16S);
  }
  b.popRegister(to!.reg, to!.size);
};

const lea: Writer = (b, insn) => {
  const { reg } = insn.operands[0]!;
  b.pushOffset(insn);
  if (insn.base !== NONE && insn.index === NONE) {
    b.code.set(REGISTER + reg);
    b.becomes(reg, insn.base, insn.disp);
  } else b.popRegister(reg, 4);
};

/** CBW, or CWDE with an operand size of 32 bits. */
const cbw: Writer = (b, insn) => {
  b.pushRegister(EAX, insn.operandSize / 2);
  b.code.op(insn.operandSize === 4 ? OP.i32Extend16S : OP.i32Extend8S);
  b.popRegister(EAX, insn.operandSize);
};

/** CWD, or CDQ with an operand size of 32 bits. */
const cwd: Writer = (b, insn) => {
  b.pushRegister(EAX, insn.operandSize);
  if (insn.operandSize === 2) b.code.op(OP.i32Extend16S);
  b.code.i32(31);
  b.code.op(OP.i32ShrS);
  b.popRegister(EDX, insn.operandSize);
};

const bswap: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  b.pushRegister(reg, 4);
  code.i32(8);
  code.op(OP.i32Rotl);
  code.i32(0x00ff00ff);
  code.op(OP.i32And);
  b.pushRegister(reg, 4);
  code.i32(8);
  code.op(OP.i32Rotr);
  code.i32(0xff00ff00 | 0);
  code.op(OP.i32And, OP.i32Or);
  b.popRegister(reg, 4);
};

const setcc: Writer = (b, insn) => {
  const { kind, reg } = insn.operands[0]!;
  if (kind === IN_MEMORY) b.pushChecked(b.addressOf(insn), 1, WRITE);
  b.pushCondition(insn.row.opcode & 15);
  if (kind === IN_MEMORY) b.store(1);
  else b.popRegister(reg, 1);
};

/** The source is read, and may fault, whether the condition holds or not. */
const cmov: Writer = (b, insn) => {
  const { reg, size } = insn.operands[0]!;
  b.pushOperand(insn, 1);
  b.pushRegister(reg, size);
  b.pushCondition(insn.row.opcode & 15);
  b.code.op(OP.select);
  b.popRegister(reg, size);
};

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'] as const;

const forConditions = (name: string, row: Row): Rows =>
  Object.fromEntries(CONDITIONS.map((condition) => [name + condition, row]));

/** MOV knows segment, control and debug registers too. */
const isPlainMove = ({ operands }: Insn): boolean =>
  operands.every(({ kind }) => kind === IN_REGISTER || kind === IN_MEMORY || kind === IMMEDIATE);

export const moveWriters: Rows = {
  ...forConditions('SET', [setcc, any]),
  ...forConditions('CMOV', [cmov, any]),
  NOP: [nop, any],
  PAUSE: [nop, any],
  MOV: [mov, isPlainMove],
  MOVZX: [movzx, any],
  MOVSX: [movsx, any],
  LEA: [lea, (insn) => is4(insn) && insn.addressSize === 4],
  CBW: [cbw, any],
  CWD: [cwd, any],
  BSWAP: [bswap, (insn) => insn.operandSize === 4],
};
