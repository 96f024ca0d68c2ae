import { CR0, EAX, EBX, ECX, EDX } from '../core/core-state.ts';
import { VECTOR_GP } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { cpuidLeaf } from './cpuid.ts';

// System instructions as user mode sees them. Source: Intel SDM Vol. 2, the instruction pages of the same names.

export function privileged(cpu: Cpu): void {
  cpu.raise(VECTOR_GP, 0);
}

/** FreeBSD 9.0 sys/i386/include/segments.h: GPROC0_SEL is slot 9, GLDT_SEL slot 10. */
export const TSS_SELECTOR = 9 << 3;
export const LDT_SELECTOR = 10 << 3;

export function sldt(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, LDT_SELECTOR);
}

export function str(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, TSS_SELECTOR);
}

/** Where the tables would be: in kernel memory that user mode cannot read. */
export const GDT_ADDRESS = 0xc1000000 | 0;
export const IDT_ADDRESS = 0xc1001000 | 0;

function storeTable(cpu: Cpu, insn: Insn, limit: number, address: number): void {
  const offset = cpu.offset(insn);
  cpu.checkWrite(insn.segment, offset, 6);
  cpu.writeMemory(insn.segment, offset, 2, limit);
  cpu.writeMemory(insn.segment, offset + 2, 4, address);
}

export function sgdt(cpu: Cpu, insn: Insn): void {
  storeTable(cpu, insn, cpu.core.tables.gdt.length * 4 - 1, GDT_ADDRESS);
}

export function sidt(cpu: Cpu, insn: Insn): void {
  storeTable(cpu, insn, 256 * 8 - 1, IDT_ADDRESS);
}

export function smsw(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, cpu.r[CR0]);
}

export function cpuid(cpu: Cpu): void {
  const leaf = cpuidLeaf(cpu.r[EAX], cpu.core.id);
  cpu.r[EAX] = leaf.eax;
  cpu.r[EBX] = leaf.ebx;
  cpu.r[ECX] = leaf.ecx;
  cpu.r[EDX] = leaf.edx;
}

export function rdtsc(cpu: Cpu): void {
  cpu.r[EAX] = cpu.tsc | 0;
  cpu.r[EDX] = Math.floor(cpu.tsc / 0x100000000) | 0;
}
