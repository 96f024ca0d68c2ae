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
import { x87Rows } from './x87-rows.ts';

/** Every encoding that the machine has. What is not here is #UD. */
export const opcodeRows: readonly OpcodeRow[] = [
  ...oneByteRows,
  ...twoByteRows,
  ...x87Rows,
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

/** Rows of one opcode under one prefix: one row, or GROUP_SIZE of them by ModR/M (see `rowOfGroup`). */
type Entry = OpcodeRow | readonly (OpcodeRow | null)[] | null;

/** Eight with a memory operand by ModR/M.reg, then 64 for the bytes C0 .. FF. */
const GROUP_SIZE = 8 + 64;

/** No prefix, 66, F2, F3. */
const PREFIX_SLOTS = [0, 0x66, 0xf2, 0xf3] as const;

/** One-byte, two-byte, 0F 38 and 0F 3A opcodes. */
const OPCODE_SLOT_COUNT = 4 * 256;

function slotOf(opcode: number): number {
  const map = opcode <= 0xff ? 0 : opcode <= 0xffff ? 1 : opcode >> 8 === 0x0f38 ? 2 : 3;
  return map * 256 + (opcode & 0xff);
}

/** The rows of each opcode, those that ask for a prefix last. */
function rowsByOpcode(rows: readonly OpcodeRow[]): OpcodeRow[][] {
  const byOpcode: OpcodeRow[][] = Array.from({ length: OPCODE_SLOT_COUNT }, () => []);
  for (const wantsPrefix of [false, true]) {
    for (const row of rows) {
      if ((row.prefix !== undefined) !== wantsPrefix) continue;
      const opcodeCount = row.opEn === 'O' || row.opEn === 'OI' ? 8 : 1;
      for (let i = 0; i < opcodeCount; i++) byOpcode[slotOf(row.opcode + i)].push(row);
    }
  }
  return byOpcode;
}

/** The rows of an opcode under one prefix, those that ask for it over the ones that do not care. */
function buildEntry(rows: readonly OpcodeRow[], prefix: number): Entry {
  let entry: Entry = null;
  for (const row of rows) if (row.prefix === undefined || row.prefix === prefix) entry = place(entry, row);
  return entry;
}

/** Whether a row is for this ModR/M byte, when its opcode and prefix are right. */
export function fitsModrm(row: OpcodeRow, modrm: number): boolean {
  if (row.modrm !== undefined) return row.modrm === (row.opEn === 'STi' ? modrm & 0xf8 : modrm);
  if (row.digit !== undefined && row.digit !== ((modrm >> 3) & 7)) return false;
  // MOV to and from CR and DR has registers whatever mod says.
  if (modrm < 0xc0) return row.mod !== 3 && !row.operands.some((code) => /^[NU]/.test(code));
  return !row.operands.some((code) => /^[Mm]/.test(code));
}

/** Whether ModR/M has no part in choosing the row. */
function fitsAll(row: OpcodeRow): boolean {
  return row.modrm === undefined && row.digit === undefined && fitsModrm(row, 0) && fitsModrm(row, 0xc0);
}

/** An entry with one more row. */
function place(old: Entry, row: OpcodeRow): Entry {
  const clash = (other: OpcodeRow | null): void =>
    assert(
      other === null || (other.prefix === undefined && row.prefix !== undefined),
      `two rows for opcode ${row.opcode.toString(16)} /${row.digit ?? '-'}: ${row.mnemonic}`,
    );
  if (fitsAll(row)) {
    if (Array.isArray(old)) for (const other of old) clash(other);
    else clash(old as OpcodeRow | null);
    return row;
  }
  const group: (OpcodeRow | null)[] = Array.isArray(old) ? [...old] : new Array(GROUP_SIZE).fill(old);
  for (let index = 0; index < GROUP_SIZE; index++) {
    if (!fitsModrm(row, index < 8 ? index << 3 : 0xc0 + index - 8)) continue;
    clash(group[index]);
    group[index] = row;
  }
  return group;
}

const rowsOf = rowsByOpcode(opcodeRows);
/** By opcode and prefix: filled when they are first decoded, because a short program uses few. */
const table: (Entry | undefined)[] = new Array(OPCODE_SLOT_COUNT * PREFIX_SLOTS.length).fill(undefined);

/** The row or the group of rows of an opcode; `rep` is 0, 0xF2 or 0xF3, and wins over 66. */
export function lookUp(opcode: number, rep: number, operandPrefix: boolean): Entry {
  const prefixSlot = rep === 0xf3 ? 3 : rep === 0xf2 ? 2 : operandPrefix ? 1 : 0;
  const slot = slotOf(opcode);
  const at = slot * PREFIX_SLOTS.length + prefixSlot;
  let entry = table[at];
  if (entry === undefined) entry = table[at] = buildEntry(rowsOf[slot], PREFIX_SLOTS[prefixSlot]);
  return entry;
}

/** The row of a group that a ModR/M byte selects: by reg with a memory operand, by the whole byte from C0 on. */
export function rowOfGroup(group: readonly (OpcodeRow | null)[], modrm: number): OpcodeRow | null {
  return group[modrm < 0xc0 ? (modrm >> 3) & 7 : 8 + modrm - 0xc0];
}
