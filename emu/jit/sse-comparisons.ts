import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import type { Insn } from '../isa/insn.ts';
import type { BlockCode } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import { DOUBLE, type FloatFormat, type Known, SINGLE, writeFloatCheck, writeVectorCheck } from './float-check.ts';
import { FLAGS, V0, XMM_LOCAL } from './locals.ts';
import { doubleOperands, replaceDouble, replaceSingle, singleOperands } from './sse-arithmetic.ts';
import { popVector, pushVector, pushVectorOperand } from './sse-operands.ts';
import { OP, SIMD } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Comparisons, minima and maxima of SSE, of ordinary numbers: never unordered, and without an exception.

/** Instructions on two operands of a format. */
interface Scalar {
  readonly format: FloatFormat;
  readonly operands: (b: BlockCode, insn: Insn) => Known;
  readonly replace: (b: BlockCode, reg: number, push: () => void) => void;
  readonly replaceLane: number;
}
const DOUBLES: Scalar = {
  format: DOUBLE,
  operands: doubleOperands,
  replace: replaceDouble,
  replaceLane: SIMD.i64x2ReplaceLane,
};
const SINGLES: Scalar = {
  format: SINGLE,
  operands: singleOperands,
  replace: replaceSingle,
  replaceLane: SIMD.i32x4ReplaceLane,
};

function pushCompared(b: BlockCode, { format }: Scalar, op: number): void {
  b.code.get(format.a);
  b.code.get(format.b);
  b.code.op(op);
}

/** UCOMISx and COMISx: CF less, ZF equal, the rest 0. */
function compareToFlags(scalar: Scalar, less: number, equal: number): Writer {
  return (b, insn) => {
    const { code } = b;
    writeFloatCheck(b, scalar.format, 'comparison', scalar.operands(b, insn));
    if (!b.writesFlags()) return;
    code.get(FLAGS.eflags);
    code.i32(~ARITHMETIC_FLAGS);
    code.op(OP.i32And);
    pushCompared(b, scalar, less);
    code.op(OP.i32Or);
    pushCompared(b, scalar, equal);
    code.i32(6);
    code.op(OP.i32Shl, OP.i32Or);
    code.set(FLAGS.eflags);
    b.kind = KNOWN;
  };
}

/** MINSx and MAXSx: the source unless the destination is strictly beyond it. */
function extreme(scalar: Scalar, op: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { format, operands, replace } = scalar;
    writeFloatCheck(b, format, 'comparison', operands(b, insn));
    replace(b, insn.operands[0]!.reg, () => {
      code.get(format.a);
      code.get(format.b);
      pushCompared(b, scalar, op);
      code.op(OP.select);
    });
  };
}

/** Two vectors of ordinary numbers: what `write` makes of the registers XMM_LOCAL + reg and V0. */
function packed(format: FloatFormat, write: (b: BlockCode, insn: Insn, reg: number) => void): Writer {
  return (b, insn) => {
    const { reg } = insn.operands[0]!;
    pushVectorOperand(b, insn, 1);
    b.code.set(V0);
    b.useVector(reg);
    writeVectorCheck(b, format, 'comparison', { a: XMM_LOCAL + reg, b: V0, result: V0 });
    write(b, insn, reg);
    popVector(b, reg);
  };
}

/** WebAssembly's "pseudo-minimum" of the source and the destination takes the source when they are equal, as MINPx does. */
function packedExtreme(format: FloatFormat, op: number): Writer {
  return packed(format, ({ code }, _, reg) => {
    code.get(V0);
    code.get(XMM_LOCAL + reg);
    code.simd(op);
  });
}

/** EQ LT LE UNORD NEQ NLT NLE ORD: operations from the number of "equal" on (EQ NE LT GT LE GE in this order), or what always holds. */
const PREDICATES: readonly (number | boolean)[] = [0, 2, 4, false, 1, 5, 3, true];
const predicateOf = (insn: Insn): number | boolean => PREDICATES[insn.operands[2]!.value & 7]!;

function packedComparison(format: FloatFormat, firstOp: number): Writer {
  return packed(format, ({ code }, insn, reg) => {
    const predicate = predicateOf(insn);
    if (typeof predicate === 'boolean') {
      const bits = predicate ? -1n : 0n;
      code.v128(bits, bits);
      return;
    }
    code.get(XMM_LOCAL + reg);
    code.get(V0);
    code.simd(firstOp + predicate);
  });
}

/** CMPSx: all ones or zeros in the lowest lane. WebAssembly's scalar comparisons stand in the same order as those of lanes. */
function comparison(scalar: Scalar, ops: readonly number[]): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    const predicate = predicateOf(insn);
    writeFloatCheck(b, scalar.format, 'comparison', scalar.operands(b, insn));
    pushVector(b, reg);
    code.i32(0);
    if (typeof predicate === 'boolean') code.i32(Number(predicate));
    else pushCompared(b, scalar, ops[predicate]!);
    code.op(OP.i32Sub);
    if (scalar === DOUBLES) code.op(OP.i64ExtendI32S);
    code.simd(scalar.replaceLane, 0);
    popVector(b, reg);
  };
}

const DOUBLE_COMPARISONS = [OP.f64Eq, OP.f64Ne, OP.f64Lt, OP.f64Gt, OP.f64Le, OP.f64Ge];
const SINGLE_COMPARISONS = [OP.f32Eq, OP.f32Ne, OP.f32Lt, OP.f32Gt, OP.f32Le, OP.f32Ge];

export const sseComparisons: Rows = {
  UCOMISD: [compareToFlags(DOUBLES, OP.f64Lt, OP.f64Eq), any],
  COMISD: [compareToFlags(DOUBLES, OP.f64Lt, OP.f64Eq), any],
  UCOMISS: [compareToFlags(SINGLES, OP.f32Lt, OP.f32Eq), any],
  COMISS: [compareToFlags(SINGLES, OP.f32Lt, OP.f32Eq), any],
  MINSD: [extreme(DOUBLES, OP.f64Lt), any],
  MAXSD: [extreme(DOUBLES, OP.f64Gt), any],
  MINSS: [extreme(SINGLES, OP.f32Lt), any],
  MAXSS: [extreme(SINGLES, OP.f32Gt), any],
  MINPD: [packedExtreme(DOUBLE, SIMD.f64x2Pmin), any],
  MAXPD: [packedExtreme(DOUBLE, SIMD.f64x2Pmax), any],
  MINPS: [packedExtreme(SINGLE, SIMD.f32x4Pmin), any],
  MAXPS: [packedExtreme(SINGLE, SIMD.f32x4Pmax), any],
  CMPSD: [comparison(DOUBLES, DOUBLE_COMPARISONS), any],
  CMPSS: [comparison(SINGLES, SINGLE_COMPARISONS), any],
  CMPPD: [packedComparison(DOUBLE, SIMD.f64x2Eq), any],
  CMPPS: [packedComparison(SINGLE, SIMD.f32x4Eq), any],
};
