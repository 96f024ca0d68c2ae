/**
 * Matchers for vitest: `import 'coreback/testing/vitest'` registers them. They take what `runWithFaults` gives; `toRecover` and
 * `toRecoverExactly` also take programs, and then try faults at random as `checkRecovery` does.
 */
import { expect } from 'vitest';
import { GOOD_OUTCOMES, type Outcome } from '../../recovery/outcome.ts';
import { coresUsed } from '../../scenario/expect.ts';
import { parseDuration } from '../../scenario/units.ts';
import { RecoveryFailure } from '../../testing/check-recovery.ts';
import type { Programs } from '../../testing/programs.ts';
import { replayText } from '../../testing/replay-file.ts';
import type { Verdict } from '../../testing/trial.ts';
import { FolderStore } from '../failure-store.ts';
import { checkRecovery, type FailureOptions, type RecoveryOptions } from './index.ts';

export interface NeverRunOnOptions {
  /** One program by its command's number in the list, from 1; all of them when absent. */
  readonly program?: number;
  /** From this virtual time on: '1.5s'. */
  readonly from?: string;
}

interface RecoveryMatchers<R = unknown> {
  /** Something was lost and brought back, with the results of the run without faults; of programs: whatever the faults, all is well. */
  toRecover(options?: RecoveryOptions & FailureOptions): R;
  /** The same, and nothing was written twice. */
  toRecoverExactly(options?: RecoveryOptions & FailureOptions): R;
  /** Something was brought back, with the priority, class and nice value that it had. */
  toKeepPriority(): R;
  /** No program ran on this core, or on one of these. */
  toNeverRunOn(cores: number | readonly number[], options?: NeverRunOnOptions): R;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  interface Matchers<T = any> extends RecoveryMatchers<T> {}
}

interface Result {
  readonly pass: boolean;
  readonly message: () => string;
}

expect.extend({
  toRecover: (received: unknown, options: RecoveryOptions & FailureOptions = {}) =>
    recovers(received, options, ['recovered-exact', 'recovered-at-least-once'], GOOD_OUTCOMES),
  toRecoverExactly: (received: unknown, options: RecoveryOptions & FailureOptions = {}) =>
    recovers(received, options, ['recovered-exact'], ['not-activated', 'masked', 'recovered-exact']),
  toKeepPriority: (received: unknown) => {
    const verdict = verdictOf(received, 'toKeepPriority');
    if (!verdict.run?.result.events.some((event) => event.kind === 'recovery-done'))
      return failed(verdict, [`nothing was brought back: outcome ${verdict.outcome}`]);
    return decided(
      verdict,
      verdict.run.violations.filter((line) => /priority|nice/.test(line)),
    );
  },
  toNeverRunOn: (received: unknown, cores: number | readonly number[], options: NeverRunOnOptions = {}) => {
    const verdict = verdictOf(received, 'toNeverRunOn');
    if (!verdict.run) return failed(verdict, verdict.problems);
    const { pids, result } = verdict.run;
    const fromNs = options.from === undefined ? 0 : parseDuration(options.from, 'from');
    const forbidden = typeof cores === 'number' ? [cores] : cores;
    const wanted = options.program === undefined ? [...pids.keys()] : [`program-${options.program}`];
    const problems = wanted.flatMap((name) => {
      const pid = pids.get(name);
      if (pid === undefined) return [`there is no ${name}`];
      const used = coresUsed(pid, fromNs, result.events).filter((core) => forbidden.includes(core));
      return used.length === 0 ? [] : [`${name} ran on ${used.join(', ')}`];
    });
    const from = options.from === undefined ? {} : { from: options.from };
    const { scenario } = verdict.trial;
    const expected = wanted.map((process) => ({ process, neverOn: [...forbidden], ...from }));
    const trial = { ...verdict.trial, scenario: { ...scenario, expect: [...scenario.expect, ...expected] } };
    return decided({ ...verdict, trial }, problems);
  },
});

function recovers(
  received: unknown,
  options: RecoveryOptions & FailureOptions,
  ofOneRun: readonly Outcome[],
  ofMany: readonly Outcome[],
): Result {
  if (isVerdict(received)) {
    const wrong = ofOneRun.includes(received.outcome) ? [] : [`outcome ${received.outcome}`];
    const trial = { ...received.trial, demands: { ...received.trial.demands, outcomes: ofOneRun } };
    return decided({ ...received, trial }, [
      ...wrong,
      ...received.problems.filter((problem) => !problem.startsWith('outcome ')),
    ]);
  }
  try {
    const { runs, outcomes } = checkRecovery(received as Programs, { outcomes: ofMany, ...options });
    return { pass: true, message: () => `it recovered in ${runs} runs: ${JSON.stringify(outcomes)}` };
  } catch (error) {
    if (error instanceof RecoveryFailure) return { pass: false, message: () => error.message };
    throw error;
  }
}

const isVerdict = (value: unknown): value is Verdict =>
  typeof value === 'object' && value !== null && 'trial' in value && 'outcome' in value;

function verdictOf(value: unknown, matcher: string): Verdict {
  if (isVerdict(value)) return value;
  throw new TypeError(`${matcher} takes what runWithFaults gives`);
}

const decided = (verdict: Verdict, problems: readonly string[]): Result =>
  problems.length === 0
    ? { pass: true, message: () => `outcome ${verdict.outcome}, and all is as it should be` }
    : failed(verdict, problems);

function failed(verdict: Verdict, problems: readonly string[]): Result {
  return {
    pass: false,
    message: () => {
      const name = expect.getState().currentTestName ?? 'test';
      const path = new FolderStore().save(name, replayText(name, verdict.trial, problems));
      return [...new Set([...problems, ...verdict.problems]), `again: npx coreback replay ${path}`].join('\n');
    },
  };
}
