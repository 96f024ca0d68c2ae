import { assert } from '../../emu/base/errors.ts';
import type { Prng } from '../../emu/base/prng.ts';

/** An integer in [0, bound), without bias. `bound` is 1 .. 2^53. */
function below(prng: Prng, bound: number): number {
  if (bound <= 0x100000000) return prng.below(bound);
  const highBound = Math.ceil(bound / 0x100000000);
  for (;;) {
    const drawn = prng.below(highBound) * 0x100000000 + prng.next();
    if (drawn < bound) return drawn;
  }
}

/** `count` different integers in [0, size), ascending; every subset is as likely. Floyd's algorithm (Bentley, CACM 30(9), 1987). */
export function drawDistinct(prng: Prng, size: number, count: number): number[] {
  assert(count <= size, `${count} different numbers below ${size}`);
  const drawn = new Set<number>();
  for (let n = size - count; n < size; n++) {
    const candidate = below(prng, n + 1);
    drawn.add(drawn.has(candidate) ? n : candidate);
  }
  return [...drawn].sort((a, b) => a - b);
}
