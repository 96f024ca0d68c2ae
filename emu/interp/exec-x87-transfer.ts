import { FLAG_CF, FLAG_PF, FLAG_ZF } from '../core/core-state.ts';
import { fromBcd, fromDouble, fromInt64, fromSingle, stored, toBcd, toInteger, toSmaller } from '../fpu/convert.ts';
import { C1, IE, PE, TO_NEAREST, TO_ZERO } from '../fpu/environment.ts';
import { Extended } from '../fpu/extended.ts';
import type { X87 } from '../fpu/x87.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { destination, enter, note, noteOperand, source, waiting } from './exec-x87-access.ts';
import { operand, readOperand } from './exec-x87-arithmetic.ts';

// Loads, stores and moves. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const x = new Extended();
const y = new Extended();
const singles = new Float32Array(1);
const singleBits = new Int32Array(singles.buffer);

/** Makes room for a value; false when there was none (then the masked response is in place) . */
function hasRoom(fpu: X87): boolean {
  if (fpu.isEmpty(7)) {
    fpu.push();
    return true;
  }
  if (fpu.overflow()) {
    fpu.push();
    fpu.setIndefinite(0);
  }
  return false;
}

function pushValue(fpu: X87, value: Extended): void {
  if (!hasRoom(fpu)) return;
  fpu.setExactness(0);
  fpu.set(0, value);
}

/** FLD m32fp, m64fp; FILD m16int, m32int. */
export function fldMemory(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  readOperand(cpu, insn);
  noteOperand(cpu, fpu, insn);
  if (operand.isPlain) {
    if (!hasRoom(fpu)) return;
    fpu.setExactness(0);
    fpu.setPlain(0, operand.double[0]);
    return;
  }
  // An SNaN or denormal.
  if (!fpu.isEmpty(7)) {
    hasRoom(fpu);
    return;
  }
  loadSpecial(cpu, insn);
  fpu.env.raise(operand.exception);
  fpu.commit();
  // An unmasked denormal operand does not stop a load.
  if (operand.exception === IE && fpu.env.stopped) return;
  fpu.push();
  fpu.set(0, x);
}

/** What is no plain double, an SNaN made quiet. */
function loadSpecial(cpu: Cpu, insn: Insn): void {
  const linear = source(cpu, insn, insn.operands[0].size);
  const low = cpu.load(linear, 4);
  if (insn.operands[0].size === 4) fromSingle(low, x);
  else fromDouble(cpu.load(linear + 4, 4), low, x);
  if ((x.se & 0x7fff) === 0x7fff && ((x.hi & 0x7fffffff) | x.lo) !== 0) x.hi |= 0x40000000;
}

export function fldExtended(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const linear = source(cpu, insn, 10);
  x.set(cpu.load(linear + 8, 2), cpu.load(linear + 4, 4), cpu.load(linear, 4));
  noteOperand(cpu, fpu, insn);
  pushValue(fpu, x);
}

export function fldRegister(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  const from = insn.operands[0].reg;
  if (fpu.isEmpty(from)) {
    if (!fpu.underflow()) return;
    fpu.push();
    fpu.setIndefinite(0);
    return;
  }
  if (!fpu.isEmpty(7)) {
    hasRoom(fpu);
    return;
  }
  fpu.setExactness(0);
  fpu.push();
  fpu.move(0, (from + 1) & 7);
}

export function fild64(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const linear = source(cpu, insn, 8);
  fromInt64(cpu.load(linear + 4, 4), cpu.load(linear, 4), x);
  noteOperand(cpu, fpu, insn);
  pushValue(fpu, x);
}

export function fbld(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const linear = source(cpu, insn, 10);
  fromBcd(cpu.load(linear, 4), cpu.load(linear + 4, 4), cpu.load(linear + 8, 2), x);
  noteOperand(cpu, fpu, insn);
  pushValue(fpu, x);
}

/** Constants by rounding control: those that end on a one below the last place differ when rounding up or down. */
function constant(cpu: Cpu, insn: Insn, se: number, hi: number, below: number, above: number, nearest: number): void {
  const fpu = enter(cpu, insn);
  const { rounding } = fpu.env;
  pushValue(fpu, x.set(se, hi, rounding === TO_NEAREST ? nearest : rounding === 2 ? above : below));
}

export function fld1(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x3fff, 0x80000000 | 0, 0, 0, 0);
}

/** log2(10) = 1.10101001001111 ... 11111110|00 */
export function fldl2t(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x4000, 0xd49a784b | 0, 0xcd1b8afe | 0, 0xcd1b8aff | 0, 0xcd1b8afe | 0);
}

export function fldl2e(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x3fff, 0xb8aa3b29 | 0, 0x5c17f0bb, 0x5c17f0bc, 0x5c17f0bc);
}

export function fldpi(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x4000, 0xc90fdaa2 | 0, 0x2168c234, 0x2168c235, 0x2168c235);
}

export function fldlg2(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x3ffd, 0x9a209a84 | 0, 0xfbcff798 | 0, 0xfbcff799 | 0, 0xfbcff799 | 0);
}

export function fldln2(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0x3ffe, 0xb17217f7 | 0, 0xd1cf79ab | 0, 0xd1cf79ac | 0, 0xd1cf79ac | 0);
}

export function fldz(cpu: Cpu, insn: Insn): void {
  constant(cpu, insn, 0, 0, 0, 0, 0);
}

// Stores.

function finishStore(fpu: X87, pops: boolean): void {
  if (pops) fpu.pop();
}

/** The masked response of a store from an empty register, or of nothing at all. */
function loadOrIndefinite(fpu: X87): boolean {
  if (!fpu.isEmpty(0)) {
    fpu.get(0, x);
    return true;
  }
  return false;
}

/** FST and FSTP to m32fp and m64fp. */
function storeSmaller(cpu: Cpu, insn: Insn, pops: boolean): void {
  const fpu = waiting(cpu);
  const { size } = insn.operands[0];
  const linear = destination(cpu, insn, size);
  noteOperand(cpu, fpu, insn);
  const p = fpu.top;
  if (fpu.plain[p] && !fpu.isEmpty(0)) {
    const value = fpu.double[p];
    if (size === 8) {
      cpu.store(linear, 4, fpu.doubleWords[2 * p]);
      cpu.store(linear + 4, 4, fpu.doubleWords[2 * p + 1]);
      fpu.setExactness(0);
      finishStore(fpu, pops);
      return;
    }
    if (storeSinglePlain(cpu, fpu, linear, value)) {
      finishStore(fpu, pops);
      return;
    }
  }
  if (loadOrIndefinite(fpu)) {
    const stores = toSmaller(fpu.env, x, size === 8 ? 53 : 24);
    fpu.commit();
    if (!stores) return;
  } else {
    if (!fpu.underflow()) return;
    stored.w0 = size === 8 ? 0 : 0xffc00000 | 0;
    stored.w1 = 0xfff80000 | 0;
  }
  cpu.store(linear, 4, stored.w0);
  if (size === 8) cpu.store(linear + 4, 4, stored.w1);
  finishStore(fpu, pops);
}

/** To nearest, within the range of normal singles. */
function storeSinglePlain(cpu: Cpu, fpu: X87, linear: number, value: number): boolean {
  if (!fpu.fast) return false;
  const single = Math.fround(value);
  const magnitude = Math.abs(single);
  if (single !== 0 || value !== 0) {
    if (!(magnitude < 2 ** 127 && magnitude > 2 ** -125)) return false;
  }
  singles[0] = single;
  cpu.store(linear, 4, singleBits[0]);
  fpu.setExactness(single === value ? 0 : magnitude > Math.abs(value) ? PE | C1 : PE);
  return true;
}

export function fstMemory(cpu: Cpu, insn: Insn): void {
  storeSmaller(cpu, insn, false);
}

export function fstpMemory(cpu: Cpu, insn: Insn): void {
  storeSmaller(cpu, insn, true);
}

export function fstpExtended(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const linear = destination(cpu, insn, 10);
  noteOperand(cpu, fpu, insn);
  if (!loadOrIndefinite(fpu)) {
    if (!fpu.underflow()) return;
    x.set(0xffff, 0xc0000000 | 0, 0);
  } else fpu.setExactness(0);
  cpu.store(linear, 4, x.lo);
  cpu.store(linear + 4, 4, x.hi);
  cpu.store(linear + 8, 2, x.se);
  fpu.pop();
}

function storeRegister(cpu: Cpu, insn: Insn, pops: boolean): void {
  const fpu = enter(cpu, insn);
  const to = insn.operands[0].reg;
  if (fpu.isEmpty(0)) {
    if (!fpu.underflow()) return;
    fpu.setIndefinite(to);
  } else {
    fpu.setExactness(0);
    fpu.move(to, 0);
  }
  finishStore(fpu, pops);
}

export function fstRegister(cpu: Cpu, insn: Insn): void {
  storeRegister(cpu, insn, false);
}

export function fstpRegister(cpu: Cpu, insn: Insn): void {
  storeRegister(cpu, insn, true);
}

/** To an integer of the operand's size. */
function storeInteger(cpu: Cpu, insn: Insn, pops: boolean, truncate: boolean): void {
  const fpu = waiting(cpu);
  const { size } = insn.operands[0];
  const linear = destination(cpu, insn, size);
  noteOperand(cpu, fpu, insn);
  if (loadOrIndefinite(fpu)) {
    const stores = toInteger(fpu.env, x, size, truncate ? TO_ZERO : fpu.env.rounding);
    fpu.commit();
    if (!stores) return;
  } else {
    if (!fpu.underflow()) return;
    stored.w0 = size === 8 ? 0 : size === 4 ? 0x80000000 | 0 : 0x8000;
    stored.w1 = 0x80000000 | 0;
  }
  cpu.store(linear, size === 2 ? 2 : 4, stored.w0);
  if (size === 8) cpu.store(linear + 4, 4, stored.w1);
  finishStore(fpu, pops);
}

export function fist(cpu: Cpu, insn: Insn): void {
  storeInteger(cpu, insn, false, false);
}

export function fistp(cpu: Cpu, insn: Insn): void {
  storeInteger(cpu, insn, true, false);
}

export function fisttp(cpu: Cpu, insn: Insn): void {
  storeInteger(cpu, insn, true, true);
}

export function fbstp(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const linear = destination(cpu, insn, 10);
  noteOperand(cpu, fpu, insn);
  if (loadOrIndefinite(fpu)) {
    const stores = toBcd(fpu.env, x);
    fpu.commit();
    if (!stores) return;
  } else {
    if (!fpu.underflow()) return;
    stored.w0 = 0;
    stored.w1 = 0xc0000000 | 0;
    stored.w2 = 0xffff;
  }
  cpu.store(linear, 4, stored.w0);
  cpu.store(linear + 4, 4, stored.w1);
  cpu.store(linear + 8, 2, stored.w2);
  fpu.pop();
}

/** FSTP by its alias D9 D8+i: an empty register is only popped. */
export function fstpUnchecked(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.setExactness(0);
  if (!fpu.isEmpty(0)) fpu.move(insn.operands[0].reg, 0);
  fpu.pop();
}

// Moves between registers.

export function fxch(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  const other = insn.operands[0].reg;
  const empty0 = fpu.isEmpty(0);
  const emptyOther = fpu.isEmpty(other);
  if (empty0 || emptyOther) {
    if (!fpu.underflow()) return;
    if (empty0) fpu.setIndefinite(0);
    if (emptyOther) fpu.setIndefinite(other);
  } else fpu.setExactness(0);
  fpu.get(0, x);
  fpu.get(other, y);
  fpu.set(0, y);
  fpu.set(other, x);
}

/** B, E, BE, U and their opposites by EFLAGS, in the order of the opcodes. */
const CONDITION_FLAGS = [FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_PF] as const;

export function fcmov(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  const from = insn.operands[1].reg;
  if (fpu.isEmpty(0) || fpu.isEmpty(from)) {
    if (fpu.underflow()) fpu.setIndefinite(0);
    return;
  }
  const holds = (cpu.eflags & CONDITION_FLAGS[(insn.modrm >> 3) & 3]) !== 0;
  const negated = (insn.row.opcode & 1) !== 0;
  if (holds !== negated) fpu.move(0, from);
}

export function ffree(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.setExactness(0);
  fpu.free(insn.operands[0].reg);
}

export function ffreep(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.setExactness(0);
  fpu.free(insn.operands[0].reg);
  fpu.pop();
}

export function fincstp(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.setExactness(0);
  fpu.top = (fpu.top + 1) & 7;
}

export function fdecstp(cpu: Cpu, insn: Insn): void {
  const fpu = enter(cpu, insn);
  fpu.setExactness(0);
  fpu.top = (fpu.top - 1) & 7;
}

export function fnop(cpu: Cpu, insn: Insn): void {
  note(cpu, waiting(cpu), insn);
}
