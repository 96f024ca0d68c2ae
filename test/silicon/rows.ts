import { oneByteRows } from '../../emu/isa/one-byte-rows.ts';
import type { OpcodeRow } from '../../emu/isa/row.ts';
import { twoByteRows } from '../../emu/isa/two-byte-rows.ts';
import { EXCLUDED } from './justified.ts';

/** An interpreter's row and what must be known to try it on a real CPU. */
export interface TestedRow extends Omit<OpcodeRow, 'exec' | 'operands'> {
  readonly operands: readonly string[];
  /** "0F BA /4 BT Ev,Ib" */
  readonly name: string;
  /** The trap flag would be seen or delayed by the instruction: never single-stepped. */
  readonly runOnly: boolean;
  /** F2 or F3 makes it an instruction of a later CPU. */
  readonly plainOnly: boolean;
  /** The register forms are other instructions. */
  readonly memoryOnly: boolean;
}

/** Instructions that write EFLAGS to memory, or hold back the single-step trap after them. */
const RUN_ONLY = /^(PUSHF|INT|INT1|INTO)$/;

function testedRow(row: OpcodeRow): TestedRow {
  const { exec: _, ...facts } = row;
  const bytes = row.opcode > 0xff ? `0F ${hex2(row.opcode & 0xff)}` : hex2(row.opcode);
  const digit = row.digit === undefined ? '' : ` /${row.digit}`;
  const prefix = row.prefix === undefined ? '' : `${hex2(row.prefix)} `;
  const loadsSs = row.mnemonic === 'POP' && row.operands[0] === 'SS';
  return {
    ...facts,
    operands: row.operands.flatMap((o) => o.split('/')),
    name: `${prefix}${bytes}${digit} ${row.mnemonic} ${row.operands.join(',')}`.trim(),
    runOnly: RUN_ONLY.test(row.mnemonic) || loadsSs || (row.operands[0] as string) === 'Sw',
    plainOnly: /^(BSF|BSR|CMPXCHG8B)$/.test(row.mnemonic),
    memoryOnly: row.opcode === 0x0f01 && row.digit !== 4 && row.digit !== 6,
  };
}

function hex2(n: number): string {
  return n.toString(16).toUpperCase().padStart(2, '0');
}

const allRows = ([...oneByteRows, ...twoByteRows] as readonly OpcodeRow[]).map(testedRow);

/** Every encoding that the real CPU may try. */
export const testedRows = allRows.filter((row) => !EXCLUDED.some((e) => e.mnemonic === row.mnemonic));
export const excludedRows = allRows.filter((row) => EXCLUDED.some((e) => e.mnemonic === row.mnemonic));

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** The row of the first instruction in `code`, from its bytes alone, so that a replayed case is judged as a drawn one. */
export function rowOfCode(code: Uint8Array): TestedRow | null {
  let at = 0;
  while (at < code.length && PREFIXES.has(code[at]!)) at++;
  const prefixes = code.subarray(0, at);
  let opcode = code[at] ?? 0;
  if (opcode === 0x0f) opcode = 0x0f00 | (code[++at] ?? 0);
  const digit = ((code[at + 1] ?? 0) >>> 3) & 7;
  const fits = (row: TestedRow): boolean => {
    const eight = row.opEn === 'O' || row.opEn === 'OI';
    if (row.opcode !== (eight ? opcode & ~7 : opcode)) return false;
    return row.digit === undefined || row.digit === digit;
  };
  const withPrefix = allRows.find((row) => row.prefix !== undefined && prefixes.includes(row.prefix) && fits(row));
  return withPrefix ?? allRows.find((row) => row.prefix === undefined && fits(row)) ?? null;
}
