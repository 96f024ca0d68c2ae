import { assert } from '../base/errors.ts';
import { type SavedPage, SavedPages } from './saved-pages.ts';

export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;
export const PAGE_MASK = 4095;
/** Number of pages in the linear address space. */
export const PAGE_COUNT = 1 << 20;
/** First address that user mode can never have: FreeBSD VM_MAXUSER_ADDRESS, sys/i386/include/vmparam.h. */
export const USER_END = 0xbfc00000;

export const PERM_R = 1;
export const PERM_W = 2;
export const PERM_X = 4;

/** Attributes of a page beside its three permission bits. */
const ATTR_RESIDENT = 8;
/** Not written since the last `clearDirty`. */
const ATTR_CLEAN = 16;
/** An engine holds something derived from these bytes. */
const ATTR_CODE = 32;
/** The bytes are those that the last snapshot (or the one last restored) has of this page. */
const ATTR_KEPT = 64;
/** Not written since trials began, and saved before it is. */
const ATTR_GUARDED = 128;
/** What a snapshot keeps of the attributes. */
const ATTR_STATE = PERM_R | PERM_W | PERM_X | ATTR_CLEAN;

/** Where the engine's own arrays stand in the same memory, above everything that user mode may touch. */
export const PERM_OFFSET = 0xc0000000;
const ATTR_OFFSET = PERM_OFFSET + PAGE_COUNT;
/** From here on the engine whose `codeCache` the space has may keep what it wants. */
export const ENGINE_AREA = ATTR_OFFSET + PAGE_COUNT;

/** What an engine derived from a space's code (predecoded or translated instructions). */
export interface CodeCache {
  /** The bytes or the permissions of a page that was marked by `markCode` are about to change. */
  dropPage(page: number): void;
  /** The effective permissions of a page (`perm`) are others than before. */
  permChanged?(page: number): void;
}

/** The resident pages of a space at one moment. Nothing in it ever changes, so snapshots share the bytes of pages that nobody wrote in between. */
export interface SpaceSnapshot {
  /** Page numbers, ascending. */
  readonly pages: readonly number[];
  /** Of each page: its permissions, and 16 when it was not written since `clearDirty`. */
  readonly attributes: Uint8Array;
  /** Of each page: its PAGE_SIZE bytes. */
  readonly bytes: readonly Uint8Array[];
}

const NOTHING: SpaceSnapshot = { pages: [], attributes: new Uint8Array(0), bytes: [] };

const freeMemories: WebAssembly.Memory[] = [];
const FREE_MEMORIES_MAX = 64;

/**
 * One linear address space: 4 GiB of flat memory in which guest linear address = offset, with one permission byte a page.
 * An access that the permission byte allows needs nothing else; one that it refuses goes to `resolveWrite` (which settles dirty
 * tracking and code pages) and otherwise is a page fault for the kernel. Pages that are not resident have permission 0.
 */
export class AddressSpace {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  /** Effective permissions of each page: a set of PERM_R, PERM_W, PERM_X. Engines read it; only this class writes it. */
  readonly perm: Uint8Array;
  /** What one engine derived from this space's code; the engine's own business. */
  codeCache: CodeCache | null = null;
  private readonly attr: Uint8Array;
  private readonly resident = new Set<number>();
  private readonly dirty = new Set<number>();
  /** Derived: the resident pages in order; null when they have to be sorted again. */
  private sorted: readonly number[] | null = null;
  /** Derived: the snapshot whose bytes the pages with ATTR_KEPT have. */
  private base = NOTHING;
  /** Derived: pages that have been written since trials began. All others are guarded, once there are trials. */
  private readonly saved = new SavedPages(PAGE_SIZE);
  private hasTrials = false;
  private disposed = false;

  constructor() {
    this.memory =
      freeMemories.pop() ??
      new WebAssembly.Memory({ initial: 65536, maximum: 65536, shared: typeof SharedArrayBuffer !== 'undefined' });
    const buffer = this.memory.buffer as ArrayBuffer;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.perm = new Uint8Array(buffer, PERM_OFFSET, PAGE_COUNT);
    this.attr = new Uint8Array(buffer, ATTR_OFFSET, PAGE_COUNT);
  }

  /** Makes a page resident, all zero, with the given permissions. The page must be a user page and not resident. */
  mapPage(page: number, perm: number): void {
    assert(page >= 0 && page < USER_END >>> PAGE_SHIFT, `page ${page.toString(16)} is not a user page`);
    assert((this.attr[page]! & ATTR_RESIDENT) === 0, `page ${page.toString(16)} is resident already`);
    this.attr[page] = ATTR_RESIDENT | perm | (this.hasTrials ? ATTR_GUARDED : 0);
    this.refreshPerm(page);
    this.resident.add(page);
    this.sorted = null;
    this.dirty.add(page);
  }

  /** Takes a page away; its bytes are gone. Does nothing to a page that is not resident. */
  unmapPage(page: number): void {
    if ((this.attr[page]! & ATTR_RESIDENT) === 0) return;
    this.dropCode(page);
    this.u8.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    this.attr[page] = 0;
    this.setPerm(page, 0);
    this.resident.delete(page);
    this.sorted = null;
    this.dirty.delete(page);
    this.saved.forget(page);
  }

  /** Changes the permissions of a resident page; does nothing to another. */
  protectPage(page: number, perm: number): void {
    const attr = this.attr[page]!;
    if ((attr & ATTR_RESIDENT) === 0) return;
    this.dropCode(page);
    this.attr[page] = (this.attr[page]! & ~7) | perm;
    this.refreshPerm(page);
  }

  isResident(page: number): boolean {
    return (this.attr[page]! & ATTR_RESIDENT) !== 0;
  }

  /** The permissions that were given to a page (0 when it is not resident), whatever tracking took from the effective ones. */
  permOf(page: number): number {
    return this.attr[page]! & 7;
  }

  /** Numbers of the resident pages, ascending. */
  residentPages(): readonly number[] {
    this.sorted ??= [...this.resident].sort((a, b) => a - b);
    return this.sorted;
  }

  /** Whether pages may still have the bytes of a snapshot, so that to restore that one costs less here than in a new space. */
  get hasSnapshot(): boolean {
    return this.base !== NOTHING;
  }

  get residentCount(): number {
    return this.resident.size;
  }

  /**
   * A write to this page was refused by `perm`. Returns true when the page is writable after all, and from now on the
   * permission byte says so; false when it is a page fault. Code derived from the page has been dropped.
   */
  resolveWrite(page: number): boolean {
    const attr = this.attr[page]!;
    if ((attr & PERM_W) === 0) return false;
    this.touch(page);
    return true;
  }

  /** An engine derived code from this page: from now on a write to it goes through `resolveWrite`. */
  markCode(page: number): void {
    this.attr[page] = this.attr[page]! | ATTR_CODE;
    this.refreshPerm(page);
  }

  /** Copies bytes out, whatever the permissions. All pages must be resident. */
  peek(address: number, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    copy.set(this.u8.subarray(address, address + length));
    return copy;
  }

  /** Copies bytes in, whatever the permissions. All pages must be resident. */
  poke(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const last = (address + bytes.length - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last; page++) {
      assert(this.isResident(page), `poke into page ${page.toString(16)}, which is not resident`);
      this.touch(page);
    }
    this.u8.set(bytes, address);
  }

  /** Pages written since the last `clearDirty` (new pages included), ascending. */
  dirtyPages(): number[] {
    return [...this.dirty].sort((a, b) => a - b);
  }

  isDirty(page: number): boolean {
    return this.dirty.has(page);
  }

  clearDirty(): void {
    for (const page of this.dirty) {
      this.attr[page] = this.attr[page]! | ATTR_CLEAN;
      this.refreshPerm(page);
    }
    this.dirty.clear();
  }

  /** A space of its own with the same pages: what fork(2) gives the child. */
  clone(): AddressSpace {
    const copy = new AddressSpace();
    for (const page of this.resident) {
      copy.mapPage(page, this.permOf(page));
      copy.u8.set(this.u8.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), page * PAGE_SIZE);
    }
    return copy;
  }

  /**
   * The space as it is now. Copies only pages that were written since the last snapshot or restore; from now on a first write to
   * any page goes through `resolveWrite` once.
   */
  snapshot(): SpaceSnapshot {
    const pages = this.residentPages();
    const { base } = this;
    const attributes = new Uint8Array(pages.length);
    const bytes = new Array<Uint8Array>(pages.length);
    for (let i = 0, b = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const attr = this.attr[page]!;
      attributes[i] = attr & ATTR_STATE;
      if (attr & ATTR_KEPT) {
        while (base.pages[b] !== page) b++;
        bytes[i] = base.bytes[b]!;
        continue;
      }
      bytes[i] = this.u8.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      this.attr[page] = attr | ATTR_KEPT;
      this.refreshPerm(page);
    }
    this.base = { pages, attributes, bytes };
    return this.base;
  }

  /**
   * Makes the space equal to a snapshot, of this space or of another. Copies only pages whose bytes are not known to be those of the
   * snapshot already; what engines derived from the others stays good.
   */
  restore(snapshot: SpaceSnapshot): void {
    const before = this.residentPages();
    for (let i = 0, s = 0; i < before.length; i++) {
      while (snapshot.pages[s]! < before[i]!) s++;
      if (snapshot.pages[s] !== before[i]) this.unmapPage(before[i]!);
    }
    const { base } = this;
    const { pages, attributes } = snapshot;
    for (let i = 0, b = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const bytes = snapshot.bytes[i]!;
      while (base.pages[b]! < page) b++;
      if ((this.attr[page]! & ATTR_KEPT) === 0 || base.bytes[b] !== bytes) {
        if (this.isResident(page)) this.dropCode(page);
        else this.mapPage(page, 0);
        this.u8.set(bytes, page * PAGE_SIZE);
      }
      if ((this.attr[page]! ^ attributes[i]!) & PERM_X) this.dropCode(page);
      const attr = this.attr[page]!;
      this.attr[page] = ATTR_RESIDENT | ATTR_KEPT | attributes[i]! | (attr & (ATTR_CODE | ATTR_GUARDED));
      if ((attr ^ attributes[i]!) & ATTR_CLEAN) {
        if (attr & ATTR_CLEAN) this.dirty.add(page);
        else this.dirty.delete(page);
      }
      this.refreshPerm(page);
    }
    this.sorted = pages;
    this.base = snapshot;
  }

  /** Whether the space is what a snapshot says. Bytes that are known to be those of the snapshot are not compared. */
  equals(snapshot: SpaceSnapshot): boolean {
    return this.matches(snapshot, ATTR_STATE);
  }

  /** As `equals`, whatever `clearDirty` has done to either. */
  hasBytesOf(snapshot: SpaceSnapshot): boolean {
    return this.matches(snapshot, ATTR_STATE & ~ATTR_CLEAN);
  }

  private matches(snapshot: SpaceSnapshot, attributes: number): boolean {
    const pages = this.residentPages();
    if (pages.length !== snapshot.pages.length) return false;
    const { base } = this;
    for (let i = 0, b = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const attr = this.attr[page]!;
      if (page !== snapshot.pages[i] || ((attr ^ snapshot.attributes[i]!) & attributes) !== 0) return false;
      while (base.pages[b]! < page) b++;
      const isKept = (attr & ATTR_KEPT) !== 0 && base.bytes[b] === snapshot.bytes[i];
      if (!isKept && !this.hasBytes(page, snapshot.bytes[i]!)) return false;
    }
    return true;
  }

  /** Pages that `beginTrial` would copy: those that have been written since trials began. */
  get trialPages(): number {
    return this.saved.count;
  }

  /**
   * What the guest writes from now on can be taken back, until `endTrial`; pages come and go and change their permissions only outside of trials.
   * Pages that have been written before are copied at once, others when they first are.
   */
  beginTrial(): void {
    if (!this.hasTrials) this.setGuards(true);
    this.saved.begin(this.attr, this.u8);
  }

  /** Lets what has been written stay, or makes the pages what they were. */
  endTrial(keep: boolean): void {
    if (!keep) for (const [page, saved] of this.saved.entries()) this.putBack(page, saved);
    this.saved.end();
  }

  /** There are no trials any more; the next begins as the first. */
  endTrials(): void {
    this.setGuards(false);
  }

  private putBack(page: number, { attributes, bytes }: SavedPage): void {
    if (!this.hasBytes(page, bytes)) {
      this.dropCode(page);
      this.u8.set(bytes, page * PAGE_SIZE);
    }
    const tracked = ATTR_CLEAN | ATTR_KEPT;
    this.attr[page] = (this.attr[page]! & ~tracked) | (attributes & tracked);
    if (attributes & ATTR_CLEAN) this.dirty.delete(page);
    this.refreshPerm(page);
  }

  private setGuards(on: boolean): void {
    this.hasTrials = on;
    this.saved.forgetAll();
    for (const page of this.resident) {
      this.attr[page] = on ? this.attr[page]! | ATTR_GUARDED : this.attr[page]! & ~ATTR_GUARDED;
      this.refreshPerm(page);
    }
  }

  /** Gives the memory back for the next space. The object must not be used again. */
  dispose(): void {
    assert(!this.disposed, 'address space disposed twice');
    for (const page of this.resident) {
      this.u8.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      this.attr[page] = 0;
      this.perm[page] = 0;
    }
    this.resident.clear();
    this.sorted = null;
    this.dirty.clear();
    this.base = NOTHING;
    this.saved.forgetAll();
    this.codeCache = null;
    this.disposed = true;
    if (freeMemories.length < FREE_MEMORIES_MAX) freeMemories.push(this.memory);
  }

  /** The page is about to be written: it is dirty, and code derived from it is void. */
  private touch(page: number): void {
    if (this.attr[page]! & ATTR_GUARDED) this.saved.add(page, this.attr[page]!, this.u8);
    this.dropCode(page);
    this.attr[page] = this.attr[page]! & ~(ATTR_CLEAN | ATTR_KEPT | ATTR_GUARDED);
    this.dirty.add(page);
    this.refreshPerm(page);
  }

  private hasBytes(page: number, bytes: Uint8Array): boolean {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, PAGE_SIZE >>> 2);
    const from = page << (PAGE_SHIFT - 2);
    for (let i = 0; i < words.length; i++) if (this.i32[from + i] !== words[i]) return false;
    return true;
  }

  private dropCode(page: number): void {
    if ((this.attr[page]! & ATTR_CODE) === 0) return;
    this.attr[page] = this.attr[page]! & ~ATTR_CODE;
    this.codeCache?.dropPage(page);
  }

  private refreshPerm(page: number): void {
    const attr = this.attr[page]!;
    this.setPerm(page, attr & (ATTR_CLEAN | ATTR_CODE | ATTR_KEPT | ATTR_GUARDED) ? attr & 7 & ~PERM_W : attr & 7);
  }

  private setPerm(page: number, perm: number): void {
    if (this.perm[page] === perm) return;
    this.perm[page] = perm;
    this.codeCache?.permChanged?.(page);
  }
}
