import { IN_XMM, type Insn } from '../isa/insn.ts';
import { READ } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { T0, XMM_LOCAL } from './locals.ts';
import { OP, SIMD } from './wasm-code.ts';

// Operands of SSE instructions.

/** Leaves an address on the stack and returns the offset of the memory operand from it; 16 bytes must be aligned if `aligned`. */
export function pushAddress(b: BlockCode, insn: Insn, size: number, need: number, aligned = false): number {
  const { code } = b;
  if (!aligned) return b.pushNear(b.addressOf(insn), size, need);
  b.pushChecked(b.addressOf(insn), size, need);
  code.set(T0);
  b.exitIf(() => {
    code.get(T0);
    code.i32(15);
    code.op(OP.i32And);
  });
  code.get(T0);
  return 0;
}

export function pushVector(b: BlockCode, reg: number): void {
  b.useVector(reg);
  b.code.get(XMM_LOCAL + reg);
}

export function popVector(b: BlockCode, reg: number): void {
  b.changeVector(reg);
  b.code.set(XMM_LOCAL + reg);
}

/** Operand i, 16 bytes. */
export function pushVectorOperand(b: BlockCode, insn: Insn, i: number): void {
  const { kind, reg } = insn.operands[i]!;
  if (kind === IN_XMM) pushVector(b, reg);
  else {
    b.code.simdMem(SIMD.v128Load, pushAddress(b, insn, 16, READ, true));
  }
}
