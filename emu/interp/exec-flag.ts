import {
  EAX,
  EFLAGS,
  FLAG_AC,
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FLAG_ID,
  FLAG_NT,
  FLAG_PF,
  FLAG_RF,
  FLAG_SF,
  FLAG_TF,
  FLAG_ZF,
} from '../core/core-state.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { ARITHMETIC_FLAGS } from './flags.ts';

// EFLAGS. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const LOW_FLAGS = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

export function sahf(cpu: Cpu): void {
  cpu.setFlags(LOW_FLAGS, cpu.r[EAX] >>> 8);
}

export function lahf(cpu: Cpu): void {
  cpu.setRegister(EAX + 4, 1, (cpu.eflags & LOW_FLAGS) | 2);
}

/** Undocumented on the i386, present in all: AL is filled with CF. */
export function salc(cpu: Cpu): void {
  cpu.setRegister(EAX, 1, cpu.flag(FLAG_CF) ? 0xff : 0);
}

export function cmc(cpu: Cpu): void {
  cpu.setFlags(FLAG_CF, ~cpu.eflags);
}

export function clc(cpu: Cpu): void {
  cpu.setFlags(FLAG_CF, 0);
}

export function stc(cpu: Cpu): void {
  cpu.setFlags(FLAG_CF, FLAG_CF);
}

export function cld(cpu: Cpu): void {
  cpu.setFlags(FLAG_DF, 0);
}

export function std(cpu: Cpu): void {
  cpu.setFlags(FLAG_DF, FLAG_DF);
}

/** RF and VM are pushed as 0. */
export function pushf(cpu: Cpu, insn: Insn): void {
  cpu.push(insn.operandSize, cpu.eflags & 0xfcffff);
}

/** What POPF and IRET may change at privilege level 3 with IOPL 0: not IF, IOPL, VM, VIF, VIP. */
const USER_FLAGS = ARITHMETIC_FLAGS | FLAG_DF | FLAG_TF | FLAG_NT | FLAG_AC | FLAG_ID;

export function popf(cpu: Cpu, insn: Insn): void {
  const value = cpu.peek(insn.operandSize);
  cpu.drop(insn.operandSize);
  loadUserFlags(cpu, value, insn.operandSize, 0);
}

/** IRET also loads RF; POPF clears it. */
export function loadUserFlags(cpu: Cpu, value: number, operandSize: number, resume: number): void {
  cpu.modeChanged = true;
  const mask = operandSize === 2 ? USER_FLAGS & 0xffff : USER_FLAGS;
  cpu.setFlags(mask, value);
  cpu.r[EFLAGS] = (cpu.r[EFLAGS] & ~FLAG_RF) | (operandSize === 4 ? value & resume : 0);
}
