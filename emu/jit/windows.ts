import { PAGE_MASK, PAGE_SHIFT, PERM_R, PERM_W } from '../memory/address-space.ts';
import { S_WINDOWS, S_WINDOWS_MISSED } from './layout.ts';

// Windows: ranges of linear addresses of which it is known that every page allows an access. While translated code runs no permission
// changes, so that one comparison with a window in locals stands for permission bytes of the access's first and last page.

/** The stack, which is read and written; what else is read; what else is written. */
export const STACK_WINDOW = 0;
export const READ_WINDOW = 1;
export const WRITE_WINDOW = 2;
export const WINDOWS = [STACK_WINDOW, READ_WINDOW, WRITE_WINDOW] as const;
export type Window = (typeof WINDOWS)[number];

/** Permissions of all pages of each window: who writes may also read there. */
const NEEDS = [PERM_R | PERM_W, PERM_R, PERM_R | PERM_W];

/** So many bytes from an address in a window on are allowed. */
export const WINDOW_REACH = 256;

const WINDOW_PAGES_MAX = 4096;
/** A window that has been moved stays for so many runs of translated code, whatever misses it. */
const MOVE_AFTER = 16;

/** Moves the windows of one space to where translated code has missed them, between its runs. */
export class AccessWindows {
  private readonly state: Int32Array;
  private readonly perm: Uint8Array;
  private readonly firstPage = [0, 0, 0];
  /** Below `firstPage`: the window is empty. */
  private readonly lastPage = [-1, -1, -1];
  private readonly movedAt = [0, 0, 0];
  private runs = 0;

  /** `state` is the state block of the space, `perm` its permission bytes. */
  constructor(state: Int32Array, perm: Uint8Array) {
    this.state = state;
    this.perm = perm;
    for (const window of WINDOWS) this.empty(window);
  }

  /** A page has other permissions than before. */
  permChanged(page: number): void {
    for (const window of WINDOWS) {
      const inside = page >= this.firstPage[window]! && page <= this.lastPage[window]!;
      if (inside && !this.allows(window, page)) this.empty(window);
    }
  }

  /** Translated code has run: where it has missed a window, that may move. */
  afterRun(): void {
    const { state } = this;
    this.runs++;
    if ((state[S_WINDOWS_MISSED]! | state[S_WINDOWS_MISSED + 1]! | state[S_WINDOWS_MISSED + 2]!) === 0) return;
    for (const window of WINDOWS) {
      const address = state[S_WINDOWS_MISSED + window]!;
      if (address === 0) continue;
      if (this.lastPage[window]! >= 0 && this.runs - this.movedAt[window]! < MOVE_AFTER) continue;
      state[S_WINDOWS_MISSED + window] = 0;
      this.moveTo(window, address >>> PAGE_SHIFT);
    }
  }

  private allows(window: Window, page: number): boolean {
    return (this.perm[page]! & NEEDS[window]!) === NEEDS[window];
  }

  private moveTo(window: Window, page: number): void {
    if (!this.allows(window, page)) return;
    let first = page;
    let last = page;
    while (page - first < WINDOW_PAGES_MAX && this.allows(window, first - 1)) first--;
    while (last - page < WINDOW_PAGES_MAX && this.allows(window, last + 1)) last++;
    this.firstPage[window] = first;
    this.lastPage[window] = last;
    this.movedAt[window] = this.runs;
    this.state[S_WINDOWS + 2 * window] = first << PAGE_SHIFT;
    this.state[S_WINDOWS + 2 * window + 1] = ((last - first) << PAGE_SHIFT) + PAGE_MASK - WINDOW_REACH;
  }

  private empty(window: Window): void {
    this.firstPage[window] = 0;
    this.lastPage[window] = -1;
    this.state[S_WINDOWS + 2 * window] = 0;
    this.state[S_WINDOWS + 2 * window + 1] = 0;
  }
}
