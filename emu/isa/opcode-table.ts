import { assert } from '../base/errors.ts';
import { tooLong, ud } from '../interp/exec-control.ts';
import { mmxRows } from './mmx-rows.ts';
import { oneByteRows } from './one-byte-rows.ts';
import type { OpcodeRow } from './row.ts';
import { sseFloatRows } from './sse-float-rows.ts';
import { sseMoveRows } from './sse-move-rows.ts';
import { sseSystemRows } from './sse-system-rows.ts';
import { sse2IntegerRows } from './sse2-integer-rows.ts';
import { ssse3Rows } from './ssse3-rows.ts';
import { twoByteRows } from './two-byte-rows.ts';

/** Every encoding that the machine has. What is not here is #UD. */
export const opcodeRows: readonly OpcodeRow[] = [
  ...oneByteRows,
  ...twoByteRows,
  ...mmxRows,
  ...sseSystemRows,
  ...sseMoveRows,
  ...sseFloatRows,
  ...sse2IntegerRows,
  ...ssse3Rows,
];

/** What an undefined encoding decodes to. */
export const INVALID_ROW: OpcodeRow = { opcode: -1, mnemonic: '(bad)', opEn: 'ZO', operands: [], exec: ud };
/** What an instruction of more than 15 bytes decodes to. */
export const TOO_LONG_ROW: OpcodeRow = { opcode: -1, mnemonic: '(too long)', opEn: 'ZO', operands: [], exec: tooLong };

/** Rows of one opcode under one prefix: one row, or GROUP_SIZE of them by ModR/M (see `groupIndex`). */
type Entry = OpcodeRow | readonly (OpcodeRow | null)[] | null;

/** Eight with a memory operand by ModR/M.reg, then 64 for the bytes C0 .. FF. */
const GROUP_SIZE = 8 + 64;

export function groupIndex(modrm: number): number {
  return modrm < 0xc0 ? (modrm >> 3) & 7 : 8 + (modrm & 63);
}

/** No prefix, 66, F2, F3. */
const PREFIX_SLOTS = [0, 0x66, 0xf2, 0xf3] as const;

/** One-byte, two-byte, 0F 38 and 0F 3A opcodes. */
const OPCODE_SLOT_COUNT = 4 * 256;

function slotOf(opcode: number): number {
  const map = opcode <= 0xff ? 0 : opcode <= 0xffff ? 1 : opcode >> 8 === 0x0f38 ? 2 : 3;
  return map * 256 + (opcode & 0xff);
}

function buildTable(rows: readonly OpcodeRow[]): Entry[] {
  const table: Entry[] = new Array(OPCODE_SLOT_COUNT * 4).fill(null);
  // Rows that ask for a prefix come last, over the ones that do not care.
  for (const wantsPrefix of [false, true]) {
    for (const row of rows) {
      if ((row.prefix !== undefined) !== wantsPrefix) continue;
      const opcodeCount = row.opEn === 'O' || row.opEn === 'OI' ? 8 : 1;
      for (let i = 0; i < opcodeCount; i++) {
        PREFIX_SLOTS.forEach((prefix, prefixSlot) => {
          if (row.prefix !== undefined && row.prefix !== prefix) return;
          place(table, slotOf(row.opcode + i) * 4 + prefixSlot, row);
        });
      }
    }
  }
  return table;
}

/** Whether a row may have a memory operand, and whether ModR/M may name a register. MOV to and from CR and DR ignores mod. */
function takesMemory(row: OpcodeRow): boolean {
  return row.mod !== 3 && !row.operands.some((code) => /^[NU]/.test(code));
}
function takesRegister(row: OpcodeRow): boolean {
  return !row.operands.some((code) => code[0] === 'M');
}

function place(table: Entry[], at: number, row: OpcodeRow): void {
  const old = table[at];
  const clash = (other: OpcodeRow | null): void =>
    assert(
      other === null || (other.prefix === undefined && row.prefix !== undefined),
      `two rows for opcode ${row.opcode.toString(16)} /${row.digit ?? '-'}: ${row.mnemonic}`,
    );
  if (row.digit === undefined && takesMemory(row) && takesRegister(row)) {
    if (Array.isArray(old)) for (const other of old) clash(other);
    else clash(old as OpcodeRow | null);
    table[at] = row;
    return;
  }
  const group: (OpcodeRow | null)[] = Array.isArray(old) ? [...old] : new Array(GROUP_SIZE).fill(old);
  for (let index = 0; index < GROUP_SIZE; index++) {
    const reg = index < 8 ? index : ((index - 8) >> 3) & 7;
    if (row.digit !== undefined && row.digit !== reg) continue;
    if (!(index < 8 ? takesMemory(row) : takesRegister(row))) continue;
    clash(group[index]);
    group[index] = row;
  }
  table[at] = group;
}

const table = buildTable(opcodeRows);

/** The row or the group of rows of an opcode; `rep` is 0, 0xF2 or 0xF3, and wins over 66. */
export function lookUp(opcode: number, rep: number, operandPrefix: boolean): Entry {
  const prefixSlot = rep === 0xf3 ? 3 : rep === 0xf2 ? 2 : operandPrefix ? 1 : 0;
  return table[slotOf(opcode) * 4 + prefixSlot];
}
