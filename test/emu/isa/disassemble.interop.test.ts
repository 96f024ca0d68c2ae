import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../../emu/isa/decode.ts';
import { opcodeRows } from '../../../emu/isa/opcode-table.ts';
import { opcodeBytes } from '../../../emu/isa/row.ts';

// Lengths against GNU objdump, for every row with each way to form an address.

const SLOT = 16;
/** eax; [eax]; [eax+eiz*1]-like SIB forms; disp8; disp32; absolute. */
const MODRMS = [0xc1, 0x00, 0x04, 0x44, 0x45, 0x85, 0x05];
const PREFIXES: readonly (readonly number[])[] = [[], [0x66], [0x67]];

function samples(): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (const row of opcodeRows) {
    const modrms =
      row.modrm !== undefined
        ? [row.modrm]
        : row.digit === undefined
          ? MODRMS
          : MODRMS.map((byte) => (byte & 0xc7) | (row.digit! << 3));
    for (const modrm of modrms) {
      for (const prefixes of PREFIXES) {
        const bytes = new Uint8Array(SLOT).fill(0x90);
        bytes.set([
          ...(row.prefix ? [row.prefix] : prefixes),
          ...opcodeBytes(row.opcode),
          modrm,
          0x25,
          0x11,
          0x22,
          0x33,
        ]);
        list.push(bytes);
      }
    }
  }
  return list;
}

/** Length of the first instruction of each slot as objdump sees it; undefined where it says (bad). */
function objdumpLengths(all: readonly Uint8Array[]): (number | undefined)[] {
  const directory = mkdtempSync(join(tmpdir(), 'coreback-'));
  const file = join(directory, 'code.bin');
  writeFileSync(file, Buffer.concat(all));
  const text = execFileSync('objdump', ['-D', '-b', 'binary', '-m', 'i386', '-M', 'intel', '--insn-width=16', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  rmSync(directory, { recursive: true });
  const lengths: (number | undefined)[] = [];
  for (const [, address, bytes, insn] of text.matchAll(/^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t(.*)$/gm)) {
    const at = Number.parseInt(address, 16);
    if (at % SLOT === 0) lengths[at / SLOT] = insn.includes('(bad)') ? undefined : bytes.trim().split(' ').length;
  }
  return lengths;
}

describe('decoder beside objdump', () => {
  it('finds the same lengths', () => {
    const all = samples();
    const decoder = new Decoder();
    const lengths = objdumpLengths(all);
    const differences: string[] = [];
    all.forEach((bytes, i) => {
      const insn = decoder.decode(bytes, 0, SLOT, 0, true);
      const expected = lengths[i];
      if (insn === null || insn.row.opcode < 0 || expected === undefined) return;
      if (insn.length !== expected)
        differences.push(
          `${Buffer.from(bytes).toString('hex')} ${insn.row.mnemonic}: ${insn.length}, objdump ${expected}`,
        );
    });
    expect(lengths.length).toBe(all.length);
    expect(differences).toEqual([]);
  });
});
