import { UsageError, type UsageErrorParts } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import type { Outcome } from '../recovery/outcome.ts';
import { runGolden } from '../scenario/run-scenario.ts';
import type { Scenario } from '../scenario/schema.ts';
import { parseReplay, replayText } from '../testing/replay-file.ts';
import { shrinkTrial } from '../testing/shrink-trial.ts';
import { runTrial, type Trial, type TrialSetting, type Verdict } from '../testing/trial.ts';
import { trialOf, variationOf } from '../testing/variations.ts';
import { type EngineChoice, makeEngine } from './engines.ts';
import { shippedPrograms } from './guest-programs.ts';
import { NodeFolders } from './node-folders.ts';

/** One run of `coreback check`: plain data, for it goes to a worker. */
export type CheckTask = { readonly engine: EngineChoice } & (
  | { readonly kind: 'variation'; readonly scenario: Scenario; readonly n: number; readonly seed: number }
  | { readonly kind: 'saved'; readonly path: string; readonly text: string }
);

export interface CheckResult {
  readonly label: string;
  readonly outcome: Outcome;
  /** Empty: everything holds. */
  readonly problems: readonly string[];
  /** The smallest run that fails, to be saved; null when it holds or was saved before. */
  readonly replay: string | null;
  readonly hostMs: number;
  /** The script makes no sense on this machine: the user's mistake. */
  readonly usage?: UsageErrorParts;
}

const programs = shippedPrograms();
const hostFolders = new NodeFolders();
/** One of each kind for all tasks of the worker: what an engine has learnt of the programs stays. */
const engines = new Map<string, Engine>();

function engineOf(choice: EngineChoice): Engine {
  const known = engines.get(choice.engine) ?? makeEngine(choice);
  engines.set(choice.engine, known);
  return known;
}

/** Runs one task in a worker. */
export default function work(task: CheckTask): CheckResult {
  const startMs = Date.now();
  const setting: TrialSetting = { programs, engine: engineOf(task.engine), hostFolders };
  const label =
    task.kind === 'saved' ? `saved failure ${task.path}` : variationOf(task.scenario, task.n, task.seed).label;
  try {
    const { outcome, problems, replay } = task.kind === 'saved' ? runSaved(task, setting) : runVariation(task, setting);
    return { label, outcome, problems, replay, hostMs: Date.now() - startMs };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hostMs = Date.now() - startMs;
    return { label, outcome: 'unfinished', problems: [error.message], replay: null, hostMs, usage: error.parts };
  }
}

type Found = Pick<CheckResult, 'outcome' | 'problems' | 'replay'>;

function runSaved({ path, text }: Extract<CheckTask, { kind: 'saved' }>, setting: TrialSetting): Found {
  const { outcome, problems } = runTrial(parseReplay(text, path), setting);
  return { outcome, problems, replay: null };
}

function runVariation(task: Extract<CheckTask, { kind: 'variation' }>, setting: TrialSetting): Found {
  const variation = variationOf(task.scenario, task.n, task.seed);
  const engine = setting.engine ? { engine: setting.engine, hostFolders } : { hostFolders };
  const golden = variation.faults
    ? runGolden(variation.scenario, { seed: variation.seed, files: programs, ...engine })
    : null;
  const judge = (trial: Trial): Verdict => runTrial(trial, setting, golden ?? undefined);
  const verdict = judge(trialOf(variation, golden));
  if (verdict.problems.length === 0) return { outcome: verdict.outcome, problems: [], replay: null };
  // What a scenario expects is said of all its faults: only faults that were drawn may be left out.
  const smallest = variation.faults ? shrinkTrial(verdict, judge) : verdict;
  const name = task.scenario.name;
  const { trial, outcome, problems } = smallest;
  return { outcome, problems, replay: replayText(name, trial, problems, task.engine.engine) };
}
