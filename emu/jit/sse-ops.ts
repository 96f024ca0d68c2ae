import { IN_MEMORY, IN_REGISTER, IN_XMM, type Insn } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { S_MXCSR, STATE } from './layout.ts';
import { T1, V0, W0 } from './locals.ts';
import { sseArithmetic } from './sse-arithmetic.ts';
import { sseComparisons } from './sse-comparisons.ts';
import { sseConversions } from './sse-conversions.ts';
import { popVector, pushAddress, pushVector, pushVectorOperand } from './sse-operands.ts';
import { MEM, OP, SIMD } from './wasm-code.ts';
import { any, type Row, type Rows, type Writer } from './writer.ts';

// SSE and SSE2 on vectors of WebAssembly: moves, integers and logic. Arithmetic is in sse-arithmetic.ts.

// Moves.

function moveWhole(aligned: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const [to, from] = insn.operands;
    if (to!.kind === IN_MEMORY) {
      const offset = pushAddress(b, insn, 16, WRITE, aligned);
      pushVector(b, from!.reg);
      code.simdMem(SIMD.v128Store, offset);
      return;
    }
    if (from!.kind === IN_MEMORY) {
      code.simdMem(SIMD.v128Load, pushAddress(b, insn, 16, READ, aligned));
    } else pushVector(b, from!.reg);
    const known = from!.kind === IN_XMM && b.knowsDouble(from!.reg);
    popVector(b, to!.reg);
    if (known) b.knowDouble(to!.reg);
  };
}

/** Stores 4 or 8 low bytes of a vector. */
function storeLow(b: BlockCode, insn: Insn, reg: number, size: number): void {
  const { code } = b;
  const offset = pushAddress(b, insn, size, WRITE);
  pushVector(b, reg);
  code.simd(size === 8 ? SIMD.i64x2ExtractLane : SIMD.i32x4ExtractLane, 0);
  code.mem(size === 8 ? MEM.i64Store : MEM.i32Store, offset);
}

function loadLow(b: BlockCode, insn: Insn, reg: number, size: number): void {
  const offset = pushAddress(b, insn, size, READ);
  b.code.simdMem(size === 8 ? SIMD.v128Load64Zero : SIMD.v128Load32Zero, offset);
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
      const known = size === 8 && b.knowsDouble(from!.reg);
      popVector(b, to!.reg);
      if (known) b.knowDouble(to!.reg);
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
    const offset = pushAddress(b, insn, 8, to!.kind === IN_MEMORY ? WRITE : READ);
    if (to!.kind === IN_MEMORY) {
      pushVector(b, from!.reg);
      code.simd(SIMD.i64x2ExtractLane, half);
      code.mem(MEM.i64Store, offset);
    } else {
      code.mem(MEM.i64Load, offset);
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

/** PSHUFLW and PSHUFHW: four words of the source from `first` on are chosen from among themselves. */
function shuffleWords(first: number): Writer {
  const words = [0, 1, 2, 3, 4, 5, 6, 7];
  return shuffle((insn) =>
    bytesOf(2, ...words.map((i) => 8 + (i >= first && i < first + 4 ? first + order(insn, i - first) : i))),
  );
}

/** A selector with its uppermost bit set gives 0, as one beyond the vector does in WebAssembly. */
const shuffleBytes: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  const mask = 0x8f8f8f8f8f8f8f8fn;
  pushVectorOperand(b, insn, 1);
  code.v128(mask, mask);
  code.simd(SIMD.v128And);
  code.set(V0);
  pushVector(b, reg);
  code.get(V0);
  code.simd(SIMD.i8x16Swizzle);
  popVector(b, reg);
};

/** MOVDDUP takes 8 bytes of memory. */
const moveDoubled: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  if (from!.kind === IN_MEMORY) {
    code.simdMem(SIMD.v128Load64Zero, pushAddress(b, insn, 8, READ));
  } else pushVector(b, from!.reg);
  code.tee(V0);
  code.get(V0);
  code.simd(SIMD.i8x16Shuffle, ...bytesOf(8, 0, 0));
  popVector(b, to!.reg);
};

const insertWord: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  if (from!.kind === IN_MEMORY) {
    b.load(2, false, pushAddress(b, insn, 2, READ));
  } else b.pushRegister(from!.reg, 4);
  code.set(T1);
  pushVector(b, to!.reg);
  code.get(T1);
  code.simd(SIMD.i16x8ReplaceLane, insn.operands[2]!.value & 7);
  popVector(b, to!.reg);
};

const extractWord: Writer = (b, insn) => {
  pushVector(b, insn.operands[1]!.reg);
  b.code.simd(SIMD.i16x8ExtractLaneU, insn.operands[2]!.value & 7);
  b.popRegister(insn.operands[0]!.reg, 4);
};

/** PMULUDQ: the lower doublewords of both halves. */
const multiplyEven: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  const lower = (): void => {
    code.v128(0xffffffffn, 0xffffffffn);
    code.simd(SIMD.v128And);
  };
  pushVectorOperand(b, insn, 1);
  lower();
  pushVector(b, reg);
  lower();
  code.simd(SIMD.i64x2Mul);
  popVector(b, reg);
};

const pushMxcsr = (b: BlockCode): void => {
  b.useMxcsr();
  b.code.i32(STATE);
  b.code.mem(MEM.i32Load, S_MXCSR * 4);
};

const storeMxcsr: Writer = (b, insn) => {
  const offset = pushAddress(b, insn, 4, WRITE);
  pushMxcsr(b);
  b.store(4, offset);
};

/** Of the value that is there already: what code takes for granted does not change. */
const loadMxcsr: Writer = (b, insn) => {
  const { code } = b;
  b.load(4, false, pushAddress(b, insn, 4, READ));
  code.set(T1);
  b.exitIf(() => {
    code.get(T1);
    pushMxcsr(b);
    code.op(OP.i32Ne);
  });
};

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
  PSHUFLW: [shuffleWords(0), ofVectors],
  PSHUFHW: [shuffleWords(4), ofVectors],
  MOVHLPS: [shuffle(() => bytesOf(8, 3, 1)), any],
  MOVLHPS: [shuffle(() => bytesOf(8, 0, 2)), any],
  MOVDDUP: [moveDoubled, any],
  MOVSLDUP: [shuffle(() => bytesOf(4, 4, 4, 6, 6)), any],
  MOVSHDUP: [shuffle(() => bytesOf(4, 5, 5, 7, 7)), any],
  PSHUFB: [shuffleBytes, ofVectors],
  PINSRW: [insertWord, any],
  PEXTRW: [extractWord, any],
  PMULUDQ: [multiplyEven, ofVectors],
  STMXCSR: [storeMxcsr, any],
  LDMXCSR: [loadMxcsr, any],
  ...sseArithmetic,
  ...sseComparisons,
  ...sseConversions,
};
for (const name of ['MOVAPS', 'MOVAPD', 'MOVDQA', 'MOVNTPS', 'MOVNTPD', 'MOVNTDQ']) rows[name] = [moveWhole(true), any];
for (const name of ['MOVUPS', 'MOVUPD', 'MOVDQU', 'LDDQU']) rows[name] = [moveWhole(false), any];
for (const name of ['LFENCE', 'MFENCE', 'SFENCE', 'PREFETCHNTA', 'PREFETCHT0', 'PREFETCHT1', 'PREFETCHT2'])
  rows[name] = [() => {}, any];
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

export const sseWriters: Rows = rows;
