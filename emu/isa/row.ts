import type { Cpu } from '../interp/cpu.ts';
import type { Insn } from './insn.ts';

/**
 * Operand codes of the SDM, Vol. 2, App. A: an addressing method (capital letter) and a type (small letter), or a fixed register.
 * E = ModR/M register or memory, G = ModR/M.reg, M = memory only, R = register only, I = immediate, J = branch displacement,
 * O = address in the instruction, A = far address in the instruction, S = segment register, C / D = control / debug register,
 * X = DS:eSI, Y = ES:eDI, Z = register in the low three bits of the opcode (App. A writes rAX, rCX ... there).
 * b = byte, w = word, d = doubleword, q = quadword, v = word or doubleword by operand size, z = an immediate of that size,
 * p = far pointer, a = pair of bounds, s = pseudo-descriptor, no letter = address only.
 * P = MMX register in ModR/M.reg, Q = MMX register or memory, N = MMX register in ModR/M.rm; V, W and U likewise for XMM registers.
 * dq = 16 bytes, ps / pd = 16 bytes of packed single / double precision, ss / sd = one scalar; d and q then say how much is read.
 * Of the x87 the names on its instruction pages, which are plainer than those of App. A.
 */
export type OperandCode =
  | 'Eb'
  | 'Ew'
  | 'Ed'
  | 'Ev'
  | 'Gb'
  | 'Gw'
  | 'Gd'
  | 'Gv'
  | 'M'
  | 'Ma'
  | 'Mb'
  | 'Md'
  | 'Mdq'
  | 'Mpd'
  | 'Mps'
  | 'Mp'
  | 'Ms'
  | 'Mq'
  | 'Rd'
  | 'Rv/Mw'
  | 'Rd/Mw'
  | 'Nq'
  | 'Pd'
  | 'Pq'
  | 'Qd'
  | 'Qq'
  | 'Udq'
  | 'Upd'
  | 'Ups'
  | 'Uq'
  | 'Vd'
  | 'Vdq'
  | 'Vpd'
  | 'Vps'
  | 'Vq'
  | 'Vsd'
  | 'Vss'
  | 'Wdq'
  | 'Wpd'
  | 'Wps'
  | 'Wq'
  | 'Wsd'
  | 'Wss'
  | 'Ib'
  | 'Iw'
  | 'Iz'
  | 'Jb'
  | 'Jz'
  | 'Ob'
  | 'Ov'
  | 'Ap'
  | 'Sw'
  | 'Cd'
  | 'Dd'
  | 'Xb'
  | 'Xv'
  | 'Yb'
  | 'Yv'
  | 'Zb'
  | 'Zv'
  | 'AL'
  | 'CL'
  | 'DX'
  | 'eAX'
  | '1'
  | 'ES'
  | 'CS'
  | 'SS'
  | 'DS'
  | 'FS'
  | 'GS'
  | 'AX'
  | 'ST(0)'
  | 'ST(i)'
  | 'm32fp'
  | 'm64fp'
  | 'm80fp'
  | 'm16int'
  | 'm32int'
  | 'm64int'
  | 'm80bcd'
  | 'm2byte'
  | 'm14/28byte'
  | 'm94/108byte';

/** Operand encoding as the SDM's instruction pages name it; O covers eight opcodes, the register in the low three bits; STi eight ModR/M bytes. */
export type OpEn =
  | 'ZO'
  | 'MR'
  | 'RM'
  | 'MI'
  | 'M'
  | 'I'
  | 'O'
  | 'OI'
  | 'D'
  | 'MRI'
  | 'MRC'
  | 'RMI'
  | 'FD'
  | 'TD'
  | 'M1'
  | 'MC'
  | 'II'
  | 'S'
  | 'STi';

export type Exec = (cpu: Cpu, insn: Insn) => void;

/** One encoding of one instruction, in the columns of the SDM, Vol. 2. */
export interface OpcodeRow {
  /** 0x00 .. 0xFF, 0x0F00 .. 0x0FFF for the two-byte opcodes, 0x0F3800 .. and 0x0F3A00 .. for the three-byte ones. */
  readonly opcode: number;
  /** ModR/M.reg as part of the opcode: the SDM's /0 .. /7. */
  readonly digit?: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
  /** Only with ModR/M.mod = 3, though no operand says so. */
  readonly mod?: 3;
  /** The whole ModR/M byte as part of the opcode: the SDM's D9 E8, or the first of eight (opEn STi), as in D8 C0+i. */
  readonly modrm?: number;
  /** A prefix that makes this encoding another instruction than without it; 0 = none of them (the SDM's NP). Absent: they do not matter. */
  readonly prefix?: 0 | 0x66 | 0xf2 | 0xf3;
  readonly mnemonic: string;
  readonly opEn: OpEn;
  readonly operands: readonly OperandCode[];
  /** LOCK is allowed when the first operand is in memory; everywhere else it is #UD. */
  readonly lockable?: true;
  /** EFLAGS bits that the instruction defines, and those that it leaves undefined. */
  readonly flags?: { readonly written?: string; readonly undefined?: string };
  /** Condition codes of the x87 status word, likewise. */
  readonly conditions?: { readonly written?: string; readonly undefined?: string };
  /** Processors may differ in the result by so many units in the last place (and then in C1). */
  readonly tolerance?: number;
  /** The first processor that has it; the i386 when absent. */
  readonly since?: 'i486' | 'i586' | 'i686';
  /** The extension that it belongs to, by its CPUID name; the basic instruction set when absent. */
  readonly extension?: 'MMX' | 'FXSR' | 'SSE' | 'SSE2' | 'SSE3' | 'SSSE3' | 'CLFSH';
  readonly exec: Exec;
}

/** The bytes of an opcode: one, two (0F ..) or three (0F 38 .., 0F 3A ..). */
export function opcodeBytes(opcode: number): number[] {
  if (opcode > 0xffff) return [opcode >>> 16, (opcode >>> 8) & 0xff, opcode & 0xff];
  return opcode > 0xff ? [opcode >>> 8, opcode & 0xff] : [opcode];
}

const FLAG_BITS: Readonly<Record<string, number>> = {
  CF: 0x1,
  PF: 0x4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  NT: 0x4000,
  AC: 0x40000,
  ID: 0x200000,
};

/** EFLAGS mask of names such as 'OF SF ZF'. */
export function flagMask(names: string | undefined): number {
  let mask = 0;
  for (const name of (names ?? '').split(' ')) mask |= FLAG_BITS[name] ?? 0;
  return mask;
}
