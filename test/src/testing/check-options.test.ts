import { describe, expect, it } from 'vitest';
import { checkRecovery } from '../../../src/host/testing/index.ts';

describe('options of checkRecovery', () => {
  it.each([
    [{ runs: 0 }, 'runs: 0 is no number of runs'],
    [{ runs: -1 }, 'runs: -1 is no number of runs'],
    [{ runs: 'many' }, 'runs: many is no number of runs'],
    [{ seed: 1.5 }, 'seed: 1.5 is no integer'],
    [{ budgetMs: 0 }, 'budgetMs: 0 is no time in ms'],
    [{ run: 3 }, 'run: there is no such option'],
  ])('%j would check nothing, or something else than was meant', (options, message) => {
    expect(() => checkRecovery(['count 2 1'], options as object)).toThrow(message);
  });
});
