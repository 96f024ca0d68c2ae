import { add, divide, multiply, squareRoot } from '../fpu/arithmetic.ts';
import { fromDouble, fromSingle } from '../fpu/convert.ts';
import { addDoubles, divideDoubles, multiplyDoubles, outcome, rootOfDouble } from '../fpu/double-arithmetic.ts';
import { C0, C1, C2, C3, DE, type FloatEnvironment } from '../fpu/environment.ts';
import { classify, Extended, fromPlainDouble, QNAN } from '../fpu/extended.ts';
import { extract, remainder, roundToIntegral, scale } from '../fpu/remainder.ts';
import type { X87 } from '../fpu/x87.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { enter, noteOperand, source, waiting } from './exec-x87-access.ts';

// Arithmetic. Source: Intel SDM Vol. 2, the instruction pages of the same names.

export const a = new Extended();
export const b = new Extended();
const second = new Extended();

const singles = new Float32Array(1);
const singleBits = new Int32Array(singles.buffer);

/** A memory operand: as a plain double, or in `b` with the exception that it brings along. */
export const operand = { isPlain: false, double: new Float64Array(1), exception: 0 };

const operandWords = new Int32Array(operand.double.buffer);

const SINGLE = 0;
const DOUBLE = 1;
const INT16 = 2;
const INT32 = 3;

export function formatOf(insn: Insn): number {
  switch (insn.row.operands[0] as string) {
    case 'm32fp':
      return SINGLE;
    case 'm64fp':
      return DOUBLE;
    case 'm16int':
      return INT16;
    default:
      return INT32;
  }
}

/** Reads the m32fp, m64fp, m16int or m32int operand. */
export function readOperand(cpu: Cpu, insn: Insn): void {
  const { size } = insn.operands[0];
  const linear = source(cpu, insn, size);
  operand.isPlain = true;
  operand.exception = 0;
  const low = cpu.load(linear, size === 8 ? 4 : size);
  switch (formatOf(insn)) {
    case SINGLE: {
      const exponent = low & 0x7f800000;
      if ((exponent !== 0 && exponent !== 0x7f800000) || (low & 0x7fffffff) === 0) {
        singleBits[0] = low;
        operand.double[0] = singles[0];
        return;
      }
      operand.isPlain = false;
      operand.exception = fromSingle(low, b);
      return;
    }
    case DOUBLE: {
      const high = cpu.load(linear + 4, 4);
      const exponent = high & 0x7ff00000;
      if ((exponent !== 0 && exponent !== 0x7ff00000) || ((high & 0x7fffffff) | low) === 0) {
        operandWords[0] = low;
        operandWords[1] = high;
        return;
      }
      operand.isPlain = false;
      operand.exception = fromDouble(high, low, b);
      return;
    }
    case INT16:
      operand.double[0] = (low << 16) >> 16;
      return;
    default:
      operand.double[0] = low;
  }
}

// The order of the opcodes; the R forms have their operands exchanged.
const ADD = 0;
const MUL = 1;
const SUB = 4;
const SUBR = 5;
const DIV = 6;

/** Left operand, right operand and result: doubles that go through calls would be allocated. */
const doubles = new Float64Array(3);

/** Returns whether it could be done. */
function byDoubles(operation: number): boolean {
  const x = doubles[0];
  const y = doubles[1];
  let result = 0;
  switch (operation) {
    case ADD:
      result = addDoubles(x, y);
      break;
    case MUL:
      result = multiplyDoubles(x, y);
      break;
    case SUB:
      result = addDoubles(x, -y);
      break;
    case SUBR:
      result = addDoubles(y, -x);
      break;
    case DIV:
      result = divideDoubles(x, y);
      break;
    default:
      result = divideDoubles(y, x);
  }
  doubles[2] = result;
  return !Number.isNaN(result);
}

function bySoftware(env: FloatEnvironment, operation: number, x: Extended, y: Extended, out: Extended): void {
  switch (operation) {
    case ADD:
      add(env, x, y, false, out);
      return;
    case MUL:
      multiply(env, x, y, out);
      return;
    case SUB:
      add(env, x, y, true, out);
      return;
    case SUBR:
      add(env, y, x, true, out);
      return;
    case DIV:
      divide(env, x, y, out);
      return;
    default:
      divide(env, y, x, out);
  }
}

/** ST(to) = ST(to) op ST(from), then perhaps a pop. */
function registers(cpu: Cpu, insn: Insn, operation: number, pops: boolean): void {
  const fpu = enter(cpu, insn);
  const to = insn.operands[0].reg;
  const from = insn.operands[1].reg;
  if (fpu.isEmpty(to) || fpu.isEmpty(from)) {
    if (!fpu.underflow()) return;
    fpu.setIndefinite(to);
  } else if (!plainRegisters(fpu, operation, to, from)) {
    bySoftware(fpu.env, operation, fpu.get(to, a), fpu.get(from, b), a);
    fpu.commit();
    if (fpu.env.stopped) return;
    fpu.set(to, a);
  }
  if (pops) fpu.pop();
}

function plainRegisters(fpu: X87, operation: number, to: number, from: number): boolean {
  const p = (fpu.top + to) & 7;
  const q = (fpu.top + from) & 7;
  if (!fpu.fast || !fpu.plain[p] || !fpu.plain[q]) return false;
  doubles[0] = fpu.double[p];
  doubles[1] = fpu.double[q];
  if (!byDoubles(operation)) return false;
  fpu.double[p] = doubles[2];
  fpu.setExactness(outcome.raised);
  return true;
}

/** ST(0) = ST(0) op memory. */
function memory(cpu: Cpu, insn: Insn, operation: number): void {
  const fpu = waiting(cpu);
  readOperand(cpu, insn);
  noteOperand(cpu, fpu, insn);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  if (operand.isPlain) {
    const p = fpu.top;
    if (fpu.fast && fpu.plain[p]) {
      doubles[0] = fpu.double[p];
      doubles[1] = operand.double[0];
      if (byDoubles(operation)) {
        fpu.double[p] = doubles[2];
        fpu.setExactness(outcome.raised);
        return;
      }
    }
    operandToExtended();
  }
  fpu.get(0, a);
  const isDivisionByZero = operation === DIV + 1 && ((a.se & 0x7fff) | a.hi | a.lo) === 0;
  if (isDivisionByZero || !denormalOperandStops(fpu.env, a)) bySoftware(fpu.env, operation, a, b, a);
  fpu.commit();
  if (!fpu.env.stopped) fpu.set(0, a);
}

export function operandToExtended(): void {
  fromPlainDouble(operand.double[0], b);
}

/** A denormal in memory is normal as soon as it is in `b`; it comes after invalid operands. Returns whether DE is unmasked. */
export function denormalOperandStops(env: FloatEnvironment, st0: Extended): boolean {
  return operand.exception === DE && classify(st0) < QNAN && env.raise(DE);
}

function arithmetic(cpu: Cpu, insn: Insn, operation: number): void {
  if (insn.operands[0].kind === IN_MEMORY) memory(cpu, insn, operation);
  else registers(cpu, insn, operation, false);
}

export function fadd(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, ADD);
}

export function fmul(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, MUL);
}

export function fsub(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, SUB);
}

export function fsubr(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, SUBR);
}

export function fdiv(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, DIV);
}

export function fdivr(cpu: Cpu, insn: Insn): void {
  arithmetic(cpu, insn, DIV + 1);
}

export function faddp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, ADD, true);
}

export function fmulp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, MUL, true);
}

export function fsubp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, SUB, true);
}

export function fsubrp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, SUBR, true);
}

export function fdivp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, DIV, true);
}

export function fdivrp(cpu: Cpu, insn: Insn): void {
  registers(cpu, insn, DIV + 1, true);
}

/** ST(0) = f(ST(0)), with the stack check around it. */
function unary(cpu: Cpu, insn: Insn, compute: (env: FloatEnvironment, x: Extended, out: Extended) => void): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  compute(fpu.env, fpu.get(0, a), a);
  fpu.commit();
  if (!fpu.env.stopped) fpu.set(0, a);
}

export function fsqrt(cpu: Cpu, insn: Insn): void {
  const fpu = cpu.x87();
  const p = fpu.top;
  if (fpu.fast && fpu.plain[p] && !fpu.isEmpty(0)) {
    const root = rootOfDouble(fpu.double[p]);
    if (!Number.isNaN(root)) {
      enter(cpu, insn);
      fpu.double[p] = root;
      fpu.setExactness(outcome.raised);
      return;
    }
  }
  unary(cpu, insn, squareRoot);
}

export function frndint(cpu: Cpu, insn: Insn): void {
  unary(cpu, insn, roundToIntegral);
}

/** The sign is changed whatever the register holds. */
export function fchs(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  fpu.commit();
  fpu.get(0, a);
  a.se ^= 0x8000;
  fpu.set(0, a);
}

export function fabs(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  fpu.commit();
  fpu.get(0, a);
  a.se &= 0x7fff;
  fpu.set(0, a);
}

function fpremBy(cpu: Cpu, insn: Insn, nearest: boolean): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    fpu.setConditions(C2, 0);
    return;
  }
  const codes = remainder(fpu.env, fpu.get(0, a), fpu.get(1, b), nearest, a);
  fpu.commit();
  if (codes < 0) fpu.setConditions(C2, 0);
  else fpu.setConditions(C0 | C1 | C2 | C3, codes);
  if (!fpu.env.stopped) fpu.set(0, a);
}

export function fprem(cpu: Cpu, insn: Insn): void {
  fpremBy(cpu, insn, false);
}

export function fprem1(cpu: Cpu, insn: Insn): void {
  fpremBy(cpu, insn, true);
}

export function fscale(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  scale(fpu.env, fpu.get(0, a), fpu.get(1, b), a);
  fpu.commit();
  if (!fpu.env.stopped) fpu.set(0, a);
}

/** ST(0) becomes the exponent; the significand is pushed. */
export function fxtract(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  const empty = fpu.isEmpty(0);
  if (empty || !fpu.isEmpty(7)) {
    if (!(empty ? fpu.underflow() : fpu.overflow())) return;
    fpu.setIndefinite(0);
    fpu.push();
    fpu.setIndefinite(0);
    return;
  }
  extract(fpu.env, fpu.get(0, a), a, second);
  fpu.commit();
  if (fpu.env.stopped) return;
  fpu.set(0, a);
  fpu.push();
  fpu.set(0, second);
}
