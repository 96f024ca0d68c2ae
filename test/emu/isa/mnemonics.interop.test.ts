import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { opcodeRows } from '../../../emu/isa/opcode-table.ts';
import { LATER_EXTENSIONS, REASONS } from '../../../scripts/sdm-instructions.ts';

/*
 * An outside list of all instructions: what binutils make of every opcode in 32-bit code. Each is a row or is named as missing.
 */

const SLOT_BYTES = 16;
const PREFIXES = [[], [0x66], [0xf3], [0xf2]];
const IS_PREFIX = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
/** Two-byte opcodes, and one-byte ones, for which each of the 64 register forms may be an instruction of its own. */
const ALL_FORMS = new Set([0xc6, 0xc7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf]);
/** EVEX opcodes whose ModR/M.reg tells instructions apart that have memory operands only. */
const GATHER_PREFETCHES = new Set([0xc6, 0xc7]);
const ALL_FORMS_0F = new Set([0x00, 0x01, 0x0d, 0x18, 0x1e, 0xae, 0xc7]);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Each with a memory operand, and with registers: one, or all. */
function forms(all: boolean): number[] {
  const digits = range(0, 8);
  return [
    ...digits.map((digit) => (digit << 3) | 1),
    ...(all ? range(0xc0, 0x100) : digits.map((digit) => 0xc1 | (digit << 3))),
  ];
}

function* legacyEncodings(): Generator<number[]> {
  for (const prefix of PREFIXES) {
    for (const opcode of range(0, 256)) {
      if (opcode !== 0x0f && !IS_PREFIX.has(opcode)) {
        for (const modrm of forms(ALL_FORMS.has(opcode))) yield [...prefix, opcode, modrm];
      }
      if (opcode !== 0x38 && opcode !== 0x3a) {
        for (const modrm of forms(ALL_FORMS_0F.has(opcode))) yield [...prefix, 0x0f, opcode, modrm];
      }
      for (const map of [0x38, 0x3a]) for (const modrm of forms(false)) yield [...prefix, 0x0f, map, opcode, modrm];
    }
  }
  // 3DNow!: the opcode comes last.
  for (const opcode of range(0, 256)) yield [0x0f, 0x0f, 0xc1, opcode];
}

function* vectorEncodings(): Generator<number[]> {
  for (const opcode of range(0, 256)) {
    for (const bits of range(0, 16)) {
      // W, L, pp; vvvv is all ones, for "none".
      const last = ((bits & 8) << 4) | 0x78 | (bits & 7);
      for (const map of [1, 2, 3])
        for (const modrm of opcode === 0xae ? [0x11, 0x19] : [0x01, 0xc1, 0xc9, 0xd1, 0xd9, 0xe1, 0xf1, 0xf9])
          yield [0xc4, 0xe0 | map, last, opcode, modrm];
      for (const map of [8, 9, 10])
        if ((bits & 3) === 0)
          for (const digit of range(0, 8)) yield [0x8f, 0xe0 | map, last, opcode, 0xc1 | (digit << 3)];
      for (const map of [1, 2, 3, 5, 6]) {
        for (const mask of [0, 1]) {
          const second = ((bits & 8) << 4) | 0x7c | (bits & 3);
          for (const modrm of GATHER_PREFETCHES.has(opcode) ? [0x09, 0x11, 0x29, 0x31] : [0x01, 0xc1, 0xc9, 0xe1])
            yield [0x62, 0xf0 | map, second, ((bits & 4) << 4) | 8 | mask, opcode, modrm];
        }
      }
    }
  }
}

/** The mnemonic that objdump gives each encoding, in capitals. */
function disassemble(encodings: readonly number[][]): string[] {
  const bytes = new Uint8Array(encodings.length * SLOT_BYTES).fill(0x90);
  encodings.forEach((encoding, i) => {
    bytes.set(encoding, i * SLOT_BYTES);
  });
  const folder = mkdtempSync(join(tmpdir(), 'coreback-mnemonics-'));
  try {
    const file = join(folder, 'code');
    writeFileSync(file, bytes);
    const options = ['-D', '-b', 'binary', '-m', 'i386', '-M', 'intel', '--no-show-raw-insn', file];
    const text = execFileSync('objdump', options, { encoding: 'utf8', maxBuffer: 1 << 29 });
    const names: string[] = [];
    for (const [, address, rest] of text.matchAll(/^\s*([0-9a-f]+):\s+(.*)$/gm)) {
      const at = Number.parseInt(address!, 16);
      if (at % SLOT_BYTES !== 0) continue;
      const words = rest!.replace(
        /^(?:(?:data16|addr16|repn?z|rep|lock|[cdefgs]s|notrack|bnd|xacquire|xrelease)\s+)+/,
        '',
      );
      names[at / SLOT_BYTES] = words.split(/[\s(]/, 1)[0]!.toUpperCase();
    }
    return names;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What binutils call otherwise than the SDM, or by names for particular operands. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  CDQ: 'CWD',
  CWDE: 'CBW',
  XLAT: 'XLATB',
  'XSTORE-RNG': 'XSTORE',
  // Executed as the NOP that they are on processors without shadow stacks.
  ENDBR32: 'NOP',
  ENDBR64: 'NOP',
};

function sdmName(name: string): string {
  if (name in OTHER_NAMES) return OTHER_NAMES[name]!;
  // Predicates and element sizes of comparisons, widths of operands.
  return name
    .replace(/^VCMP\w*?([PS][SDH])$/, 'VCMP$1')
    .replace(/^VPCMP(?:LT|LE|NEQ|NLT|NLE|FALSE|TRUE|EQU)(U?[BWDQ])$/, 'VPCMP$1')
    .replace(/^VPCOM(?:LT|LE|GT|GE|EQ|NEQ|FALSE|TRUE)(U?[BWDQ])$/, 'VPCOM$1')
    .replace(/^(V?)PCLMUL\w*$/, '$1PCLMULQDQ')
    .replace(/^CMP(?:EQ|LT|LE|UNORD|NEQ|NLT|NLE|ORD)([PS][SD])$/, 'CMP$1')
    .replace(/^XCRYPT-/, 'XCRYPT')
    .replace(/^(S[GI]DT|L[GI]DT)[DW]$/, '$1')
    .replace(
      /^(CALL|ENTER|LEAVE|FLDENV|FNSAVE|FNSTENV|FRSTOR|IRET|JMP|POP|POPA|POPF|PUSH|PUSHA|PUSHF|RET|RETF|XBEGIN)W$/,
      '$1',
    );
}

const rows = new Set(opcodeRows.map(({ mnemonic }) => mnemonic));
const missing = new Set([
  ...Object.keys(REASONS),
  ...LATER_EXTENSIONS.flatMap(({ mnemonics }) => mnemonics.split(' ')),
]);

describe('docs/isa.md', () => {
  it('has every instruction that binutils know, as a row or among those that are missing', { timeout: 120_000 }, () => {
    const encodings = [...legacyEncodings(), ...vectorEncodings()];
    const found = new Set(disassemble(encodings).map(sdmName));
    expect(found.size).toBeGreaterThan(1200);
    const unknown = [...found].filter(
      (name) => !rows.has(name) && !missing.has(name) && !/BAD|[{}<]/.test(name) && name !== '',
    );
    expect(unknown.sort()).toEqual([]);
    // Nor is anything missing that nobody else knows of.
    expect([...missing].filter((name) => !found.has(name)).sort()).toEqual([]);
  });
});
