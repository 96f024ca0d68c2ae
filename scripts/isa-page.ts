import { ud } from '../emu/interp/exec-control.ts';
import { privileged } from '../emu/interp/exec-system.ts';
import { opcodeRows } from '../emu/isa/opcode-table.ts';
import { type OpcodeRow, opcodeBytes } from '../emu/isa/row.ts';
import { table } from './markdown.ts';
import { type InstructionGroup, LATER_EXTENSIONS, REASONS, SDM_GROUPS } from './sdm-instructions.ts';

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
    '## What is there, and every instruction that is not',
    '',
    'Everything in the Intel SDM, Vol. 1, Instruction Set Summary, up to SSSE3, by its groups.',
    '',
    table(['Group', 'Supported', 'Not supported'], SDM_GROUPS.map(groupLine)),
    '',
    ...reasons(),
    '',
    '## Later extensions',
    '',
    'Not in the machine, and not reported by its CPUID: everything else that binutils know in 32-bit code. Where the older processor has another meaning for the bytes, they have that: a prefix is ignored',
    '(F3 before BSF and BSR), LDS and LES want memory; everything else is #UD.',
    '',
    table(
      ['Extension', 'Instructions', 'Opcodes'],
      LATER_EXTENSIONS.map(({ name, mnemonics, opcodes }) => [
        name,
        isLong(mnemonics) ? `${mnemonics.split(' ').length} instructions, named below` : mnemonics,
        opcodes.map((n) => `\`${hex(n)}\``).join(', '),
      ]),
    ),
    '',
    ...LATER_EXTENSIONS.filter(({ mnemonics }) => isLong(mnemonics)).flatMap(({ name, mnemonics }) => [
      `${name}: ${mnemonics}.`,
      '',
    ]),
    '## Instructions',
    '',
    `${opcodeRows.length} encodings, ${mnemonics.length} mnemonics. "Since" is the extension or the first processor that has it; the i386 where the column is empty.`,
    'Opcodes: `NP` is no prefix, `/0` to `/7` ModR/M.reg, `+r` the register in the low three bits, `+i` the x87 register.',
    '',
    table(
      ['Mnemonic', 'Encodings', 'Since', 'In user mode'],
      mnemonics.map((mnemonic) => line(opcodeRows.filter((row) => row.mnemonic === mnemonic))),
    ),
    '',
  ].join('\n');
}

const isLong = (mnemonics: string): boolean => mnemonics.length > 2000;

const supported = new Set(opcodeRows.map((row) => row.mnemonic));

function missingOf({ mnemonics }: InstructionGroup): string[] {
  return mnemonics.split(' ').filter((mnemonic) => !supported.has(mnemonic));
}

function groupLine(group: InstructionGroup): string[] {
  const all = group.mnemonics.split(' ').length;
  const missing = missingOf(group);
  return [group.name, missing.length === 0 ? `all ${all}` : `${all - missing.length} of ${all}`, missing.join(', ')];
}

function reasons(): string[] {
  return SDM_GROUPS.flatMap(missingOf).map((mnemonic) => `- ${mnemonic}: ${REASONS[mnemonic] ?? 'not there yet'}.`);
}

function line(rows: readonly OpcodeRow[]): string[] {
  const since = [...new Set(rows.map((row) => row.extension ?? row.since ?? ''))].join(', ');
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

function opcodeText({ opcode, digit, mod, modrm, prefix, opEn }: OpcodeRow): string {
  const parts = prefix === undefined ? [] : [prefix === 0 ? 'NP' : byte(prefix)];
  parts.push(hex(opcode));
  if (modrm !== undefined) parts.push(opEn === 'STi' ? `${byte(modrm)}+i` : byte(modrm));
  if (digit !== undefined) parts.push(mod === 3 ? byte(0xc0 | (digit << 3)) : `/${digit}`);
  if (opEn === 'O' || opEn === 'OI') parts.push('+r');
  return parts.join(' ');
}

const byte = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');
const hex = (opcode: number): string => opcodeBytes(opcode).map(byte).join(' ');
