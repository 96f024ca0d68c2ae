import {
  type CoreState,
  CR2,
  EFLAGS,
  EIP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FXSAVE_BYTE_OFFSET,
  SEG_SELECTOR,
} from '../core/core-state.ts';
import { type EngineExit, EXIT_EXCEPTION, VECTOR_PF } from '../core/engine.ts';
import { type AddressSpace, PAGE_SHIFT, PAGE_SIZE } from '../memory/address-space.ts';

/** One thing that is not alike after the same instructions. */
export interface Difference {
  readonly what: string;
  readonly first: string;
  readonly second: string;
}

const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const EXITS = ['budget', 'exception', 'system call'];
const PAGE_WORDS = PAGE_SIZE / 4;

const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;

/** What of two cores that have run is not alike. */
export function coreDifferences(a: CoreState, exitA: EngineExit, b: CoreState, exitB: EngineExit): Difference[] {
  const found: Difference[] = [];
  const check = (what: string, x: number, y: number): void => {
    if (x !== y) found.push({ what, first: hex(x), second: hex(y) });
  };
  if (exitA !== exitB) found.push({ what: 'exit', first: EXITS[exitA]!, second: EXITS[exitB]! });
  check('retired', a.retired, b.retired);
  for (let i = 0; i < 8; i++) check(REGISTERS[i]!, a.i32[i], b.i32[i]);
  check('eip', a.i32[EIP], b.i32[EIP]);
  check('eflags', a.i32[EFLAGS], b.i32[EFLAGS]);
  for (let i = 0; i < 6; i++) check(SEGMENTS[i]!, a.i32[SEG_SELECTOR + i], b.i32[SEG_SELECTOR + i]);
  if (exitA === EXIT_EXCEPTION && exitB === EXIT_EXCEPTION) {
    check('vector', a.i32[EXIT_VECTOR], b.i32[EXIT_VECTOR]);
    check('error code', a.i32[EXIT_ERROR_CODE], b.i32[EXIT_ERROR_CODE]);
    if (a.i32[EXIT_VECTOR] === VECTOR_PF) check('cr2', a.i32[CR2], b.i32[CR2]);
  }
  for (let at = FXSAVE_BYTE_OFFSET; at < FXSAVE_BYTE_OFFSET + 512; at++) {
    if (a.u8[at] === b.u8[at]) continue;
    found.push({ what: `fxsave image, byte ${at - FXSAVE_BYTE_OFFSET}`, first: hex(a.u8[at]), second: hex(b.u8[at]) });
    break;
  }
  return found;
}

/** The first doubleword that is not alike, in pages that both spaces have. */
export function memoryDifference(a: AddressSpace, b: AddressSpace): Difference | null {
  for (const page of a.residentPages()) {
    const from = page * PAGE_WORDS;
    for (let i = from; i < from + PAGE_WORDS; i++) {
      if (a.i32[i] !== b.i32[i])
        return { what: `memory at ${hex(i * 4)}`, first: hex(a.i32[i]), second: hex(b.i32[i]) };
    }
  }
  return null;
}

/** Makes a copy equal to what it copies: pages, permissions, contents. */
export function bringUpToDate(copy: AddressSpace, original: AddressSpace): void {
  for (const page of copy.residentPages()) if (!original.isResident(page)) copy.unmapPage(page);
  for (const page of original.residentPages()) {
    const perm = original.permOf(page);
    if (!copy.isResident(page)) copy.mapPage(page, perm);
    else if (copy.permOf(page) !== perm) copy.protectPage(page, perm);
    const from = page * PAGE_WORDS;
    for (let i = from; i < from + PAGE_WORDS; i++) {
      if (copy.i32[i] === original.i32[i]) continue;
      const at = page << PAGE_SHIFT;
      copy.poke(at >>> 0, original.peek(at >>> 0, PAGE_SIZE));
      break;
    }
  }
}
