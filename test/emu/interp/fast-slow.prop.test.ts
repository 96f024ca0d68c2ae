import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { DATA, Guest } from '../guest-code.ts';
import { randomProgram, trace } from '../random-program.ts';

// The hot loop against the rows' exec, on random instructions drawn from the rows themselves.

const FAST = new Interpreter();
const PLAIN = new Interpreter({ fast: false });

describe('hot loop', () => {
  it('leaves exactly the state that the rows leave, instruction by instruction', () => {
    const fast = new Guest('90', { engine: FAST, gsBase: DATA, codeWritable: true });
    const plain = new Guest('90', { engine: PLAIN, gsBase: DATA, codeWritable: true });
    fc.assert(
      fc.property(randomProgram, (input) => {
        expect(trace(fast, input)).toEqual(trace(plain, input));
      }),
      { seed: 0x386, numRuns: Number(process.env.FAST_SLOW_RUNS ?? 4000) },
    );
  });
});
