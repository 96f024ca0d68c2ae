import { EAX, ECX, EDI, EIP, ESI, FLAG_DF, FLAG_ZF, SEG_ES } from '../core/core-state.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { subFlags, truncate } from './flags.ts';

// String instructions. Source: Intel SDM Vol. 2, MOVS, STOS, LODS, CMPS, SCAS, REP.
// One call is one iteration: a repeated instruction stays where it is until its last one, and each retires by itself.

/** Does nothing when a repeat prefix meets a count of zero. */
function finished(cpu: Cpu, insn: Insn): boolean {
  return insn.rep !== 0 && cpu.count(insn) === 0;
}

/** Counts the iteration just done, and goes back to the instruction when another follows. */
function repeat(cpu: Cpu, insn: Insn, goOn: boolean): void {
  if (insn.rep === 0) return;
  const left = truncate(cpu.count(insn) - 1, insn.addressSize);
  cpu.setRegister(ECX, insn.addressSize, left);
  if (left !== 0 && goOn) cpu.r[EIP] = insn.eip;
}

/** REPE goes on while equal, REPNE while not. */
function goesOn(cpu: Cpu, insn: Insn): boolean {
  return (cpu.flag(FLAG_ZF) === 1) === (insn.rep === 0xf3);
}

function step(cpu: Cpu, insn: Insn, register: number, size: number): void {
  const { addressSize } = insn;
  cpu.setRegister(register, addressSize, cpu.register(register, addressSize) + (cpu.flag(FLAG_DF) ? -size : size));
}

function source(cpu: Cpu, insn: Insn, size: number): number {
  return cpu.readMemory(insn.segment, cpu.register(ESI, insn.addressSize), size);
}

function destination(cpu: Cpu, insn: Insn, size: number): number {
  return cpu.readMemory(SEG_ES, cpu.register(EDI, insn.addressSize), size);
}

export function movs(cpu: Cpu, insn: Insn): void {
  if (finished(cpu, insn)) return;
  const { size } = insn.operands[0];
  cpu.writeMemory(SEG_ES, cpu.register(EDI, insn.addressSize), size, source(cpu, insn, size));
  step(cpu, insn, ESI, size);
  step(cpu, insn, EDI, size);
  repeat(cpu, insn, true);
}

export function stos(cpu: Cpu, insn: Insn): void {
  if (finished(cpu, insn)) return;
  const { size } = insn.operands[0];
  cpu.writeMemory(SEG_ES, cpu.register(EDI, insn.addressSize), size, cpu.accumulator(size));
  step(cpu, insn, EDI, size);
  repeat(cpu, insn, true);
}

export function lods(cpu: Cpu, insn: Insn): void {
  if (finished(cpu, insn)) return;
  const { size } = insn.operands[0];
  cpu.setRegister(EAX, size, source(cpu, insn, size));
  step(cpu, insn, ESI, size);
  repeat(cpu, insn, true);
}

export function cmps(cpu: Cpu, insn: Insn): void {
  if (finished(cpu, insn)) return;
  const { size } = insn.operands[0];
  const a = source(cpu, insn, size);
  const b = destination(cpu, insn, size);
  cpu.setArithmeticFlags(subFlags(a, b, truncate(a - b, size), size));
  step(cpu, insn, ESI, size);
  step(cpu, insn, EDI, size);
  repeat(cpu, insn, goesOn(cpu, insn));
}

export function scas(cpu: Cpu, insn: Insn): void {
  if (finished(cpu, insn)) return;
  const { size } = insn.operands[0];
  const a = cpu.accumulator(size);
  const b = destination(cpu, insn, size);
  cpu.setArithmeticFlags(subFlags(a, b, truncate(a - b, size), size));
  step(cpu, insn, EDI, size);
  repeat(cpu, insn, goesOn(cpu, insn));
}
