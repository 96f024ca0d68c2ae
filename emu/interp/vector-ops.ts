import type { Cpu } from './cpu.ts';
import { fastDouble, fastSingle, isNearest } from './exec-sse-arith.ts';
import { R_A, R_BASE, R_DISP, R_INDEX } from './record.ts';
import { MASK_SHIFT, MXCSR, PE } from './simd.ts';
import { ADD, DIV, MUL, SUB, unit } from './soft-float.ts';

// The commonest SSE instructions for the hot loop, under what it takes for granted. Registers stand in the record as doubleword
// indices in the state block. Each returns false when it has done nothing and the row's exec must do the instruction.

export type VectorOp = (cpu: Cpu, code: Int32Array, p: number) => boolean;

/** The linear address of the memory operand. */
function addressOf(r: Int32Array, code: Int32Array, p: number): number {
  const index = code[p + R_INDEX];
  return (r[code[p + R_BASE]] + (r[index & 31] << (index >> 8)) + code[p + R_DISP]) | 0;
}

const READ = 1;
const WRITE = 2;

/** Whether `size` bytes from a doubleword boundary on are in one page that allows it. */
function isPlain(cpu: Cpu, at: number, size: number, wanted: number): boolean {
  return (at & 3) === 0 && (at & 4095) <= 4096 - size && (cpu.space.perm[at >>> 12] & wanted) !== 0;
}

function move(count: number, clear: number): VectorOp {
  return ({ r }, code, p) => {
    const to = code[p + R_A];
    const from = code[p + R_BASE];
    for (let i = 0; i < count; i++) r[to + i] = r[from + i];
    for (let i = count; i < count + clear; i++) r[to + i] = 0;
    return true;
  };
}

/** Loads `count` doublewords and clears as many as make four, or as `clear` says. */
function load(count: number, aligned: boolean, clear = 4 - count): VectorOp {
  return (cpu, code, p) => {
    const { r } = cpu;
    const at = addressOf(r, code, p);
    if (!isPlain(cpu, at, count * 4, READ) || (aligned && at & 15)) return false;
    const { i32 } = cpu.space;
    const to = code[p + R_A];
    for (let i = 0; i < count; i++) r[to + i] = i32[(at >>> 2) + i];
    for (let i = count; i < count + clear; i++) r[to + i] = 0;
    return true;
  };
}

function store(count: number, aligned: boolean): VectorOp {
  return (cpu, code, p) => {
    const { r } = cpu;
    const at = addressOf(r, code, p);
    if (!isPlain(cpu, at, count * 4, WRITE) || (aligned && at & 15)) return false;
    const { i32 } = cpu.space;
    const from = code[p + R_A];
    for (let i = 0; i < count; i++) i32[(at >>> 2) + i] = r[from + i];
    return true;
  };
}

const source = new Int32Array(4);
const sourceDoubles = new Float64Array(source.buffer);
const sourceSingles = new Float32Array(source.buffer);

/** Copies the source operand to `source`; false when it is in memory that is not plain. 16 bytes must be aligned. */
function loadSource(cpu: Cpu, code: Int32Array, p: number, inMemory: boolean, count: number): boolean {
  const { r } = cpu;
  if (inMemory) {
    const at = addressOf(r, code, p);
    if (!isPlain(cpu, at, count * 4, READ) || (count === 4 && at & 15)) return false;
    const { i32 } = cpu.space;
    for (let i = 0; i < count; i++) source[i] = i32[(at >>> 2) + i];
  } else {
    const from = code[p + R_BASE];
    for (let i = 0; i < count; i++) source[i] = r[from + i];
  }
  return true;
}

/** `unit` as the handlers have it; false when results are not rounded to nearest. */
function begin(r: Int32Array): boolean {
  unit.mxcsr = r[MXCSR];
  unit.raised = 0;
  return isNearest();
}

/** PE is all that can have been raised. False when it is not masked. */
function settle(r: Int32Array): boolean {
  if (unit.raised === 0) return true;
  if ((unit.mxcsr & (PE << MASK_SHIFT)) === 0) return false;
  r[MXCSR] |= PE;
  return true;
}

function doubles(op: number, packed: boolean, inMemory: boolean): VectorOp {
  return (cpu, code, p) => {
    const { r } = cpu;
    if (!loadSource(cpu, code, p, inMemory, packed ? 4 : 2) || !begin(r)) return false;
    const { f64 } = cpu.core;
    const to = code[p + R_A] >> 1;
    const low = fastDouble(op, f64[to], sourceDoubles[0]);
    if (Number.isNaN(low)) return false;
    if (packed) {
      const high = fastDouble(op, f64[to + 1], sourceDoubles[1]);
      if (Number.isNaN(high) || !settle(r)) return false;
      f64[to + 1] = high;
    } else if (!settle(r)) return false;
    f64[to] = low;
    return true;
  };
}

const results = new Float32Array(4);

function singles(op: number, packed: boolean, inMemory: boolean): VectorOp {
  const count = packed ? 4 : 1;
  return (cpu, code, p) => {
    const { r } = cpu;
    if (!loadSource(cpu, code, p, inMemory, count) || !begin(r)) return false;
    const { f32 } = cpu.core;
    const to = code[p + R_A];
    for (let i = 0; i < count; i++) {
      const result = fastSingle(op, f32[to + i], sourceSingles[i]);
      if (Number.isNaN(result)) return false;
      results[i] = result;
    }
    if (!settle(r)) return false;
    for (let i = 0; i < count; i++) f32[to + i] = results[i];
    return true;
  };
}

const AND = 0;
const ANDN = 1;
const OR = 2;
const XOR = 3;
const PADDD = 4;
const PSUBD = 5;

function integers(op: number, inMemory: boolean): VectorOp {
  return (cpu, code, p) => {
    const { r } = cpu;
    if (!loadSource(cpu, code, p, inMemory, 4)) return false;
    const to = code[p + R_A];
    for (let i = 0; i < 4; i++) {
      const a = r[to + i];
      const b = source[i];
      r[to + i] =
        op === XOR
          ? a ^ b
          : op === AND
            ? a & b
            : op === OR
              ? a | b
              : op === ANDN
                ? ~a & b
                : op === PADDD
                  ? a + b
                  : a - b;
    }
    return true;
  };
}

/** By mnemonic and the kinds of the operands: X = XMM register, R = general register, M = memory. */
const operations: Record<string, VectorOp> = {
  'MOVSS XX': move(1, 0),
  'MOVSS XM': load(1, false),
  'MOVSS MX': store(1, false),
  'MOVSD XX': move(2, 0),
  'MOVSD XM': load(2, false),
  'MOVSD MX': store(2, false),
  'MOVQ XX': move(2, 2),
  'MOVQ XM': load(2, false),
  'MOVQ MX': store(2, false),
  'MOVD XM': load(1, false),
  'MOVD MX': store(1, false),
  'MOVD XR': move(1, 3),
  'MOVD RX': move(1, 0),
  'MOVLPD XM': load(2, false, 0),
  'MOVLPD MX': store(2, false),
};
for (const [name, aligned] of [
  ['MOVAPS', true],
  ['MOVAPD', true],
  ['MOVDQA', true],
  ['MOVUPS', false],
  ['MOVUPD', false],
  ['MOVDQU', false],
] as const) {
  operations[`${name} XX`] = move(4, 0);
  operations[`${name} XM`] = load(4, aligned);
  operations[`${name} MX`] = store(4, aligned);
}
for (const [name, op] of [
  ['ADD', ADD],
  ['SUB', SUB],
  ['MUL', MUL],
  ['DIV', DIV],
] as const) {
  for (const [form, inMemory] of [
    ['XX', false],
    ['XM', true],
  ] as const) {
    operations[`${name}SD ${form}`] = doubles(op, false, inMemory);
    operations[`${name}PD ${form}`] = doubles(op, true, inMemory);
    operations[`${name}SS ${form}`] = singles(op, false, inMemory);
    operations[`${name}PS ${form}`] = singles(op, true, inMemory);
  }
}
for (const [names, op] of [
  ['PAND ANDPS ANDPD', AND],
  ['PANDN ANDNPS ANDNPD', ANDN],
  ['POR ORPS ORPD', OR],
  ['PXOR XORPS XORPD', XOR],
  ['PADDD', PADDD],
  ['PSUBD', PSUBD],
] as const) {
  for (const name of names.split(' ')) {
    operations[`${name} XX`] = integers(op, false);
    operations[`${name} XM`] = integers(op, true);
  }
}

const names = Object.keys(operations);
/** What a VECTOR record's number means. */
export const vectorOps: readonly VectorOp[] = Object.values(operations);

/** The number of an operation, or -1. */
export function vectorOpOf(mnemonic: string, form: string): number {
  return names.indexOf(`${mnemonic} ${form}`);
}
