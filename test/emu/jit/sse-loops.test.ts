import { describe, it } from 'vitest';
import type { Prng } from '../../../emu/base/prng.ts';
import { FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import { compareLoops, DATA_WORDS, endLoop } from './float-loops.ts';

// Loops of SSE arithmetic. Most begin with "inexact" noted already, which is when nothing is asked but whether numbers are ordinary.

/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;
const MXCSR_BYTE_OFFSET = FXSAVE_BYTE_OFFSET + 24;
const PACKED = 0x66;
const DOUBLE = 0xf2;
const SINGLE = 0xf3;
const PREFIXES: readonly number[][] = [[], [PACKED], [DOUBLE], [SINGLE]];

/** Registers XMM0 .. XMM3; memory operands are [ebx + a multiple of 16]. */
function drawInstruction(prng: Prng): number[] {
  const pick = <T>(list: readonly T[]): T => list[prng.below(list.length)]!;
  const reg = (): number => prng.below(4);
  const operand = (): number[] => {
    const to = reg() << 3;
    return prng.below(2) === 0 ? [0x43 | to, 16 * prng.below(DATA_WORDS / 8)] : [0xc0 | to | reg()];
  };
  const arithmetic = (): number => pick([0x58, 0x59, 0x5c, 0x5e]);
  return pick([
    () => [DOUBLE, 0x0f, 0x10, ...operand()],
    () => [PACKED, 0x0f, 0x28, ...operand()],
    () => [SINGLE, 0x0f, 0x10, ...operand()],
    ...[0, 1, 2].map(() => () => [DOUBLE, 0x0f, arithmetic(), ...operand()]),
    () => [SINGLE, 0x0f, arithmetic(), ...operand()],
    ...[0, 1].map(() => () => [PACKED, 0x0f, arithmetic(), ...operand()]),
    () => [0x0f, arithmetic(), ...operand()],
    () => [SINGLE, 0x0f, 0xe6, ...operand()],
    () => [...pick(PREFIXES), 0x0f, pick([0x5d, 0x5f]), ...operand()],
    () => [...pick(PREFIXES), 0x0f, 0xc2, ...operand(), prng.below(8)],
    // Of a register with itself: equal.
    () => [...pick(PREFIXES), 0x0f, 0xc2, 0xc0 | (9 * reg()), prng.below(8)],
    () => [...pick(PREFIXES), 0x0f, 0x51, ...operand()],
    () => [...pick([[], [PACKED]]), 0x0f, pick([0x2e, 0x2f]), ...operand()],
    // MOVDDUP, PINSRW, STMXCSR and LDMXCSR of what it has stored.
    () => [DOUBLE, 0x0f, 0x12, ...operand()],
    () => [PACKED, 0x0f, 0xc4, 0x43 | (reg() << 3), 8 * prng.below(DATA_WORDS / 4), prng.below(8)],
    () => [0x0f, 0xae, 0x5b, 0x7c, ...(prng.below(2) === 0 ? [0x0f, 0xae, 0x53, 0x7c] : [])],
    () => [SINGLE, 0x0f, 0x2a, 0xc1 | (reg() << 3)],
    () => [0x0f, 0x5b, ...operand()],
    () => [DOUBLE, 0x0f, 0x2a, 0xc1 | (reg() << 3)],
    () => [DOUBLE, 0x0f, 0x5a, ...operand()],
    () => [SINGLE, 0x0f, 0x5a, ...operand()],
    () => [pick([SINGLE, DOUBLE]), 0x0f, pick([0x2c, 0x2d]), 0xc0 | reg()],
    () => [DOUBLE, 0x0f, 0x11, 0x43 | (reg() << 3), 8 * prng.below(DATA_WORDS / 4)],
  ])();
}

function drawLoop(prng: Prng): Uint8Array {
  const code: number[] = [];
  for (let i = prng.between(1, 10); i > 0; i--) {
    const bytes = drawInstruction(prng);
    // Now and then a jump skips it.
    if (prng.below(5) === 0) code.push(0x70 + prng.below(16), bytes.length);
    code.push(...bytes);
  }
  return endLoop(code, 0);
}

/** Everything masked; sometimes not so, and sometimes another rounding, or denormals taken for zeros. */
function drawMxcsr(prng: Prng): number {
  const masked = 0x1f80 | (prng.below(4) === 0 ? 0 : 0x20);
  const oddity = [0x2000, 0x8000, 0x40, 0x1000, 0x800, 0x3f][prng.below(40)] ?? 0;
  return masked ^ oddity;
}

describe('translated loops of SSE arithmetic', () => {
  it('leave exactly what the interpreter leaves', { timeout: TIMEOUT_MS }, () => {
    compareLoops(0x55e, drawLoop, (prng) => {
      const mxcsr = drawMxcsr(prng);
      const registers = Array.from({ length: 16 }, () => prng.next());
      const isOrdinary = prng.below(4) !== 0;
      return ({ core }) => {
        core.i32[MXCSR_BYTE_OFFSET / 4] = mxcsr;
        // Upper halves of doubles between 1 and 2, or anything.
        registers.forEach((value, i) => {
          core.i32[FXSAVE_BYTE_OFFSET / 4 + 40 + i] = isOrdinary && i & 1 ? 0x3ff00000 | (value & 0xfffff) : value;
        });
      };
    });
  });
});
