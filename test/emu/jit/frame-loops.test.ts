import { describe, expect, it } from 'vitest';
import { EBP, EBX, ECX, ESP } from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { DATA, Guest, hex } from '../guest-code.ts';

// Instructions of the stack among accesses around the registers that they change, whose page checks are shared.

/** What is done between two checks of ECX; the stack is balanced. */
const BODIES: Readonly<Record<string, string>> = {
  'a frame': 'c8 20 00 00 / 89 4d fc / 89 4d e0 / 8b 45 fc / 01 45 e4 / c9',
  'a frame in a frame': 'c8 08 00 00 / c8 10 00 00 / 89 4d f4 / c9 / 89 4d f8 / c9',
  'a pop to where ESP points afterwards': '51 / 51 / 8f 04 24 / 58 / 01 c3',
  'a pop above ESP': '53 / 51 / 50 / 8f 44 24 04 / 58 / 5b / 01 c3',
  'a pop through another register': '51 / 8f 43 10 / 03 43 10',
  'all registers': '60 / 89 4c 24 1c / 60 / 01 44 24 18 / 61 / 01 cb / 61 / 31 c3',
  'the flags': '01 c8 / 9c / 31 f6 / 9d / 11 c2 / 9c / 58 / 01 43 20',
  words: '66 51 / 66 5a / 66 6a ff / 66 8f 43 22 / 66 ff 73 22 / 66 58 / 01 c2',
};
const ITERATIONS = 40;

describe('translated code with a stack', () => {
  it.each(Object.entries(BODIES))('is that of the interpreter: %s', (_, body) => {
    const bytes = hex(body);
    const code = Uint8Array.from([...bytes, 0x49, 0x75, -(bytes.length + 3) & 0xff, 0xcc]);
    const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
    const [reference, translated] = [new Interpreter(), jit].map((engine) => {
      const guest = new Guest(code, { engine });
      guest.r[ECX] = ITERATIONS;
      guest.r[EBX] = DATA;
      guest.r[EBP] = guest.r[ESP]!;
      const outcome = guest.outcome(100_000);
      const stack = guest.space.peek((guest.r[ESP]! - 0x100) >>> 0, 0x100);
      return { outcome, state: Array.from(guest.core.i32), data: guest.space.peek(DATA, 0x40), stack };
    });
    expect(translated).toEqual(reference);
    expect(jit.statistics.assisted).toBeLessThan(5);
    expect(jit.statistics.translated).toBeGreaterThan((ITERATIONS / 2) * 5);
  });
});
