import { describe, expect, it } from 'vitest';
import { guestProgramTests, interleavingOf, problemOf, replayCommand, runGuestProgram } from './guest-programs.ts';

/** Fixed: a failure here is a failure everywhere. `npm run test:programs` has more. */
const SEEDS = [1, 2, 3, 4, 5, 6];

describe('the programs of docs/guest-programs.md', () => {
  it('are at least twenty, each with an output of its own', () => {
    const tests = guestProgramTests();
    expect(tests.length).toBeGreaterThanOrEqual(20);
    expect(new Set(tests.map(({ name }) => name)).size).toBe(tests.length);
    for (const { expected } of tests) expect(expected).toMatch(/\n$/);
  });

  describe.each(guestProgramTests())('$name', (test) => {
    it('prints what is documented, and has the same digest twice', () => {
      const config = { cores: 4, cycleNs: 1000, seed: 7 };
      const [first, second] = [runGuestProgram(test, config), runGuestProgram(test, config)];
      expect(problemOf(test, first)).toBe('');
      expect(second).toEqual(first);
    });

    it(`prints the same in ${SEEDS.length} interleavings, and no two of these are alike`, () => {
      const runs = SEEDS.map((seed) => ({ seed, run: runGuestProgram(test, interleavingOf(seed)) }));
      const problems = runs.map(({ seed, run }) => ({
        problem: problemOf(test, run),
        command: replayCommand(test, seed),
      }));
      expect(problems.filter(({ problem }) => problem !== '')).toEqual([]);
      expect(new Set(runs.map(({ run }) => run.digest)).size).toBe(SEEDS.length);
    });
  });
});
