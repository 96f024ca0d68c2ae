import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { FinishedRun } from './finished-run.ts';
import { hangBoundNs } from './hang-bound.ts';
import { logicalOutputs } from './logical-output.ts';
import { differenceOf, endedAbnormally } from './results.ts';

/*
 * The oracle: what became of a run. One table, read from above; the first row that applies is the outcome, and the last row always
 * applies, so every run has exactly one. docs/outcomes.md is made from it.
 */

/** What became of a run. `completed` and `unfinished` are runs without faults. */
export const OUTCOMES = [
  'completed',
  'unfinished',
  'not-activated',
  'masked',
  'SDC',
  'crash',
  'detected-unrecovered',
  'hang',
  'recovered-exact',
  'recovered-at-least-once',
  'recovered-wrong',
  'recovery-failed',
  'emulator-bug',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** Outcomes of runs with faults in which every program did what it should. */
export const GOOD_OUTCOMES = ['not-activated', 'masked', 'recovered-exact', 'recovered-at-least-once'] as const;

/** A run in which coreback itself failed: there is nothing to compare. */
export interface BrokenRun {
  readonly error: string;
}

/** What the rows ask about. */
export interface OutcomeFacts {
  readonly broken: boolean;
  readonly planned: boolean;
  readonly activated: boolean;
  readonly noCoreLeft: boolean;
  /** The run stopped by itself (or as the golden run did) before the bound. */
  readonly ended: boolean;
  /** A process was given up although the policy is to bring it back. */
  readonly recoveryFailed: boolean;
  /** A process was given up because the policy is to bring nothing back. */
  readonly lost: boolean;
  readonly recovered: boolean;
  readonly detected: boolean;
  readonly sameResults: boolean;
  readonly repeated: boolean;
  readonly abnormalEnd: boolean;
}

export interface OutcomeRule {
  readonly outcome: Outcome;
  /** When it applies, given that no row above does. */
  readonly when: string;
  readonly applies: (facts: OutcomeFacts) => boolean;
}

// biome-ignore format: a table
export const OUTCOME_RULES: readonly OutcomeRule[] = [
  { outcome: 'emulator-bug', when: 'coreback itself failed: one of its invariants is broken, or its code threw', applies: (f) => f.broken },
  { outcome: 'completed', when: 'no fault was planned, and the run ended by itself', applies: (f) => !f.planned && f.ended },
  { outcome: 'unfinished', when: 'no fault was planned', applies: (f) => !f.planned },
  { outcome: 'not-activated', when: 'no planned fault came to pass: its trigger was never reached', applies: (f) => !f.activated },
  { outcome: 'crash', when: 'no core is left: the machine is down', applies: (f) => f.noCoreLeft },
  { outcome: 'recovery-failed', when: 'a process was lost, and the policy could not bring it back', applies: (f) => f.recoveryFailed },
  { outcome: 'detected-unrecovered', when: 'a process was lost, and the policy is to bring nothing back', applies: (f) => f.lost },
  { outcome: 'hang', when: 'the run did not end as the golden run did, or took longer than the bound below', applies: (f) => !f.ended },
  { outcome: 'recovered-wrong', when: 'a process was brought back, and the results are not those of the golden run', applies: (f) => f.recovered && !f.sameResults },
  { outcome: 'recovered-at-least-once', when: 'a process was brought back, and something that it had written since the checkpoint was written again', applies: (f) => f.recovered && f.repeated },
  { outcome: 'recovered-exact', when: 'a process was brought back', applies: (f) => f.recovered },
  { outcome: 'masked', when: 'the results are those of the golden run', applies: (f) => f.sameResults },
  { outcome: 'detected-unrecovered', when: 'the fault was detected', applies: (f) => f.detected },
  { outcome: 'crash', when: 'a process was ended by a signal, or ended with another exit code than 0, which did not happen in the golden run', applies: (f) => f.abnormalEnd },
  { outcome: 'SDC', when: 'otherwise: wrong results, and nobody noticed (silent data corruption)', applies: () => true },
];

/** Exactly one outcome. `golden`: the same run without faults; without it results are taken to be right unless something was recovered. */
export function judge(run: FinishedRun | BrokenRun, golden: FinishedRun | null): Outcome {
  return outcomeOf(factsOf(run, golden));
}

/** The first row of the table that applies. */
export function outcomeOf(facts: OutcomeFacts): Outcome {
  return OUTCOME_RULES.find((rule) => rule.applies(facts))!.outcome;
}

const BROKEN: OutcomeFacts = {
  broken: true,
  planned: false,
  activated: false,
  noCoreLeft: false,
  ended: false,
  recoveryFailed: false,
  lost: false,
  recovered: false,
  detected: false,
  sameResults: false,
  repeated: false,
  abnormalEnd: false,
};

/** Why the kernel says that it gave up a process when its policy is `none`. */
const SWITCHED_OFF = 'recovery is switched off';

function factsOf(run: FinishedRun | BrokenRun, golden: FinishedRun | null): OutcomeFacts {
  if ('error' in run) return BROKEN;
  const has = (kind: TraceEvent['kind']): boolean => run.events.some((event) => event.kind === kind);
  const gaveUp = run.events.filter((event) => event.kind === 'recovery-failed');
  const recovered = has('recovery-done') || has('roll-forward');
  return {
    broken: false,
    planned: run.faults.length > 0,
    activated: has('core-fault'),
    noCoreLeft: run.stop.reason === 'no-healthy-core',
    ended: hasEnded(run, golden),
    recoveryFailed: gaveUp.some(({ why }) => why !== SWITCHED_OFF),
    lost: gaveUp.some(({ why }) => why === SWITCHED_OFF),
    recovered,
    detected: has('fault-detected'),
    sameResults: golden ? differenceOf(run, golden) === null : !recovered,
    repeated: [...logicalOutputs(run.events).values()].some((output) => output.repeated > 0),
    abnormalEnd: golden ? endedAbnormally(run, golden) : false,
  };
}

/** A program that never ends, or waits for input, in the golden run is not hung when it does so in this one. */
function hasEnded(run: FinishedRun, golden: FinishedRun | null): boolean {
  const { reason } = run.stop;
  if (!golden) return reason === 'finished';
  return (
    (reason === 'finished' || reason === golden.stop.reason) &&
    run.endNs <= hangBoundNs(golden.endNs, run.faults, run.machine)
  );
}
