import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';

/** The six flags that arithmetic sets. */
export const ARITHMETIC_FLAGS = FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

/** Index of the sign bit of an operand of 1, 2 or 4 bytes. */
const signBit = (size: number): number => size * 8 - 1;

/** The low `size` bytes: zero-extended for 1 and 2, an int32 for 4. */
export function truncate(value: number, size: number): number {
  return size === 4 ? value | 0 : size === 2 ? value & 0xffff : value & 0xff;
}

export function signExtend(value: number, size: number): number {
  return size === 4 ? value | 0 : size === 2 ? (value << 16) >> 16 : (value << 24) >> 24;
}

/** PF is set when the low byte has an even number of ones. */
export function parityFlag(result: number): number {
  let bits = result ^ (result >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return bits & 1 ? 0 : FLAG_PF;
}

/** SF, ZF and PF of a result. */
export function resultFlags(result: number, size: number): number {
  return (
    (truncate(result, size) === 0 ? FLAG_ZF : 0) | ((result >>> signBit(size)) & 1 ? FLAG_SF : 0) | parityFlag(result)
  );
}

/** All six flags of result = a + b + carry in. */
export function addFlags(a: number, b: number, result: number, size: number): number {
  const carries = (a & b) | ((a | b) & ~result);
  const overflow = (a ^ result) & (b ^ result);
  return (
    ((carries >>> signBit(size)) & 1) |
    ((overflow >>> signBit(size)) & 1 ? FLAG_OF : 0) |
    ((a ^ b ^ result) & FLAG_AF) |
    resultFlags(result, size)
  );
}

/** All six flags of result = a - b - borrow in. */
export function subFlags(a: number, b: number, result: number, size: number): number {
  const borrows = (~a & b) | ((~a | b) & result);
  const overflow = (a ^ b) & (a ^ result);
  return (
    ((borrows >>> signBit(size)) & 1) |
    ((overflow >>> signBit(size)) & 1 ? FLAG_OF : 0) |
    ((a ^ b ^ result) & FLAG_AF) |
    resultFlags(result, size)
  );
}

/** Condition tttn of Jcc, SETcc and CMOVcc. Source: Intel SDM Vol. 2, App. B, table of condition test fields. */
export function conditionHolds(condition: number, eflags: number): boolean {
  const less = ((eflags & FLAG_SF) !== 0) !== ((eflags & FLAG_OF) !== 0);
  const zero = (eflags & FLAG_ZF) !== 0;
  let holds: boolean;
  switch (condition >> 1) {
    case 0:
      holds = (eflags & FLAG_OF) !== 0;
      break;
    case 1:
      holds = (eflags & FLAG_CF) !== 0;
      break;
    case 2:
      holds = zero;
      break;
    case 3:
      holds = (eflags & (FLAG_CF | FLAG_ZF)) !== 0;
      break;
    case 4:
      holds = (eflags & FLAG_SF) !== 0;
      break;
    case 5:
      holds = (eflags & FLAG_PF) !== 0;
      break;
    case 6:
      holds = less;
      break;
    default:
      holds = less || zero;
      break;
  }
  return holds !== ((condition & 1) === 1);
}
