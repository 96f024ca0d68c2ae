import { C2, type FloatEnvironment } from '../fpu/environment.ts';
import { BIAS, classify, Extended, INFINITE } from '../fpu/extended.ts';
import {
  arctangent,
  cosine,
  isOutOfRange,
  sine,
  tangent,
  twoToXMinusOne,
  yLog2X,
  yLog2XPlusOne,
} from '../fpu/transcendental.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { enter } from './exec-x87-access.ts';

// Source: Intel SDM Vol. 2, F2XM1, FYL2X, FYL2XP1, FPATAN, FPTAN, FSIN, FCOS, FSINCOS.

const x = new Extended();
const y = new Extended();
const second = new Extended();

export function f2xm1(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  twoToXMinusOne(fpu.env, fpu.get(0, x), x);
  fpu.commit();
  if (!fpu.env.stopped) fpu.set(0, x);
}

type Binary = (env: FloatEnvironment, y: Extended, x: Extended, out: Extended) => void;

/** ST(1) = f(ST(1), ST(0)), then a pop. */
function binary(cpu: Cpu, insn: Insn, compute: Binary): void {
  const fpu = enter(cpu, insn);
  if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
    if (!fpu.underflow()) return;
    fpu.setIndefinite(1);
  } else {
    compute(fpu.env, fpu.get(1, y), fpu.get(0, x), x);
    fpu.commit();
    if (fpu.env.stopped) return;
    fpu.set(1, x);
  }
  fpu.pop();
}

export function fyl2x(cpu: Cpu, insn: Insn): void {
  binary(cpu, insn, yLog2X);
}

export function fyl2xp1(cpu: Cpu, insn: Insn): void {
  binary(cpu, insn, yLog2XPlusOne);
}

export function fpatan(cpu: Cpu, insn: Insn): void {
  binary(cpu, insn, arctangent);
}

/** ST(0) = f(ST(0)); C2 says that it was too large. */
function trigonometric(
  cpu: Cpu,
  insn: Insn,
  compute: (env: FloatEnvironment, x: Extended, out: Extended) => void,
): void {
  const fpu = enter(cpu, insn);
  fpu.setConditions(C2, 0);
  if (fpu.isEmpty(0)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  fpu.get(0, x);
  if (isOutOfRange(x)) {
    fpu.commit();
    fpu.setConditions(C2, C2);
    return;
  }
  compute(fpu.env, x, x);
  fpu.commit();
  if (fpu.env.stopped) return;
  fpu.set(0, x);
}

export function fsin(cpu: Cpu, insn: Insn): void {
  trigonometric(cpu, insn, sine);
}

export function fcos(cpu: Cpu, insn: Insn): void {
  trigonometric(cpu, insn, cosine);
}

/** The two results of FPTAN and FSINCOS: the first takes the place of the operand, the second is pushed. */
type Pair = (env: FloatEnvironment, x: Extended, first: Extended, pushed: Extended) => void;

function trigonometricPair(cpu: Cpu, insn: Insn, compute: Pair): void {
  const fpu = enter(cpu, insn);
  fpu.setConditions(C2, 0);
  const empty = fpu.isEmpty(0);
  if (empty || !fpu.isEmpty(7)) {
    if (!(empty ? fpu.underflow() : fpu.overflow())) return;
    fpu.setIndefinite(0);
    fpu.push();
    fpu.setIndefinite(0);
    return;
  }
  fpu.get(0, x);
  if (isOutOfRange(x)) {
    fpu.commit();
    fpu.setConditions(C2, C2);
    return;
  }
  compute(fpu.env, x, y, second);
  fpu.commit();
  if (fpu.env.stopped) return;
  fpu.set(0, y);
  fpu.push();
  fpu.set(0, second);
}

/** The 1.0 that FPTAN pushes lets FDIVR give the cotangent. A NaN is pushed twice. */
export function fptan(cpu: Cpu, insn: Insn): void {
  trigonometricPair(cpu, insn, (env, operand, first, pushed) => {
    tangent(env, operand, first);
    if (classify(operand) >= INFINITE) pushed.copy(first);
    else pushed.set(BIAS, -0x80000000, 0);
  });
}

export function fsincos(cpu: Cpu, insn: Insn): void {
  trigonometricPair(cpu, insn, (env, operand, first, pushed) => {
    sine(env, operand, first);
    if (!env.stopped) cosine(env, operand, pushed);
  });
}
