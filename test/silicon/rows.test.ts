import { describe, expect, it } from 'vitest';
import { opcodeRows } from '../../emu/isa/opcode-table.ts';
import { refusedRows, testedRows } from './rows.ts';

describe('what the real CPU is asked', () => {
  it('is every row of the table, by a name of its own', () => {
    expect(testedRows).toHaveLength(opcodeRows.length);
    expect(testedRows.map(({ opcode, mnemonic }) => `${opcode} ${mnemonic}`)).toEqual(
      opcodeRows.map(({ opcode, mnemonic }) => `${opcode} ${mnemonic}`),
    );
    expect(new Set(testedRows.map(({ name }) => name)).size).toBe(opcodeRows.length);
  });

  it('is not carried out only where user mode may not', () => {
    expect([...new Set(refusedRows.map(({ mnemonic }) => mnemonic))].sort()).toEqual(
      // Moves to and from control and debug registers among them.
      'CLI CLTS HLT IN INS INVD INVLPG LGDT LIDT LLDT LMSW LTR MOV OUT OUTS RDMSR RDPMC STI UD2 WBINVD WRMSR'.split(
        ' ',
      ),
    );
  });
});
