import { EAX, EDX, FLAG_CF, FLAG_OF } from '../core/core-state.ts';
import { VECTOR_DE } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { resultFlags, signExtend, truncate } from './flags.ts';

// Multiplication and division. Source: Intel SDM Vol. 2, MUL, IMUL, DIV, IDIV.

const TWO_32 = 0x100000000;

/** Upper doubleword of the product of two unsigned doublewords. */
export function mulHighUnsigned(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const middle = ah * bl + ((al * bl) >>> 16);
  const middle2 = al * bh + (middle % 0x10000);
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(middle2 / 0x10000)) | 0;
}

/** Upper doubleword of the product of two signed doublewords. */
export function mulHighSigned(a: number, b: number): number {
  return (mulHighUnsigned(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
}

/** Whether the product of two signed doublewords, of which `low` is the lower half, fits: beyond 2^53 it is no doubleword, however it rounds. */
export function productFits(a: number, b: number, low: number): boolean {
  return a * b === low;
}

/** CF and OF say that the upper half matters. SF, ZF and PF, undefined, follow the lower half, and AF is cleared (as in QEMU). */
function setProductFlags(cpu: Cpu, overflow: boolean, low: number, size: number): void {
  cpu.setArithmeticFlags((overflow ? FLAG_CF | FLAG_OF : 0) | resultFlags(low, size));
}

/** Writes a double-width product to AX, DX:AX or EDX:EAX. */
function writeProduct(cpu: Cpu, low: number, high: number, size: number): void {
  if (size === 1) {
    cpu.setRegister(EAX, 2, (low & 0xff) | (high << 8));
    return;
  }
  cpu.setRegister(EAX, size, low);
  cpu.setRegister(EDX, size, high);
}

export function mul(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = cpu.accumulator(size);
  const b = cpu.read(insn, 0);
  const low = size === 4 ? Math.imul(a, b) : truncate(a * b, size);
  const high = size === 4 ? mulHighUnsigned(a, b) : (a * b) >>> (8 * size);
  writeProduct(cpu, low, high, size);
  setProductFlags(cpu, high !== 0, low, size);
}

export function imulOne(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const a = signExtend(cpu.accumulator(size), size);
  const b = signExtend(cpu.read(insn, 0), size);
  const low = truncate(Math.imul(a, b), size);
  const high = size === 4 ? mulHighSigned(a, b) : (a * b) >> (8 * size);
  writeProduct(cpu, low, high, size);
  setProductFlags(cpu, high !== (signExtend(low, size) < 0 ? -1 : 0), low, size);
}

export function imulTwo(cpu: Cpu, insn: Insn): void {
  multiplyInto(cpu, insn, cpu.read(insn, 0), cpu.read(insn, 1));
}

export function imulThree(cpu: Cpu, insn: Insn): void {
  multiplyInto(cpu, insn, cpu.read(insn, 1), cpu.read(insn, 2));
}

function multiplyInto(cpu: Cpu, insn: Insn, a: number, b: number): void {
  const { size } = insn.operands[0];
  const sa = signExtend(a, size);
  const sb = signExtend(b, size);
  const low = Math.imul(sa, sb);
  const fits = size === 4 ? productFits(sa, sb, low) : sa * sb === signExtend(low, size);
  cpu.write(insn, 0, low);
  setProductFlags(cpu, !fits, low, size);
}

/** The dividend's upper half: AH, DX or EDX. */
function upperHalf(cpu: Cpu, size: number): number {
  return size === 1 ? (cpu.r[EAX] >>> 8) & 0xff : cpu.register(EDX, size);
}

function writeQuotient(cpu: Cpu, quotient: number, remainder: number, size: number): void {
  if (size === 1) {
    cpu.setRegister(EAX, 2, (quotient & 0xff) | ((remainder & 0xff) << 8));
    return;
  }
  cpu.setRegister(EAX, size, quotient);
  cpu.setRegister(EDX, size, remainder);
}

/** The flags are undefined; they stay as they are. */
export function div(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const divisor = cpu.read(insn, 0) >>> 0;
  const high = upperHalf(cpu, size) >>> 0;
  const low = cpu.accumulator(size) >>> 0;
  // The quotient fits exactly when the upper half is below the divisor; that covers division by zero.
  if (high >= divisor) cpu.raise(VECTOR_DE, 0);
  if (size < 4) {
    const dividend = ((high << (8 * size)) | truncate(low, size)) >>> 0;
    writeQuotient(cpu, Math.floor(dividend / divisor), dividend % divisor, size);
  } else if (high < 0x200000) {
    const dividend = high * TWO_32 + low;
    const remainder = dividend % divisor;
    writeQuotient(cpu, ((dividend - remainder) / divisor) | 0, remainder | 0, 4);
  } else {
    const dividend = (BigInt(high) << 32n) | BigInt(low);
    writeQuotient(cpu, Number(dividend / BigInt(divisor)) | 0, Number(dividend % BigInt(divisor)) | 0, 4);
  }
}

export function idiv(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const divisor = signExtend(cpu.read(insn, 0), size);
  if (divisor === 0) cpu.raise(VECTOR_DE, 0);
  const high = signExtend(upperHalf(cpu, size), size);
  const low = size === 1 ? cpu.r[EAX] & 0xff : cpu.accumulator(size) >>> 0;
  const half = 2 ** (8 * size);
  const limit = half / 2;
  if (size < 4 || (high >= -0x100000 && high < 0x100000)) {
    const dividend = high * half + low;
    // `%` takes the sign of the dividend, as IDIV's remainder does.
    const remainder = dividend % divisor;
    const quotient = (dividend - remainder) / divisor;
    if (quotient >= limit || quotient < -limit) cpu.raise(VECTOR_DE, 0);
    writeQuotient(cpu, quotient | 0, remainder | 0, size);
    return;
  }
  const dividend = BigInt(high) * BigInt(TWO_32) + BigInt(low);
  const quotient = dividend / BigInt(divisor);
  if (quotient >= BigInt(limit) || quotient < BigInt(-limit)) cpu.raise(VECTOR_DE, 0);
  writeQuotient(cpu, Number(quotient) | 0, Number(dividend % BigInt(divisor)) | 0, 4);
}
