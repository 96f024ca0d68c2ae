import { flagMask } from '../../emu/isa/row.ts';
import type { Case, Outcome } from './protocol.ts';
import type { TestedRow } from './rows.ts';

/** Instructions that are not tried on the real CPU at all. */
export const EXCLUDED: readonly { readonly mnemonic: string; readonly reason: string }[] = [
  { mnemonic: 'RDTSC', reason: 'the time is another' },
  { mnemonic: 'RDPMC', reason: 'Linux may allow it; the counters are others' },
  { mnemonic: 'CPUID', reason: 'the processor is another' },
  { mnemonic: 'SGDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SIDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SLDT', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'STR', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'SMSW', reason: 'UMIP: Linux answers in the place of the CPU' },
];

/** A difference between the real CPU and ours that is right as it is. */
export interface Justified {
  readonly name: string;
  readonly reason: string;
  applies(c: Case, row: TestedRow | null, native: Outcome, emulated: Outcome): boolean;
}

const RUNNER_LOW = 0xe1230000;
const RUNNER_HIGH = 0xe1300000;

export const JUSTIFIED: readonly Justified[] = [
  {
    name: 'runner memory',
    reason: 'the address hits the runner itself, which only the real machine has',
    applies: (_c, _row, _native, emulated) => emulated.vector === 14 && emulated.cr2 >= RUNNER_LOW && emulated.cr2 < RUNNER_HIGH,
  },
];

/** EFLAGS bits that the SDM leaves undefined after this instruction, given its operands: never more than the row says. */
export function undefinedFlags(row: TestedRow | null, c: Case): number {
  if (!row) return 0;
  let mask = flagMask(row.flags?.undefined);
  if (/^(ROL|ROR|RCL|RCR|SHL|SAL|SHR|SAR|SHLD|SHRD)$/.test(row.mnemonic)) {
    const count = shiftCount(row, c) & 31;
    // A count of 0 changes no flag; a count of 1 defines OF.
    if (count === 0) return 0;
    if (count === 1) mask &= ~flagMask('OF');
    const sizeBits = row.operands[0] === 'Eb' ? 8 : c.code.includes(0x66) ? 16 : 32;
    // SDM Vol. 2, SAL/SAR/SHL/SHR: CF is undefined for SHL and SHR when the count is not less than the size.
    if (/^(SHL|SAL|SHR)$/.test(row.mnemonic) && count >= sizeBits) mask |= flagMask('CF');
    if (/^SH[LR]D$/.test(row.mnemonic) && count > sizeBits) mask |= flagMask('CF OF SF ZF AF PF');
  }
  return mask;
}

export function shiftCount(row: TestedRow, c: Case): number {
  const operand = row.operands[row.operands.length - 1];
  if (operand === '1') return 1;
  return operand === 'CL' ? c.regs[1]! & 0xff : c.code[c.code.length - 1]!;
}
