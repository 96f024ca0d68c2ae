import { EAX, EBP, ECX, EDI, EDX, ESI, ESP, FLAG_DF } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../isa/insn.ts';
import { PAGE_MASK, PAGE_SIZE } from '../memory/address-space.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import type { Writer } from './integer-ops.ts';
import { FLAGS, LEFT, REGISTER, T0, T1, T2, T3, T4 } from './locals.ts';
import { OP } from './wasm-code.ts';

// Moves, the stack, strings: each to the effect of its row's exec in emu/interp.

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

const xchg: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  const { size } = to!;
  if (to!.kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, READ | WRITE);
    code.tee(T0);
    b.load(size);
    code.set(T1);
    code.get(T0);
    b.pushRegister(from!.reg, size);
    b.store(size);
  } else {
    b.pushRegister(to!.reg, size);
    code.set(T1);
    b.pushRegister(from!.reg, size);
    b.popRegister(to!.reg, size);
  }
  code.get(T1);
  b.popRegister(from!.reg, size);
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

/** DF is part of EFLAGS whatever the arithmetic flags are. */
function direction(op: number, mask: number): Writer {
  return ({ code }) => {
    code.get(FLAGS.eflags);
    code.i32(mask);
    code.op(op);
    code.set(FLAGS.eflags);
  };
}

// The stack.

const push: Writer = (b, insn) => {
  const { code } = b;
  const { kind, value } = insn.operands[0]!;
  if (kind === IN_MEMORY) {
    b.pushOperand(insn, 0);
    code.set(T1);
  }
  const offset = b.pushNear(b.addressIn(ESP, -4), 4, WRITE);
  if (kind === IN_MEMORY) code.get(T1);
  else if (kind === IMMEDIATE) code.i32(value);
  else b.pushOperand(insn, 0);
  b.store(4, offset);
  b.advance(ESP, -4);
};

const pop: Writer = (b, insn) => {
  const { reg } = insn.operands[0]!;
  b.load(4, false, b.pushNear(b.addressIn(ESP), 4, READ));
  if (reg !== ESP) {
    b.code.set(T1);
    b.advance(ESP, 4);
    b.code.get(T1);
  }
  b.popRegister(reg, 4);
};

const leave: Writer = (b) => {
  const { code } = b;
  b.load(4, false, b.pushNear(b.addressIn(EBP), 4, READ));
  code.set(T1);
  b.pushRegister(EBP, 4);
  code.i32(4);
  code.op(OP.i32Add);
  code.set(REGISTER + ESP);
  b.becomes(ESP, EBP, 4);
  code.get(T1);
  b.popRegister(EBP, 4);
};

// Strings.

/** Moves ESI or EDI by the size of an element, down when DF is set. */
function stepIndex(b: BlockCode, reg: number, size: number): void {
  const { code } = b;
  b.pushRegister(reg, 4);
  code.i32(-size);
  code.i32(size);
  code.get(FLAGS.eflags);
  code.i32(FLAG_DF);
  code.op(OP.i32And, OP.select, OP.i32Add);
  b.popRegister(reg, 4);
}

const movsOne: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(ESI), size, READ);
  b.load(size);
  code.set(T1);
  b.pushChecked(b.addressIn(EDI), size, WRITE);
  code.get(T1);
  b.store(size);
  stepIndex(b, ESI, size);
  stepIndex(b, EDI, size);
};

const stosOne: Writer = (b, insn) => {
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(EDI), size, WRITE);
  b.pushRegister(EAX, size);
  b.store(size);
  stepIndex(b, EDI, size);
};

const lodsOne: Writer = (b, insn) => {
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(ESI), size, READ);
  b.load(size);
  b.popRegister(EAX, size);
  stepIndex(b, ESI, size);
};

/** T4 = the smaller of T4 and what `push` leaves on the stack. */
function limit(b: BlockCode, push: () => void): void {
  const { code } = b;
  push();
  code.tee(T3);
  code.get(T4);
  code.get(T3);
  code.get(T4);
  code.op(OP.i32LtU, OP.select);
  code.set(T4);
}

/** T4 = at most the number of elements of `size` bytes from a register's address on that lie within its page. */
function limitToPage(b: BlockCode, reg: number, size: number): void {
  const { code } = b;
  limit(b, () => {
    code.i32(PAGE_SIZE);
    b.pushRegister(reg, 4);
    code.i32(PAGE_MASK);
    code.op(OP.i32And, OP.i32Sub);
    code.i32(Math.log2(size));
    code.op(OP.i32ShrU);
  });
}

/** T4 = at most the number of elements that a destination above the source is away from it: what lies beyond is read after it was written. */
function limitToDistance(b: BlockCode, size: number): void {
  const { code } = b;
  limit(b, () => {
    // Without a distance, all ones.
    b.pushRegister(EDI, 4);
    b.pushRegister(ESI, 4);
    code.op(OP.i32Sub);
    code.tee(T2);
    code.i32(-1);
    code.get(T2);
    code.op(OP.select);
    code.i32(Math.log2(size));
    code.op(OP.i32ShrU);
  });
}

/**
 * REP MOVS and REP STOS, upwards and up to the end of a page; what goes on after that is another turn of the block, which is this
 * one instruction. The block has counted one iteration already. A count of 0 does nothing.
 */
function repeated(isMove: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    b.exitIf(() => {
      code.get(FLAGS.eflags);
      code.i32(FLAG_DF);
      code.op(OP.i32And);
    });
    b.pushRegister(ECX, 4);
    code.if();
    b.pushChecked(b.addressIn(EDI), size, WRITE);
    code.op(OP.drop);
    if (isMove) {
      b.pushChecked(b.addressIn(ESI), size, READ);
      code.op(OP.drop);
    }
    b.pushRegister(ECX, 4);
    code.set(T4);
    limit(b, () => {
      code.get(LEFT);
      code.i32(1);
      code.op(OP.i32Add);
    });
    limitToPage(b, EDI, size);
    if (isMove) {
      limitToPage(b, ESI, size);
      limitToDistance(b, size);
    }
    // The element that was looked at goes always, across pages too.
    code.get(T4);
    code.get(T4);
    code.op(OP.i32Eqz, OP.i32Or);
    code.tee(T4);
    code.i32(Math.log2(size));
    code.op(OP.i32Shl);
    code.set(T2);
    b.pushRegister(EDI, 4);
    if (isMove) {
      b.pushRegister(ESI, 4);
      code.get(T2);
      code.memoryCopy();
    } else {
      b.pushRegister(EAX, size);
      code.get(T2);
      code.memoryFill();
    }
    const add = (reg: number, push: () => void, op: number): void => {
      b.pushRegister(reg, 4);
      push();
      code.op(op);
      b.popRegister(reg, 4);
    };
    add(EDI, () => code.get(T2), OP.i32Add);
    if (isMove) add(ESI, () => code.get(T2), OP.i32Add);
    add(ECX, () => code.get(T4), OP.i32Sub);
    code.get(LEFT);
    code.get(T4);
    code.i32(1);
    code.op(OP.i32Sub, OP.i32Sub);
    code.set(LEFT);
    code.end();
  };
}

/** Doublewords whose bytes differ cannot be filled in bytes: the value is spread and doubled. */
const repStos: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  if (size > 1) {
    b.exitIf(() => {
      b.pushRegister(EAX, size);
      b.pushRegister(EAX, 1);
      code.i32(size === 4 ? 0x01010101 : 0x0101);
      code.op(OP.i32Mul, OP.i32Ne);
    });
  }
  repeated(false)(b, insn);
};

const any = (): boolean => true;
const is4 = (insn: Insn): boolean => insn.operands[0]!.size === 4;
const operand4 = (insn: Insn): boolean => insn.operandSize === 4;

/** Only ES:EDI and DS:ESI, which are flat. */
const plainString = (insn: Insn): boolean => insn.addressSize === 4 && insn.override === NONE;

const pushable = ({ operandSize, operands }: Insn): boolean =>
  operandSize === 4 && [IN_REGISTER, IN_MEMORY, IMMEDIATE].includes(operands[0]!.kind);

const conditional: Record<string, readonly [Writer, (insn: Insn) => boolean]> = {};
for (const condition of ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G']) {
  conditional[`SET${condition}`] = [setcc, any];
  conditional[`CMOV${condition}`] = [cmov, any];
}

/** MOV knows segment, control and debug registers too. */
const isPlainMove = ({ operands }: Insn): boolean =>
  operands.every(({ kind }) => kind === IN_REGISTER || kind === IN_MEMORY || kind === IMMEDIATE);

export const moveWriters: Record<string, readonly [writer: Writer, takes: (insn: Insn) => boolean]> = {
  ...conditional,
  NOP: [nop, any],
  PAUSE: [nop, any],
  MOV: [mov, isPlainMove],
  MOVZX: [movzx, any],
  MOVSX: [movsx, any],
  LEA: [lea, (insn) => is4(insn) && insn.addressSize === 4],
  XCHG: [xchg, any],
  CBW: [cbw, any],
  CWD: [cwd, any],
  BSWAP: [bswap, operand4],
  CLD: [direction(OP.i32And, ~FLAG_DF), any],
  STD: [direction(OP.i32Or, FLAG_DF), any],
  PUSH: [push, pushable],
  POP: [pop, (insn) => operand4(insn) && insn.operands[0]!.kind === IN_REGISTER],
  LEAVE: [leave, operand4],
  // A repeated one is a block by itself.
  MOVS: [(b, insn) => (insn.rep === 0 ? movsOne : repeated(true))(b, insn), plainString],
  STOS: [(b, insn) => (insn.rep === 0 ? stosOne : repStos)(b, insn), plainString],
  LODS: [lodsOne, (insn) => plainString(insn) && insn.rep === 0],
};
