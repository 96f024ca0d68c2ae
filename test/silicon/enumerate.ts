import { flagMask } from '../../emu/isa/row.ts';
import { type Case, CODE_BASE, DATA_BASE, MODE_RUN } from './protocol.ts';

const SF_ZF_AF_PF_CF = 0xd5;
const AF_CF = 0x11;
const CF = 0x01;

interface ByteOperation {
  readonly name: string;
  /** Works on AL (or AX) and CL, and on the flags. */
  readonly code: readonly number[];
  /** SF ZF AF PF CF before it. */
  readonly flagsBefore: readonly number[];
  /** What the SDM defines after it, for every operand that comes. */
  readonly flagsAfter: string;
  /** CL goes from 0 to this. */
  readonly countMask: number;
}

const ALL = 'OF SF ZF AF PF CF';
const LOGIC = 'OF SF ZF PF CF';

function operation(
  name: string,
  code: number[],
  flagsAfter: string,
  flagsBefore = [0, SF_ZF_AF_PF_CF],
  countMask = 0xff,
): ByteOperation {
  return { name, code, flagsAfter, flagsBefore, countMask };
}

/** Every 8-bit operation whose operands are few enough to try them all. */
const BYTE_OPERATIONS: readonly ByteOperation[] = [
  operation('ADD', [0x00, 0xc8], ALL),
  operation('OR', [0x08, 0xc8], LOGIC),
  operation('ADC', [0x10, 0xc8], ALL),
  operation('SBB', [0x18, 0xc8], ALL),
  operation('AND', [0x20, 0xc8], LOGIC),
  operation('SUB', [0x28, 0xc8], ALL),
  operation('XOR', [0x30, 0xc8], LOGIC),
  operation('CMP', [0x38, 0xc8], ALL),
  operation('TEST', [0x84, 0xc8], LOGIC),
  operation('XADD', [0x0f, 0xc0, 0xc8], ALL),
  operation('MUL', [0xf6, 0xe1], 'OF CF'),
  operation('IMUL', [0xf6, 0xe9], 'OF CF'),
  operation('INC', [0xfe, 0xc0], ALL, [0, SF_ZF_AF_PF_CF], 0),
  operation('DEC', [0xfe, 0xc8], ALL, [0, SF_ZF_AF_PF_CF], 0),
  operation('NEG', [0xf6, 0xd8], ALL, [0, SF_ZF_AF_PF_CF], 0),
  // OF is defined for a count of 1 only: the second row of each.
  ...['ROL', 'ROR', 'RCL', 'RCR'].flatMap((name, i) => [
    operation(name, [0xd2, 0xc0 + 8 * i], 'SF ZF AF PF CF'),
    operation(name, [0xd0, 0xc0 + 8 * i], ALL, [0, SF_ZF_AF_PF_CF], 0),
  ]),
  ...(
    [
      ['SHL', 4, 7],
      ['SHR', 5, 7],
      ['SAR', 7, 0xff],
    ] as const
  ).flatMap(([name, digit, countMask]) => [
    // CF is undefined for SHL and SHR by 8 and more.
    operation(name, [0xd2, 0xc0 + 8 * digit], 'SF ZF PF CF', [0, SF_ZF_AF_PF_CF], countMask),
    operation(name, [0xd0, 0xc0 + 8 * digit], LOGIC, [0, SF_ZF_AF_PF_CF], 0),
  ]),
  operation('DAA', [0x27], 'SF ZF AF PF CF', [0, CF, AF_CF & ~CF, AF_CF], 0),
  operation('DAS', [0x2f], 'SF ZF AF PF CF', [0, CF, AF_CF & ~CF, AF_CF], 0),
  operation('AAA', [0x37], 'AF CF', [0, CF, AF_CF & ~CF, AF_CF], 0),
  operation('AAS', [0x3f], 'AF CF', [0, CF, AF_CF & ~CF, AF_CF], 0),
  operation('AAD', [0xd5, 0x0a], 'SF ZF PF', [0, 0x07, 0xff], 0),
  operation('AAM', [0xd4, 0x0a], 'SF ZF PF', [0], 0),
];

/**
 * All operands of all 8-bit operations. A case is one operation and one value of AL; it goes through all values of CL and
 * leaves AX and the defined flags of each in a table.
 */
export function enumerateByteOperations(): Case[] {
  const cases: Case[] = [];
  for (const { code, flagsBefore, flagsAfter, countMask } of BYTE_OPERATIONS) {
    const mask = flagMask(flagsAfter);
    // biome-ignore format: one instruction per line
    const body = [
      0x89, 0xd8, // mov eax, ebx
      0x89, 0xd1, // mov ecx, edx
      0x9e, // sahf
      ...code,
      0x9c, // pushf
      0x81, 0x24, 0x24, mask & 0xff, mask >> 8, 0, 0, // and dword [esp], mask
      0x5d, // pop ebp
      0xc1, 0xe0, 0x10, // shl eax, 16
      0x09, 0xe8, // or eax, ebp
      0x89, 0x04, 0x97, // mov [edi + edx*4], eax
      0xfe, 0xc2, // inc dl
      0x80, 0xe2, countMask, // and dl, countMask
    ];
    body.push(0x75, -(body.length + 2) & 0xff); // jnz
    for (const flags of flagsBefore) {
      for (let value = 0; value < 256; value++) {
        cases.push({
          regs: Uint32Array.of(0, 0, 0, (flags << 8) | value, DATA_BASE + 0x800, 0, 0, DATA_BASE + 0x1000),
          eip: CODE_BASE + 0x100,
          eflags: 0x202,
          selectors: Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0x63, 0x6b),
          code: Uint8Array.from(body),
          mode: MODE_RUN,
          steps: 1,
          patches: [],
          fx: null,
        });
      }
    }
  }
  return cases;
}
