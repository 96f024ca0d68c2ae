import { ECX, ESP } from '../core/core-state.ts';
import { type Insn, TARGET } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { writerOf } from './instructions.ts';
import { TARGET_EIP } from './locals.ts';
import { type Block, Ending, isRepeated } from './region.ts';
import { pushGoesOn } from './string-ops.ts';
import { OP } from './wasm-code.ts';

/** The instructions of a block, but for where the last leads to: the condition of a branch is on the stack behind them. */
export function writeInstructions(b: BlockCode, block: Block): void {
  const { insns } = block;
  insns.forEach((insn, i) => {
    b.begin(insn, insns.length - i);
    writerOf(insn)?.(b, insn);
  });
  writeTransferOperands(b, block);
}

/** What the last instruction does before control goes anywhere: pushes and pops. A target that is computed is in TARGET_EIP. */
function writeTransferOperands(b: BlockCode, block: Block): void {
  const { code } = b;
  const insn = block.insns.at(-1)!;
  const { mnemonic } = insn.row;
  const direct = insn.operands[0]?.kind === TARGET;
  if (mnemonic === 'RET') {
    b.load(4, false, b.pushNear(b.addressIn(ESP), 4, READ));
    code.set(TARGET_EIP);
    b.advance(ESP, 4 + (insn.operands.length > 0 ? insn.operands[0]!.value & 0xffff : 0));
    return;
  }
  if (mnemonic === 'CALL') {
    if (!direct) {
      b.pushOperand(insn, 0);
      code.set(TARGET_EIP);
    }
    const offset = b.pushNear(b.addressIn(ESP, -4), 4, WRITE);
    code.i32(insn.next);
    b.store(4, offset);
    b.advance(ESP, -4);
  } else if (mnemonic === 'JMP' && !direct) {
    b.pushOperand(insn, 0);
    code.set(TARGET_EIP);
  } else if (block.ending === Ending.Branch) pushBranchCondition(b, insn);
}

/** Leaves on the stack whether the branch is taken. */
function pushBranchCondition(b: BlockCode, insn: Insn): void {
  const { code } = b;
  const { mnemonic, opcode } = insn.row;
  if (isRepeated(insn)) {
    pushGoesOn(b, insn);
    return;
  }
  if (mnemonic === 'JECXZ') {
    b.pushRegister(ECX, 4);
    code.op(OP.i32Eqz);
    return;
  }
  if (!mnemonic.startsWith('LOOP')) {
    b.pushCondition(opcode & 15);
    return;
  }
  b.advance(ECX, -1);
  b.pushRegister(ECX, 4);
  if (mnemonic === 'LOOP') return;
  code.i32(0);
  code.op(OP.i32Ne);
  b.pushCondition(mnemonic === 'LOOPE' ? 4 : 5);
  code.op(OP.i32And);
}
