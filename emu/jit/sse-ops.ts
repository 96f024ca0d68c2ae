import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { ADD as ADDITION, DIV as DIVISION, MUL as MULTIPLICATION, SUB as SUBTRACTION } from '../interp/soft-float.ts';
import { IN_MEMORY, IN_REGISTER, IN_XMM, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { type BlockCode, HELPER_DOUBLE, HELPER_SINGLE } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import type { Writer } from './integer-ops.ts';
import { D0, D1, D2, FLAGS, INEXACT, S0, S1, S2, T0, T1, V0, W0, XMM_LOCAL } from './locals.ts';
import { MEM, OP, SIMD } from './wasm-code.ts';

// SSE and SSE2 on vectors of WebAssembly. Floating point is done here as long as operands and results are zero or normal and nothing but
// "inexact" can be raised, which is masked and set already; else a helper looks closer, and what it does not know is the interpreter's.

type Row = readonly [writer: Writer, takes: (insn: Insn) => boolean];

/** Leaves the address of the memory operand on the stack; 16 bytes must be aligned if `aligned`. */
function pushAddress(b: BlockCode, insn: Insn, size: number, need: number, aligned = false): void {
  const { code } = b;
  b.pushChecked(b.addressOf(insn), size, need);
  if (!aligned) return;
  code.set(T0);
  b.exitIf(() => {
    code.get(T0);
    code.i32(15);
    code.op(OP.i32And);
  });
  code.get(T0);
}

function pushVector(b: BlockCode, reg: number): void {
  b.useVector(reg);
  b.code.get(XMM_LOCAL + reg);
}

function popVector(b: BlockCode, reg: number): void {
  b.changeVector(reg);
  b.code.set(XMM_LOCAL + reg);
}

/** Operand i, 16 bytes. */
function pushVectorOperand(b: BlockCode, insn: Insn, i: number): void {
  const { kind, reg } = insn.operands[i]!;
  if (kind === IN_XMM) pushVector(b, reg);
  else {
    pushAddress(b, insn, 16, READ, true);
    b.code.simdMem(SIMD.v128Load);
  }
}

// Moves.

function moveWhole(aligned: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const [to, from] = insn.operands;
    if (to!.kind === IN_MEMORY) {
      pushAddress(b, insn, 16, WRITE, aligned);
      pushVector(b, from!.reg);
      code.simdMem(SIMD.v128Store);
      return;
    }
    if (from!.kind === IN_MEMORY) {
      pushAddress(b, insn, 16, READ, aligned);
      code.simdMem(SIMD.v128Load);
    } else pushVector(b, from!.reg);
    popVector(b, to!.reg);
  };
}

/** Stores 4 or 8 low bytes of a vector. */
function storeLow(b: BlockCode, insn: Insn, reg: number, size: number): void {
  const { code } = b;
  pushAddress(b, insn, size, WRITE);
  pushVector(b, reg);
  code.simd(size === 8 ? SIMD.i64x2ExtractLane : SIMD.i32x4ExtractLane, 0);
  code.mem(size === 8 ? MEM.i64Store : MEM.i32Store);
}

function loadLow(b: BlockCode, insn: Insn, reg: number, size: number): void {
  pushAddress(b, insn, size, READ);
  b.code.simdMem(size === 8 ? SIMD.v128Load64Zero : SIMD.v128Load32Zero);
  popVector(b, reg);
}

/** MOVSS and MOVSD: from memory the upper part becomes 0, from a register it stays. */
function moveScalar(size: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const [to, from] = insn.operands;
    if (to!.kind === IN_MEMORY) storeLow(b, insn, from!.reg, size);
    else if (from!.kind === IN_MEMORY) loadLow(b, insn, to!.reg, size);
    else {
      pushVector(b, to!.reg);
      pushVector(b, from!.reg);
      code.simd(size === 8 ? SIMD.i64x2ExtractLane : SIMD.i32x4ExtractLane, 0);
      code.simd(size === 8 ? SIMD.i64x2ReplaceLane : SIMD.i32x4ReplaceLane, 0);
      popVector(b, to!.reg);
    }
  };
}

/** MOVQ and MOVD clear the rest of a vector that they write. */
function moveCleared(size: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const [to, from] = insn.operands;
    if (to!.kind === IN_MEMORY) storeLow(b, insn, from!.reg, size);
    else if (to!.kind === IN_REGISTER) {
      pushVector(b, from!.reg);
      code.simd(SIMD.i32x4ExtractLane, 0);
      b.popRegister(to!.reg, 4);
    } else if (from!.kind === IN_MEMORY) loadLow(b, insn, to!.reg, size);
    else {
      code.v128(0n, 0n);
      if (from!.kind === IN_REGISTER) {
        b.pushRegister(from!.reg, 4);
        code.simd(SIMD.i32x4ReplaceLane, 0);
      } else {
        pushVector(b, from!.reg);
        code.simd(SIMD.i64x2ExtractLane, 0);
        code.simd(SIMD.i64x2ReplaceLane, 0);
      }
      popVector(b, to!.reg);
    }
  };
}

/** MOVLPS .. MOVHPD: memory and one half of a vector. */
function moveHalf(half: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const [to, from] = insn.operands;
    pushAddress(b, insn, 8, to!.kind === IN_MEMORY ? WRITE : READ);
    if (to!.kind === IN_MEMORY) {
      pushVector(b, from!.reg);
      code.simd(SIMD.i64x2ExtractLane, half);
      code.mem(MEM.i64Store);
    } else {
      code.mem(MEM.i64Load);
      code.set(W0);
      pushVector(b, to!.reg);
      code.get(W0);
      code.simd(SIMD.i64x2ReplaceLane, half);
      popVector(b, to!.reg);
    }
  };
}

/** The register operand's mask of sign bits. */
function signMask(op: number): Writer {
  return (b, insn) => {
    pushVector(b, insn.operands[1]!.reg);
    b.code.simd(op);
    b.popRegister(insn.operands[0]!.reg, 4);
  };
}

// Integers and logic: most are one instruction there too.

function vectorOp(op: number, swapped = false): Writer {
  return (b, insn) => {
    const { reg } = insn.operands[0]!;
    if (!swapped) {
      // The source may leave for the interpreter: it comes first.
      pushVectorOperand(b, insn, 1);
      b.code.set(V0);
      pushVector(b, reg);
      b.code.get(V0);
    } else {
      pushVectorOperand(b, insn, 1);
      pushVector(b, reg);
    }
    b.code.simd(op);
    popVector(b, reg);
  };
}

/** Bytes chosen out of the destination (0 .. 15) and the source (16 .. 31). */
function shuffle(lanesOf: (insn: Insn) => readonly number[]): Writer {
  return (b, insn) => {
    const { reg } = insn.operands[0]!;
    pushVectorOperand(b, insn, 1);
    b.code.set(V0);
    pushVector(b, reg);
    b.code.get(V0);
    b.code.simd(SIMD.i8x16Shuffle, ...lanesOf(insn));
    popVector(b, reg);
  };
}

/** Lanes of `size` bytes, by number, as bytes. */
const bytesOf = (size: number, ...lanes: number[]): number[] =>
  lanes.flatMap((lane) => Array.from({ length: size }, (_, i) => lane * size + i));

/** Lanes of both operands in turn, from the lower or the upper half. */
function interleave(size: number, upper: boolean): Writer {
  const count = 16 / size;
  const from = upper ? count / 2 : 0;
  const lanes = Array.from({ length: count }, (_, i) => from + (i >> 1) + (i & 1 ? count : 0));
  return shuffle(() => bytesOf(size, ...lanes));
}

const order = (insn: Insn, i: number): number => ((insn.operands[2]!.value & 0xff) >> (2 * i)) & 3;
const pshufd = shuffle((insn) => bytesOf(4, ...[0, 1, 2, 3].map((i) => 4 + order(insn, i))));
const shufps = shuffle((insn) => bytesOf(4, order(insn, 0), order(insn, 1), 4 + order(insn, 2), 4 + order(insn, 3)));
const shufpd = shuffle((insn) => bytesOf(8, insn.operands[2]!.value & 1, 2 + ((insn.operands[2]!.value >> 1) & 1)));

/** Shifts by a constant; a count that reaches the width leaves zeros, or signs. */
function shiftLanes(op: number, width: number, arithmetic: boolean): Writer {
  return (b, insn) => {
    const { reg } = insn.operands[0]!;
    const count = insn.operands[1]!.value & 0xff;
    if (count >= width && !arithmetic) b.code.v128(0n, 0n);
    else {
      pushVector(b, reg);
      b.code.i32(Math.min(count, width - 1));
      b.code.simd(op);
    }
    popVector(b, reg);
  };
}

function shiftBytes(left: boolean): Writer {
  return (b, insn) => {
    const { reg } = insn.operands[0]!;
    const count = Math.min(insn.operands[1]!.value & 0xff, 16);
    pushVector(b, reg);
    b.code.v128(0n, 0n);
    const lane = (i: number): number => {
      const from = left ? i - count : i + count;
      return from >= 0 && from < 16 ? from : 16;
    };
    b.code.simd(SIMD.i8x16Shuffle, ...Array.from({ length: 16 }, (_, i) => lane(i)));
    popVector(b, reg);
  };
}

// Doubles.

const EXPONENT_ONE = 1n << 52n;
const EXPONENT_MASK = 0x7ffn << 52n;

/** Leaves a negative i64 when a double is anything but a normal number well above the smallest. */
function pushDoubt(b: BlockCode, local: number): void {
  const { code } = b;
  code.get(local);
  code.op(OP.i64ReinterpretF64);
  code.i64(EXPONENT_ONE);
  code.op(OP.i64Add);
  code.i64(EXPONENT_MASK);
  code.op(OP.i64And);
  code.i64(3n << 52n);
  code.op(OP.i64Sub);
}

/** Operand 1 goes to `local`: the low double of a vector, or one in memory. */
function doubleOperand(b: BlockCode, insn: Insn, local: number): void {
  const { kind, reg } = insn.operands[1]!;
  if (kind === IN_MEMORY) {
    pushAddress(b, insn, 8, READ);
    b.code.mem(MEM.f64Load);
  } else {
    pushVector(b, reg);
    b.code.simd(SIMD.f64x2ExtractLane, 0);
  }
  b.code.set(local);
}

/** D2 = D0 op D1, or the instruction is the interpreter's. */
function checkedDouble(b: BlockCode, wasmOp: number, operation: number): void {
  const { code } = b;
  b.useMxcsr();
  code.get(D0);
  code.get(D1);
  code.op(wasmOp);
  code.set(D2);
  pushDoubt(b, D0);
  pushDoubt(b, D1);
  code.op(OP.i64Or);
  pushDoubt(b, D2);
  code.get(INEXACT);
  code.op(OP.i64Or, OP.i64Or);
  code.i64(0n);
  code.op(OP.i64LtS);
  code.if();
  b.exitIf(() => {
    code.i32(operation);
    code.get(D0);
    code.get(D1);
    code.call(HELPER_DOUBLE);
    code.op(OP.i32Eqz);
  });
  code.end();
}

function scalarDouble(wasmOp: number, operation: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    doubleOperand(b, insn, D1);
    pushVector(b, reg);
    code.simd(SIMD.f64x2ExtractLane, 0);
    code.set(D0);
    checkedDouble(b, wasmOp, operation);
    pushVector(b, reg);
    code.get(D2);
    code.simd(SIMD.f64x2ReplaceLane, 0);
    popVector(b, reg);
  };
}

/** Both lanes, when "inexact" is no news: what is raised by one lane counts only if the other does not stop the instruction. */
function packedDouble(wasmOp: number, operation: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    pushVectorOperand(b, insn, 1);
    code.set(V0);
    b.useMxcsr();
    b.exitIf(() => {
      code.get(INEXACT);
      code.op(OP.i32WrapI64);
    });
    for (const lane of [0, 1]) {
      pushVector(b, reg);
      code.simd(SIMD.f64x2ExtractLane, lane);
      code.set(D0);
      code.get(V0);
      code.simd(SIMD.f64x2ExtractLane, lane);
      code.set(D1);
      checkedDouble(b, wasmOp, operation);
      code.get(V0);
      code.get(D2);
      code.simd(SIMD.f64x2ReplaceLane, lane);
      code.set(V0);
    }
    code.get(V0);
    popVector(b, reg);
  };
}

/** Leaves 1 on the stack when a double is neither zero nor surely normal. */
function pushIsOdd(b: BlockCode, local: number): void {
  const { code } = b;
  pushDoubt(b, local);
  code.i64(0n);
  code.op(OP.i64LtS);
  code.get(local);
  code.op(OP.i64ReinterpretF64);
  code.i64(1n);
  code.op(OP.i64Shl, OP.i64Eqz, OP.i32Eqz, OP.i32And);
}

/** UCOMISD and COMISD of ordinary numbers: CF less, ZF equal, the rest 0. */
const compareDouble: Writer = (b, insn) => {
  const { code } = b;
  doubleOperand(b, insn, D1);
  pushVector(b, insn.operands[0]!.reg);
  code.simd(SIMD.f64x2ExtractLane, 0);
  code.set(D0);
  b.exitIf(() => {
    pushIsOdd(b, D0);
    pushIsOdd(b, D1);
    code.op(OP.i32Or);
  });
  if (!b.writesFlags()) return;
  code.get(FLAGS.eflags);
  code.i32(~ARITHMETIC_FLAGS);
  code.op(OP.i32And);
  code.get(D0);
  code.get(D1);
  code.op(OP.f64Lt, OP.i32Or);
  code.get(D0);
  code.get(D1);
  code.op(OP.f64Eq);
  code.i32(6);
  code.op(OP.i32Shl, OP.i32Or);
  code.set(FLAGS.eflags);
  b.kind = KNOWN;
};

/** MINSD and MAXSD of ordinary numbers: the source unless the destination is strictly beyond it. */
function extreme(op: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    doubleOperand(b, insn, D1);
    pushVector(b, reg);
    code.simd(SIMD.f64x2ExtractLane, 0);
    code.set(D0);
    b.exitIf(() => {
      pushIsOdd(b, D0);
      pushIsOdd(b, D1);
      code.op(OP.i32Or);
    });
    pushVector(b, reg);
    code.get(D0);
    code.get(D1);
    code.get(D0);
    code.get(D1);
    code.op(op, OP.select);
    code.simd(SIMD.f64x2ReplaceLane, 0);
    popVector(b, reg);
  };
}

// Conversions.

/** Always exact. */
const fromInteger: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  b.pushOperand(insn, 1);
  code.set(T1);
  pushVector(b, reg);
  code.get(T1);
  code.op(OP.f64ConvertI32S);
  code.simd(SIMD.f64x2ReplaceLane, 0);
  popVector(b, reg);
};

/** CVTTSD2SI within range; a fraction that is cut off is inexact. */
const toInteger: Writer = (b, insn) => {
  const { code } = b;
  b.useMxcsr();
  doubleOperand(b, insn, D1);
  b.exitIf(() => {
    pushIsOdd(b, D1);
    code.get(D1);
    code.op(OP.f64Abs);
    code.f64(2147483647);
    code.op(OP.f64Lt, OP.i32Eqz, OP.i32Or);
  });
  code.get(D1);
  code.op(OP.i32TruncF64S);
  code.set(T1);
  b.exitIf(() => {
    code.get(T1);
    code.op(OP.f64ConvertI32S);
    code.get(D1);
    code.op(OP.f64Ne);
    code.get(INEXACT);
    code.i64(0n);
    code.op(OP.i64Ne, OP.i32And);
  });
  code.get(T1);
  b.popRegister(insn.operands[0]!.reg, 4);
};

// Singles.

function pushSingleDoubt(b: BlockCode, local: number): void {
  const { code } = b;
  code.get(local);
  code.op(OP.i32ReinterpretF32);
  code.i32(1 << 23);
  code.op(OP.i32Add);
  code.i32(0xff << 23);
  code.op(OP.i32And);
  code.i32(3 << 23);
  code.op(OP.i32Sub);
}

function singleOperand(b: BlockCode, insn: Insn, local: number): void {
  const { kind, reg } = insn.operands[1]!;
  if (kind === IN_MEMORY) {
    pushAddress(b, insn, 4, READ);
    b.code.mem(MEM.f32Load);
  } else {
    pushVector(b, reg);
    b.code.simd(SIMD.f32x4ExtractLane, 0);
  }
  b.code.set(local);
}

function scalarSingle(wasmOp: number, operation: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    b.useMxcsr();
    singleOperand(b, insn, S1);
    pushVector(b, reg);
    code.simd(SIMD.f32x4ExtractLane, 0);
    code.tee(S0);
    code.get(S1);
    code.op(wasmOp);
    code.set(S2);
    pushSingleDoubt(b, S0);
    pushSingleDoubt(b, S1);
    code.op(OP.i32Or);
    pushSingleDoubt(b, S2);
    code.get(INEXACT);
    code.op(OP.i32WrapI64, OP.i32Or, OP.i32Or);
    code.i32(0);
    code.op(OP.i32LtS);
    code.if();
    b.exitIf(() => {
      code.i32(operation);
      code.get(S0);
      code.get(S1);
      code.call(HELPER_SINGLE);
      code.op(OP.i32Eqz);
    });
    code.end();
    pushVector(b, reg);
    code.get(S2);
    code.simd(SIMD.f32x4ReplaceLane, 0);
    popVector(b, reg);
  };
}

/** CVTSS2SD of an ordinary number. */
const toDouble: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  singleOperand(b, insn, S1);
  b.exitIf(() => {
    pushSingleDoubt(b, S1);
    code.i32(0);
    code.op(OP.i32LtS);
    code.get(S1);
    code.op(OP.i32ReinterpretF32);
    code.i32(1);
    code.op(OP.i32Shl, OP.i32Eqz, OP.i32Eqz, OP.i32And);
  });
  pushVector(b, reg);
  code.get(S1);
  code.op(OP.f64PromoteF32);
  code.simd(SIMD.f64x2ReplaceLane, 0);
  popVector(b, reg);
};

/** CVTSD2SS of a number well inside the range of singles, when "inexact" is no news. */
const toSingle: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  b.useMxcsr();
  doubleOperand(b, insn, D1);
  b.exitIf(() => {
    code.get(D1);
    code.op(OP.f64Abs);
    code.f64(2 ** -120);
    code.op(OP.f64Ge);
    code.get(D1);
    code.op(OP.f64Abs);
    code.f64(2 ** 120);
    code.op(OP.f64Le, OP.i32And, OP.i32Eqz);
    code.get(INEXACT);
    code.op(OP.i32WrapI64, OP.i32Or);
  });
  pushVector(b, reg);
  code.get(D1);
  code.op(OP.f32DemoteF64);
  code.simd(SIMD.f32x4ReplaceLane, 0);
  popVector(b, reg);
};

const any = (): boolean => true;
const ofVectors = (insn: Insn): boolean =>
  insn.operands.every(({ kind }, i) => kind === IN_XMM || (i > 0 && kind === IN_MEMORY) || i === 2);
const byConstant = (insn: Insn): boolean => insn.operands[0]!.kind === IN_XMM && insn.row.opEn === 'MI';
/** MOVD and MOVQ with an MMX register are others. */
const withoutMmx = (insn: Insn): boolean =>
  insn.operands.every(({ kind }) => kind === IN_XMM || kind === IN_MEMORY || kind === IN_REGISTER);

const rows: Record<string, Row> = {
  MOVSD: [moveScalar(8), any],
  MOVSS: [moveScalar(4), any],
  MOVQ: [moveCleared(8), withoutMmx],
  MOVD: [moveCleared(4), withoutMmx],
  MOVMSKPD: [signMask(SIMD.i64x2Bitmask), withoutMmx],
  MOVMSKPS: [signMask(SIMD.i32x4Bitmask), withoutMmx],
  PMOVMSKB: [signMask(SIMD.i8x16Bitmask), withoutMmx],
  PSHUFD: [pshufd, ofVectors],
  SHUFPS: [shufps, ofVectors],
  SHUFPD: [shufpd, ofVectors],
  PSLLDQ: [shiftBytes(true), byConstant],
  PSRLDQ: [shiftBytes(false), byConstant],
  PANDN: [vectorOp(SIMD.v128Andnot, true), ofVectors],
  ANDNPS: [vectorOp(SIMD.v128Andnot, true), ofVectors],
  ANDNPD: [vectorOp(SIMD.v128Andnot, true), ofVectors],
  ADDSD: [scalarDouble(OP.f64Add, ADDITION), any],
  SUBSD: [scalarDouble(OP.f64Sub, SUBTRACTION), any],
  MULSD: [scalarDouble(OP.f64Mul, MULTIPLICATION), any],
  DIVSD: [scalarDouble(OP.f64Div, DIVISION), any],
  ADDPD: [packedDouble(OP.f64Add, ADDITION), any],
  SUBPD: [packedDouble(OP.f64Sub, SUBTRACTION), any],
  MULPD: [packedDouble(OP.f64Mul, MULTIPLICATION), any],
  DIVPD: [packedDouble(OP.f64Div, DIVISION), any],
  ADDSS: [scalarSingle(OP.f32Add, ADDITION), any],
  SUBSS: [scalarSingle(OP.f32Sub, SUBTRACTION), any],
  MULSS: [scalarSingle(OP.f32Mul, MULTIPLICATION), any],
  DIVSS: [scalarSingle(OP.f32Div, DIVISION), any],
  UCOMISD: [compareDouble, any],
  COMISD: [compareDouble, any],
  MINSD: [extreme(OP.f64Lt), any],
  MAXSD: [extreme(OP.f64Gt), any],
  CVTSI2SD: [fromInteger, any],
  CVTTSD2SI: [toInteger, any],
  CVTSS2SD: [toDouble, any],
  CVTSD2SS: [toSingle, any],
};
for (const name of ['MOVAPS', 'MOVAPD', 'MOVDQA', 'MOVNTPS', 'MOVNTPD', 'MOVNTDQ']) rows[name] = [moveWhole(true), any];
for (const name of ['MOVUPS', 'MOVUPD', 'MOVDQU', 'LDDQU']) rows[name] = [moveWhole(false), any];
for (const name of ['MOVLPS', 'MOVLPD']) rows[name] = [moveHalf(0), any];
for (const name of ['MOVHPS', 'MOVHPD']) rows[name] = [moveHalf(1), any];
for (const [names, op] of [
  ['PAND ANDPS ANDPD', SIMD.v128And],
  ['POR ORPS ORPD', SIMD.v128Or],
  ['PXOR XORPS XORPD', SIMD.v128Xor],
  ['PADDB', 110],
  ['PADDW', 142],
  ['PADDD', 174],
  ['PADDQ', 206],
  ['PSUBB', 113],
  ['PSUBW', 145],
  ['PSUBD', 177],
  ['PSUBQ', 209],
  ['PADDSB', 111],
  ['PADDUSB', 112],
  ['PADDSW', 143],
  ['PADDUSW', 144],
  ['PSUBSB', 114],
  ['PSUBUSB', 115],
  ['PSUBSW', 146],
  ['PSUBUSW', 147],
  ['PMINUB', 119],
  ['PMAXUB', 121],
  ['PMINSW', 150],
  ['PMAXSW', 152],
  ['PAVGB', 123],
  ['PAVGW', 155],
  ['PMULLW', 149],
  ['PMADDWD', 186],
  ['PCMPEQB', 35],
  ['PCMPEQW', 45],
  ['PCMPEQD', 55],
  ['PCMPGTB', 39],
  ['PCMPGTW', 49],
  ['PCMPGTD', 59],
  ['PACKSSWB', 101],
  ['PACKUSWB', 102],
  ['PACKSSDW', 133],
] as const) {
  for (const name of names.split(' ')) rows[name] = [vectorOp(op), ofVectors];
}
for (const [names, size, upper] of [
  ['PUNPCKLBW', 1, false],
  ['PUNPCKLWD', 2, false],
  ['PUNPCKLDQ UNPCKLPS', 4, false],
  ['PUNPCKLQDQ UNPCKLPD', 8, false],
  ['PUNPCKHBW', 1, true],
  ['PUNPCKHWD', 2, true],
  ['PUNPCKHDQ UNPCKHPS', 4, true],
  ['PUNPCKHQDQ UNPCKHPD', 8, true],
] as const) {
  for (const name of names.split(' ')) rows[name] = [interleave(size, upper), ofVectors];
}
for (const [name, op, width] of [
  ['PSLLW', 139, 16],
  ['PSRLW', 141, 16],
  ['PSRAW', 140, 16],
  ['PSLLD', 171, 32],
  ['PSRLD', 173, 32],
  ['PSRAD', 172, 32],
  ['PSLLQ', 203, 64],
  ['PSRLQ', 205, 64],
] as const) {
  rows[name] = [shiftLanes(op, width, name.startsWith('PSRA')), byConstant];
}

export const sseWriters: Readonly<Record<string, Row>> = rows;
