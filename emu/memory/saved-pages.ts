/** A page as a trial found it. */
export interface SavedPage {
  attributes: number;
  readonly bytes: Uint8Array;
}

/** Pages that have been written since trials began: each trial copies them when it begins, as they will be written again. */
export class SavedPages {
  private readonly pages = new Map<number, SavedPage>();
  private readonly pageBytes: number;

  constructor(pageBytes: number) {
    this.pageBytes = pageBytes;
  }

  get count(): number {
    return this.pages.size;
  }

  numbers(): Iterable<number> {
    return this.pages.keys();
  }

  entries(): Iterable<[number, SavedPage]> {
    return this.pages;
  }

  /** Copies a page of the memory, with its attributes. */
  save(page: number, attributes: number, memory: Uint8Array): void {
    let saved = this.pages.get(page);
    if (saved === undefined) {
      saved = { attributes, bytes: new Uint8Array(this.pageBytes) };
      this.pages.set(page, saved);
    }
    saved.attributes = attributes;
    saved.bytes.set(memory.subarray(page * this.pageBytes, (page + 1) * this.pageBytes));
  }

  forget(page: number): void {
    this.pages.delete(page);
  }

  forgetAll(): void {
    this.pages.clear();
  }
}
