import { EFLAGS, FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import type { Exec } from '../isa/row.ts';
import { beginFloat } from './exec-sse-arith.ts';
import { D, DAZ, DE, IE, immediate, type Lanes, loadOperand, loadXmm, S, settleExceptions, storeXmm } from './simd.ts';
import { unit } from './soft-float.ts';

// Comparison, minimum and maximum. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const NUMBER = 0;
const DENORMAL = 1;
const QUIET_NAN = 2;
const SIGNALING_NAN = 3;

function kindSingle(lanes: Lanes, i: number): number {
  const bits = lanes.i32[i] & 0x7fffffff;
  if (bits > 0x7f800000) return bits & 0x400000 ? QUIET_NAN : SIGNALING_NAN;
  return bits !== 0 && bits < 0x800000 ? DENORMAL : NUMBER;
}

function kindDouble(lanes: Lanes, i: number): number {
  const low = lanes.i32[2 * i];
  const high = lanes.i32[2 * i + 1] & 0x7fffffff;
  if (high > 0x7ff00000 || (high === 0x7ff00000 && low !== 0)) return high & 0x80000 ? QUIET_NAN : SIGNALING_NAN;
  return high < 0x100000 && (high | low) !== 0 ? DENORMAL : NUMBER;
}

/** What comparing lane i of `D` and `S` gives. */
const LESS = 0;
const EQUAL = 1;
const GREATER = 2;
const UNORDERED = 3;

/** Raises DE, or IE for a signaling NaN, with `quietToo` for any NaN. Lanes of 8 bytes when `wide`. */
function compare(wide: boolean, i: number, quietToo: boolean): number {
  const a = wide ? kindDouble(D, i) : kindSingle(D, i);
  const b = wide ? kindDouble(S, i) : kindSingle(S, i);
  if (a >= QUIET_NAN || b >= QUIET_NAN) {
    if (quietToo || a === SIGNALING_NAN || b === SIGNALING_NAN) unit.raised |= IE;
    return UNORDERED;
  }
  let x = wide ? D.f64[i] : D.f32[i];
  let y = wide ? S.f64[i] : S.f32[i];
  if (a === DENORMAL || b === DENORMAL) {
    if (unit.mxcsr & DAZ) {
      if (a === DENORMAL) x = 0;
      if (b === DENORMAL) y = 0;
    } else unit.raised |= DE;
  }
  return x < y ? LESS : x > y ? GREATER : EQUAL;
}

/** EQ LT LE UNORD NEQ NLT NLE ORD: for which results of a comparison they hold, a bit each. */
const PREDICATES = [0b0010, 0b0001, 0b0011, 0b1000, 0b1101, 0b1110, 0b1100, 0b0111];
/** LT LE NLT NLE: any NaN is invalid. */
const isOrdering = (predicate: number): boolean => (predicate & 3) === 1 || (predicate & 3) === 2;

function compareLanes(wide: boolean, count: number): Exec {
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    const predicate = immediate(insn) & 7;
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    for (let i = 0; i < count; i++) {
      const holds = (PREDICATES[predicate] >> compare(wide, i, isOrdering(predicate))) & 1;
      if (wide) D.i32[2 * i] = D.i32[2 * i + 1] = -holds;
      else D.i32[i] = -holds;
    }
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, reg, D);
  };
}

export const cmpPs = compareLanes(false, 4);
export const cmpSs = compareLanes(false, 1);
export const cmpPd = compareLanes(true, 2);
export const cmpSd = compareLanes(true, 1);

const ALL_FLAGS = FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;
/** EFLAGS for LESS, EQUAL, GREATER, UNORDERED. */
const FLAGS = [FLAG_CF, FLAG_ZF, 0, FLAG_ZF | FLAG_PF | FLAG_CF];

function compareToFlags(wide: boolean, quietToo: boolean): Exec {
  return (cpu, insn) => {
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, insn.operands[0].reg, D);
    const result = compare(wide, 0, quietToo);
    settleExceptions(cpu, unit.raised);
    cpu.r[EFLAGS] = (cpu.r[EFLAGS] & ~ALL_FLAGS) | FLAGS[result];
  };
}

export const comiSs = compareToFlags(false, true);
export const comiSd = compareToFlags(true, true);
export const ucomiSs = compareToFlags(false, false);
export const ucomiSd = compareToFlags(true, false);

/** The source is the result unless the destination is strictly `wanted`: also for two zeros, or with a NaN of either kind. */
function select(wide: boolean, count: number, wanted: number): Exec {
  return (cpu, insn) => {
    const { reg } = insn.operands[0];
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    loadXmm(cpu, reg, D);
    for (let i = 0; i < count; i++) {
      const from = compare(wide, i, true) === wanted ? D : S;
      copyLane(wide, i, from);
    }
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, reg, D);
  };
}

/** A denormal that counts as zero is a zero in the result too. */
function copyLane(wide: boolean, i: number, from: Lanes): void {
  const flush = (unit.mxcsr & DAZ) !== 0 && (wide ? kindDouble(from, i) : kindSingle(from, i)) === DENORMAL;
  if (wide) {
    D.i32[2 * i] = flush ? 0 : from.i32[2 * i];
    D.i32[2 * i + 1] = flush ? from.i32[2 * i + 1] & 0x80000000 : from.i32[2 * i + 1];
  } else D.i32[i] = flush ? from.i32[i] & 0x80000000 : from.i32[i];
}

export const minPs = select(false, 4, LESS);
export const minSs = select(false, 1, LESS);
export const minPd = select(true, 2, LESS);
export const minSd = select(true, 1, LESS);
export const maxPs = select(false, 4, GREATER);
export const maxSs = select(false, 1, GREATER);
export const maxPd = select(true, 2, GREATER);
export const maxSd = select(true, 1, GREATER);
