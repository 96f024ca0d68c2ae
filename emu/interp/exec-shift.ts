import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { resultFlags, signExtend, truncate } from './flags.ts';

// Shifts and rotates. Source: Intel SDM Vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD.
// OF is defined for counts of 1 only; for others it is what the formula for 1 gives, as recent processors have it.
// AF, undefined after a shift, is cleared. What is undefined is as QEMU has it, so that runs on Unicorn have the same digests.

const SHIFT_FLAGS = FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;
const ROTATE_FLAGS = FLAG_OF | FLAG_CF;

const bit = (value: number, index: number): number => (value >>> index) & 1;
const overflow = (set: number): number => (set ? FLAG_OF : 0);

export function shl(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const count = cpu.read(insn, 1) & 31;
  if (count === 0) return;
  const result = truncate(value << count, size);
  const carry = count <= bits ? bit(value, bits - count) : 0;
  cpu.write(insn, 0, result);
  cpu.setFlags(SHIFT_FLAGS, carry | overflow(carry ^ bit(result, bits - 1)) | resultFlags(result, size));
}

export function shr(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const count = cpu.read(insn, 1) & 31;
  if (count === 0) return;
  const result = truncate(value >>> count, size);
  const carry = count <= bits ? bit(value, count - 1) : 0;
  cpu.write(insn, 0, result);
  // OF: the two top bits of the result differ; for a count of 1 that is the sign of the operand.
  const of = bit(result, bits - 1) ^ bit(result, bits - 2);
  cpu.setFlags(SHIFT_FLAGS, carry | overflow(of) | resultFlags(result, size));
}

export function sar(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const value = signExtend(cpu.readForWrite(insn, 0), size);
  const count = cpu.read(insn, 1) & 31;
  if (count === 0) return;
  const result = truncate(value >> count, size);
  const carry = (value >> (count - 1)) & 1;
  cpu.write(insn, 0, result);
  cpu.setFlags(SHIFT_FLAGS, carry | resultFlags(result, size));
}

export function rol(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const count = cpu.read(insn, 1) & 31;
  if (count === 0) return;
  const by = count % bits;
  const result = by === 0 ? value : truncate((value << by) | (value >>> (bits - by)), size);
  const carry = result & 1;
  cpu.write(insn, 0, result);
  cpu.setFlags(ROTATE_FLAGS, carry | overflow(carry ^ bit(result, bits - 1)));
}

export function ror(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const count = cpu.read(insn, 1) & 31;
  if (count === 0) return;
  const by = count % bits;
  const result = by === 0 ? value : truncate((value >>> by) | (value << (bits - by)), size);
  cpu.write(insn, 0, result);
  cpu.setFlags(ROTATE_FLAGS, bit(result, bits - 1) | overflow(bit(result, bits - 1) ^ bit(result, bits - 2)));
}

/** Rotates through CF one bit at a time: 9, 17 or 33 positions. */
export function rcl(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  let value = cpu.readForWrite(insn, 0);
  const masked = cpu.read(insn, 1) & 31;
  if (masked === 0) return;
  let carry = cpu.flag(FLAG_CF);
  const before = value;
  for (let count = masked % (bits + 1); count > 0; count--) {
    const out = bit(value, bits - 1);
    value = truncate((value << 1) | carry, size);
    carry = out;
  }
  cpu.write(insn, 0, value);
  if (masked % (bits + 1) === 0) return;
  cpu.setFlags(ROTATE_FLAGS, carry | overflow(bit(before ^ value, bits - 1)));
}

export function rcr(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  let value = cpu.readForWrite(insn, 0);
  const masked = cpu.read(insn, 1) & 31;
  if (masked === 0) return;
  let carry = cpu.flag(FLAG_CF);
  const before = value;
  for (let count = masked % (bits + 1); count > 0; count--) {
    const out = value & 1;
    value = truncate((value >>> 1) | (carry << (bits - 1)), size);
    carry = out;
  }
  cpu.write(insn, 0, value);
  if (masked % (bits + 1) === 0) return;
  cpu.setFlags(ROTATE_FLAGS, carry | overflow(bit(before ^ value, bits - 1)));
}

/**
 * SHLD and SHRD of words with counts above 16 are undefined; as in recent processors the source, the destination and the
 * source again stand in a row.
 */
export function shld(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const source = cpu.read(insn, 1);
  const count = cpu.read(insn, 2) & 31;
  if (count === 0) return;
  let result: number;
  let carry: number;
  if (size === 4) {
    result = (value << count) | (source >>> (32 - count));
    carry = bit(value, 32 - count);
  } else if (count <= 16) {
    result = truncate((value << count) | (source >>> (16 - count)), 2);
    carry = bit(value, 16 - count);
  } else {
    result = truncate((source << (count - 16)) | (value >>> (32 - count)), 2);
    carry = bit(source, 32 - count);
  }
  cpu.write(insn, 0, result);
  cpu.setFlags(SHIFT_FLAGS, carry | overflow(carry ^ bit(result, bits - 1)) | resultFlags(result, size));
}

export function shrd(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const bits = size * 8;
  const value = cpu.readForWrite(insn, 0);
  const source = cpu.read(insn, 1);
  const count = cpu.read(insn, 2) & 31;
  if (count === 0) return;
  let result: number;
  let carry: number;
  if (size === 4) {
    result = (value >>> count) | (source << (32 - count));
    carry = bit(value, count - 1);
  } else if (count <= 16) {
    result = truncate((value >>> count) | (source << (16 - count)), 2);
    carry = bit(value, count - 1);
  } else {
    result = truncate((source >>> (count - 16)) | (value << (32 - count)), 2);
    carry = bit(source, count - 17);
  }
  cpu.write(insn, 0, result);
  cpu.setFlags(
    SHIFT_FLAGS,
    carry | overflow(bit(result, bits - 1) ^ (count === 1 ? bit(value, bits - 1) : 0)) | resultFlags(result, size),
  );
}
