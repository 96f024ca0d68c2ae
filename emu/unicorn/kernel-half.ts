import { GDT_ADDRESS, IDT_ADDRESS } from '../interp/exec-system.ts';
import { PAGE_SHIFT } from '../memory/address-space.ts';
import type { GuestMemory } from './binding.ts';

/**
 * What stands above user mode's addresses in the memory that Unicorn sees: descriptor tables, a stub, page tables. User mode cannot
 * reach it: its page-table entries lack the user bit. The address space's own arrays at 0xC0000000 are not mapped at all.
 */

/** One IRET and its stack, for the way into user mode; a page that user mode may run while the engine gets ready. */
export const STUB_ADDRESS = 0xc1002000;
export const TRIAL_ADDRESS = 0xc1003000;
/** Sixteen pages: an LDT of 8192 entries. */
export const LDT_ADDRESS = 0xc1010000;
const LDT_END = 0xc1020000;
const DIRECTORY_ADDRESS = 0xc8000000;
const TABLES_ADDRESS = 0xc8400000;

/** Page-table entry bits: SDM Vol. 3, 32-Bit Paging. */
const PTE_PRESENT = 1;
const PTE_WRITABLE = 2;
const PTE_USER = 4;
const PTE_ACCESSED = 0x20;
const PTE_DIRTY = 0x40;
const PTE_SUPERVISOR_PAGE = PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY;

/** User pages whose entry is present, by memory: it may have served other spaces and other engines before. */
const presentPages = new WeakMap<GuestMemory, Set<number>>();

/**
 * Page tables in the memory itself, which map every address to itself: they only carry permissions. Accessed and dirty bits are set
 * from the start, so that Unicorn never writes them.
 */
export class PageTables {
  readonly directory = DIRECTORY_ADDRESS;
  private readonly i32: Int32Array;
  private readonly present: Set<number>;

  constructor(memory: GuestMemory) {
    this.present = presentPages.get(memory) ?? new Set();
    presentPages.set(memory, this.present);
    this.i32 = new Int32Array(memory.buffer as ArrayBuffer);
    for (let i = 0; i < 1024; i++) {
      this.i32[(DIRECTORY_ADDRESS >>> 2) + i] = (TABLES_ADDRESS + i * 4096) | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
    }
    for (const address of [GDT_ADDRESS >>> 0, IDT_ADDRESS >>> 0, STUB_ADDRESS]) this.set(address, PTE_SUPERVISOR_PAGE);
    for (let address = LDT_ADDRESS; address < LDT_END; address += 4096) this.set(address, PTE_SUPERVISOR_PAGE);
  }

  /** Sets what user mode may do with a page. Returns true when it may do less than before. */
  setUserPage(page: number, readable: boolean, writable: boolean): boolean {
    const index = (TABLES_ADDRESS >>> 2) + page;
    const before = this.i32[index];
    const bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED | (writable ? PTE_WRITABLE | PTE_DIRTY : 0);
    const after = readable ? (page << PAGE_SHIFT) | bits : 0;
    if (after === before) return false;
    this.i32[index] = after;
    if (readable) this.present.add(page);
    else this.present.delete(page);
    return (before & ~after & (PTE_PRESENT | PTE_WRITABLE)) !== 0;
  }

  /** Lets user mode run the trial page, or no longer. */
  setTrial(open: boolean): void {
    this.set(TRIAL_ADDRESS, open ? PTE_SUPERVISOR_PAGE | PTE_USER : 0);
  }

  /** Pages that the engine itself writes: to be copied where memory is not shared. */
  *ownPages(): Generator<number> {
    for (const address of [GDT_ADDRESS, STUB_ADDRESS, TRIAL_ADDRESS, LDT_ADDRESS, DIRECTORY_ADDRESS]) {
      yield address >>> PAGE_SHIFT;
    }
    const tables = new Set([...this.present].map((page) => page >>> 10));
    for (const address of [GDT_ADDRESS >>> 0, LDT_ADDRESS]) tables.add(address >>> 22);
    for (const table of [...tables].sort((a, b) => a - b)) yield (TABLES_ADDRESS >>> PAGE_SHIFT) + table;
  }

  clearUserPages(): void {
    for (const page of this.present) this.i32[(TABLES_ADDRESS >>> 2) + page] = 0;
    this.present.clear();
  }

  private set(address: number, bits: number): void {
    this.i32[(TABLES_ADDRESS >>> 2) + (address >>> PAGE_SHIFT)] = address | bits;
  }
}
