import { assert, InvariantError } from '../base/errors.ts';
import { Decoder } from '../isa/decode.ts';
import { INVALID_ROW, TOO_LONG_ROW } from '../isa/opcode-table.ts';
import { type AddressSpace, PAGE_SHIFT, PAGE_SIZE } from '../memory/address-space.ts';
import { UC_MSR, type UnicornInstance, type UnicornLibrary } from './binding.ts';
import { PREFIXES } from './blocks.ts';

/*
 * Unicorn 2.0 aborts the whole process while it translates some instructions that do not exist (tcg_abort in QEMU 5's
 * target/i386/translate.c: a temporary is used that nothing has set). It translates before it calls any hook, so that code must be
 * looked at earlier: a page can be fetched from only after `hazardsOf` has seen it, and not be written from then on. Found by
 * running random code (test/engines/abort.interop.test.ts).
 */

const LOCK = 0xf0;
/** FF /3 and FF /5 are CALL and JMP through a far pointer in memory; with a register they do not exist. */
const GROUP_5 = 0xff;
const isFarThroughRegister = (modrm: number): boolean => (modrm & 0xf8) === 0xd8 || (modrm & 0xf8) === 0xe8;

const decoder = new Decoder();

/**
 * Addresses in a page at which Unicorn must not begin an instruction: LOCK before what does not allow it, FF /3 and FF /5 of
 * registers, with any prefixes; and what goes on in the next page, where it may be one of them. No program but a broken one begins
 * an instruction at most of them.
 */
function hazardsOf({ u8 }: AddressSpace, page: number): number[] {
  const first = (page << PAGE_SHIFT) >>> 0;
  const end = first + PAGE_SIZE;
  const found = new Set<number>();
  for (let at = first; at < end; at++) {
    const byte = u8[at]!;
    const isLast = at === end - 1;
    const isFar = byte === GROUP_5 && (isLast || isFarThroughRegister(u8[at + 1]!));
    if (!isFar && byte !== LOCK && !(isLast && PREFIXES.has(byte))) continue;
    for (let start = at; start >= first && (start === at || PREFIXES.has(u8[start]!)); start--) {
      if (isFar || !isWhole(u8, start, end)) found.add(start);
    }
  }
  return [...found];
}

/** Whether an instruction that exists stands between two addresses. */
function isWhole(u8: Uint8Array, start: number, end: number): boolean {
  const insn = decoder.decode(u8, start, end - start, start, true);
  return insn !== null && insn.row !== INVALID_ROW && insn.row !== TOO_LONG_ROW;
}

/** Which pages Unicorn may fetch from, and where in them it must not begin. */
export class CodeGuard {
  /** By page, its hazards. */
  private readonly pages = new Map<number, readonly number[]>();
  private readonly hazards = new Set<number>();
  /** The instance has not been told of the hazards as they are now. */
  private stale = true;

  isAdmitted(page: number): boolean {
    return this.pages.has(page);
  }

  isHazard(address: number): boolean {
    return this.hazards.has(address);
  }

  /** The page's bytes are what they are until `drop`. Returns its hazards. */
  admit(space: AddressSpace, page: number): readonly number[] {
    const found = hazardsOf(space, page);
    this.pages.set(page, found);
    for (const address of found) this.hazards.add(address);
    this.stale ||= found.length > 0;
    return found;
  }

  /** False when the page was not admitted. */
  drop(page: number): boolean {
    const found = this.pages.get(page) ?? [];
    for (const address of found) this.hazards.delete(address);
    this.stale ||= found.length > 0;
    return this.pages.delete(page);
  }

  clear(): void {
    this.pages.clear();
    this.hazards.clear();
    this.stale = true;
  }

  /** Before each run. */
  tell(instance: UnicornInstance): void {
    if (this.stale) instance.setExits!([...this.hazards]);
    this.stale = false;
  }
}

const EFER = 0xc0000080;
/** Execute-disable enable. */
const EFER_NXE = 0x800;

const eferOffsets = new WeakMap<UnicornLibrary, number>();

/**
 * Makes the execute-disable bit of page tables count, in an instance that has not run yet. Unicorn's processor takes it for absent
 * and WRMSR refuses it, so it is written where a uc_context keeps EFER, which is found by trial once for each library.
 */
export function enableExecuteDisable(library: UnicornLibrary, instance: UnicornInstance): void {
  const context = instance.newContext!();
  instance.saveContext!(context);
  const words = new Int32Array(context.buffer, 0, context.length >> 2);
  const holds = (index: number): boolean => {
    if (words[index] !== 0 || words[index + 1] !== 0) return false;
    words[index] = EFER_NXE;
    instance.restoreContext!(context);
    if (readEfer(instance) === EFER_NXE) return true;
    words[index] = 0;
    return false;
  };
  const known = eferOffsets.get(library);
  if (known !== undefined) {
    assert(holds(known), 'a uc_context of the same library has changed');
    return;
  }
  for (let index = 0; index + 1 < words.length; index += 2) {
    if (!holds(index)) continue;
    eferOffsets.set(library, index);
    return;
  }
  throw new InvariantError('this build of Unicorn keeps EFER in an unknown way');
}

function readEfer(instance: UnicornInstance): number {
  // uc_x86_msr: number, and the value at 8.
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, EFER, true);
  instance.readWide(UC_MSR, bytes);
  return view.getUint32(8, true);
}
