import fc from 'fast-check';
import { EFLAGS } from '../../emu/core/core-state.ts';
import { MXCSR, ST_MM } from '../../emu/interp/simd.ts';
import { opcodeRows } from '../../emu/isa/opcode-table.ts';
import { opcodeBytes } from '../../emu/isa/row.ts';
import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { CODE, DATA, type Guest, STACK_TOP } from './guest-code.ts';

// Random programs drawn from the rows, and what a run of one leaves behind.

/** Addresses that random code can hit: data, its page ends, the stack, the code itself. */
const interestingWord = fc.oneof(
  fc.integer(),
  fc.integer({ min: -4, max: 40 }),
  fc
    .constantFrom(DATA, DATA + 0x800, DATA + PAGE_SIZE - 2, DATA + 2 * PAGE_SIZE - 3, STACK_TOP - 0x800, CODE + 0x40)
    .map((n) => n | 0),
  fc.constantFrom(0x7fffffff, -0x80000000, -1, 0x80, 0x8000, 0xff, 0xffff),
);

const operandBytes = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0xc0, max: 0xff })),
  fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0xff, 0x10)), {
    minLength: 12,
    maxLength: 12,
  }),
);

/** The bytes of one instruction: prefixes, opcode, ModR/M with the row's digit, and enough bytes for the rest. */
export const instruction = fc
  .tuple(
    fc.constantFrom(...opcodeRows),
    fc.integer({ min: 0, max: 7 }),
    operandBytes,
    fc.constantFrom([], [], [], [], [], [0x66], [0x65], [0xf3], [0xf2], [0xf0], [0x67]),
  )
  .map(([row, low, [modrm, tail], prefixes]) => {
    const opcode = row.opEn === 'O' || row.opEn === 'OI' ? row.opcode + low : row.opcode;
    const first = row.modrm ?? (row.digit === undefined ? modrm : (modrm & 0xc7) | (row.digit << 3));
    const needsModrm =
      row.modrm !== undefined ||
      row.digit !== undefined ||
      row.operands.some((code) => /^[EGMRS][a-z]?$|^[MNPQRUVW][a-z]/.test(code));
    // Immediates get all the bytes they may want; what remains decodes as further instructions.
    const rest = needsModrm ? [first, ...tail.slice(0, row.operands.length > 1 ? 5 : 4)] : tail.slice(0, 4);
    return [...(row.prefix ? [row.prefix] : prefixes), ...opcodeBytes(opcode), ...rest];
  });

export const randomProgram = fc.record({
  code: fc.array(instruction, { minLength: 1, maxLength: 12 }).map((list) => Uint8Array.from(list.flat())),
  registers: fc.array(interestingWord, { minLength: 8, maxLength: 8 }),
  flags: fc.integer({ min: 0, max: 0xfff }).map((bits) => (bits & 0xcd5) | 0x202),
  keepStack: fc.boolean(),
  vectors: fc.integer(),
  mxcsr: fc.integer({ min: 0, max: 0xffff }),
  slices: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
});
export type RandomProgram = typeof randomProgram extends fc.Arbitrary<infer T> ? T : never;

/** What the pages of data and stack hold at the start. */
const PATTERN = Uint8Array.from({ length: PAGE_SIZE }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const EMPTY = new Uint8Array(PAGE_SIZE);

/** Makes a guest ready to run the program's code from its registers. */
export function load(guest: Guest, { code, registers, flags, keepStack, vectors, mxcsr }: RandomProgram): void {
  guest.space.poke(CODE, EMPTY);
  guest.space.poke(CODE, code);
  for (const base of [DATA, DATA + PAGE_SIZE, STACK_TOP - PAGE_SIZE, STACK_TOP - 2 * PAGE_SIZE]) {
    guest.space.poke(base, PATTERN);
  }
  guest.reset();
  registers.forEach((value, reg) => {
    if (reg !== 4 || !keepStack) guest.r[reg] = value;
  });
  guest.r[EFLAGS] = flags;
  for (let i = 0; i < 64; i++) guest.r[ST_MM + i] = Math.imul(vectors + i, 0x9e3779b1) >> (i & 15);
  guest.r[MXCSR] = mxcsr | 0x1f00;
}

/** Exits, retired counts, registers and memory after each slice. */
export function trace(guest: Guest, input: RandomProgram): unknown[] {
  load(guest, input);
  const seen: unknown[] = [];
  for (let i = 0; i < 12; i++) {
    const budget = input.slices[i % input.slices.length];
    const outcome = guest.outcome(budget);
    seen.push(outcome, Array.from(guest.core.i32));
    if (outcome.startsWith('#')) break;
  }
  for (const page of guest.space.residentPages())
    seen.push(Buffer.from(guest.space.peek(page * PAGE_SIZE, PAGE_SIZE)).toString('base64'));
  return seen;
}
