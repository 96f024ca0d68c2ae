import { describe, it } from 'vitest';
import type { Prng } from '../../../emu/base/prng.ts';
import { FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import { compareLoops, DATA_WORDS, endLoop } from './float-loops.ts';

// Loops of x87 instructions that keep to the stack. Most begin with "inexact" not yet noted.

/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;

/** FNSTCW [ebx + 122]; MOV AX, [ebx + 122]; MOV [ebx + 124], AX. */
const CAST_BEGIN = [0xd9, 0x7b, 0x7a, 0x66, 0x8b, 0x43, 0x7a, 0x66, 0x89, 0x43, 0x7c];

/** Memory operands are [ebx + a multiple of 8]. */
function drawInstruction(prng: Prng, depth: number): { bytes: number[]; depth: number } {
  const place = (): number => 8 * prng.below(DATA_WORDS / 2 - 16);
  const memory = (opcode: number, digit: number): number[] => [opcode, 0x43 | (digit << 3), place()];
  const other = (): number => prng.below(depth);
  const pick = <T>(list: readonly T[]): T => list[prng.below(list.length)]!;
  const arithmetic = pick([0, 1, 4, 5, 6, 7]);
  const kinds: (() => { bytes: number[]; depth: number })[] = [];
  const kind = (make: () => number[], change = 0): number =>
    kinds.push(() => ({ bytes: make(), depth: depth + change }));
  if (depth < 7) {
    kind(() => memory(pick([0xdd, 0xd9, 0xdb, 0xdf]), 0), 1);
    kind(() => memory(0xdf, 5), 1);
    // A constant of 64 bits, which is gone again at once.
    kind(() => [0xd9, pick([0xe9, 0xea, 0xeb, 0xec, 0xed]), 0xdd, 0xd8]);
    kind(() => [0xd9, pick([0xe8, 0xee])], 1);
    if (depth > 0) kind(() => [0xd9, 0xc0 + other()], 1);
  }
  if (depth > 0) {
    for (let i = 0; i < 3; i++) kind(() => memory(pick([0xdc, 0xd8, 0xdc, 0xda, 0xde]), arithmetic));
    kind(() => [0xd9, pick([0xe0, 0xe1, 0xfa])]);
    kind(() => memory(pick([0xdd, 0xd9]), 2));
    kind(() => memory(pick([0xdc, 0xd8]), 2));
    kind(() => [0xdf, 0xe0]);
    kind(() => memory(pick([0xdb, 0xdf]), 2));
    kind(() => [0xd9, pick([0xe4, 0xfc])]);
    kind(() => [pick([0xda, 0xdb]), 0xc0 + 8 * prng.below(4) + other()]);
    // A cast: FNSTCW, another rounding, FIST or FRNDINT, and back.
    const rounding = pick([0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x04, 0x08, 0x0e, 0x0d]);
    const rounded = pick([
      memory(pick([0xdb, 0xdf]), 2),
      [0xd9, 0xfc],
      memory(0xdd, 2),
      memory(0xdc, arithmetic),
      memory(0xd9, 2),
    ]);
    // As gcc does it now, by OR; or by MOV, which leaves the precision at 24 bits.
    const setRounding = pick([
      [0x80, 0x4b],
      [0xc6, 0x43],
    ]);
    kind(() => [...CAST_BEGIN, ...setRounding, 0x7d, rounding, 0xd9, 0x6b, 0x7c, ...rounded, 0xd9, 0x6b, 0x7a]);
    kind(() => [pick([0xd8, 0xdc]), (0xc0 | (arithmetic << 3)) + other()]);
    kind(() => [0xd9, 0xc8 + other()]);
    kind(() => [pick([0xdb]), pick([0xe8, 0xf0]) + other()]);
    kind(() => [0xdd, 0xd0 + other()]);
    kind(
      () =>
        pick([memory(0xdb, 3), memory(0xdf, 3), memory(0xdf, 7), memory(0xdb, 1), memory(0xdd, 1), memory(0xdf, 1)]),
      -1,
    );
    kind(() => memory(pick([0xdd, 0xd9]), 3), -1);
    kind(() => [0xdd, 0xd8 + other()], -1);
  }
  if (depth > 1) {
    for (let i = 0; i < 2; i++) kind(() => [0xde, (0xc0 | (arithmetic << 3)) + 1 + prng.below(depth - 1)], -1);
    kind(() => [0xda, 0xe9], -2);
  }
  return pick(kinds)();
}

/** The loop's body leaves the stack as deep as it was; now and then a jump skips one instruction that does not change the depth. */
function drawLoop(prng: Prng): Uint8Array {
  const code: number[] = [];
  const start = prng.below(3);
  let depth = start;
  const draw = (): void => {
    const drawn = drawInstruction(prng, depth);
    if (drawn.depth === depth && prng.below(4) === 0) code.push(0x70 + prng.below(16), drawn.bytes.length);
    code.push(...drawn.bytes);
    depth = drawn.depth;
  };
  for (let i = 0; i < start; i++) code.push(0xdd, 0x43, 8 * i);
  const top = code.length;
  for (let i = prng.between(1, 14); i > 0; i--) draw();
  while (depth > start) {
    code.push(0xdd, 0x5b, 8 * prng.below(16));
    depth--;
  }
  while (depth < start) {
    code.push(0xd9, 0xe8);
    depth++;
  }
  return endLoop(code, top);
}

describe('translated loops of x87 instructions', () => {
  it('leave exactly what the interpreter leaves', { timeout: TIMEOUT_MS }, () => {
    compareLoops(0x87, drawLoop, (prng) => {
      const status = prng.below(3) === 0 ? 0x20 : 0;
      return ({ core }) => {
        core.u8[FXSAVE_BYTE_OFFSET + 2] = status;
      };
    });
  });
});
