import { ECX, FLAG_OF, FLAG_ZF, SEG_CS, SEG_LIMIT } from '../core/core-state.ts';
import { VECTOR_BP, VECTOR_BR, VECTOR_DB, VECTOR_GP, VECTOR_OF, VECTOR_SYSCALL } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { conditionHolds, signExtend } from './flags.ts';

// Near control transfer and software interrupts. Source: Intel SDM Vol. 2, the instruction pages of the same names.

export function jcc(cpu: Cpu, insn: Insn): void {
  if (conditionHolds(insn.row.opcode & 15, cpu.eflags)) cpu.jump(insn.operands[0].value);
}

export function jmp(cpu: Cpu, insn: Insn): void {
  cpu.jump(cpu.read(insn, 0));
}

export function call(cpu: Cpu, insn: Insn): void {
  const target = cpu.read(insn, 0);
  cpu.checkTarget(target, cpu.r[SEG_LIMIT + SEG_CS]);
  cpu.push(insn.operandSize, insn.next);
  cpu.jump(target);
}

export function ret(cpu: Cpu, insn: Insn): void {
  const target = cpu.peek(insn.operandSize);
  const extra = insn.operands.length > 0 ? insn.operands[0].value & 0xffff : 0;
  cpu.jump(target);
  cpu.drop(insn.operandSize + extra);
}

export function jecxz(cpu: Cpu, insn: Insn): void {
  if (cpu.count(insn) === 0) cpu.jump(insn.operands[0].value);
}

function loopWhile(cpu: Cpu, insn: Insn, goOn: boolean): void {
  const count = cpu.count(insn) - 1;
  if (count !== 0 && goOn) cpu.jump(insn.operands[0].value);
  cpu.setRegister(ECX, insn.addressSize, count);
}

export function loop(cpu: Cpu, insn: Insn): void {
  loopWhile(cpu, insn, true);
}

export function loope(cpu: Cpu, insn: Insn): void {
  loopWhile(cpu, insn, cpu.flag(FLAG_ZF) === 1);
}

export function loopne(cpu: Cpu, insn: Insn): void {
  loopWhile(cpu, insn, cpu.flag(FLAG_ZF) === 0);
}

export function int3(cpu: Cpu): void {
  cpu.trap(VECTOR_BP);
}

/** ICEBP: a debug exception that no gate privilege stops. */
export function int1(cpu: Cpu): void {
  cpu.trap(VECTOR_DB);
}

/** FreeBSD's gates for 3, 4 and 0x80 have DPL 3; through any other it is #GP with the vector's index and the IDT bit. */
export function int(cpu: Cpu, insn: Insn): void {
  const vector = insn.operands[0].value & 0xff;
  if (vector === VECTOR_SYSCALL) cpu.systemCall();
  else if (vector === VECTOR_BP || vector === VECTOR_OF) cpu.trap(vector);
  else cpu.raise(VECTOR_GP, vector * 8 + 2);
}

export function into(cpu: Cpu): void {
  if (cpu.flag(FLAG_OF)) cpu.trap(VECTOR_OF);
}

export function bound(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  const offset = cpu.offset(insn);
  const index = signExtend(cpu.read(insn, 0), size);
  const lower = signExtend(cpu.readMemory(insn.segment, offset, size), size);
  const upper = signExtend(cpu.readMemory(insn.segment, offset + size, size), size);
  if (index < lower || index > upper) cpu.raise(VECTOR_BR, 0);
}

export function ud(cpu: Cpu): void {
  cpu.undefined();
}

export function tooLong(cpu: Cpu): void {
  cpu.raise(VECTOR_GP, 0);
}
