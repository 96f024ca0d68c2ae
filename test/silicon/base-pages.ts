import { Prng } from '../../emu/base/prng.ts';
import { CODE_BASE, DATA_BASE, DATA_SIZE } from './protocol.ts';

/** Values at which instructions change their minds. */
export const INTERESTING = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000, 0x8001, 0xffff,
  0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0xffff8000, 0xffffff80, 0xffff7fff, 0x55555555,
  0xaaaaaaaa, 0x0f0f0f0f, 0x99999999, 0x12345678, 0x000a0009, 0x09090909, 0x80808080, 0x00ff00ff,
] as const;

/** Selectors that exist (see machine.ts), almost exist, or are refused. Never 0x33: that is Linux' 64-bit code segment. */
export const SELECTORS = [
  0, 1, 2, 3, 0x2b, 0x2b, 0x2b, 0x2a, 0x29, 0x28, 0x23, 0x21, 0x63, 0x61, 0x6b, 0x73, 0x70, 0x08, 0x0b, 0x10, 0x13,
  0x18, 0x1b, 0x43, 0x53, 0x07, 0x0f, 0x0d, 0x17, 0x1f, 0x27, 0x2f, 0x5b, 0x83, 0x100, 0x107, 0xfffc, 0xffff, 0x3e,
  0x8003,
] as const;

let pages: Uint8Array | undefined;

/** What the three data pages hold before a case's patches: the same bytes always, because replay lines depend on them. */
export function basePages(): Uint8Array {
  if (pages) return pages;
  const prng = Prng.seeded(0x51c0);
  const words = new Uint32Array(DATA_SIZE / 4);
  for (let i = 0; i < words.length; i++) {
    const kind = prng.below(8);
    if (kind < 3) words[i] = INTERESTING[prng.below(INTERESTING.length)]!;
    else if (kind < 5) words[i] = prng.next();
    else if (kind === 5) words[i] = DATA_BASE + prng.below(DATA_SIZE);
    else if (kind === 6) words[i] = CODE_BASE + prng.below(0x1000);
    else words[i] = SELECTORS[prng.below(SELECTORS.length)]!;
  }
  pages = new Uint8Array(words.buffer);
  return pages;
}
