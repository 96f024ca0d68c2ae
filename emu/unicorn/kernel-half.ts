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
/** PAE: one page-directory-pointer table, four directories, 2048 page tables of 512 entries of 8 bytes. */
const POINTERS_ADDRESS = 0xc8000000;
const DIRECTORIES_ADDRESS = 0xc8001000;
const TABLES_ADDRESS = 0xc8400000;
const TABLE_COUNT = 2048;
/** log2 of the pages that a table maps. */
const TABLE_SHIFT = 9;

/** Page-table entry bits: SDM Vol. 3, PAE Paging. */
const PTE_PRESENT = 1;
const PTE_WRITABLE = 2;
const PTE_USER = 4;
const PTE_ACCESSED = 0x20;
const PTE_DIRTY = 0x40;
/** XD, bit 63: in the upper doubleword. */
const PTE_NO_EXECUTE = 0x80000000 | 0;
const PTE_SUPERVISOR_PAGE = PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY;

/** User pages whose entry is present, by memory: it may have served other spaces and other engines before. */
const presentPages = new WeakMap<GuestMemory, Set<number>>();

/**
 * Page tables in the memory itself, which map every address to itself: they only carry permissions. Accessed and dirty bits are set
 * from the start, so that Unicorn never writes them. PAE's, because only these say of a page that it must not be executed.
 */
export class PageTables {
  /** Physical address of the page-directory-pointer table, for CR3. */
  readonly root = POINTERS_ADDRESS;
  private readonly i32: Int32Array;
  private readonly present: Set<number>;

  constructor(memory: GuestMemory) {
    this.present = presentPages.get(memory) ?? new Set();
    presentPages.set(memory, this.present);
    this.i32 = new Int32Array(memory.buffer as ArrayBuffer);
    for (let i = 0; i < 4; i++)
      this.i32[(POINTERS_ADDRESS >>> 2) + i * 2] = (DIRECTORIES_ADDRESS + i * 4096) | PTE_PRESENT;
    for (let i = 0; i < TABLE_COUNT; i++) {
      const entry = (TABLES_ADDRESS + i * 4096) | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
      this.i32[(DIRECTORIES_ADDRESS >>> 2) + i * 2] = entry;
    }
    for (const address of [GDT_ADDRESS >>> 0, IDT_ADDRESS >>> 0, STUB_ADDRESS]) this.set(address, PTE_SUPERVISOR_PAGE);
    for (let address = LDT_ADDRESS; address < LDT_END; address += 4096) this.set(address, PTE_SUPERVISOR_PAGE);
  }

  /** Sets what user mode may do with a page. Returns true when it may do less than before. */
  setUserPage(page: number, readable: boolean, writable: boolean, executable: boolean): boolean {
    const index = (TABLES_ADDRESS >>> 2) + page * 2;
    const before = this.i32[index];
    const couldExecute = before !== 0 && this.i32[index + 1] === 0;
    const bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED | (writable ? PTE_WRITABLE | PTE_DIRTY : 0);
    const after = readable ? (page << PAGE_SHIFT) | bits : 0;
    this.i32[index] = after;
    this.i32[index + 1] = readable && !executable ? PTE_NO_EXECUTE : 0;
    if (readable) this.present.add(page);
    else this.present.delete(page);
    return (before & ~after & (PTE_PRESENT | PTE_WRITABLE)) !== 0 || (couldExecute && !(readable && executable));
  }

  /** Lets user mode run the trial page, or no longer. */
  setTrial(open: boolean, executable = true): void {
    this.set(TRIAL_ADDRESS, open ? PTE_SUPERVISOR_PAGE | PTE_USER : 0, executable);
  }

  /** Pages that the engine itself writes: to be copied where memory is not shared. */
  *ownPages(): Generator<number> {
    for (const address of [GDT_ADDRESS, STUB_ADDRESS, TRIAL_ADDRESS, LDT_ADDRESS, POINTERS_ADDRESS]) {
      yield address >>> PAGE_SHIFT;
    }
    for (let i = 0; i < 4; i++) yield (DIRECTORIES_ADDRESS >>> PAGE_SHIFT) + i;
    const tables = new Set([...this.present].map((page) => page >>> TABLE_SHIFT));
    for (const address of [GDT_ADDRESS >>> 0, LDT_ADDRESS]) tables.add(address >>> (PAGE_SHIFT + TABLE_SHIFT));
    for (const table of [...tables].sort((a, b) => a - b)) yield (TABLES_ADDRESS >>> PAGE_SHIFT) + table;
  }

  clearUserPages(): void {
    for (const page of this.present) {
      this.i32[(TABLES_ADDRESS >>> 2) + page * 2] = 0;
      this.i32[(TABLES_ADDRESS >>> 2) + page * 2 + 1] = 0;
    }
    this.present.clear();
  }

  private set(address: number, bits: number, executable = true): void {
    const index = (TABLES_ADDRESS >>> 2) + (address >>> PAGE_SHIFT) * 2;
    this.i32[index] = address | bits;
    this.i32[index + 1] = executable ? 0 : PTE_NO_EXECUTE;
  }
}
