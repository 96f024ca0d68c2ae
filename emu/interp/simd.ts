import { CR0, FXSAVE_BYTE_OFFSET } from '../core/core-state.ts';
import { VECTOR_MF, VECTOR_NM, VECTOR_UD, VECTOR_XM } from '../core/engine.ts';
import { IN_MEMORY, IN_MMX, IN_REGISTER, IN_XMM, type Insn } from '../isa/insn.ts';
import type { Exec } from '../isa/row.ts';
import type { Cpu } from './cpu.ts';

// What all MMX and SSE handlers share: where the registers are, working copies of operands, and when an instruction may run.
// Source: Intel SDM Vol. 1, Programming with SSE; Vol. 2, FXSAVE; Vol. 3, System Programming for MMX, SSE.

/** Doubleword indices in the state block: XMM0 (four doublewords each), ST(0) or MM0 (likewise), MXCSR. */
export const XMM = (FXSAVE_BYTE_OFFSET + 160) / 4;
export const ST_MM = (FXSAVE_BYTE_OFFSET + 32) / 4;
export const MXCSR = (FXSAVE_BYTE_OFFSET + 24) / 4;
/** FCW in the low, FSW in the high 16 bits. */
export const FCW_FSW = FXSAVE_BYTE_OFFSET / 4;
/** Byte offset of the abridged tag word: bit i is set when physical register i is not empty. */
export const TAGS_BYTE = FXSAVE_BYTE_OFFSET + 4;

const CR0_EM = 4;
const CR0_TS = 8;

/** MXCSR: exception flags, in the order of their masks. */
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;
/** MXCSR: denormals are zeros; flush to zero; where the masks and the rounding control begin. */
export const DAZ = 0x40;
export const FTZ = 0x8000;
export const MASK_SHIFT = 7;
export const ROUND_SHIFT = 13;
/** Bits of MXCSR that exist; setting another is #GP. */
export const MXCSR_MASK = 0xffff;

/** 16 bytes seen as lanes of every kind. An MMX register is in the first eight. */
export class Lanes {
  readonly u8 = new Uint8Array(16);
  readonly i8 = new Int8Array(this.u8.buffer);
  readonly u16 = new Uint16Array(this.u8.buffer);
  readonly i16 = new Int16Array(this.u8.buffer);
  readonly u32 = new Uint32Array(this.u8.buffer);
  readonly i32 = new Int32Array(this.u8.buffer);
  readonly u64 = new BigUint64Array(this.u8.buffer);
  readonly f32 = new Float32Array(this.u8.buffer);
  readonly f64 = new Float64Array(this.u8.buffer);
}

/** The destination operand: what it holds before and, when an operation has run, what goes back. */
export const D = new Lanes();
/** The source operand. */
export const S = new Lanes();
/** Room for results that cannot be made in place. */
export const T = new Lanes();

/** SSE instructions need CR0.EM = 0 and CR0.TS = 0 (CR4.OSFXSR is always set). */
export function checkSse(cpu: Cpu): void {
  const bits = cpu.r[CR0] & (CR0_EM | CR0_TS);
  if (bits !== 0) cpu.raise(bits & CR0_EM ? VECTOR_UD : VECTOR_NM, 0);
}

/** MMX instructions first report an x87 exception that is pending. */
export function checkMmx(cpu: Cpu): void {
  checkSse(cpu);
  checkPendingX87(cpu);
}

export function checkPendingX87(cpu: Cpu): void {
  cpu.storeX87();
  const words = cpu.r[FCW_FSW];
  if ((words >>> 16) & ~words & 0x3f) cpu.raise(VECTOR_MF, 0);
}

const rotated = new Int32Array(32);

/** TOP becomes 0 and MM0 .. MM7 are ST(0) .. ST(7); the registers themselves stay. */
function resetTop(r: Int32Array): void {
  const top = (r[FCW_FSW] >>> 27) & 7;
  if (top === 0) return;
  // ST(j) stands at j and is physical register TOP + j.
  for (let i = 0; i < 32; i++) rotated[(i + top * 4) & 31] = r[ST_MM + i];
  r.set(rotated, ST_MM);
  r[FCW_FSW] &= ~0x38000000;
}

/** From x87 to MMX: TOP is 0 and all registers are valid. Comes after everything that can fault. */
export function enterMmx(cpu: Cpu): void {
  resetTop(cpu.r);
  cpu.core.u8[TAGS_BYTE] = 0xff;
}

/** EMMS: the registers are empty and free for the x87. */
export function leaveMmx(cpu: Cpu): void {
  resetTop(cpu.r);
  cpu.core.u8[TAGS_BYTE] = 0;
}

export function loadXmm(cpu: Cpu, reg: number, to: Lanes): void {
  const { r } = cpu;
  const at = XMM + reg * 4;
  const { i32 } = to;
  i32[0] = r[at];
  i32[1] = r[at + 1];
  i32[2] = r[at + 2];
  i32[3] = r[at + 3];
}

export function storeXmm(cpu: Cpu, reg: number, from: Lanes): void {
  const { r } = cpu;
  const at = XMM + reg * 4;
  const { i32 } = from;
  r[at] = i32[0];
  r[at + 1] = i32[1];
  r[at + 2] = i32[2];
  r[at + 3] = i32[3];
}

/** MM registers are the physical x87 registers; the image has them in the order of the stack. */
export function loadMm(cpu: Cpu, reg: number, to: Lanes): void {
  const { r } = cpu;
  const at = ST_MM + ((reg - (r[FCW_FSW] >>> 27)) & 7) * 4;
  to.i32[0] = r[at];
  to.i32[1] = r[at + 1];
}

/** After `enterMmx`. Sign and exponent of the x87 register become ones. */
export function storeMm(cpu: Cpu, reg: number, from: Lanes): void {
  const { r } = cpu;
  const at = ST_MM + reg * 4;
  r[at] = from.i32[0];
  r[at + 1] = from.i32[1];
  r[at + 2] = 0xffff;
  r[at + 3] = 0;
}

/** Reads `size` bytes (4, 8 or 16) of memory that the operand names; 16 bytes must be aligned unless `aligned` is false. */
export function loadMemory(cpu: Cpu, insn: Insn, size: number, to: Lanes, aligned = size === 16): void {
  const linear = cpu.checkRead(insn.segment, cpu.offset(insn), size, aligned);
  if ((linear & 3) === 0) {
    const { i32 } = cpu.space;
    const at = linear >>> 2;
    for (let i = 0; i < size >> 2; i++) to.i32[i] = i32[at + i];
  } else {
    const { u8 } = cpu.space;
    for (let i = 0; i < size; i++) to.u8[i] = u8[linear + i];
  }
}

/** Writes as `loadMemory` reads. */
export function storeMemory(cpu: Cpu, insn: Insn, size: number, from: Lanes, aligned = size === 16): void {
  const linear = cpu.checkWrite(insn.segment, cpu.offset(insn), size, aligned);
  if ((linear & 3) === 0) {
    const { i32 } = cpu.space;
    const at = linear >>> 2;
    for (let i = 0; i < size >> 2; i++) i32[at + i] = from.i32[i];
  } else {
    const { u8 } = cpu.space;
    for (let i = 0; i < size; i++) u8[linear + i] = from.u8[i];
  }
}

/** Copies operand i, in a register or in memory, to `to`. */
export function loadOperand(cpu: Cpu, insn: Insn, i: number, to: Lanes): void {
  const operand = insn.operands[i];
  if (operand.kind === IN_XMM) loadXmm(cpu, operand.reg, to);
  else if (operand.kind === IN_MEMORY) loadMemory(cpu, insn, operand.size, to);
  else if (operand.kind === IN_MMX) loadMm(cpu, operand.reg, to);
  else if (operand.kind === IN_REGISTER) to.i32[0] = cpu.register(operand.reg, operand.size);
}

/** Begins an instruction that uses MMX registers and has its source, operand i, in `S` afterwards. Nothing can fault after it. */
export function beginMmx(cpu: Cpu, insn: Insn, i: number): void {
  checkMmx(cpu);
  loadOperand(cpu, insn, i, S);
  enterMmx(cpu);
}

/** Destination op= source on MMX or XMM registers: `operation` gets the number of bytes and leaves its result in `D`. */
export function packed(operation: (size: number, insn: Insn) => void): Exec {
  return (cpu, insn) => {
    const to = insn.operands[0];
    if (to.kind === IN_XMM) {
      checkSse(cpu);
      loadOperand(cpu, insn, 1, S);
      loadXmm(cpu, to.reg, D);
      operation(16, insn);
      storeXmm(cpu, to.reg, D);
    } else {
      beginMmx(cpu, insn, 1);
      loadMm(cpu, to.reg, D);
      operation(8, insn);
      storeMm(cpu, to.reg, D);
    }
  };
}

/** The third operand of a shuffle or comparison. */
export function immediate(insn: Insn): number {
  return insn.operands[2].value & 0xff;
}

/** Exceptions that are found before a result is computed. */
const BEFORE = IE | DE | ZE;

/**
 * What a floating-point instruction raised, over all its lanes, goes into MXCSR; #XM when some of it is not masked. A result is
 * not computed when an operand is at fault already. Source: SDM Vol. 1, Handling SIMD Floating-Point Exceptions in Software.
 */
export function settleExceptions(cpu: Cpu, raised: number): void {
  if (raised === 0) return;
  const mxcsr = cpu.r[MXCSR];
  const unmasked = raised & ~(mxcsr >> MASK_SHIFT);
  if (unmasked & BEFORE) cpu.r[MXCSR] = mxcsr | (raised & BEFORE);
  else cpu.r[MXCSR] = mxcsr | raised;
  if (unmasked !== 0) cpu.raise(VECTOR_XM, 0);
}
