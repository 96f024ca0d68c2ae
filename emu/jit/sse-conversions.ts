import { IN_MEMORY } from '../isa/insn.ts';
import { READ } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { DOUBLE, type FloatFormat, pushIsBeyondSingles, SINGLE } from './float-check.ts';
import { D1, INEXACT, S1, T1 } from './locals.ts';
import { doubleOperand, exitIfInexactIsNews, replaceDouble, replaceSingle, singleOperand } from './sse-arithmetic.ts';
import { popVector, pushAddress, pushVector, pushVectorOperand } from './sse-operands.ts';
import { OP, SIMD } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Conversions of SSE.

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

/** CVTSx2SI to nearest, and CVTTSx2SI, within range; a fraction that is cut off is inexact. */
function toInteger(format: FloatFormat, truncates: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    if (truncates) b.useMxcsr();
    else exitIfInexactIsNews(b);
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
    if (!truncates) code.op(OP.f64Nearest);
    code.op(OP.i32TruncF64S);
    code.set(T1);
    if (truncates) exitIfCutOff(b);
    code.get(T1);
    b.popRegister(insn.operands[0]!.reg, 4);
  };
}

/** The instruction is the interpreter's if D1 is not T1, and "inexact" is news. */
function exitIfCutOff(b: BlockCode): void {
  const { code } = b;
  b.exitIf(() => {
    code.get(T1);
    code.op(OP.f64ConvertI32S);
    code.get(D1);
    code.op(OP.f64Ne);
    code.get(INEXACT);
    code.op(OP.i32And);
  });
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
    pushIsBeyondSingles(code, D1);
    code.get(INEXACT);
    code.op(OP.i32Or);
  });
  replaceSingle(b, reg, () => {
    code.get(D1);
    code.op(OP.f32DemoteF64);
  });
};

/** CVTSI2SS to nearest. */
const singleFromInteger: Writer = (b, insn) => {
  const { code } = b;
  const { reg } = insn.operands[0]!;
  exitIfInexactIsNews(b);
  b.pushOperand(insn, 1);
  code.set(T1);
  replaceSingle(b, reg, () => {
    code.get(T1);
    code.op(OP.f32ConvertI32S);
  });
};

/** CVTDQ2PS to nearest. */
const singlesFromIntegers: Writer = (b, insn) => {
  exitIfInexactIsNews(b);
  pushVectorOperand(b, insn, 1);
  b.code.simd(SIMD.f32x4ConvertI32x4S);
  popVector(b, insn.operands[0]!.reg);
};

export const sseConversions: Rows = {
  CVTSI2SD: [fromInteger, any],
  CVTSI2SS: [singleFromInteger, any],
  CVTDQ2PD: [fromIntegers, any],
  CVTDQ2PS: [singlesFromIntegers, any],
  CVTTSD2SI: [toInteger(DOUBLE, true), any],
  CVTTSS2SI: [toInteger(SINGLE, true), any],
  CVTSD2SI: [toInteger(DOUBLE, false), any],
  CVTSS2SI: [toInteger(SINGLE, false), any],
  CVTSS2SD: [toDouble, any],
  CVTSD2SS: [toSingle, any],
};
