import { ADD, DIV, MUL, SUB } from '../interp/soft-float.ts';
import { IN_MEMORY, IN_XMM, type Insn } from '../isa/insn.ts';
import { READ } from './access-check.ts';
import { type BlockCode, HELPER_DOUBLE, HELPER_SINGLE } from './block-code.ts';
import {
  DOUBLE,
  type FloatFormat,
  type Known,
  type Operation,
  SINGLE,
  writeFloatCheck,
  writeVectorCheck,
} from './float-check.ts';
import { D0, D1, D2, INEXACT, S0, S1, S2, T1, V0, V1, XMM_LOCAL } from './locals.ts';
import { popVector, pushAddress, pushVector, pushVectorOperand } from './sse-operands.ts';
import { MEM, OP, SIMD, UNLIKELY, type WasmCode } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Floating point of SSE. It is done here as long as operands and results are zero or normal and nothing but "inexact" can be raised, which
// is masked and set already. While it is not, a helper computes by the interpreter's rules. What neither knows is the interpreter's.

// Doubles.

/** Operand 1 goes to `local`: the low double of a vector, or one in memory. What to push for its upper half, in the latter case. */
export function doubleOperand(b: BlockCode, insn: Insn, local: number): ((code: WasmCode) => void) | undefined {
  const { code } = b;
  const { kind, reg } = insn.operands[1]!;
  if (kind !== IN_MEMORY) {
    pushVector(b, reg);
    code.simd(SIMD.f64x2ExtractLane, 0);
    code.set(local);
    return undefined;
  }
  const offset = pushAddress(b, insn, 8, READ);
  code.tee(T1);
  code.mem(MEM.f64Load, offset);
  code.set(local);
  return (to) => {
    to.get(T1);
    to.mem(MEM.i32Load, offset + 4);
  };
}

/** D0 and D1 are the operands. What is known of them. */
export function doubleOperands(b: BlockCode, insn: Insn): Known {
  const { code } = b;
  const [to, from] = insn.operands;
  const pushUpperB = doubleOperand(b, insn, D1);
  pushVector(b, to!.reg);
  code.simd(SIMD.f64x2ExtractLane, 0);
  code.set(D0);
  return { a: b.knowsDouble(to!.reg), b: pushUpperB === undefined && b.knowsDouble(from!.reg), pushUpperB };
}

/** The register's low double becomes what is pushed, an ordinary number. */
export function replaceDouble(b: BlockCode, reg: number, push: () => void): void {
  pushVector(b, reg);
  push();
  b.code.simd(SIMD.f64x2ReplaceLane, 0);
  popVector(b, reg);
  b.knowDouble(reg);
}

/** The check of an operation that was done, for when "inexact" is masked and set already; else a helper's, which knows what is inexact. */
function checkOperation(
  b: BlockCode,
  format: FloatFormat,
  operation: Operation,
  known: Known,
  helper: number,
  number: number,
): void {
  const { code } = b;
  b.useMxcsr();
  if (b.inexactIsOld) {
    writeFloatCheck(b, format, operation, known);
    return;
  }
  code.get(INEXACT);
  code.if(UNLIKELY);
  b.exitIf(() => {
    code.i32(number);
    code.get(format.a);
    code.get(format.b);
    code.call(helper);
    code.op(OP.i32Eqz);
  });
  code.else();
  writeFloatCheck(b, format, operation, known);
  code.end();
}

function scalarDouble(wasmOp: number, operation: Operation, number: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    const known = doubleOperands(b, insn);
    code.get(D0);
    code.get(D1);
    code.op(wasmOp);
    code.set(D2);
    checkOperation(b, DOUBLE, operation, known, HELPER_DOUBLE, number);
    replaceDouble(b, reg, () => code.get(D2));
  };
}

/** Done here only while "inexact" is no news. */
export function exitIfInexactIsNews(b: BlockCode): void {
  b.useMxcsr();
  if (!b.inexactIsOld) b.exitIf(() => b.code.get(INEXACT));
}

/** All lanes, when "inexact" is no news: what is raised by one lane counts only if no other stops the instruction. */
function packed(vectorOp: number, format: FloatFormat, operation: Operation): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    pushVectorOperand(b, insn, 1);
    code.set(V0);
    exitIfInexactIsNews(b);
    pushVector(b, reg);
    code.get(V0);
    code.simd(vectorOp);
    code.set(V1);
    writeVectorCheck(b, format, operation, { a: XMM_LOCAL + reg, b: V0, result: V1 });
    code.get(V1);
    popVector(b, reg);
    if (format === DOUBLE) b.knowDouble(reg);
  };
}

// Singles.

export function singleOperand(b: BlockCode, insn: Insn, local: number): void {
  const { kind, reg } = insn.operands[1]!;
  if (kind === IN_MEMORY) {
    b.code.mem(MEM.f32Load, pushAddress(b, insn, 4, READ));
  } else {
    pushVector(b, reg);
    b.code.simd(SIMD.f32x4ExtractLane, 0);
  }
  b.code.set(local);
}

/** The register's low single becomes what is pushed. */
export function replaceSingle(b: BlockCode, reg: number, push: () => void): void {
  pushVector(b, reg);
  push();
  b.code.simd(SIMD.f32x4ReplaceLane, 0);
  popVector(b, reg);
}

/** S0 and S1 are the operands. */
export function singleOperands(b: BlockCode, insn: Insn): Known {
  singleOperand(b, insn, S1);
  pushVector(b, insn.operands[0]!.reg);
  b.code.simd(SIMD.f32x4ExtractLane, 0);
  b.code.set(S0);
  return { a: false, b: false };
}

function scalarSingle(wasmOp: number, operation: Operation, number: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    const known = singleOperands(b, insn);
    code.get(S0);
    code.get(S1);
    code.op(wasmOp);
    code.set(S2);
    checkOperation(b, SINGLE, operation, known, HELPER_SINGLE, number);
    replaceSingle(b, reg, () => code.get(S2));
  };
}

const rootDouble: Writer = (b, insn) => {
  const { code } = b;
  const { kind, reg } = insn.operands[1]!;
  exitIfInexactIsNews(b);
  const pushUpper = doubleOperand(b, insn, D0);
  code.get(D0);
  code.op(OP.f64Sqrt);
  code.set(D2);
  const known = pushUpper === undefined && kind === IN_XMM && b.knowsDouble(reg);
  writeFloatCheck(b, DOUBLE, 'root', { a: known, b: true });
  replaceDouble(b, insn.operands[0]!.reg, () => code.get(D2));
};

const rootSingle: Writer = (b, insn) => {
  const { code } = b;
  exitIfInexactIsNews(b);
  singleOperand(b, insn, S0);
  code.get(S0);
  code.op(OP.f32Sqrt);
  code.set(S2);
  writeFloatCheck(b, SINGLE, 'root', { a: false, b: true });
  replaceSingle(b, insn.operands[0]!.reg, () => code.get(S2));
};

function packedRoot(vectorOp: number, format: FloatFormat): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    exitIfInexactIsNews(b);
    pushVectorOperand(b, insn, 1);
    code.tee(V0);
    code.simd(vectorOp);
    code.set(V1);
    writeVectorCheck(b, format, 'root', { a: V0, b: V0, result: V1 });
    code.get(V1);
    popVector(b, reg);
    if (format === DOUBLE) b.knowDouble(reg);
  };
}

export const sseArithmetic: Rows = {
  ADDSD: [scalarDouble(OP.f64Add, 'sum', ADD), any],
  SUBSD: [scalarDouble(OP.f64Sub, 'sum', SUB), any],
  MULSD: [scalarDouble(OP.f64Mul, 'product', MUL), any],
  DIVSD: [scalarDouble(OP.f64Div, 'quotient', DIV), any],
  ADDPD: [packed(SIMD.f64x2Add, DOUBLE, 'sum'), any],
  ADDPS: [packed(SIMD.f32x4Add, SINGLE, 'sum'), any],
  SUBPD: [packed(SIMD.f64x2Sub, DOUBLE, 'sum'), any],
  SUBPS: [packed(SIMD.f32x4Sub, SINGLE, 'sum'), any],
  MULPD: [packed(SIMD.f64x2Mul, DOUBLE, 'product'), any],
  MULPS: [packed(SIMD.f32x4Mul, SINGLE, 'product'), any],
  DIVPD: [packed(SIMD.f64x2Div, DOUBLE, 'quotient'), any],
  DIVPS: [packed(SIMD.f32x4Div, SINGLE, 'quotient'), any],
  SQRTSD: [rootDouble, any],
  SQRTSS: [rootSingle, any],
  SQRTPD: [packedRoot(SIMD.f64x2Sqrt, DOUBLE), any],
  SQRTPS: [packedRoot(SIMD.f32x4Sqrt, SINGLE), any],
  ADDSS: [scalarSingle(OP.f32Add, 'sum', ADD), any],
  SUBSS: [scalarSingle(OP.f32Sub, 'sum', SUB), any],
  MULSS: [scalarSingle(OP.f32Mul, 'product', MUL), any],
  DIVSS: [scalarSingle(OP.f32Div, 'quotient', DIV), any],
};
