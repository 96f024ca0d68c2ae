import { assert } from '../base/errors.ts';
import {
  type CoreState,
  CR0,
  type DescriptorTables,
  DR,
  EFLAGS,
  FXSAVE_BYTE_OFFSET,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
} from './core-state.ts';
import { ACCESS_BIG, checkCodeSelector, loadSegment, setCodeSegment } from './segments.ts';

/** Selectors of FreeBSD 9.0, sys/i386/include/segments.h. */
export const SELECTOR_UFS = 0x13;
export const SELECTOR_UGS = 0x1b;
export const SELECTOR_UCODE = 0x33;
export const SELECTOR_UDATA = 0x3b;

/** CR0 of FreeBSD in user mode: PE MP NE WP AM PG (sys/i386/i386/machdep.c, initializecpu.c); ET reads as 1. */
const CR0_VALUE = 0x80050033 | 0;
const GDT_SLOT_COUNT = 19;

/** Access bytes: present, DPL 3, code read/execute or data read/write, accessed. */
const USER_CODE_ACCESS = 0xfb;
const USER_DATA_ACCESS = 0xf3;

/** A raw descriptor, `limit` in bytes; above 1 MiB it is rounded up to whole pages. */
export function encodeDescriptor(base: number, limit: number, access: number): [number, number] {
  const bytes = limit >>> 0;
  const pages = bytes > 0xfffff;
  const units = pages ? bytes >>> 12 : bytes;
  const flags = (pages ? 0x800000 : 0) | 0x400000;
  return [
    (units & 0xffff) | (base << 16),
    ((base >>> 16) & 0xff) | ((access & 0xff) << 8) | (units & 0xf0000) | flags | (base & 0xff000000),
  ];
}

/**
 * The descriptor tables of a thread without an LDT of its own: GDT slots 2 and 3 are the per-thread %fs and %gs segments,
 * 6 and 7 the flat user code and data segments. Source: FreeBSD 9.0 sys/i386/i386/machdep.c, gdt_segs.
 */
export function freebsdDescriptorTables(bases: { fsBase?: number; gsBase?: number } = {}): DescriptorTables {
  const gdt = new Int32Array(GDT_SLOT_COUNT * 2);
  const put = (slot: number, base: number, access: number): void =>
    gdt.set(encodeDescriptor(base, 0xffffffff, access), slot * 2);
  put(SELECTOR_UFS >> 3, bases.fsBase ?? 0, USER_DATA_ACCESS);
  put(SELECTOR_UGS >> 3, bases.gsBase ?? 0, USER_DATA_ACCESS);
  put(SELECTOR_UCODE >> 3, 0, USER_CODE_ACCESS);
  put(SELECTOR_UDATA >> 3, 0, USER_DATA_ACCESS);
  return { gdt, ldt: new Int32Array(0) };
}

/** Registers as exec(2) leaves them: FreeBSD 9.0 sys/i386/i386/machdep.c, exec_setregs. Needs the tables above in `core`. */
export function resetCore(core: CoreState): void {
  core.i32.fill(0);
  core.i32[EFLAGS] = 0x202;
  core.i32[CR0] = CR0_VALUE;
  core.i32[DR + 6] = 0xffff0ff0 | 0;
  core.i32[DR + 7] = 0x400;
  const code = checkCodeSelector(core, SELECTOR_UCODE);
  assert('access' in code && code.access & ACCESS_BIG, 'GDT slot 6 must be the 32-bit user code segment');
  setCodeSegment(core, SELECTOR_UCODE, code);
  for (const seg of [SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS]) {
    assert(loadSegment(core, seg, SELECTOR_UDATA) === null, 'GDT slot 7 must be the user data segment');
  }
  // FXSAVE image: control word with 53-bit precision, empty stack (abridged tag word 0), MXCSR, no MXCSR_MASK.
  const image = new DataView(core.u8.buffer, core.u8.byteOffset + FXSAVE_BYTE_OFFSET, 512);
  image.setUint16(0, 0x127f, true);
  image.setUint32(24, 0x1f80, true);
}
