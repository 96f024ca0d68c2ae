import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../../emu/core/core-state.ts';
import { flagMask } from '../../emu/isa/row.ts';
import type { Case } from './protocol.ts';
import { lengthsOfCode, type TestedRow } from './rows.ts';

const STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

/** What a condition (SDM Vol. 2, App. B: tttn) reads. */
const CONDITION_READS: Readonly<Record<string, number>> = {
  O: FLAG_OF,
  NO: FLAG_OF,
  B: FLAG_CF,
  AE: FLAG_CF,
  E: FLAG_ZF,
  NE: FLAG_ZF,
  BE: FLAG_CF | FLAG_ZF,
  A: FLAG_CF | FLAG_ZF,
  S: FLAG_SF,
  NS: FLAG_SF,
  P: FLAG_PF,
  NP: FLAG_PF,
  L: FLAG_SF | FLAG_OF,
  GE: FLAG_SF | FLAG_OF,
  LE: FLAG_SF | FLAG_OF | FLAG_ZF,
  G: FLAG_SF | FLAG_OF | FLAG_ZF,
};

/** The status flags that an instruction reads. */
export function flagsRead(row: TestedRow): number {
  const condition = /^(?:J|SET|CMOV)([A-Z]{1,2})$/.exec(row.mnemonic)?.[1];
  if (condition !== undefined && condition in CONDITION_READS) return CONDITION_READS[condition]!;
  if (/^FCMOV/.test(row.mnemonic)) return FLAG_CF | FLAG_ZF | FLAG_PF;
  if (/^(ADC|SBB|RCL|RCR|SALC|CMC)$/.test(row.mnemonic)) return FLAG_CF;
  if (/^(DAA|DAS|AAA|AAS)$/.test(row.mnemonic)) return FLAG_CF | FLAG_AF;
  if (row.mnemonic === 'LAHF') return STATUS & ~FLAG_OF;
  if (/^(PUSHF|INTO)$/.test(row.mnemonic)) return STATUS;
  return 0;
}

/** The flags that are undefined after an instruction that began with `before` undefined, whatever its operands are. */
export function undefinedAfter(row: TestedRow, before: number): number {
  const undefinedNow = flagMask(row.flags?.undefined);
  // Counts may be 0: then a shift changes no flag. CF of a count beyond the size is undefined.
  if (/^(RO|RC|SH|SA)[LR]D?$/.test(row.mnemonic))
    return before | undefinedNow | (row.mnemonic[0] === 'S' ? FLAG_CF : 0);
  if (row.operands.some((o) => /^[XY]/.test(o))) return before;
  return (before & ~flagMask(row.flags?.written)) | undefinedNow;
}

/** EFLAGS bits that are undefined after some instructions in a row; jumps among them may or may not be taken. */
export function undefinedFlagsOfSequence(rows: readonly (TestedRow | null)[]): number {
  let mask = 0;
  // Twice, for what goes round in a loop.
  for (const row of [...rows, ...rows]) if (row) mask |= undefinedAfter(row, mask);
  return mask;
}

/** The same, exactly, when no jump is among them and all of them ran. */
export function undefinedFlagsAtEnd(rows: readonly (TestedRow | null)[]): number {
  let mask = 0;
  for (const row of rows) if (row) mask = undefinedAfter(row, mask);
  return mask;
}

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
  return operand === 'CL' ? c.regs[1]! & 0xff : c.code[lengthsOfCode(c.code)[0]! - 1]!;
}
