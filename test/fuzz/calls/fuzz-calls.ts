import fc from 'fast-check';
import { Prng } from '../../../emu/base/prng.ts';
import { runSession, type SessionOptions, type SessionResult } from './session.ts';

const STEPS_PER_SESSION = 1000;
/** In long runs invariants are checked after so many steps. */
const CHECK_EVERY = 50;
/** No smaller case is looked for after this long. */
const SHRINK_MS = 180_000;

/** The list of a session: `machine` says which one. */
export function stepsOf(machine: number, count: number): number[] {
  const prng = Prng.seeded(machine, 7);
  return Array.from({ length: count }, () => prng.next());
}

/** Session `index` of a seed. One in four goes back to a snapshot and comes again. */
export function sessionOf(seed: number, index: number): SessionOptions {
  const machine = seed * 100_000 + index;
  const steps = stepsOf(machine, STEPS_PER_SESSION);
  return { machine, steps, checkEvery: CHECK_EVERY, goesBack: index % 4 === 0 };
}

export const playSession = (seed: number, index: number): SessionResult => runSession(sessionOf(seed, index));

/** The smallest list that fast-check finds for which the session still fails; how it fails. Invariants are checked at each step. */
export function shrinkSession(options: SessionOptions): { steps: readonly number[]; error: string } | null {
  const step = fc.noShrink(fc.integer({ min: 0, max: 0xffffffff }));
  const lists = fc.array(step, { maxLength: options.steps.length, size: 'max' });
  const property = fc.property(lists, (steps) => {
    runSession({ ...options, steps, checkEvery: 1 });
  });
  const examples: [number[]][] = [[[...options.steps]]];
  const found = fc.check(property, { examples, numRuns: 1, interruptAfterTimeLimit: SHRINK_MS });
  if (!found.counterexample) return null;
  const error = found.errorInstance;
  return {
    steps: found.counterexample[0],
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
