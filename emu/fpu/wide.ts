// Multiplication and division of 64-bit integers in halves of 32 bits, all int32.

const TWO_32 = 0x100000000;

/** Upper doubleword of the product of two unsigned doublewords. The double product is wrong by less than 2^-20 of its unit. */
export function mulHigh(a: number, b: number): number {
  const product = (a >>> 0) * (b >>> 0);
  return Math.floor((product - (Math.imul(a, b) >>> 0)) / TWO_32 + 0.5) | 0;
}

/** Result of `multiply64`, upper first. */
export const product = { w3: 0, w2: 0, w1: 0, w0: 0 };

export function multiply64(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const lowMid = mulHigh(aLo, bLo) >>> 0;
  const middle = lowMid + (Math.imul(aLo, bHi) >>> 0) + (Math.imul(aHi, bLo) >>> 0);
  const upper =
    (Math.imul(aHi, bHi) >>> 0) + (mulHigh(aLo, bHi) >>> 0) + (mulHigh(aHi, bLo) >>> 0) + Math.floor(middle / TWO_32);
  product.w0 = Math.imul(aLo, bLo);
  product.w1 = middle | 0;
  product.w2 = upper | 0;
  product.w3 = (mulHigh(aHi, bHi) + Math.floor(upper / TWO_32)) | 0;
}

/** Result of `divideStep`: a digit of the quotient and the remainder. */
export const step = { digit: 0, hi: 0, lo: 0 };

/**
 * One digit of a long division: (remainder * 2^32) / divisor. The divisor has its top bit set, the remainder is smaller.
 * The digit guessed from doubles is wrong by at most one.
 */
export function divideStep(remHi: number, remLo: number, divHi: number, divLo: number): void {
  const remainder = (remHi >>> 0) * TWO_32 + (remLo >>> 0);
  const divisor = (divHi >>> 0) * TWO_32 + (divLo >>> 0);
  let digit = Math.floor((remainder / divisor) * TWO_32);
  if (digit > 0xffffffff) digit = 0xffffffff;
  // remainder * 2^32 - digit * divisor, in three doublewords; the upper one is its sign.
  const d = digit | 0;
  const p0 = Math.imul(d, divLo) >>> 0;
  const mid = (mulHigh(d, divLo) >>> 0) + (Math.imul(d, divHi) >>> 0);
  const p2 = (mulHigh(d, divHi) >>> 0) + Math.floor(mid / TWO_32);
  let lo = -p0;
  let hi = (remLo >>> 0) - (mid >>> 0);
  let top = (remHi >>> 0) - p2;
  if (lo < 0) {
    lo += TWO_32;
    hi--;
  }
  if (hi < 0) {
    hi += TWO_32;
    top--;
  }
  const uHi = divHi >>> 0;
  const uLo = divLo >>> 0;
  while (top < 0) {
    digit--;
    lo += uLo;
    hi += uHi;
    if (lo >= TWO_32) {
      lo -= TWO_32;
      hi++;
    }
    if (hi >= TWO_32) {
      hi -= TWO_32;
      top++;
    }
  }
  while (top > 0 || hi > uHi || (hi === uHi && lo >= uLo)) {
    digit++;
    lo -= uLo;
    hi -= uHi;
    if (lo < 0) {
      lo += TWO_32;
      hi--;
    }
    if (hi < 0) {
      hi += TWO_32;
      top--;
    }
  }
  step.digit = digit | 0;
  step.hi = hi | 0;
  step.lo = lo | 0;
}

/** Compares unsigned 64-bit integers. */
export function isBelow(aHi: number, aLo: number, bHi: number, bLo: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}
