import {
  type CoreState,
  type DescriptorTables,
  SEG_ACCESS,
  SEG_BASE,
  SEG_CS,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_SS,
} from './core-state.ts';
import { VECTOR_GP, VECTOR_NP, VECTOR_SS } from './engine.ts';

/** Bits of an access word (descriptor bits 8..15, then D/B): Intel SDM Vol. 3, Segment Descriptors. */
export const ACCESS_PRESENT = 0x80;
/** Code or data; clear for system descriptors. */
export const ACCESS_S = 0x10;
export const ACCESS_CODE = 0x08;
/** Data: expand-down. */
export const ACCESS_EXPAND_DOWN = 0x04;
/** Code: conforming. */
export const ACCESS_CONFORMING = 0x04;
/** Data: writable. */
export const ACCESS_WRITABLE = 0x02;
/** Code: readable. */
export const ACCESS_READABLE = 0x02;
export const ACCESS_ACCESSED = 0x01;
/** D of code, B of stack segments. */
export const ACCESS_BIG = 0x100;

/** User mode is the only mode that engines run. */
export const CPL = 3;

/** Why a selector cannot be loaded. */
export interface SegmentFault {
  readonly vector: number;
  readonly errorCode: number;
}

/** One descriptor as the hidden part of a segment register holds it. */
export interface Descriptor {
  readonly base: number;
  /** In bytes, granularity applied; int32. */
  readonly limit: number;
  readonly access: number;
  /** The two raw doublewords. */
  readonly low: number;
  readonly high: number;
}

export function dplOf(access: number): number {
  return (access >> 5) & 3;
}

/** The two low bits of a selector are the requested privilege level and no part of the error code. */
export function selectorError(selector: number): number {
  return selector & 0xfffc;
}

/** The descriptor that a selector names; null when its index is beyond the table. The selector is not a null selector. */
export function findDescriptor(tables: DescriptorTables, selector: number): Descriptor | null {
  const table = selector & 4 ? tables.ldt : tables.gdt;
  const at = (selector >> 3) * 2;
  if (at + 1 >= table.length) return null;
  const low = table[at];
  const high = table[at + 1];
  const limit = (low & 0xffff) | (high & 0xf0000);
  return {
    base: (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000),
    limit: high & 0x800000 ? (limit << 12) | 0xfff : limit,
    access: ((high >> 8) & 0xff) | (high & 0x400000 ? ACCESS_BIG : 0),
    low,
    high,
  };
}

/**
 * Loads ES, SS, DS, FS or GS at privilege level 3, as `mov sreg` does: checks, then selector and hidden part.
 * Returns null, or the fault and changes nothing. Source: Intel SDM Vol. 2, MOV; Vol. 3, Privilege Level Checking.
 */
export function loadSegment(core: CoreState, seg: number, selector: number): SegmentFault | null {
  selector &= 0xffff;
  if ((selector & 0xfffc) === 0) {
    if (seg === SEG_SS) return { vector: VECTOR_GP, errorCode: 0 };
    setSegment(core, seg, selector, 0, 0, 0);
    return null;
  }
  const gp = { vector: VECTOR_GP, errorCode: selectorError(selector) };
  const descriptor = findDescriptor(core.tables, selector);
  if (descriptor === null) return gp;
  const { base, limit, access } = descriptor;
  const rpl = selector & 3;
  if (!(access & ACCESS_S)) return gp;
  if (seg === SEG_SS) {
    if (rpl !== CPL || dplOf(access) !== CPL) return gp;
    if (access & ACCESS_CODE || !(access & ACCESS_WRITABLE)) return gp;
    if (!(access & ACCESS_PRESENT)) return { vector: VECTOR_SS, errorCode: selectorError(selector) };
  } else {
    if (access & ACCESS_CODE && !(access & ACCESS_READABLE)) return gp;
    const conformingCode = access & ACCESS_CODE && access & ACCESS_CONFORMING;
    if (!conformingCode && dplOf(access) < CPL) return gp;
    if (!(access & ACCESS_PRESENT)) return { vector: VECTOR_NP, errorCode: selectorError(selector) };
  }
  setSegment(core, seg, selector, base, limit, access | ACCESS_ACCESSED);
  return null;
}

/** The checks that a far JMP, CALL, RET or IRET to the same level makes of its code selector. Returns the descriptor or the fault. */
export function checkCodeSelector(core: CoreState, selector: number): Descriptor | SegmentFault {
  if ((selector & 0xfffc) === 0) return { vector: VECTOR_GP, errorCode: 0 };
  const gp = { vector: VECTOR_GP, errorCode: selectorError(selector) };
  const descriptor = findDescriptor(core.tables, selector);
  if (descriptor === null) return gp;
  const { access } = descriptor;
  if (!(access & ACCESS_S) || !(access & ACCESS_CODE)) return gp;
  if (!(access & ACCESS_CONFORMING) && dplOf(access) !== CPL) return gp;
  if (!(access & ACCESS_PRESENT)) return { vector: VECTOR_NP, errorCode: selectorError(selector) };
  return descriptor;
}

/** Loads CS with a descriptor that `checkCodeSelector` passed. */
export function setCodeSegment(core: CoreState, selector: number, { base, limit, access }: Descriptor): void {
  setSegment(core, SEG_CS, (selector & 0xfffc) | CPL, base, limit, access | ACCESS_ACCESSED);
}

function setSegment(core: CoreState, seg: number, selector: number, base: number, limit: number, access: number): void {
  core.i32[SEG_SELECTOR + seg] = selector;
  core.i32[SEG_BASE + seg] = base;
  core.i32[SEG_LIMIT + seg] = limit;
  core.i32[SEG_ACCESS + seg] = access;
}
