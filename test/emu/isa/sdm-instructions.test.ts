import { describe, expect, it } from 'vitest';
import { opcodeRows } from '../../../emu/isa/opcode-table.ts';
import { LATER_EXTENSIONS, REASONS, SDM_GROUPS } from '../../../scripts/sdm-instructions.ts';

const rows = new Set(opcodeRows.map((row) => row.mnemonic));
const existing = SDM_GROUPS.flatMap(({ mnemonics }) => mnemonics.split(' '));

describe('the list of instructions behind docs/isa.md', () => {
  it('has every instruction that the machine has, once', () => {
    expect([...rows].filter((mnemonic) => !existing.includes(mnemonic))).toEqual([]);
    expect(existing.filter((mnemonic, i) => existing.indexOf(mnemonic) !== i)).toEqual([]);
  });

  it('says why for each that the machine does not have, and for no other', () => {
    expect(existing.filter((mnemonic) => !rows.has(mnemonic)).sort()).toEqual(Object.keys(REASONS).sort());
  });

  it('has no later instruction that the machine has', () => {
    expect(LATER_EXTENSIONS.flatMap(({ mnemonics }) => mnemonics.split(' ')).filter((m) => rows.has(m))).toEqual([]);
  });
});
