import {
  type CoreState,
  SEG_ACCESS,
  SEG_BASE,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_LIMIT,
  SEG_SS,
} from '../core/core-state.ts';
import { ACCESS_BIG, ACCESS_CODE, ACCESS_EXPAND_DOWN, ACCESS_WRITABLE } from '../core/segments.ts';
import { isAlignmentChecked } from '../interp/cpu.ts';
import { anyBreakpoint } from '../interp/debug-registers.ts';

const FLAT_DATA = [SEG_ES, SEG_SS, SEG_DS] as const;

function isFlat(i32: Int32Array, seg: number): boolean {
  return i32[SEG_BASE + seg] === 0 && i32[SEG_LIMIT + seg] === -1;
}

function isWritableData(access: number): boolean {
  return (access & (ACCESS_CODE | ACCESS_EXPAND_DOWN | ACCESS_WRITABLE)) === ACCESS_WRITABLE;
}

/**
 * Whether Unicorn runs code in this mode as hardware does. It knows no alignment checks in user mode and no segment limits, and
 * debug registers that are set through its interface watch nothing.
 */
export function isRepresentable({ i32 }: CoreState): boolean {
  if (isAlignmentChecked(i32) || anyBreakpoint(i32)) return false;
  if (!isFlat(i32, SEG_CS) || !(i32[SEG_ACCESS + SEG_CS] & ACCESS_BIG)) return false;
  if (!(i32[SEG_ACCESS + SEG_SS] & ACCESS_BIG)) return false;
  for (const seg of FLAT_DATA) if (!isFlat(i32, seg) || !isWritableData(i32[SEG_ACCESS + seg])) return false;
  return true;
}

/** FS (bit 4) and GS (bit 5) when not all 4 GiB behind their base can be read and written. */
export function limitedSegments({ i32 }: CoreState): number {
  let limited = 0;
  for (let seg = SEG_FS; seg <= SEG_GS; seg++) {
    if (i32[SEG_LIMIT + seg] !== -1 || !isWritableData(i32[SEG_ACCESS + seg])) limited |= 1 << seg;
  }
  return limited;
}
