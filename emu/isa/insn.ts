import type { OpcodeRow } from './row.ts';

/** Where an operand of a decoded instruction is. */
export const IN_REGISTER = 0;
export const IN_MEMORY = 1;
export const IMMEDIATE = 2;
/** Segment register `reg`. */
export const IN_SEGMENT = 3;
/** A branch target: `value` is the EIP that it leads to. */
export const TARGET = 4;
/** selector:offset in the instruction; the offset is `value`, the selector `Insn.selector`. */
export const FAR_TARGET = 5;
/** DS:eSI or ES:eDI of a string instruction: `reg` says which. */
export const IN_STRING = 6;
/** Control or debug register. */
export const IN_CONTROL = 7;
export const IN_DEBUG = 8;
/** ST(reg). */
export const IN_STACK = 9;
/** MMX or XMM register `reg`. */
export const IN_MMX = 10;
export const IN_XMM = 11;

export interface Operand {
  readonly kind: number;
  /** Bytes; 0 for an address that is not accessed (LEA). */
  readonly size: number;
  /** Register number, when there is one. */
  readonly reg: number;
  /** Immediate (sign-extended to 32 bits) or branch target. */
  readonly value: number;
}

/** "No register": base or index of a memory operand, or segment override. */
export const NONE = -1;

/** One decoded instruction. Not changed after decoding. */
export interface Insn {
  readonly row: OpcodeRow;
  /** EIP of its first byte, as an int32. */
  readonly eip: number;
  /** EIP after it, as an int32. */
  readonly next: number;
  readonly length: number;
  /** 2 or 4: what v and z mean. */
  readonly operandSize: number;
  /** 2 or 4. */
  readonly addressSize: number;
  /** ModR/M byte; 0 when there is none. */
  readonly modrm: number;
  readonly lock: boolean;
  /** 0, 0xF2 (REPNE) or 0xF3 (REP, REPE). */
  readonly rep: number;
  /** Segment register of the memory operand, override included; of string instructions the source's. */
  readonly segment: number;
  /** Segment override prefix or NONE. */
  readonly override: number;
  readonly base: number;
  readonly index: number;
  /** Shift count, 0 .. 3. */
  readonly scale: number;
  readonly disp: number;
  /** Of a far address in the instruction. */
  readonly selector: number;
  readonly operands: readonly Operand[];
}
