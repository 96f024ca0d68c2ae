import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { addFlags, resultFlags, subFlags, truncate } from './flags.ts';

// Integer arithmetic and logic. Source: Intel SDM Vol. 2, the instruction pages of the same names.

export function add(cpu: Cpu, insn: Insn): void {
  addWithCarry(cpu, insn, 0);
}

export function adc(cpu: Cpu, insn: Insn): void {
  addWithCarry(cpu, insn, cpu.flag(FLAG_CF));
}

function addWithCarry(cpu: Cpu, insn: Insn, carry: number): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const b = cpu.read(insn, 1);
  const result = truncate(a + b + carry, size);
  cpu.write(insn, 0, result);
  cpu.setArithmeticFlags(addFlags(a, b, result, size));
}

export function sub(cpu: Cpu, insn: Insn): void {
  subtractWithBorrow(cpu, insn, 0);
}

export function sbb(cpu: Cpu, insn: Insn): void {
  subtractWithBorrow(cpu, insn, cpu.flag(FLAG_CF));
}

function subtractWithBorrow(cpu: Cpu, insn: Insn, borrow: number): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const b = cpu.read(insn, 1);
  const result = truncate(a - b - borrow, size);
  cpu.write(insn, 0, result);
  cpu.setArithmeticFlags(subFlags(a, b, result, size));
}

export function cmp(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.read(insn, 0);
  const b = cpu.read(insn, 1);
  cpu.setArithmeticFlags(subFlags(a, b, truncate(a - b, size), size));
}

/** AF is undefined after AND, OR, XOR and TEST; processors clear it. */
function setLogicFlags(cpu: Cpu, result: number, size: number): void {
  cpu.setArithmeticFlags(resultFlags(result, size));
}

export function and(cpu: Cpu, insn: Insn): void {
  const result = cpu.readForWrite(insn, 0) & cpu.read(insn, 1);
  cpu.write(insn, 0, result);
  setLogicFlags(cpu, result, insn.operands[0].size);
}

export function or(cpu: Cpu, insn: Insn): void {
  const result = cpu.readForWrite(insn, 0) | cpu.read(insn, 1);
  cpu.write(insn, 0, result);
  setLogicFlags(cpu, result, insn.operands[0].size);
}

export function xor(cpu: Cpu, insn: Insn): void {
  const result = cpu.readForWrite(insn, 0) ^ cpu.read(insn, 1);
  cpu.write(insn, 0, result);
  setLogicFlags(cpu, result, insn.operands[0].size);
}

export function test(cpu: Cpu, insn: Insn): void {
  setLogicFlags(cpu, cpu.read(insn, 0) & cpu.read(insn, 1), insn.operands[0].size);
}

/** INC and DEC leave CF alone. */
const ALL_BUT_CARRY = FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF;

export function inc(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const result = truncate(a + 1, size);
  cpu.write(insn, 0, result);
  cpu.setFlags(ALL_BUT_CARRY, addFlags(a, 1, result, size));
}

export function dec(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const result = truncate(a - 1, size);
  cpu.write(insn, 0, result);
  cpu.setFlags(ALL_BUT_CARRY, subFlags(a, 1, result, size));
}

export function not(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, ~cpu.readForWrite(insn, 0));
}

export function neg(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const result = truncate(-a, size);
  cpu.write(insn, 0, result);
  cpu.setArithmeticFlags(subFlags(0, a, result, size));
}
