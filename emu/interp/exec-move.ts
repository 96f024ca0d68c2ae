import { EAX, EBX, ECX, EDX, FLAG_ZF, SEG_DS } from '../core/core-state.ts';
import { IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { addFlags, conditionHolds, signExtend, subFlags, truncate } from './flags.ts';

// Moves and exchanges. Source: Intel SDM Vol. 2, the instruction pages of the same names.

export function mov(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, cpu.read(insn, 1));
}

export function movzx(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, cpu.read(insn, 1));
}

export function movsx(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, signExtend(cpu.read(insn, 1), insn.operands[1].size));
}

export function lea(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, cpu.offset(insn));
}

export function xchg(cpu: Cpu, insn: Insn): void {
  const a = cpu.readForWrite(insn, 0);
  const b = cpu.read(insn, 1);
  cpu.write(insn, 0, b);
  cpu.setRegister(insn.operands[1].reg, insn.operands[1].size, a);
}

export function nop(): void {}

export function xlatb(cpu: Cpu, insn: Insn): void {
  const segment = insn.override === NONE ? SEG_DS : insn.override;
  const offset = cpu.r[EBX] + cpu.register(EAX, 1);
  cpu.setRegister(EAX, 1, cpu.readMemory(segment, insn.addressSize === 2 ? offset & 0xffff : offset, 1));
}

/** CBW, or CWDE with an operand size of 32 bits. */
export function cbw(cpu: Cpu, insn: Insn): void {
  cpu.setRegister(EAX, insn.operandSize, signExtend(cpu.r[EAX], insn.operandSize / 2));
}

/** CWD, or CDQ with an operand size of 32 bits. */
export function cwd(cpu: Cpu, insn: Insn): void {
  cpu.setRegister(EDX, insn.operandSize, signExtend(cpu.accumulator(insn.operandSize), insn.operandSize) < 0 ? -1 : 0);
}

/** The source is read, and may fault, whether the condition holds or not. */
export function cmov(cpu: Cpu, insn: Insn): void {
  const value = cpu.read(insn, 1);
  if (conditionHolds(insn.row.opcode & 15, cpu.eflags)) cpu.write(insn, 0, value);
}

export function setcc(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, conditionHolds(insn.row.opcode & 15, cpu.eflags) ? 1 : 0);
}

/** BSWAP of a 16-bit register is undefined; processors give 0. */
export function bswap(cpu: Cpu, insn: Insn): void {
  const value = cpu.read(insn, 0);
  const swapped = (value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff0000) | (value << 24);
  cpu.write(insn, 0, insn.operandSize === 2 ? 0 : swapped);
}

export function xadd(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.readForWrite(insn, 0);
  const b = cpu.read(insn, 1);
  const sum = truncate(a + b, size);
  // With a memory operand the register may be part of the address; with one register twice the sum stays.
  if (insn.operands[0].kind === IN_REGISTER) cpu.setRegister(insn.operands[1].reg, size, a);
  cpu.write(insn, 0, sum);
  if (insn.operands[0].kind === IN_MEMORY) cpu.setRegister(insn.operands[1].reg, size, a);
  cpu.setArithmeticFlags(addFlags(a, b, sum, size));
}

/** The destination is written in either case, so a page that is not writable faults in either case. */
export function cmpxchg(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const old = cpu.readForWrite(insn, 0);
  const expected = cpu.accumulator(size);
  if (old === expected) {
    cpu.write(insn, 0, cpu.read(insn, 1));
  } else {
    cpu.write(insn, 0, old);
    cpu.setRegister(EAX, size, old);
  }
  cpu.setArithmeticFlags(subFlags(expected, old, truncate(expected - old, size), size));
}

export function cmpxchg8b(cpu: Cpu, insn: Insn): void {
  const linear = cpu.checkWrite(insn.segment, cpu.offset(insn), 8);
  cpu.checkRead(insn.segment, cpu.offset(insn), 8);
  const low = cpu.load(linear, 4);
  const high = cpu.load(linear + 4, 4);
  const equal = low === cpu.r[EAX] && high === cpu.r[EDX];
  if (equal) {
    cpu.store(linear, 4, cpu.r[EBX]);
    cpu.store(linear + 4, 4, cpu.r[ECX]);
  } else {
    cpu.r[EAX] = low;
    cpu.r[EDX] = high;
  }
  cpu.setFlags(FLAG_ZF, equal ? FLAG_ZF : 0);
}
