import type { CpuId } from '../base/brand.ts';

/**
 * The architectural state of one i386 core as one block of CORE_STATE_BYTES bytes, whose layout all engines share.
 * Doubleword indices below; an engine may keep things elsewhere while it runs, but the block is exact whenever
 * `Engine.run` has returned. Source of the contents: Intel SDM Vol. 1, Basic Execution Environment; Vol. 3, Debugging.
 */
export const CORE_STATE_BYTES = 1024;

export const EAX = 0;
export const ECX = 1;
export const EDX = 2;
export const EBX = 3;
export const ESP = 4;
export const EBP = 5;
export const ESI = 6;
export const EDI = 7;
export const EIP = 8;
/** Always complete: bit 1 set, arithmetic flags up to date. */
export const EFLAGS = 9;
/** Six selectors in the SDM's order ES CS SS DS FS GS, 16 bits each in a doubleword. */
export const SEG_SELECTOR = 10;
/** Hidden part: six base addresses. */
export const SEG_BASE = 16;
/** Hidden part: six limits in bytes, already scaled by granularity (the highest valid offset; expand-down: the lowest minus 1). */
export const SEG_LIMIT = 22;
/** Hidden part: six access words: descriptor bits 8..15 (type, S, DPL, P) in bits 0..7, bit 8 = D/B; 0 = null selector, unusable. */
export const SEG_ACCESS = 28;
/** DR0..DR7. */
export const DR = 34;
/** Linear address of the last page fault. */
export const CR2 = 42;
/** CR0: AM (bit 18) and NE matter to user mode. */
export const CR0 = 43;
/** Valid after an exit of kind EXCEPTION. */
export const EXIT_VECTOR = 44;
/** Valid after an exit of kind EXCEPTION; 0 for vectors that push none. */
export const EXIT_ERROR_CODE = 45;
/**
 * In a core with breakpoints, right after MOV SS or POP SS: SHADOW_SS, and in bits 0 to 3 the data breakpoints that it met, which
 * are reported after the next instruction. 0 everywhere else.
 */
export const SHADOW = 46;
export const SHADOW_SS = 0x10;
/** 512-byte FXSAVE image (SDM Vol. 2, FXSAVE): x87, MMX, MXCSR, XMM. Byte offset in the block. */
export const FXSAVE_BYTE_OFFSET = 512;

export const SEG_ES = 0;
export const SEG_CS = 1;
export const SEG_SS = 2;
export const SEG_DS = 3;
export const SEG_FS = 4;
export const SEG_GS = 5;

export const FLAG_CF = 0x1;
export const FLAG_PF = 0x4;
export const FLAG_AF = 0x10;
export const FLAG_ZF = 0x40;
export const FLAG_SF = 0x80;
export const FLAG_TF = 0x100;
export const FLAG_IF = 0x200;
export const FLAG_DF = 0x400;
export const FLAG_OF = 0x800;
export const FLAG_NT = 0x4000;
export const FLAG_RF = 0x10000;
export const FLAG_AC = 0x40000;
export const FLAG_ID = 0x200000;

/** What the core finds in its descriptor tables, and which gates user mode may use: set by the kernel, read by engines. */
export interface DescriptorTables {
  /** Raw 8-byte descriptors, two doublewords each (SDM Vol. 3, Segment Descriptors). */
  readonly gdt: Int32Array;
  /** As gdt; empty when the process has no LDT. */
  readonly ldt: Int32Array;
}

export class CoreState {
  readonly id: CpuId;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  /** The block as numbers; of use for the XMM registers. */
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  tables: DescriptorTables;
  /** Time-stamp counter at the start of the current run; RDTSC gives this plus what has been retired in the run. Integer. */
  tscBase = 0;
  /** Instructions retired by the last `Engine.run`. An iteration of a repeated string instruction counts as one. */
  retired = 0;

  constructor(id: CpuId, tables: DescriptorTables) {
    const buffer = new ArrayBuffer(CORE_STATE_BYTES);
    this.id = id;
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.tables = tables;
  }

  /** A copy of the block: what a context switch saves. */
  save(): Uint8Array {
    return this.u8.slice();
  }

  load(block: Uint8Array): void {
    this.u8.set(block);
  }
}
