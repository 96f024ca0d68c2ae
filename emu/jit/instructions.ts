import { SEG_FS } from '../core/core-state.ts';
import { IN_MEMORY, IN_MMX, type Insn, TARGET } from '../isa/insn.ts';
import { arithmeticWriters } from './arithmetic-ops.ts';
import { bitWriters } from './bit-ops.ts';
import { isAddressable } from './block-code.ts';
import { exchangeWriters } from './exchange-ops.ts';
import { flagWriters } from './flag-ops.ts';
import { moveWriters } from './move-ops.ts';
import { multiplyWriters } from './multiply-ops.ts';
import { shiftWriters } from './shift-ops.ts';
import { sseWriters } from './sse-ops.ts';
import { stackWriters } from './stack-ops.ts';
import { stringWriters } from './string-ops.ts';
import type { Writer } from './writer.ts';
import { x87Writers } from './x87-ops.ts';

const writers = new Map(
  Object.entries({
    ...arithmeticWriters,
    ...shiftWriters,
    ...multiplyWriters,
    ...bitWriters,
    ...exchangeWriters,
    ...moveWriters,
    ...stackWriters,
    ...stringWriters,
    ...flagWriters,
  }),
);
const vectorWriters = new Map(Object.entries(sseWriters));
const floatWriters = new Map(Object.entries(x87Writers));

/** Instructions that end a block and are written by the region itself. */
function isTransfer({ row, operands, operandSize, addressSize }: Insn): boolean {
  const { mnemonic } = row;
  if (mnemonic === 'JMP' || mnemonic === 'CALL' || mnemonic === 'RET') return operandSize === 4;
  if (operands[0]?.kind !== TARGET || operandSize !== 4) return false;
  return mnemonic === 'JECXZ' || mnemonic.startsWith('LOOP') ? addressSize === 4 : mnemonic.startsWith('J');
}

/** Escape opcodes and FWAIT. */
export function isX87({ row }: Insn): boolean {
  return (row.opcode & ~7) === 0xd8 || row.mnemonic === 'FWAIT';
}

/** What writes an instruction's translation; null when it has none. Transfers are not among them. */
export function writerOf(insn: Insn): Writer | null {
  const { extension, mnemonic } = insn.row;
  // MOVSD is a string instruction too.
  const found = (isX87(insn) ? floatWriters : extension === undefined ? writers : vectorWriters).get(mnemonic);
  if (found === undefined || insn.operands.some(({ kind }) => kind === IN_MMX)) return null;
  const [writer, takes] = found;
  return isAddressable(insn) && takes(insn) ? writer : null;
}

/** Whether translated code can do an instruction. */
export function isTranslated(insn: Insn): boolean {
  if (isTransfer(insn)) return isAddressable(insn);
  return writerOf(insn) !== null;
}

/** FS (bit 4) or GS (bit 5) when the instruction addresses memory through it. */
export function threadSegmentOf({ override, operands }: Insn): number {
  return override >= SEG_FS && operands.some(({ kind }) => kind === IN_MEMORY) ? 1 << override : 0;
}
