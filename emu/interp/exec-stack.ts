import { EAX, EBP, EDI, ESP, SEG_SELECTOR, SEG_SS } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_SEGMENT, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';

// The stack. Source: Intel SDM Vol. 2, PUSH, POP, PUSHA, POPA, ENTER, LEAVE.

/** PUSH ESP pushes the value from before; a selector is zero-extended. */
export function push(cpu: Cpu, insn: Insn): void {
  const { kind, reg, value } = insn.operands[0];
  if (kind === IN_SEGMENT) cpu.push(insn.operandSize, cpu.r[SEG_SELECTOR + reg]);
  else if (kind === IMMEDIATE) cpu.push(insn.operandSize, value);
  else cpu.push(insn.operandSize, cpu.read(insn, 0));
}

/** An address in terms of ESP counts from the value after the pop; POP ESP ends with what was popped. */
export function pop(cpu: Cpu, insn: Insn): void {
  const value = cpu.peek(insn.operandSize);
  const before = cpu.r[ESP];
  cpu.drop(insn.operandSize);
  if (insn.operands[0].kind === IN_MEMORY) {
    const offset = cpu.offset(insn);
    const after = cpu.r[ESP];
    cpu.r[ESP] = before;
    cpu.writeMemory(insn.segment, offset, insn.operandSize, value);
    cpu.r[ESP] = after;
    return;
  }
  cpu.write(insn, 0, value);
}

export function pusha(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  cpu.checkWriteStack(size, 8);
  const oldStackPointer = cpu.r[ESP];
  for (let reg = EAX; reg <= EDI; reg++) cpu.push(size, reg === ESP ? oldStackPointer : cpu.r[reg]);
}

/** The stored ESP is skipped. */
export function popa(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  for (let i = 0; i < 8; i++) cpu.checkRead(SEG_SS, cpu.stackOffset(size * i), size);
  for (let reg = EDI; reg >= EAX; reg--) {
    if (reg !== ESP) cpu.setRegister(reg, size, cpu.peek(size));
    cpu.drop(size);
  }
}

/** The frame's last doubleword is checked for writing although nothing is written there: the SDM's "#PF ... a write to the new ESP". */
export function enter(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  const allocation = insn.operands[0].value & 0xffff;
  const level = insn.operands[1].value & 31;
  const mask = cpu.stackMask;
  const frame = cpu.stackOffset(-size);

  cpu.checkWrite(SEG_SS, frame, size);
  for (let i = 1; i < level; i++) {
    cpu.checkRead(SEG_SS, (cpu.r[EBP] - size * i) & mask, size);
    cpu.checkWrite(SEG_SS, (frame - size * i) & mask, size);
  }
  if (level > 0) cpu.checkWrite(SEG_SS, (frame - size * level) & mask, size);
  cpu.probeWrite(SEG_SS, (frame - size * level - allocation) & mask, size);

  const oldBase = cpu.r[EBP];
  cpu.push(size, oldBase);
  for (let i = 1; i < level; i++) cpu.push(size, cpu.readMemory(SEG_SS, (oldBase - size * i) & mask, size));
  if (level > 0) cpu.push(size, frame);
  cpu.setRegister(EBP, size, frame);
  cpu.setStackPointer(cpu.stackOffset(-allocation));
}

export function leave(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  const frame = cpu.r[EBP] & cpu.stackMask;
  const oldBase = cpu.readMemory(SEG_SS, frame, size);
  cpu.setStackPointer(frame + size);
  cpu.setRegister(EBP, size, oldBase);
}
