import { ud } from '../emu/interp/exec-control.ts';
import { privileged } from '../emu/interp/exec-system.ts';
import { opcodeRows } from '../emu/isa/opcode-table.ts';
import type { OpcodeRow } from '../emu/isa/row.ts';
import { table } from './markdown.ts';

/** Parts of the opcode map that a program of that time may use, and that were built, or are to be built, as a whole. */
const GROUPS: readonly { name: string; opcodes: readonly (readonly [first: number, last: number])[] }[] = [
  {
    name: 'x87 floating point, WAIT',
    opcodes: [
      [0x9b, 0x9b],
      [0xd8, 0xdf],
    ],
  },
  {
    name: 'MMX, SSE, SSE2, SSE3: moves, arithmetic, conversions, shuffles',
    opcodes: [
      [0x0f10, 0x0f17],
      [0x0f28, 0x0f2f],
      [0x0f50, 0x0f7f],
      [0x0fc2, 0x0fc2],
      [0x0fc4, 0x0fc6],
      [0x0fd0, 0x0fff],
    ],
  },
  {
    name: 'FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, CLFLUSH, fences; MOVNTI',
    opcodes: [
      [0x0fae, 0x0fae],
      [0x0fc3, 0x0fc3],
    ],
  },
  { name: 'SSSE3, SSE4 (three-byte opcodes)', opcodes: [[0x0f38, 0x0f3a]] },
  { name: '3DNow!', opcodes: [[0x0f0d, 0x0f0f]] },
  { name: 'SYSENTER, SYSEXIT (FreeBSD 9.0 does not use them)', opcodes: [[0x0f34, 0x0f35]] },
];

/** docs/isa.md */
export function isaPage(): string {
  const mnemonics = [...new Set(opcodeRows.map((row) => row.mnemonic))].sort();
  return [
    '# Instructions',
    '',
    'What the reference interpreter executes, made from the rows in `emu/isa/`. Mnemonics and operand codes are those of the Intel SDM, Vol. 2, App. A.',
    'An encoding that has no row raises #UD and has no other effect. Every prefix is understood; LOCK where the SDM forbids it raises #UD.',
    '16-bit operands and 16-bit addresses work everywhere.',
    '',
    '## Groups that are missing or in part there',
    '',
    table(
      ['Group', 'Opcodes', 'State'],
      GROUPS.map(({ name, opcodes }) => [name, opcodes.map(range).join(', '), state(opcodes)]),
    ),
    '',
    '## Instructions',
    '',
    `${opcodeRows.length} encodings, ${mnemonics.length} mnemonics. "Since" is the first processor that has it; the i386 where the column is empty.`,
    'Opcodes: `/0` to `/7` is ModR/M.reg, `+r` the register in the low three bits.',
    '',
    table(
      ['Mnemonic', 'Encodings', 'Since', 'In user mode'],
      mnemonics.map((mnemonic) => line(opcodeRows.filter((row) => row.mnemonic === mnemonic))),
    ),
    '',
  ].join('\n');
}

function state(opcodes: readonly (readonly [number, number])[]): string {
  const count = opcodeRows.filter(({ opcode }) =>
    opcodes.some(([first, last]) => opcode >= first && opcode <= last),
  ).length;
  return count === 0 ? 'not supported: #UD' : `${count} encodings`;
}

function line(rows: readonly OpcodeRow[]): string[] {
  const since = [...new Set(rows.map((row) => row.since ?? ''))].join(', ');
  return [rows[0]!.mnemonic, rows.map(encoding).join('; '), since, inUserMode(rows)];
}

/** Moves to control registers are moves by name, but only they are privileged. */
function inUserMode(rows: readonly OpcodeRow[]): string {
  const refused = rows.filter((row) => row.exec === privileged);
  if (refused.length === rows.length) return '#GP';
  if (rows.every((row) => row.exec === ud)) return '#UD, on purpose';
  return refused.length === 0 ? 'yes' : `yes; #GP: ${refused.map((row) => `\`${opcodeText(row)}\``).join(', ')}`;
}

const encoding = (row: OpcodeRow): string =>
  `\`${opcodeText(row)}\`${row.operands.length > 0 ? ` ${row.operands.join(',')}` : ''}`;

function opcodeText({ opcode, digit, prefix, opEn }: OpcodeRow): string {
  const parts = prefix === undefined ? [] : [byte(prefix)];
  parts.push(hex(opcode));
  if (digit !== undefined) parts.push(`/${digit}`);
  if (opEn === 'O' || opEn === 'OI') parts.push('+r');
  return parts.join(' ');
}

const byte = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');
const hex = (opcode: number): string => (opcode >= 0x0f00 ? `0F ${byte(opcode & 0xff)}` : byte(opcode));
const range = ([first, last]: readonly [number, number]): string =>
  first === last ? `\`${hex(first)}\`` : `\`${hex(first)}\` to \`${hex(last)}\``;
