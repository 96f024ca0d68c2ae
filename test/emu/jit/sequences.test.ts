import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { describeCase } from '../../silicon/compare.ts';
import { CaseGenerator } from '../../silicon/generate.ts';
import { EmulatedMachine } from '../../silicon/machine.ts';
import { sequenceRows } from '../../silicon/rows.ts';

// The silicon tests' sequences of 1 to 30 instructions, most of them in a loop, on the translating engine and on the interpreter.

const CASES = Number(process.env.JIT_CASES ?? 500);
const SEED = Number(process.env.JIT_SEED ?? 1);
const CASES_PER_MACHINE = 300;

function compare(vectors: boolean, slice: number): void {
  const engine = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
  const prng = Prng.seeded(SEED, vectors ? 0xfffe : 0xfffd);
  const generator = new CaseGenerator(prng);
  let reference = new EmulatedMachine(new Interpreter());
  let translated = new EmulatedMachine(engine, slice);
  for (let i = 0; i < CASES; i++) {
    if (i % CASES_PER_MACHINE === 0) {
      reference = new EmulatedMachine(new Interpreter());
      translated = new EmulatedMachine(engine, slice);
    }
    const c = generator.sequence(sequenceRows, prng.between(1, 30), prng.below(4) !== 0, vectors);
    expect(translated.run(c, false), `case ${i} of seed ${SEED}: ${describeCase(c)}`).toEqual(reference.run(c, false));
  }
  expect(engine.statistics.translated).toBeGreaterThan(CASES);
}

describe('translated sequences of the silicon tests', () => {
  it('end as the interpreter ends them, in one piece', () => compare(false, 1_000_000));
  it('end as the interpreter ends them, in slices of 7', () => compare(false, 7));
});
