import { IN_MMX, type Insn } from '../isa/insn.ts';
import type { Exec } from '../isa/row.ts';
import type { Cpu } from './cpu.ts';
import { beginFloat, unary } from './exec-sse-arith.ts';
import {
  checkPendingX87,
  D,
  DAZ,
  enterMmx,
  IE,
  type Lanes,
  loadOperand,
  loadXmm,
  PE,
  ROUND_SHIFT,
  S,
  settleExceptions,
  storeMm,
  storeXmm,
  T,
} from './simd.ts';
import { convert, DOUBLE, DOWN, fromInteger, NEAREST, SINGLE, TOWARD_ZERO, UP, unit } from './soft-float.ts';

// Conversions. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const MIN_INT = -0x80000000;
const MAX_INT = 0x7fffffff;
/** "Integer indefinite": what stands for a value that no int32 is. */
const INDEFINITE = MIN_INT;
const SMALLEST_SINGLE = 2 ** -126;
const SMALLEST_DOUBLE = 2 ** -1022;

/** A finite number rounded to an integer. */
function roundToInteger(value: number, mode: number): number {
  const floor = Math.floor(value);
  if (mode === DOWN || floor === value) return floor;
  if (mode === UP) return floor + 1;
  if (mode === TOWARD_ZERO) return value < 0 ? floor + 1 : floor;
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** A lane as an int32, rounded or truncated. NaNs and what does not fit are invalid. Denormals do not raise DE. */
function toInteger(value: number, smallest: number, truncate: boolean): number {
  let x = value;
  if (unit.mxcsr & DAZ && Math.abs(x) < smallest) x = 0;
  const mode = truncate ? TOWARD_ZERO : (unit.mxcsr >> ROUND_SHIFT) & 3;
  const rounded = Math.abs(x) < 2 ** 33 ? roundToInteger(x, mode) : Number.NaN;
  if (!(rounded >= MIN_INT && rounded <= MAX_INT)) {
    unit.raised |= IE;
    return INDEFINITE;
  }
  if (rounded !== x) unit.raised |= PE;
  return rounded;
}

const integerOfSingle = (from: Lanes, i: number, truncate: boolean): number =>
  toInteger(from.f32[i], SMALLEST_SINGLE, truncate);
const integerOfDouble = (from: Lanes, i: number, truncate: boolean): number =>
  toInteger(from.f64[i], SMALLEST_DOUBLE, truncate);

/** Packed to packed; of two lanes the upper half of the result is 0. */
function toIntegers(lane: typeof integerOfSingle, count: number, truncate: boolean): Exec {
  return (cpu, insn) => {
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    T.i32.fill(0);
    for (let i = 0; i < count; i++) T.i32[i] = lane(S, i, truncate);
    settleExceptions(cpu, unit.raised);
    storeXmm(cpu, insn.operands[0].reg, T);
  };
}
export const cvtPs2Dq = toIntegers(integerOfSingle, 4, false);
export const cvttPs2Dq = toIntegers(integerOfSingle, 4, true);
export const cvtPd2Dq = toIntegers(integerOfDouble, 2, false);
export const cvttPd2Dq = toIntegers(integerOfDouble, 2, true);

function toMmx(lane: typeof integerOfSingle, truncate: boolean): Exec {
  return (cpu, insn) => {
    beginFloat(cpu);
    checkPendingX87(cpu);
    loadOperand(cpu, insn, 1, S);
    for (let i = 0; i < 2; i++) T.i32[i] = lane(S, i, truncate);
    settleExceptions(cpu, unit.raised);
    enterMmx(cpu);
    storeMm(cpu, insn.operands[0].reg, T);
  };
}
export const cvtPs2Pi = toMmx(integerOfSingle, false);
export const cvttPs2Pi = toMmx(integerOfSingle, true);
export const cvtPd2Pi = toMmx(integerOfDouble, false);
export const cvttPd2Pi = toMmx(integerOfDouble, true);

function toRegister(lane: typeof integerOfSingle, truncate: boolean): Exec {
  return (cpu, insn) => {
    beginFloat(cpu);
    loadOperand(cpu, insn, 1, S);
    const value = lane(S, 0, truncate);
    settleExceptions(cpu, unit.raised);
    cpu.setRegister(insn.operands[0].reg, 4, value);
  };
}
export const cvtSs2Si = toRegister(integerOfSingle, false);
export const cvttSs2Si = toRegister(integerOfSingle, true);
export const cvtSd2Si = toRegister(integerOfDouble, false);
export const cvttSd2Si = toRegister(integerOfDouble, true);

// From integers.

/** T.f32[i] = S.i32[i] */
function singleOfInteger(i: number): void {
  const value = S.i32[i];
  T.f32[i] = value;
  if (T.f32[i] === value) return;
  if (((unit.mxcsr >> ROUND_SHIFT) & 3) === NEAREST) unit.raised |= PE;
  else T.u32[i] = Number(fromInteger(SINGLE, value));
}

/** Always exact. From the upper lane down, because lanes grow. */
function doublesOfIntegers(): void {
  T.f64[1] = S.i32[1];
  T.f64[0] = S.i32[0];
}

export const cvtDq2Ps = unary(singleOfInteger, 4, 4);
export const cvtSi2Ss = unary(singleOfInteger, 1, 4);

export const cvtDq2Pd: Exec = (cpu, insn) => {
  beginFloat(cpu);
  loadOperand(cpu, insn, 1, S);
  doublesOfIntegers();
  storeXmm(cpu, insn.operands[0].reg, T);
};

export const cvtSi2Sd: Exec = (cpu, insn) => {
  const { reg } = insn.operands[0];
  beginFloat(cpu);
  loadOperand(cpu, insn, 1, S);
  loadXmm(cpu, reg, D);
  D.f64[0] = S.i32[0];
  storeXmm(cpu, reg, D);
};

/** Loads the source of CVTPI2xx. A memory operand leaves the x87 state alone. */
function beginFromMmx(cpu: Cpu, insn: Insn): void {
  const fromRegister = insn.operands[1].kind === IN_MMX;
  beginFloat(cpu);
  if (fromRegister) checkPendingX87(cpu);
  loadOperand(cpu, insn, 1, S);
}

function finishFromMmx(cpu: Cpu, insn: Insn): void {
  settleExceptions(cpu, unit.raised);
  if (insn.operands[1].kind === IN_MMX) enterMmx(cpu);
}

export const cvtPi2Ps: Exec = (cpu, insn) => {
  const { reg } = insn.operands[0];
  beginFromMmx(cpu, insn);
  loadXmm(cpu, reg, D);
  for (let i = 0; i < 2; i++) singleOfInteger(i);
  finishFromMmx(cpu, insn);
  D.i32[0] = T.i32[0];
  D.i32[1] = T.i32[1];
  storeXmm(cpu, reg, D);
};

export const cvtPi2Pd: Exec = (cpu, insn) => {
  beginFromMmx(cpu, insn);
  finishFromMmx(cpu, insn);
  doublesOfIntegers();
  storeXmm(cpu, insn.operands[0].reg, T);
};

// Between the precisions.

/** T.f64[i] = S.f32[i] */
function doubleOfSingle(i: number): void {
  const exponent = (S.i32[i] >> 23) & 0xff;
  if (exponent !== 0 && exponent !== 0xff) T.f64[i] = S.f32[i];
  else T.u64[i] = convert(SINGLE, DOUBLE, BigInt(S.u32[i]));
}

/** T.f32[i] = S.f64[i] */
function singleOfDouble(i: number): void {
  const value = S.f64[i];
  const biased = (S.i32[2 * i + 1] >> 20) & 0x7ff;
  // Well inside the range of single precision.
  if (biased > 1023 - 120 && biased < 1023 + 120 && ((unit.mxcsr >> ROUND_SHIFT) & 3) === NEAREST) {
    T.f32[i] = value;
    if (T.f32[i] !== value) unit.raised |= PE;
  } else T.u32[i] = Number(convert(DOUBLE, SINGLE, S.u64[i]));
}

export const cvtPs2Pd = unary(doubleOfSingle, 2, 8);
export const cvtSs2Sd = unary(doubleOfSingle, 1, 8);
export const cvtSd2Ss = unary(singleOfDouble, 1, 4);

export const cvtPd2Ps: Exec = (cpu, insn) => {
  beginFloat(cpu);
  loadOperand(cpu, insn, 1, S);
  T.i32.fill(0);
  for (let i = 0; i < 2; i++) singleOfDouble(i);
  settleExceptions(cpu, unit.raised);
  storeXmm(cpu, insn.operands[0].reg, T);
};
