import { CR0, SEG_CS, SEG_SELECTOR } from '../core/core-state.ts';
import { VECTOR_MF, VECTOR_NM } from '../core/engine.ts';
import { ES } from '../fpu/environment.ts';
import type { X87 } from '../fpu/x87.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';

// What x87 instructions begin with. Source: Intel SDM Vol. 1, x87 FPU Exception Handling; Vol. 3, Device Not Available.

const CR0_EM_TS = 0xc;

/** For instructions that do not wait: FNINIT, FNCLEX, FNSTCW, FNSTSW, FNSTENV, FNSAVE. */
export function withoutWait(cpu: Cpu): X87 {
  if (cpu.r[CR0] & CR0_EM_TS) cpu.raise(VECTOR_NM, 0);
  return cpu.x87();
}

/** For the others: a pending exception interrupts before anything else happens. */
export function waiting(cpu: Cpu): X87 {
  const fpu = withoutWait(cpu);
  if (fpu.status & ES) cpu.raise(VECTOR_MF, 0);
  fpu.env.raised = 0;
  return fpu;
}

/** Notes the instruction and the operand for exception handlers. After what may fault. */
export function note(cpu: Cpu, fpu: X87, insn: Insn): void {
  fpu.opcode = ((insn.row.opcode & 7) << 8) | insn.modrm;
  fpu.ip = insn.eip;
  fpu.cs = cpu.r[SEG_SELECTOR + SEG_CS];
}

export function noteOperand(cpu: Cpu, fpu: X87, insn: Insn): void {
  note(cpu, fpu, insn);
  fpu.dp = cpu.offset(insn);
  fpu.ds = cpu.r[SEG_SELECTOR + insn.segment];
}

/** An instruction of registers only. */
export function enter(cpu: Cpu, insn: Insn): X87 {
  const fpu = waiting(cpu);
  note(cpu, fpu, insn);
  return fpu;
}

/** The linear address of the memory operand, checked for reading, of `size` bytes. */
export function source(cpu: Cpu, insn: Insn, size: number): number {
  return cpu.checkRead(insn.segment, cpu.offset(insn), size);
}

export function destination(cpu: Cpu, insn: Insn, size: number): number {
  return cpu.checkWrite(insn.segment, cpu.offset(insn), size);
}
