import type { Trial, Verdict } from './trial.ts';

/** A failing run made smaller: faults are left out as long as it fails in any way. `judge` runs a trial; at most `attemptsMax` times. */
export function shrinkTrial(failing: Verdict, judge: (trial: Trial) => Verdict, attemptsMax = 20): Verdict {
  let smallest = failing;
  for (let attempts = 0, n = 0; attempts < attemptsMax && n < smallest.trial.faults.length; attempts++) {
    const faults = smallest.trial.faults.filter((_, index) => index !== n);
    if (faults.length === 0) break;
    const verdict = judge({ ...smallest.trial, faults });
    if (verdict.problems.length > 0) smallest = verdict;
    else n++;
  }
  return smallest;
}
