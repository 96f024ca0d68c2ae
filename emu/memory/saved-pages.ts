/** A page as a trial found it. */
export interface SavedPage {
  attributes: number;
  bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
/** Pages whose copies are kept from one trial to the next, at most. */
const KEPT_MAX = 256;

/** Pages that have been written since trials began: each trial copies them when it begins, as they will be written again. */
export class SavedPages {
  private readonly pages = new Map<number, SavedPage>();
  private readonly pageBytes: number;
  private onTrial = false;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  get count(): number {
    return this.pages.size;
  }

  entries(): Iterable<[number, SavedPage]> {
    return this.pages;
  }

  /** A trial begins: `attributes` by page, `memory` from page 0 on. */
  begin(attributes: Uint8Array, memory: Uint8Array): void {
    this.onTrial = true;
    for (const [page, saved] of this.pages) this.save(page, saved, attributes[page]!, memory);
  }

  /** A page is about to be written for the first time. */
  add(page: number, attributes: number, memory: Uint8Array): void {
    const saved = { attributes, bytes: NO_BYTES };
    this.pages.set(page, saved);
    if (this.onTrial) this.save(page, saved, attributes, memory);
  }

  /** The trial is over. Which pages it was is known for the next. */
  end(): void {
    this.onTrial = false;
    if (this.pages.size > KEPT_MAX) for (const saved of this.pages.values()) saved.bytes = NO_BYTES;
  }

  forget(page: number): void {
    this.pages.delete(page);
  }

  forgetAll(): void {
    this.pages.clear();
  }

  private save(page: number, saved: SavedPage, attributes: number, memory: Uint8Array): void {
    if (saved.bytes === NO_BYTES) saved.bytes = new Uint8Array(this.pageBytes);
    saved.attributes = attributes;
    saved.bytes.set(memory.subarray(page * this.pageBytes, (page + 1) * this.pageBytes));
  }
}
