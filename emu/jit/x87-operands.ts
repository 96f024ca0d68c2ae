import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import { READ } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { SINGLE, writeValueCheck, X87_DOUBLE } from './float-check.ts';
import { S0, STACK, T1, W0, X87_DP, X87_LAST, X87_NOTE, X87_OPERAND_NOTE } from './locals.ts';
import { MEM, OP } from './wasm-code.ts';
import { LAST_CLEAR } from './x87-state.ts';

// Operands of x87 instructions, and what an instruction leaves behind beside its result.

/** Reads the memory operand to `local`: m32fp, m64fp, or an integer. It is then known to be a zero or middling. */
export function readMemory(b: BlockCode, insn: Insn, local: number): void {
  const { code } = b;
  const format = insn.row.operands[0] as string;
  const offset = b.pushNear(b.addressOf(insn), insn.operands[0]!.size, READ);
  switch (format) {
    case 'm64fp':
      code.tee(T1);
      code.mem(MEM.f64Load, offset);
      code.set(local);
      writeValueCheck(b, X87_DOUBLE, local, (to) => {
        to.get(T1);
        to.mem(MEM.i32Load, offset + 4);
      });
      return;
    case 'm32fp':
      code.mem(MEM.f32Load, offset);
      code.set(S0);
      // A denormal single is a normal double, but raises an exception.
      writeValueCheck(b, SINGLE, S0);
      code.get(S0);
      code.op(OP.f64PromoteF32);
      break;
    case 'm64int':
      code.mem(MEM.i64Load, offset);
      code.set(W0);
      // Up to 2^53, every one is a double.
      b.exitIf(() => {
        code.get(W0);
        code.i64(2n ** 53n);
        code.op(OP.i64Add);
        code.i64(2n ** 54n);
        code.op(OP.i64GtU);
      });
      code.get(W0);
      code.op(OP.f64ConvertI64S);
      break;
    case 'm16int':
      code.mem(MEM.i32Load16S, offset);
      code.op(OP.f64ConvertI32S);
      break;
    default:
      code.mem(MEM.i32Load, offset);
      code.op(OP.f64ConvertI32S);
  }
  code.set(local);
}

/** Notes the instruction, and its operand, for exception handlers. After what may leave for the interpreter. */
export function note(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const number = b.x87Note(insn);
  code.i32(number);
  code.set(X87_NOTE);
  if (insn.operands[0]?.kind !== IN_MEMORY) return;
  code.i32(number);
  code.set(X87_OPERAND_NOTE);
  b.pushOffset(insn);
  code.set(X87_DP);
}

/** What the last result says of C1. */
export function setLast(b: BlockCode, last: number): void {
  b.code.i32(last);
  b.code.set(X87_LAST);
}

export function getStack(b: BlockCode, i: number): void {
  b.code.get(STACK + b.stackRegister(i));
}

/** Takes a value from the WebAssembly stack into ST(i), which is not empty afterwards. `known`: it is a zero or middling. */
export function setStack(b: BlockCode, i: number, known: boolean): void {
  b.code.set(STACK + b.fillStackRegister(i, known));
}

/** An operand: code that leaves it on the stack, and whether it is known to be a zero or middling. */
export interface Operand {
  readonly push: () => void;
  readonly known: boolean;
}

export const stackOperand = (b: BlockCode, i: number): Operand => ({
  push: () => getStack(b, i),
  known: b.knowsStack(i),
});

/** Makes room and fills it. */
export function pushed(b: BlockCode, insn: Insn, { push, known }: Operand): void {
  push();
  b.pushStack();
  setStack(b, 0, known);
  note(b, insn);
  setLast(b, LAST_CLEAR);
}

export const form =
  (...forms: string[]) =>
  (insn: Insn): boolean =>
    forms.includes(insn.row.operands[0] as string);
