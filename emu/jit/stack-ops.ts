import { EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { REGISTER, T0, T1 } from './locals.ts';
import { MEM, OP } from './wasm-code.ts';
import type { Rows, Writer } from './writer.ts';

// The stack.

const push: Writer = (b, insn) => {
  const { code } = b;
  const { kind, value } = insn.operands[0]!;
  const size = insn.operandSize;
  if (kind === IN_MEMORY) {
    b.pushOperand(insn, 0);
    code.set(T1);
  }
  const offset = b.pushNear(b.addressIn(ESP, -size), size, WRITE);
  if (kind === IN_MEMORY) code.get(T1);
  else if (kind === IMMEDIATE) code.i32(value);
  else b.pushOperand(insn, 0);
  b.store(size, offset);
  b.advance(ESP, -size);
};

const pop: Writer = (b, insn) => (insn.operands[0]!.kind === IN_MEMORY ? popMemory : popRegister)(b, insn);

const popRegister: Writer = (b, insn) => {
  const { reg } = insn.operands[0]!;
  const size = insn.operandSize;
  b.load(size, false, b.pushNear(b.addressIn(ESP), size, READ));
  b.code.set(T1);
  if (reg !== ESP || size < 4) b.advance(ESP, size);
  b.code.get(T1);
  b.popRegister(reg, size);
};

/** An address in terms of ESP counts from the value after the pop. */
const popMemory: Writer = (b, insn) => {
  const { code } = b;
  const size = insn.operandSize;
  b.pushChecked(b.addressIn(ESP), size, READ);
  b.load(size);
  code.set(T1);
  const after = insn.base === ESP ? { ...insn, disp: insn.disp + size } : insn;
  b.pushChecked(b.addressOf(after), size, WRITE);
  code.get(T1);
  b.store(size);
  b.advance(ESP, size);
};

const ALL_REGISTERS = [EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI];
const ALL_BYTES = 4 * ALL_REGISTERS.length;

const pusha: Writer = (b) => {
  const { code } = b;
  b.pushChecked(b.addressIn(ESP, -ALL_BYTES), ALL_BYTES, WRITE);
  code.set(T0);
  for (const reg of ALL_REGISTERS) {
    code.get(T0);
    b.pushRegister(reg, 4);
    code.mem(MEM.i32Store, ALL_BYTES - 4 - 4 * reg);
  }
  b.advance(ESP, -ALL_BYTES);
};

/** The stored ESP is skipped. */
const popa: Writer = (b) => {
  const { code } = b;
  b.pushChecked(b.addressIn(ESP), ALL_BYTES, READ);
  code.set(T0);
  for (const reg of ALL_REGISTERS) {
    if (reg === ESP) continue;
    code.get(T0);
    code.mem(MEM.i32Load, ALL_BYTES - 4 - 4 * reg);
    b.popRegister(reg, 4);
  }
  b.advance(ESP, ALL_BYTES);
};

/** A frame without pointers to outer ones. Its last doubleword must be writable although nothing is written there. */
const enter: Writer = (b, insn) => {
  const { code } = b;
  const allocation = insn.operands[0]!.value & 0xffff;
  b.pushChecked(b.addressIn(ESP, -4 - allocation), 4, WRITE);
  code.op(OP.drop);
  b.pushChecked(b.addressIn(ESP, -4), 4, WRITE);
  b.pushRegister(EBP, 4);
  b.store(4);
  b.pushRegister(ESP, 4);
  code.i32(4);
  code.op(OP.i32Sub);
  code.set(REGISTER + EBP);
  b.becomes(EBP, ESP, -4);
  b.advance(ESP, -4 - allocation);
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

const withoutSegment = ({ operands }: Insn): boolean => [IN_REGISTER, IN_MEMORY, IMMEDIATE].includes(operands[0]!.kind);

const operand4 = (insn: Insn): boolean => insn.operandSize === 4;

export const stackWriters: Rows = {
  PUSH: [push, withoutSegment],
  POP: [pop, withoutSegment],
  PUSHA: [pusha, operand4],
  POPA: [popa, operand4],
  ENTER: [enter, (insn) => operand4(insn) && (insn.operands[1]!.value & 31) === 0],
  LEAVE: [leave, operand4],
};
