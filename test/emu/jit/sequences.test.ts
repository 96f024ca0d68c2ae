import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { describeCase } from '../../silicon/compare.ts';
import { CaseGenerator } from '../../silicon/generate.ts';
import { EmulatedMachine } from '../../silicon/machine.ts';
import type { Case } from '../../silicon/protocol.ts';
import { sequenceRows, type TestedRow, vectorSequenceRows } from '../../silicon/rows.ts';
import { asDoubles, fastX87Rows } from './fast-x87.ts';
import { TurnByTurn } from './turn-by-turn.ts';

// The silicon tests' sequences of 1 to 30 instructions, most of them in a loop, on the translating engine and on the interpreter.

const CASES = Number(process.env.JIT_CASES ?? 150);
const SEED = Number(process.env.JIT_SEED ?? 1);
/** Machines keep what they have translated; now and then they start anew. */
const CASES_PER_MACHINE = 300;

type Draw = (generator: CaseGenerator, prng: Prng) => Case;

const newJit = (): JitEngine => new JitEngine({ sampleEvery: 1, samples: 1, eager: true });

/** Without `slice` a case runs in one piece. */
function compare(draw: Draw, slice?: number, engine: JitEngine | TurnByTurn = newJit()): void {
  const prng = Prng.seeded(SEED, 0xfffd);
  const generator = new CaseGenerator(prng);
  let reference = new EmulatedMachine(new Interpreter());
  let translated = new EmulatedMachine(engine, slice);
  for (let i = 0; i < CASES; i++) {
    if (i % CASES_PER_MACHINE === 0) {
      reference = new EmulatedMachine(new Interpreter());
      translated = new EmulatedMachine(engine, slice);
    }
    const c = draw(generator, prng);
    expect(translated.run(c, false), `case ${i} of seed ${SEED}: ${describeCase(c)}`).toEqual(reference.run(c, false));
  }
  expect(engine.statistics.regions).toBeGreaterThan(CASES / 4);
}

const sequenceOf =
  (rows: readonly TestedRow[], vectors: boolean): Draw =>
  (generator, prng) =>
    generator.sequence(rows, prng.between(1, 30), prng.below(4) !== 0, vectors);

const x87Sequence: Draw = (generator, prng) => {
  const c = generator.sequence(fastX87Rows, prng.between(1, 30), prng.below(4) !== 0);
  if (c.fx && prng.below(5) !== 0) asDoubles(c.fx, prng);
  return c;
};

/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;

describe('translated sequences of the silicon tests', { timeout: TIMEOUT_MS }, () => {
  it('end as the interpreter ends them, in one piece', () => compare(sequenceOf(sequenceRows, false)));
  it('end as the interpreter ends them, in slices of 7', () => compare(sequenceOf(sequenceRows, false), 7));
  it('end as the interpreter ends them, with vectors', () => compare(sequenceOf(vectorSequenceRows, true)));
  it('end as the interpreter ends them, with the x87', () => compare(x87Sequence));
  it('end as the interpreter ends them, with the x87 in slices of 11', () => compare(x87Sequence, 11));
  it('end as the interpreter ends them, turn by turn', () => {
    compare(sequenceOf(vectorSequenceRows, true), undefined, new TurnByTurn());
    compare(x87Sequence, undefined, new TurnByTurn());
  });
});
