import { CR0, FXSAVE_BYTE_OFFSET } from '../core/core-state.ts';
import { VECTOR_GP, VECTOR_NM } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { checkMmx, checkSse, FCW_FSW, leaveMmx, MXCSR, MXCSR_MASK } from './simd.ts';

// State, caches and order. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const IMAGE_BYTES = 512;
/** What FXSAVE and FXRSTOR move in 32-bit mode: up to and including XMM7. */
const USED_BYTES = 288;
/** Byte offsets in the image. */
const MXCSR_AT = 24;
const MXCSR_MASK_AT = 28;

const CR0_EM_TS = 0xc;

function checkAvailable(cpu: Cpu): void {
  if (cpu.r[CR0] & CR0_EM_TS) cpu.raise(VECTOR_NM, 0);
}

export function fxsave(cpu: Cpu, insn: Insn): void {
  checkAvailable(cpu);
  const linear = cpu.checkWrite(insn.segment, cpu.offset(insn), IMAGE_BYTES, true);
  cpu.storeX87();
  const image = cpu.core.u8.subarray(FXSAVE_BYTE_OFFSET, FXSAVE_BYTE_OFFSET + USED_BYTES);
  cpu.space.u8.set(image, linear);
  cpu.store(linear + MXCSR_MASK_AT, 4, MXCSR_MASK);
}

/** The summary bits of the status word (ES and B) say what its flags and the masks of the control word say. */
export function settleSummary(r: Int32Array): void {
  const words = r[FCW_FSW];
  const pending = ((words >>> 16) & ~words & 0x3f) !== 0;
  r[FCW_FSW] = pending ? words | 0x80800000 : words & ~0x80800000;
}

export function fxrstor(cpu: Cpu, insn: Insn): void {
  checkAvailable(cpu);
  const linear = cpu.checkRead(insn.segment, cpu.offset(insn), IMAGE_BYTES, true);
  const mxcsr = cpu.load(linear + MXCSR_AT, 4);
  if (mxcsr & ~MXCSR_MASK) cpu.raise(VECTOR_GP, 0);
  const { u8 } = cpu.core;
  cpu.storeX87();
  u8.set(cpu.space.u8.subarray(linear, linear + USED_BYTES), FXSAVE_BYTE_OFFSET);
  // Bits that do not exist read as the processor has them.
  u8.fill(0, FXSAVE_BYTE_OFFSET + MXCSR_MASK_AT, FXSAVE_BYTE_OFFSET + MXCSR_MASK_AT + 4);
  u8[FXSAVE_BYTE_OFFSET + 5] = 0;
  // FOP has 11 bits.
  u8[FXSAVE_BYTE_OFFSET + 7] &= 0x07;
  for (let i = 0; i < 8; i++) u8.fill(0, FXSAVE_BYTE_OFFSET + 32 + 16 * i + 10, FXSAVE_BYTE_OFFSET + 48 + 16 * i);
  cpu.r[FCW_FSW] = (cpu.r[FCW_FSW] & ~0xe0c0) | 0x40;
  settleSummary(cpu.r);
}

export function ldmxcsr(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  const value = cpu.read(insn, 0);
  if (value & ~MXCSR_MASK) cpu.raise(VECTOR_GP, 0);
  cpu.r[MXCSR] = value;
}

export function stmxcsr(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  cpu.write(insn, 0, cpu.r[MXCSR]);
}

export function emms(cpu: Cpu): void {
  checkMmx(cpu);
  leaveMmx(cpu);
}

/** Loads and stores of a core are in order already, and every core sees them at once. */
export function fence(): void {}

/** A hint, which never faults. */
export function prefetch(): void {}

/** There is no cache; the address is checked as a load of a byte is. */
export function clflush(cpu: Cpu, insn: Insn): void {
  cpu.checkRead(insn.segment, cpu.offset(insn), 1);
}
