import { assert } from '../base/errors.ts';
import { tooLong, ud } from '../interp/exec-control.ts';
import { oneByteRows } from './one-byte-rows.ts';
import type { OpcodeRow } from './row.ts';
import { twoByteRows } from './two-byte-rows.ts';
import { x87Rows } from './x87-rows.ts';

/** Every encoding that the machine has. What is not here is #UD. */
export const opcodeRows: readonly OpcodeRow[] = [...oneByteRows, ...twoByteRows, ...x87Rows];

/** What an undefined encoding decodes to. */
export const INVALID_ROW: OpcodeRow = { opcode: -1, mnemonic: '(bad)', opEn: 'ZO', operands: [], exec: ud };
/** What an instruction of more than 15 bytes decodes to. */
export const TOO_LONG_ROW: OpcodeRow = { opcode: -1, mnemonic: '(too long)', opEn: 'ZO', operands: [], exec: tooLong };

/**
 * Rows of one opcode under one prefix: one row; or eight for ModR/M.reg; or eight for ModR/M.reg of memory operands and 64 for the
 * ModR/M bytes from C0 on.
 */
type Entry = OpcodeRow | readonly (OpcodeRow | null)[] | null;

/** No prefix, 66, F2, F3. */
const PREFIX_SLOTS = [0, 0x66, 0xf2, 0xf3] as const;

function slotOf(opcode: number): number {
  return opcode >= 0x0f00 ? 0x100 + (opcode & 0xff) : opcode;
}

function buildTable(rows: readonly OpcodeRow[]): Entry[] {
  const table: Entry[] = new Array(512 * 4).fill(null);
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

function place(table: Entry[], at: number, row: OpcodeRow): void {
  const old = table[at];
  const clash = `two rows for opcode ${row.opcode.toString(16)} /${row.digit ?? '-'}: ${row.mnemonic}`;
  if (row.modrm !== undefined) {
    assert(old === null || Array.isArray(old), clash);
    const whole: (OpcodeRow | null)[] = new Array(8 + 64).fill(null);
    (old as readonly (OpcodeRow | null)[] | null)?.forEach((other, i) => {
      whole[i] = other;
    });
    for (let i = 0; i < (row.opEn === 'STi' ? 8 : 1); i++) {
      const index = 8 + row.modrm - 0xc0 + i;
      assert(whole[index] === null, clash);
      whole[index] = row;
    }
    table[at] = whole;
    return;
  }
  if (row.digit === undefined) {
    assert(old === null || row.prefix !== undefined, clash);
    table[at] = row;
    return;
  }
  const group: (OpcodeRow | null)[] = Array.isArray(old) ? [...old] : new Array(8).fill(null);
  assert(old === null || Array.isArray(old), clash);
  assert(group[row.digit] === null || row.prefix !== undefined, clash);
  group[row.digit] = row;
  table[at] = group;
}

const table = buildTable(opcodeRows);

/** The row or the group of rows of an opcode; `rep` is 0, 0xF2 or 0xF3, and wins over 66. */
export function lookUp(opcode: number, rep: number, operandPrefix: boolean): Entry {
  const prefixSlot = rep === 0xf3 ? 3 : rep === 0xf2 ? 2 : operandPrefix ? 1 : 0;
  return table[slotOf(opcode) * 4 + prefixSlot];
}

/** The row of a group that a ModR/M byte selects. */
export function rowOfGroup(group: readonly (OpcodeRow | null)[], modrm: number): OpcodeRow | null {
  return modrm >= 0xc0 && group.length > 8 ? group[8 + modrm - 0xc0] : group[(modrm >> 3) & 7];
}
