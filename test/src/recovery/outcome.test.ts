import { describe, expect, it } from 'vitest';
import { OUTCOME_RULES, OUTCOMES, type OutcomeFacts, outcomeOf } from '../../../src/recovery/outcome.ts';

const NAMES: readonly (keyof OutcomeFacts)[] = [
  'broken',
  'planned',
  'activated',
  'noCoreLeft',
  'ended',
  'recoveryFailed',
  'lost',
  'recovered',
  'detected',
  'sameResults',
  'repeated',
  'abnormalEnd',
];

/** Every combination of facts, possible or not. */
function* everyRun(): Generator<OutcomeFacts> {
  for (let bits = 0; bits < 1 << NAMES.length; bits++) {
    yield Object.fromEntries(NAMES.map((name, n) => [name, (bits >> n) % 2 === 1])) as unknown as OutcomeFacts;
  }
}

/** The same oracle told another way: what each outcome demands in full, in no order. */
function demands(f: OutcomeFacts): Record<(typeof OUTCOMES)[number], boolean> {
  const faulty = !f.broken && f.planned && f.activated;
  const alive = faulty && !f.noCoreLeft;
  const nothingGivenUp = alive && !f.recoveryFailed && !f.lost;
  const ended = nothingGivenUp && f.ended;
  const untouched = ended && !f.recovered;
  const wrong = untouched && !f.sameResults;
  return {
    'emulator-bug': f.broken,
    completed: !f.broken && !f.planned && f.ended,
    unfinished: !f.broken && !f.planned && !f.ended,
    'not-activated': !f.broken && f.planned && !f.activated,
    'recovery-failed': alive && f.recoveryFailed,
    'detected-unrecovered': (alive && !f.recoveryFailed && f.lost) || (wrong && f.detected),
    hang: nothingGivenUp && !f.ended,
    'recovered-wrong': ended && f.recovered && !f.sameResults,
    'recovered-at-least-once': ended && f.recovered && f.sameResults && f.repeated,
    'recovered-exact': ended && f.recovered && f.sameResults && !f.repeated,
    masked: untouched && f.sameResults,
    crash: (faulty && f.noCoreLeft) || (wrong && !f.detected && f.abnormalEnd),
    SDC: wrong && !f.detected && !f.abnormalEnd,
  };
}

describe('the oracle', () => {
  it('gives every run just the one outcome whose demands it meets', () => {
    for (const facts of everyRun()) {
      const met = OUTCOMES.filter((outcome) => demands(facts)[outcome]);
      expect(met).toEqual([outcomeOf(facts)]);
    }
  });

  it('has a row for every outcome, and each row decides some run', () => {
    expect(new Set(OUTCOME_RULES.map(({ outcome }) => outcome))).toEqual(new Set(OUTCOMES));
    const decided = new Set([...everyRun()].map((facts) => OUTCOME_RULES.findIndex((rule) => rule.applies(facts))));
    expect(decided.size).toBe(OUTCOME_RULES.length);
  });
});
