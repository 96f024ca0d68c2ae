import { EAX, ECX, EDI, EFLAGS, ESI, FLAG_DF } from '../core/core-state.ts';
import { type AddressSpace, PAGE_MASK, PAGE_SIZE, PERM_R, PERM_W } from '../memory/address-space.ts';

// Many iterations of REP MOVS and REP STOS at once, upwards and within one page of each operand.
// Each returns the number of iterations done (a count of zero counts as one); 0 means: do one by the plain rules.

/** How many elements of `size` bytes from `at` on lie within its page. */
function elementsInPage(at: number, size: number): number {
  return Math.floor((PAGE_SIZE - (at & PAGE_MASK)) / size);
}

export function repMovs(r: Int32Array, space: AddressSpace, size: number, budget: number): number {
  if (r[ECX] === 0) return 1;
  if (r[EFLAGS] & FLAG_DF) return 0;
  const from = r[ESI] >>> 0;
  const to = r[EDI] >>> 0;
  if (!(space.perm[from >>> 12] & PERM_R) || !(space.perm[to >>> 12] & PERM_W)) return 0;
  const count = Math.min(r[ECX] >>> 0, budget, elementsInPage(from, size), elementsInPage(to, size));
  const bytes = count * size;
  // Upwards, a destination inside the source reads what was just written.
  if (to > from && to < from + bytes) {
    if (size !== 1 && to - from < size) return 0;
    for (let i = 0; i < bytes; i++) space.u8[to + i] = space.u8[from + i];
  } else {
    space.u8.copyWithin(to, from, from + bytes);
  }
  r[ESI] += bytes;
  r[EDI] += bytes;
  r[ECX] -= count;
  return count;
}

export function repStos(r: Int32Array, space: AddressSpace, size: number, budget: number): number {
  if (r[ECX] === 0) return 1;
  if (r[EFLAGS] & FLAG_DF) return 0;
  const to = r[EDI] >>> 0;
  if (!(space.perm[to >>> 12] & PERM_W)) return 0;
  const count = Math.min(r[ECX] >>> 0, budget, elementsInPage(to, size));
  const bytes = count * size;
  const value = r[EAX];
  if (size === 1) space.u8.fill(value, to, to + bytes);
  else if (size === 4 && (to & 3) === 0) space.i32.fill(value, to >>> 2, (to + bytes) >>> 2);
  else for (let i = 0; i < bytes; i++) space.u8[to + i] = value >> (8 * (i % size));
  r[EDI] += bytes;
  r[ECX] -= count;
  return count;
}
