import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { ADD, DIV, MUL, SUB } from '../interp/soft-float.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import { READ } from './access-check.ts';
import { type BlockCode, HELPER_DOUBLE, HELPER_SINGLE } from './block-code.ts';
import { KNOWN } from './flag-code.ts';
import {
  DOUBLE,
  type FloatFormat,
  type Known,
  type Operation,
  SINGLE,
  writeFloatCheck,
  writeVectorCheck,
} from './float-check.ts';
import { D0, D1, D2, FLAGS, INEXACT, S0, S1, S2, T1, V0, V1, XMM_LOCAL } from './locals.ts';
import { popVector, pushAddress, pushVector, pushVectorOperand } from './sse-operands.ts';
import { MEM, OP, SIMD, UNLIKELY, type WasmCode } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Floating point of SSE. It is done here as long as operands and results are zero or normal and nothing but "inexact" can be raised, which
// is masked and set already. While it is not, a helper computes by the interpreter's rules. What neither knows is the interpreter's.

// Doubles.

/** Operand 1 goes to `local`: the low double of a vector, or one in memory. What to push for its upper half, in the latter case. */
function doubleOperand(b: BlockCode, insn: Insn, local: number): ((code: WasmCode) => void) | undefined {
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
function doubleOperands(b: BlockCode, insn: Insn): Known {
  const { code } = b;
  const [to, from] = insn.operands;
  const pushUpperB = doubleOperand(b, insn, D1);
  pushVector(b, to!.reg);
  code.simd(SIMD.f64x2ExtractLane, 0);
  code.set(D0);
  return { a: b.knowsDouble(to!.reg), b: pushUpperB === undefined && b.knowsDouble(from!.reg), pushUpperB };
}

/** The register's low double becomes what is pushed, an ordinary number. */
function replaceDouble(b: BlockCode, reg: number, push: () => void): void {
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

/** All lanes, when "inexact" is no news: what is raised by one lane counts only if no other stops the instruction. */
function packed(vectorOp: number, format: FloatFormat, operation: Operation): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    pushVectorOperand(b, insn, 1);
    code.set(V0);
    b.useMxcsr();
    if (!b.inexactIsOld) b.exitIf(() => code.get(INEXACT));
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

/** UCOMISD and COMISD of ordinary numbers: CF less, ZF equal, the rest 0. */
const compareDouble: Writer = (b, insn) => {
  const { code } = b;
  writeFloatCheck(b, DOUBLE, 'comparison', doubleOperands(b, insn));
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
    writeFloatCheck(b, DOUBLE, 'comparison', doubleOperands(b, insn));
    replaceDouble(b, reg, () => {
      code.get(D0);
      code.get(D1);
      code.get(D0);
      code.get(D1);
      code.op(op, OP.select);
    });
  };
}

// Conversions.

/** Always exact. */
const fromInteger: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  b.pushOperand(insn, 1);
  code.set(T1);
  replaceDouble(b, reg, () => {
    code.get(T1);
    code.op(OP.f64ConvertI32S);
  });
};

/** CVTDQ2PD, exact too. */
const fromIntegers: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  if (from!.kind === IN_MEMORY) {
    code.simdMem(SIMD.v128Load64Zero, pushAddress(b, insn, 8, READ));
  } else pushVector(b, from!.reg);
  code.simd(SIMD.f64x2ConvertLowI32x4S);
  popVector(b, to!.reg);
  b.knowDouble(to!.reg);
};

/** CVTTSD2SI and CVTTSS2SI within range; a fraction that is cut off is inexact. */
function toInteger(format: FloatFormat): Writer {
  return (b, insn) => {
    const { code } = b;
    b.useMxcsr();
    if (format === DOUBLE) doubleOperand(b, insn, D1);
    else {
      singleOperand(b, insn, S1);
      code.get(S1);
      code.op(OP.f64PromoteF32);
      code.set(D1);
    }
    b.exitIf(() => {
      format.pushIsOdd(code, format.b);
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
      code.op(OP.i32And);
    });
    code.get(T1);
    b.popRegister(insn.operands[0]!.reg, 4);
  };
}

// Singles.

function singleOperand(b: BlockCode, insn: Insn, local: number): void {
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
function replaceSingle(b: BlockCode, reg: number, push: () => void): void {
  pushVector(b, reg);
  push();
  b.code.simd(SIMD.f32x4ReplaceLane, 0);
  popVector(b, reg);
}

function scalarSingle(wasmOp: number, operation: Operation, number: number): Writer {
  return (b, insn) => {
    const { code } = b;
    const { reg } = insn.operands[0]!;
    singleOperand(b, insn, S1);
    pushVector(b, reg);
    code.simd(SIMD.f32x4ExtractLane, 0);
    code.set(S0);
    code.get(S0);
    code.get(S1);
    code.op(wasmOp);
    code.set(S2);
    checkOperation(b, SINGLE, operation, { a: false, b: false }, HELPER_SINGLE, number);
    replaceSingle(b, reg, () => code.get(S2));
  };
}

/** CVTSS2SD of an ordinary number. */
const toDouble: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  singleOperand(b, insn, S1);
  b.exitIf(() => SINGLE.pushIsOdd(code, S1));
  replaceDouble(b, reg, () => {
    code.get(S1);
    code.op(OP.f64PromoteF32);
  });
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
    code.op(OP.i32Or);
  });
  replaceSingle(b, reg, () => {
    code.get(D1);
    code.op(OP.f32DemoteF64);
  });
};

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
  ADDSS: [scalarSingle(OP.f32Add, 'sum', ADD), any],
  SUBSS: [scalarSingle(OP.f32Sub, 'sum', SUB), any],
  MULSS: [scalarSingle(OP.f32Mul, 'product', MUL), any],
  DIVSS: [scalarSingle(OP.f32Div, 'quotient', DIV), any],
  UCOMISD: [compareDouble, any],
  COMISD: [compareDouble, any],
  MINSD: [extreme(OP.f64Lt), any],
  MAXSD: [extreme(OP.f64Gt), any],
  CVTSI2SD: [fromInteger, any],
  CVTDQ2PD: [fromIntegers, any],
  CVTTSD2SI: [toInteger(DOUBLE), any],
  CVTTSS2SI: [toInteger(SINGLE), any],
  CVTSS2SD: [toDouble, any],
  CVTSD2SS: [toSingle, any],
};
