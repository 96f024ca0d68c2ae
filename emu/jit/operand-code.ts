import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { ADD, ADD8, ADD16, DEC, DEC8, DEC16, INC, INC8, INC16, SUB, SUB8, SUB16 } from './flag-code.ts';
import { FLAGS, T0, T1, T2 } from './locals.ts';
import { OP } from './wasm-code.ts';

// Operands of integer instructions on their way to locals and back, and to the flags.

/** How far up bytes and words stand in the flags' operands. */
export const upShift = (size: number): number => 32 - 8 * size;

/** Operand 0 goes to T1, operand 1 to T2. Memory that will be written has its address in T0. */
export function twoOperands(b: BlockCode, insn: Insn, writes: boolean): void {
  const { code } = b;
  const [to, from] = insn.operands;
  const { size } = to!;
  if (to!.kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, writes ? READ | WRITE : READ);
    if (writes) code.tee(T0);
    b.load(size);
    code.set(T1);
    b.pushOperand(insn, 1);
    code.set(T2);
    return;
  }
  if (from!.kind === IN_MEMORY) {
    b.pushOperand(insn, 1);
    code.set(T2);
    b.pushRegister(to!.reg, size);
    code.set(T1);
    return;
  }
  b.pushRegister(to!.reg, size);
  code.set(T1);
  b.pushOperand(insn, 1);
  code.set(T2);
}

/** The result in `local` goes where operand 0 is. */
export function putResult(b: BlockCode, insn: Insn, local: number): void {
  const { kind, reg, size } = insn.operands[0]!;
  if (kind === IN_MEMORY) {
    b.code.get(T0);
    b.code.get(local);
    b.store(size);
  } else {
    b.code.get(local);
    b.popRegister(reg, size);
  }
}

/** Flags (kind, T1, T2), both shifted up when they are bytes or words. */
export function keepOperands(b: BlockCode, kind: number, size: number): void {
  const { code } = b;
  for (const [from, to] of [
    [T1, FLAGS.a],
    [T2, FLAGS.b],
  ] as const) {
    code.get(from);
    if (size < 4) {
      code.i32(upShift(size));
      code.op(OP.i32Shl);
    }
    code.set(to);
  }
  b.kind = kind;
}

export function pushSignExtended(b: BlockCode, local: number, size: number): void {
  b.code.get(local);
  if (size === 1) b.code.op(OP.i32Extend8S);
  else if (size === 2) b.code.op(OP.i32Extend16S);
}

export const ADD_KINDS = [0, ADD8, ADD16, 0, ADD];
export const SUB_KINDS = [0, SUB8, SUB16, 0, SUB];
export const INC_KINDS = [0, INC8, INC16, 0, INC];
export const DEC_KINDS = [0, DEC8, DEC16, 0, DEC];

/** Operand 0 goes to T1; memory has its address in T0. */
export function oneOperand(b: BlockCode, insn: Insn): void {
  const { kind, reg, size } = insn.operands[0]!;
  if (kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, READ | WRITE);
    b.code.tee(T0);
    b.load(size);
  } else b.pushRegister(reg, size);
  b.code.set(T1);
}
