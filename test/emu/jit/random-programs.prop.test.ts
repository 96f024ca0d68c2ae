import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { DATA, Guest } from '../guest-code.ts';
import { randomProgram, trace } from '../random-program.ts';

// Translated code against the interpreter, on random instructions in code that may write to itself.

const RUNS_PER_GUEST = 200;

/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;

describe('translated random programs', { timeout: TIMEOUT_MS }, () => {
  it('leave exactly the state that the interpreter leaves, slice by slice', () => {
    const makeGuests = (): [Guest, Guest] => {
      const options = { gsBase: DATA, codeWritable: true };
      const eager = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
      return [
        new Guest('90', { engine: eager, ...options }),
        new Guest('90', { engine: new Interpreter(), ...options }),
      ];
    };
    let guests = makeGuests();
    let runs = 0;
    fc.assert(
      fc.property(randomProgram, (input) => {
        if (++runs % RUNS_PER_GUEST === 0) guests = makeGuests();
        // Long slices let translated code run; short ones stop it at every instruction.
        const slices = input.slices.map((n) => (n === 5 ? 200 : n));
        const [jit, reference] = guests.map((guest) => trace(guest, { ...input, slices }));
        expect(jit).toEqual(reference);
      }),
      { seed: 0x386, numRuns: Number(process.env.JIT_RUNS ?? 800) },
    );
  });
});
