import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SYSCALLS } from '../../kernel-sim/sys/table.ts';
import { property } from '../support/property.ts';
import { addCoverage, type CoverageRecord, neverSucceeded } from './calls/coverage.ts';
import { runSession } from './calls/session.ts';
import { playProgram } from './code.ts';
import { playImage } from './images.ts';

// The small part of `npm run test:fuzz`, with all invariants after each step.

const step = fc.noShrink(fc.integer({ min: 0, max: 0xffffffff }));
const steps = fc.array(step, { minLength: 1, maxLength: 400, size: 'max' });
const SEED = 20;

describe('whatever programs do', () => {
  it('their system calls end in a result, a signal or sleep; invariants hold; a run from a snapshot comes to the same end', () => {
    const coverage: CoverageRecord = {};
    fc.assert(
      fc.property(fc.nat(1_000_000), steps, (machine, list) => {
        const session = runSession({ machine, steps: list, checkEvery: 1, goesBack: machine % 4 === 0 });
        addCoverage(coverage, session.coverage);
      }),
      property(20),
    );
    // Calls that need much before they succeed are for the long run; if it is many, what is drawn has become useless.
    expect(neverSucceeded(coverage).length).toBeLessThan(SYSCALLS.length / 5);
  });

  it('random code ends in the same orderly way on both engines', () => {
    const ends = Array.from({ length: 60 }, (_, index) => playProgram(SEED, index));
    expect(new Set(ends).size).toBeGreaterThan(3);
  });

  it('damaged programs and cores are refused, or are the guest’s own trouble', () => {
    const ends = Array.from({ length: 100 }, (_, index) => playImage(SEED, index));
    for (const end of ['exec: refused', 'restart: refused', 'exec: signal 11']) expect(ends).toContain(end);
  });
});
