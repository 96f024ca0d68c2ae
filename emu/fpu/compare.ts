import { C0, C2, C3, DE, type FloatEnvironment, IE } from './environment.ts';
import { classify, DENORMAL, type Extended, QNAN, SIGN, SNAN, unpackedExponent, ZERO } from './extended.ts';
import { isBelow } from './wide.ts';

export const EQUAL = C3;
export const LESS = C0;
export const GREATER = 0;
export const UNORDERED = C3 | C2 | C0;

/** Compares; QNaNs are invalid operands unless `quiet`. Returns the condition codes. Source: Intel SDM Vol. 2, FCOM, FUCOM. */
export function compare(env: FloatEnvironment, a: Extended, b: Extended, quiet: boolean): number {
  const kindA = classify(a);
  const kindB = classify(b);
  if (kindA >= QNAN || kindB >= QNAN) {
    if (!quiet || kindA >= SNAN || kindB >= SNAN) env.raise(IE);
    return UNORDERED;
  }
  if (kindA === DENORMAL || kindB === DENORMAL) env.raise(DE);
  if (kindA === ZERO && kindB === ZERO) return EQUAL;
  const signA = a.se & SIGN;
  if (signA !== (b.se & SIGN)) return signA !== 0 ? LESS : GREATER;
  const expA = unpackedExponent(a);
  const expB = unpackedExponent(b);
  if (expA === expB && a.hi === b.hi && a.lo === b.lo) return EQUAL;
  const below = expA === expB ? isBelow(a.hi, a.lo, b.hi, b.lo) : expA < expB;
  return below === (signA === 0) ? LESS : GREATER;
}
