import { type FloatEnvironment, IE } from './environment.ts';
import { classify, type Extended, QNAN, SNAN, setIndefinite, UNSUPPORTED } from './extended.ts';
import { isBelow } from './wide.ts';

// What operations make of NaNs. Source: Intel SDM Vol. 1, Operating on SNaNs and QNaNs; table Rules for Handling NaNs.

/** An invalid operation: IE and, when it is masked, the indefinite. */
export function invalid(env: FloatEnvironment, out: Extended): void {
  env.raise(IE);
  setIndefinite(out);
}

/** The result of an operation of one operand that is a NaN or unsupported. */
export function propagateOne(env: FloatEnvironment, a: Extended, out: Extended): void {
  const kind = classify(a);
  if (kind === UNSUPPORTED) {
    invalid(env, out);
    return;
  }
  if (kind === SNAN) env.raise(IE);
  out.set(a.se, a.hi | 0x40000000, a.lo);
}

/**
 * The result of an operation at least one of whose operands is a NaN or unsupported: of an SNaN and a QNaN the QNaN, of two of
 * a kind the one with the larger significand, of equal ones the positive.
 */
export function propagateTwo(env: FloatEnvironment, a: Extended, b: Extended, out: Extended): void {
  const kindA = classify(a);
  const kindB = classify(b);
  if (kindA === UNSUPPORTED || kindB === UNSUPPORTED) {
    invalid(env, out);
    return;
  }
  if (kindA === SNAN || kindB === SNAN) env.raise(IE);
  const chosen = choose(a, kindA, b, kindB);
  out.set(chosen.se, chosen.hi | 0x40000000, chosen.lo);
}

function choose(a: Extended, kindA: number, b: Extended, kindB: number): Extended {
  if (kindA < QNAN) return b;
  if (kindB < QNAN) return a;
  if (kindA !== kindB) return kindA === QNAN ? a : b;
  if (isBelow(a.hi, a.lo, b.hi, b.lo)) return b;
  if (isBelow(b.hi, b.lo, a.hi, a.lo)) return a;
  return a.se <= b.se ? a : b;
}
