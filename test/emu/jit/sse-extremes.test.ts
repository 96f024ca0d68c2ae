import { expect, it } from 'vitest';
import { EBX, ECX } from '../../../emu/core/core-state.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { DATA, Guest, hex } from '../guest-code.ts';

// Of zeros of both signs MIN and MAX take the second operand. Source: Intel SDM Vol. 2, MAXSD.

const BODY = [
  'f3 0f 10 03 / f3 0f 5f 43 04 / f3 0f 11 43 20', // MAXSS +0, -0
  'f3 0f 10 43 04 / f3 0f 5d 03 / f3 0f 11 43 24', // MINSS -0, +0
  'f2 0f 10 43 08 / f2 0f 5f 43 10 / f2 0f 11 43 28', // MAXSD +0, -0
  'f2 0f 10 43 10 / f2 0f 5d 43 08 / f2 0f 11 43 30', // MINSD -0, +0
  'f3 0f 10 43 04 / f3 0f 5f 03 / f3 0f 11 43 38', // MAXSS -0, +0
  'f3 0f 10 03 / f3 0f 5d 43 04 / f3 0f 11 43 3c', // MINSS +0, -0
].join(' / ');
const MINUS_ZERO = 0x80000000 | 0;

it('take the second of two zeros when they are translated', () => {
  const body = hex(BODY);
  const back = new Uint8Array(new Int32Array([-(body.length + 7)]).buffer);
  const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
  const guest = new Guest(Uint8Array.from([...body, 0x49, 0x0f, 0x85, ...back, 0xcc]), { engine: jit });
  guest.r[ECX] = 40;
  guest.r[EBX] = DATA;
  guest.write32(DATA + 4, MINUS_ZERO);
  guest.write32(DATA + 20, MINUS_ZERO);
  guest.outcome(100_000);
  expect(guest.r[ECX]).toBe(0);
  const results = new Int32Array(guest.space.peek(DATA + 0x20, 32).slice().buffer);
  expect(Array.from(results)).toEqual([MINUS_ZERO, 0, 0, MINUS_ZERO, 0, 0, 0, MINUS_ZERO]);
  expect(jit.statistics.assisted).toBeLessThan(5);
});
