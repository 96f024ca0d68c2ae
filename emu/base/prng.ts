/**
 * A seeded source of integers whose whole state is four words, so that it is part of a snapshot.
 * Algorithm: xoshiro128** 1.1 (Blackman and Vigna), seeded through splitmix32.
 */
export type PrngState = readonly [number, number, number, number];

export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(state: PrngState) {
    [this.a, this.b, this.c, this.d] = state;
  }

  /** From a seed (any integer; its low 32 bits count) and a stream number, so that each user has a sequence of its own. */
  static seeded(seed: number, stream = 0): Prng {
    let x = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) | 0;
    const next = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    return new Prng([next(), next(), next(), next() | 1]);
  }

  /** The next 32 bits, as an unsigned integer. */
  next(): number {
    const r5 = Math.imul(this.b, 5);
    const result = Math.imul((r5 << 7) | (r5 >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** An integer in [0, bound), without modulo bias. `bound` is 1 .. 2^32. */
  below(bound: number): number {
    const limit = 0x100000000 - (0x100000000 % bound);
    for (;;) {
      const x = this.next();
      if (x < limit) return x % bound;
    }
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  snapshot(): PrngState {
    return [this.a, this.b, this.c, this.d];
  }

  restore(state: PrngState): void {
    [this.a, this.b, this.c, this.d] = state;
  }
}
