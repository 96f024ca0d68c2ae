import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../../emu/isa/decode.ts';
import { disassemble } from '../../../emu/isa/disassemble.ts';
import { disassembleAtt } from '../../../emu/isa/disassemble-att.ts';
import type { Insn } from '../../../emu/isa/insn.ts';
import { opcodeRows } from '../../../emu/isa/opcode-table.ts';
import { type OpcodeRow, opcodeBytes } from '../../../emu/isa/row.ts';

// Both syntaxes against GNU objdump, for every row with each way to form an address and each prefix that changes the text.

type Syntax = 'intel' | 'att';

const SLOT = 16;
/** ecx; [eax]; SIB without base and index; SIB with disp8; [ebp+disp8]; [ebp+disp32]; absolute. */
const MODRMS = [0xc1, 0x00, 0x04, 0x44, 0x45, 0x85, 0x05];
const PREFIXES: readonly (readonly number[])[] = [[], [0x66], [0x67], [0x65], [0xf3], [0xf2], [0xf0]];
/** SIB [0x44332291] or [ebp*8+...]; negative as 8 bits, positive as 32. */
const TAILS = [
  [0x25, 0x91, 0x22, 0x33, 0x44],
  [0xcb, 0xfe, 0xff, 0xff, 0x7f],
];

/** What objdump writes otherwise, and we mean the same: where it applies, and what makes the two alike. */
interface Allowed {
  readonly why: string;
  readonly in: (insn: Insn, syntax: Syntax) => boolean;
  readonly alike: (text: string, whose: 'ours' | 'theirs', insn: Insn) => string;
}

const isString = ({ row }: Insn): boolean => row.operands.some((code) => /^[XY]/.test(code));
const SUFFIX: Readonly<Record<string, string>> = { byte: 'b', word: 'w', dword: 'd' };
const always = (): boolean => true;
const intel = (_: Insn, syntax: Syntax): boolean => syntax === 'intel';

const ALLOWED: readonly Allowed[] = [
  {
    why: 'prefixes without effect are shown as words of their own',
    in: always,
    alike: (text, _, insn) => {
      const plain = text.replace(/\b(?:data16|addr16|bnd|xrelease|xacquire|notrack|[cdefgs]s) (?=\S)/g, '');
      return isString(insn) ? plain : plain.replace(/^(?:repz|repnz|rep) /, '');
    },
  },
  { why: 'comments', in: always, alike: (text) => text.replace(/ ?\((?:8087|287) only\)/, '') },
  {
    why: 'a SIB byte without an index is shown with the index eiz',
    in: always,
    alike: (text) =>
      text
        .replace(/\(,%eiz,[1248]\)/, '')
        .replace(/,%eiz,[1248]\)/, ')')
        .replace(/\+?eiz\*[1248]\+?(?=.*\])/, (found) => (found.startsWith('+') && found.endsWith('+') ? '+' : '')),
  },
  {
    why: 'hint no-operations have the names that later processors gave them',
    in: ({ row }) => row.opcode >= 0x0f18 && row.opcode <= 0x0f1f,
    alike: () => '',
  },
  {
    why: 'F3 in front makes it another instruction on later processors: TZCNT, LZCNT, WBNOINVD',
    in: ({ row, rep }) => rep === 0xf3 && /^(?:BSF|BSR|WBINVD)$/.test(row.mnemonic),
    alike: (text) => text.replace(/tzcnt/, 'bsf').replace(/lzcnt/, 'bsr').replace('wbnoinvd', 'wbinvd'),
  },
  {
    why: 'LAR and LSL name a 16-bit source register as a 32-bit one',
    in: ({ row }) => /^(?:LAR|LSL)$/.test(row.mnemonic),
    alike: (text) => text.replace(/\b(?:e?cx|e?bx)\b/, 'cx'),
  },
  {
    why: 'targets of 16-bit jumps are not cut to 16 bits',
    in: ({ row, operandSize }) => operandSize === 2 && /^J[bz]$/.test(row.operands[0] ?? ''),
    alike: (text) =>
      text.replace(/0x[0-9a-f]*?([0-9a-f]{1,4})$/, (_, low: string) => Number.parseInt(low, 16).toString(16)),
  },
  {
    why: 'Intel: sizes in capitals, no space after a comma, no brackets around an address that is a number alone',
    in: intel,
    alike: (text) =>
      text
        .replace(/\b(?:BYTE|WORD|DWORD|FWORD|QWORD|TBYTE|XMMWORD) PTR/g, (found) => found.toLowerCase())
        .replace(/, /g, ',')
        .replace(/\[(0x[0-9a-f]+)\]/, '$1')
        .replace(/\bds:(?=0x)/, ''),
  },
  {
    why: 'Intel: negative immediates are shown as unsigned numbers of the size of the operand that they meet',
    in: intel,
    alike: (text, _, insn) => {
      const size = insn.row.mnemonic === 'PUSH' ? insn.operandSize : (insn.operands[0]?.size ?? 4);
      return text.replace(/(?<=[ ,])-0x([0-9a-f]+)(?=,|$)/g, (_all, digits: string) => {
        return `0x${(2 ** (8 * size) - Number.parseInt(digits, 16)).toString(16)}`;
      });
    },
  },
  {
    why: 'Intel: string instructions are shown with their operands',
    in: (insn, syntax) => syntax === 'intel' && isString(insn),
    alike: (text) =>
      text
        .replace(/^((?:rep\w* )?)(\w+) .*?\b(byte|word|dword) ptr .*$/, (_, rep: string, name: string, size: string) =>
          [rep, name, SUFFIX[size]].join(''),
        )
        .replace(/^repnz/, 'repne')
        .replace(/^repz/, 'repe'),
  },
  {
    why: 'Intel: other names: SHL for SAL, XLAT for XLATB, CALL and JMP for far ones as well, PUSHA for PUSHAD, SGDTD for SGDT ...',
    in: intel,
    alike: (text, _, { row }) => {
      const plain = text.replace(/^sal /, 'shl ').replace(/^xlat .*/, 'xlatb');
      if (/^(?:CALL|JMP)F$/.test(row.mnemonic)) return plain.replace(/^(call|jmp)f?w? (?:[df]word ptr )?/, '$1 ');
      if (/^(?:PUSHA|POPA|PUSHF|POPF|IRET)$/.test(row.mnemonic)) return plain.replace(/d$/, '');
      if (row.operands[0] === 'Ms') return plain.replace(/^(\w\w\wt)[dw]? (?:fword ptr )?/, '$1 ');
      return plain;
    },
  },
  {
    why: 'Intel: instructions that move the stack or the instruction pointer, or an x87 image, end in w when they work with 16 bits',
    in: ({ operandSize }, syntax) => syntax === 'intel' && operandSize === 2,
    alike: (text) => text.replace(/^(push|pop|enter|leave|call|jmp|retf?|fldenv|fnstenv|frstor|fnsave)w\b/, '$1'),
  },
  {
    why: 'Intel: the 1 of the one-bit shifts is no hexadecimal number',
    in: ({ row }, syntax) => syntax === 'intel' && row.operands[1] === '1',
    alike: (text) => text.replace(/,1$/, ',0x1'),
  },
  {
    why: 'Intel: MOV with an address in the instruction, and LDDQU, do not name the size',
    in: ({ row }, syntax) =>
      syntax === 'intel' && (row.mnemonic === 'LDDQU' || row.operands.some((code) => code[0] === 'O')),
    alike: (text) => text.replace(/(?:byte|word|dword|xmmword) ptr /, ''),
  },
  {
    why: 'MOV to a segment register names a 16-bit source register as a 32-bit one',
    in: ({ row }) => row.opcode === 0x8e,
    alike: (text) => text.replace(/\becx\b/, 'cx'),
  },
];

function alike(text: string, whose: 'ours' | 'theirs', insn: Insn, syntax: Syntax): string {
  return ALLOWED.reduce(
    (result, rule) => (rule.in(insn, syntax) ? rule.alike(result, whose, insn) : result),
    text.replace(/\s+/g, ' ').trim(),
  );
}

function modrmsOf(row: OpcodeRow): readonly number[] {
  if (row.modrm !== undefined) return row.opEn === 'STi' ? [row.modrm, row.modrm + 3] : [row.modrm];
  if (row.mod === 3 && row.digit !== undefined) return [0xc0 | (row.digit << 3)];
  return row.digit === undefined ? MODRMS : MODRMS.map((byte) => (byte & 0xc7) | (row.digit! << 3));
}

function samples(): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (const row of opcodeRows) {
    for (const modrm of modrmsOf(row)) {
      for (const prefixes of PREFIXES) {
        for (const tail of TAILS) {
          const bytes = new Uint8Array(SLOT).fill(0x90);
          bytes.set([...(row.prefix ? [row.prefix] : prefixes), ...opcodeBytes(row.opcode), modrm, ...tail]);
          list.push(bytes);
        }
      }
    }
  }
  return list;
}

/** Text of the first instruction of each slot as objdump sees it. */
function objdump(all: readonly Uint8Array[], syntax: Syntax): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'coreback-'));
  const file = join(directory, 'code.bin');
  writeFileSync(file, Buffer.concat(all));
  const text = execFileSync('objdump', ['-D', '-b', 'binary', '-m', 'i386', '-M', syntax, '--insn-width=16', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  rmSync(directory, { recursive: true });
  const texts: string[] = [];
  for (const [, address, insn] of text.matchAll(/^\s*([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*\t(.*)$/gm)) {
    const at = Number.parseInt(address, 16);
    if (at % SLOT === 0) texts[at / SLOT] = insn;
  }
  return texts;
}

/** Undocumented: SALC (D6), and the second encodings of x87 instructions. */
const UNKNOWN_TO_OBJDUMP = ['SALC', 'FCOM', 'FCOMP', 'FCOMP', 'FSTP', 'FSTP', 'FSTP', 'FXCH', 'FXCH'];

const all = samples();

describe.each([
  ['intel', disassemble],
  ['att', disassembleAtt],
] as const)('%s syntax beside objdump', (syntax, write) => {
  it('says the same, but for the allowed differences', () => {
    const theirs = objdump(all, syntax);
    const decoder = new Decoder();
    const compared = new Set<OpcodeRow>();
    const wrong = new Map<OpcodeRow, string>();
    all.forEach((bytes, i) => {
      const insn = decoder.decode(bytes, 0, SLOT, i * SLOT, true);
      const expected = theirs[i];
      if (insn === null || insn.row.opcode < 0 || expected === undefined || expected.includes('(bad)')) return;
      compared.add(insn.row);
      const [ours, other] = [alike(write(insn), 'ours', insn, syntax), alike(expected, 'theirs', insn, syntax)];
      if (ours !== other) wrong.set(insn.row, `${Buffer.from(bytes).toString('hex')}: ${ours} | ${other}`);
    });
    // The last of each row.
    expect([...wrong.values()]).toEqual([]);
    expect(opcodeRows.filter((row) => !compared.has(row)).map(({ mnemonic }) => mnemonic)).toEqual(UNKNOWN_TO_OBJDUMP);
  });
});
