import { FLAG_CF } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { resultFlags, signExtend } from './flags.ts';

// Bits. Source: Intel SDM Vol. 2, BT, BTC, BTR, BTS, BSF, BSR. Undefined flags stay as they are; those of BSF and BSR follow the source.

/**
 * A bit offset in a register reaches any bit of memory around the address: the word or doubleword that holds it is accessed.
 * An immediate offset, or one into a register, counts modulo the operand size.
 */
function changeBit(cpu: Cpu, insn: Insn, writes: boolean, change: (value: number, bit: number) => number): void {
  const [target, source] = insn.operands;
  const { size } = target;
  const bits = size * 8;
  const index = cpu.read(insn, 1);
  const bit = 1 << (index & (bits - 1));
  if (target.kind !== IN_MEMORY || source.kind === IMMEDIATE) {
    const value = writes ? cpu.readForWrite(insn, 0) : cpu.read(insn, 0);
    if (writes) cpu.write(insn, 0, change(value, bit));
    cpu.setFlags(FLAG_CF, value & bit ? FLAG_CF : 0);
    return;
  }
  const units = signExtend(index, size) >> (size === 4 ? 5 : 4);
  const far = cpu.offset(insn) + units * size;
  const offset = insn.addressSize === 2 ? far & 0xffff : far | 0;
  if (writes) cpu.checkWrite(insn.segment, offset, size);
  const value = cpu.readMemory(insn.segment, offset, size);
  if (writes) cpu.writeMemory(insn.segment, offset, size, change(value, bit));
  cpu.setFlags(FLAG_CF, value & bit ? FLAG_CF : 0);
}

export function bt(cpu: Cpu, insn: Insn): void {
  changeBit(cpu, insn, false, (value) => value);
}

export function bts(cpu: Cpu, insn: Insn): void {
  changeBit(cpu, insn, true, (value, bit) => value | bit);
}

export function btr(cpu: Cpu, insn: Insn): void {
  changeBit(cpu, insn, true, (value, bit) => value & ~bit);
}

export function btc(cpu: Cpu, insn: Insn): void {
  changeBit(cpu, insn, true, (value, bit) => value ^ bit);
}

/** ZF says that no bit is set. */
function scan(cpu: Cpu, insn: Insn, value: number, index: number): void {
  if (value !== 0) cpu.write(insn, 0, index);
  cpu.setArithmeticFlags(resultFlags(value, insn.operands[0].size));
}

/** With a source of 0 the destination, undefined, stays as it is. */
export function bsf(cpu: Cpu, insn: Insn): void {
  const value = cpu.read(insn, 1);
  scan(cpu, insn, value, 31 - Math.clz32(value & -value));
}

export function bsr(cpu: Cpu, insn: Insn): void {
  const value = cpu.read(insn, 1);
  scan(cpu, insn, value, 31 - Math.clz32(value));
}
