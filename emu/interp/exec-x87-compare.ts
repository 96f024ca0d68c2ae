import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import { compare, EQUAL, GREATER, LESS, UNORDERED } from '../fpu/compare.ts';
import { C0, C1, C2, C3 } from '../fpu/environment.ts';
import { classify, DENORMAL, Extended, INFINITE, QNAN, SIGN, SNAN, setZero, ZERO } from '../fpu/extended.ts';
import type { X87 } from '../fpu/x87.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { enter, noteOperand, waiting } from './exec-x87-access.ts';
import { b, denormalOperandStops, operand, operandToExtended, readOperand } from './exec-x87-arithmetic.ts';

// Comparison and examination. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const x = new Extended();
const y = new Extended();

const CODES = C0 | C2 | C3;

/** -1 .. 1 of two doubles as condition codes. */
function compareDoubles(p: number, q: number): number {
  return p < q ? LESS : p > q ? GREATER : EQUAL;
}

/** The condition codes of ST(0) against ST(i); -1 when an unmasked exception stops the instruction. */
function compareRegisters(fpu: X87, i: number, quiet: boolean): number {
  if (fpu.isEmpty(0) || fpu.isEmpty(i)) return fpu.underflow() ? UNORDERED : -1;
  const p = fpu.top;
  const q = (fpu.top + i) & 7;
  if (fpu.plain[p] && fpu.plain[q]) {
    fpu.setExactness(0);
    return compareDoubles(fpu.double[p], fpu.double[q]);
  }
  const codes = compare(fpu.env, fpu.get(0, x), fpu.get(i, y), quiet);
  fpu.commit();
  return fpu.env.stopped ? -1 : codes;
}

function compareMemory(cpu: Cpu, insn: Insn, pops: boolean): void {
  const fpu = waiting(cpu);
  readOperand(cpu, insn);
  noteOperand(cpu, fpu, insn);
  let codes = UNORDERED;
  if (fpu.isEmpty(0)) {
    if (!fpu.underflow()) return;
  } else if (operand.isPlain && fpu.plain[fpu.top]) {
    fpu.setExactness(0);
    codes = compareDoubles(fpu.double[fpu.top], operand.double[0]);
  } else {
    if (operand.isPlain) operandToExtended();
    fpu.get(0, x);
    if (!denormalOperandStops(fpu.env, x)) codes = compare(fpu.env, x, b, false);
    fpu.commit();
    if (fpu.env.stopped) return;
  }
  fpu.setConditions(CODES, codes);
  if (pops) fpu.pop();
}

function compareWith(cpu: Cpu, insn: Insn, i: number, quiet: boolean, popCount: number): void {
  const fpu = enter(cpu, insn);
  const codes = compareRegisters(fpu, i, quiet);
  if (codes < 0) return;
  fpu.setConditions(CODES, codes);
  for (let n = 0; n < popCount; n++) fpu.pop();
}

export function fcom(cpu: Cpu, insn: Insn): void {
  if (insn.operands[0].kind === IN_MEMORY) compareMemory(cpu, insn, false);
  else compareWith(cpu, insn, insn.operands[0].reg, false, 0);
}

export function fcomp(cpu: Cpu, insn: Insn): void {
  if (insn.operands[0].kind === IN_MEMORY) compareMemory(cpu, insn, true);
  else compareWith(cpu, insn, insn.operands[0].reg, false, 1);
}

export function fcompp(cpu: Cpu, insn: Insn): void {
  compareWith(cpu, insn, 1, false, 2);
}

export function fucom(cpu: Cpu, insn: Insn): void {
  compareWith(cpu, insn, insn.operands[0].reg, true, 0);
}

export function fucomp(cpu: Cpu, insn: Insn): void {
  compareWith(cpu, insn, insn.operands[0].reg, true, 1);
}

export function fucompp(cpu: Cpu, insn: Insn): void {
  compareWith(cpu, insn, 1, true, 2);
}

/** The result goes to ZF, PF and CF. */
function compareToFlags(cpu: Cpu, insn: Insn, quiet: boolean, pops: boolean): void {
  const fpu = enter(cpu, insn);
  const codes = compareRegisters(fpu, insn.operands[1].reg, quiet);
  if (codes < 0) return;
  const flags = (codes & C3 ? FLAG_ZF : 0) | (codes & C2 ? FLAG_PF : 0) | (codes & C0 ? FLAG_CF : 0);
  cpu.setFlags(FLAG_ZF | FLAG_PF | FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF, flags);
  if (pops) fpu.pop();
}

export function fcomi(cpu: Cpu, insn: Insn): void {
  compareToFlags(cpu, insn, false, false);
}

export function fcomip(cpu: Cpu, insn: Insn): void {
  compareToFlags(cpu, insn, false, true);
}

export function fucomi(cpu: Cpu, insn: Insn): void {
  compareToFlags(cpu, insn, true, false);
}

export function fucomip(cpu: Cpu, insn: Insn): void {
  compareToFlags(cpu, insn, true, true);
}

/** Against +0. */
export function ftst(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  let codes = UNORDERED;
  if (fpu.isEmpty(0)) {
    if (!fpu.underflow()) return;
  } else {
    setZero(y, 0);
    codes = compare(fpu.env, fpu.get(0, x), y, false);
    fpu.commit();
    if (fpu.env.stopped) return;
  }
  fpu.setConditions(CODES, codes);
}

/** What ST(0) holds; C1 is its sign, also of an empty register. */
export function fxam(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.get(0, x);
  const sign = x.se & SIGN ? C1 : 0;
  let codes = C2;
  if (fpu.isEmpty(0)) codes = C3 | C0;
  else {
    const kind = classify(x);
    if (kind === ZERO) codes = C3;
    else if (kind === DENORMAL) codes = C3 | C2;
    else if (kind === INFINITE) codes = C2 | C0;
    else if (kind === QNAN || kind === SNAN) codes = C0;
    else if (kind > SNAN) codes = 0;
  }
  fpu.setConditions(CODES | C1, codes | sign);
}
