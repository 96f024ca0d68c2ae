import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import { ARITHMETIC_FLAGS, addFlags, conditionHolds, parityFlag, subFlags } from './flags.ts';

// What the arithmetic flags are, kept as (kind, a, b, result) until somebody asks.

/** EFLAGS holds them. */
export const KNOWN = 0;
/** CF, AF and OF are in a; SF, ZF and PF are those of the 32-bit result. */
export const RESULT = 1;
/** Those of a 32-bit result; CF, AF and OF are 0. A byte or word result is sign-extended. */
export const LOGIC = 2;
/** result = a + b. */
export const ADD = 3;
/** result = a - b. This and all later kinds compare a with b. */
export const SUB = 4;
/** The same of bytes and words, which stand in the upper bits. */
export const SUB8 = 5;
export const SUB16 = 6;

/** CF, as 0 or 1. */
export function lazyCarry(kind: number, a: number, b: number, result: number, eflags: number): number {
  if (kind >= SUB) return a >>> 0 < b >>> 0 ? 1 : 0;
  if (kind === ADD) return result >>> 0 < a >>> 0 ? 1 : 0;
  if (kind === LOGIC) return 0;
  return (kind === RESULT ? a : eflags) & FLAG_CF;
}

/** EFLAGS with the arithmetic flags filled in. */
export function settle(kind: number, a: number, b: number, result: number, eflags: number): number {
  let flags: number;
  switch (kind) {
    case KNOWN:
      return eflags;
    case ADD:
      flags = addFlags(a, b, result, 4);
      break;
    case SUB:
      flags = subFlags(a, b, result, 4);
      break;
    case SUB8:
      flags = subFlags(a >>> 24, b >>> 24, result >>> 24, 1);
      break;
    case SUB16:
      flags = subFlags(a >>> 16, b >>> 16, result >>> 16, 2);
      break;
    default: {
      const others = kind === RESULT ? a & (FLAG_CF | FLAG_AF | FLAG_OF) : 0;
      flags = others | (result === 0 ? FLAG_ZF : 0) | (result < 0 ? FLAG_SF : 0) | parityFlag(result);
      break;
    }
  }
  return (eflags & ~ARITHMETIC_FLAGS) | flags;
}

/** Whether condition tttn holds. */
export function lazyCondition(
  condition: number,
  kind: number,
  a: number,
  b: number,
  result: number,
  eflags: number,
): boolean {
  if (kind >= SUB) {
    switch (condition) {
      case 2:
        return a >>> 0 < b >>> 0;
      case 3:
        return a >>> 0 >= b >>> 0;
      case 4:
        return result === 0;
      case 5:
        return result !== 0;
      case 6:
        return a >>> 0 <= b >>> 0;
      case 7:
        return a >>> 0 > b >>> 0;
      case 8:
        return result < 0;
      case 9:
        return result >= 0;
      case 12:
        return a < b;
      case 13:
        return a >= b;
      case 14:
        return a <= b;
      case 15:
        return a > b;
      default:
        break;
    }
  } else if (kind !== KNOWN) {
    switch (condition) {
      case 4:
        return result === 0;
      case 5:
        return result !== 0;
      case 8:
        return result < 0;
      case 9:
        return result >= 0;
      default:
        break;
    }
  }
  return conditionHolds(condition, settle(kind, a, b, result, eflags));
}
