import { UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { HostFolders } from '../../kernel-sim/vfs/host-folder.ts';
import type { FinishedRun } from '../recovery/finished-run.ts';
import { GOOD_OUTCOMES, type Outcome } from '../recovery/outcome.ts';
import { differenceOf } from '../recovery/results.ts';
import { runScenario, type ScenarioRun } from '../scenario/run-scenario.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { GuestFile, System } from '../system.ts';

/** What a run is held to. */
export interface Demands {
  /** The outcome is one of these. */
  readonly outcomes: readonly Outcome[];
  /** Recovered processes keep what they had, dead cores stay dead (src/recovery/contract.ts). */
  readonly contract: boolean;
  /** What the scenario itself expects. */
  readonly expectations: boolean;
}

export const RECOVERS: Demands = { outcomes: GOOD_OUTCOMES, contract: true, expectations: true };

/** One run to be judged: everything that it depends on. */
export interface Trial {
  readonly scenario: Scenario;
  /** Instead of those of the scenario. */
  readonly faults: FaultPlan;
  /** Instead of that of the scenario. */
  readonly seed: number;
  readonly demands: Demands;
  /** Programs that coreback does not ship. */
  readonly files?: readonly GuestFile[];
}

/** What came of a trial. */
export interface Verdict {
  readonly trial: Trial;
  readonly outcome: Outcome;
  /** One line for each demand that is not met; empty: all is well. */
  readonly problems: readonly string[];
  /** Absent when coreback itself failed. */
  readonly run?: ScenarioRun;
}

/** What trials run with. */
export interface TrialSetting {
  /** Programs in /bin. */
  readonly programs: readonly GuestFile[];
  readonly engine?: Engine;
  /** For scenarios with mounts. */
  readonly hostFolders?: HostFolders;
  /** Called with each system that is given faults, before anything runs on it. */
  readonly prepare?: (system: System) => void;
}

/** Runs a trial beside the same run without faults, and judges it. Errors: UsageError; whatever else is thrown is an emulator bug. */
export function runTrial(trial: Trial, setting: TrialSetting, golden?: FinishedRun): Verdict {
  let run: ScenarioRun;
  try {
    run = runScenario(trial.scenario, {
      faults: trial.faults,
      seed: trial.seed,
      files: [...setting.programs, ...(trial.files ?? [])],
      ...(setting.engine ? { engine: setting.engine } : {}),
      ...(setting.hostFolders ? { hostFolders: setting.hostFolders } : {}),
      ...(setting.prepare ? { prepare: setting.prepare } : {}),
      ...(golden ? { golden } : {}),
    });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return { trial, outcome: 'emulator-bug', problems: [`coreback itself failed: ${(error as Error).stack ?? error}`] };
  }
  return { trial, outcome: run.result.outcome, problems: problemsOf(run, trial.demands), run };
}

function problemsOf(run: ScenarioRun, demands: Demands): string[] {
  const { outcome } = run.result;
  const problems: string[] = [];
  const isJudged = run.golden !== null;
  if (isJudged && !demands.outcomes.includes(outcome)) problems.push(`outcome ${outcome}${reasonFor(run)}`);
  if (demands.contract) problems.push(...run.violations);
  if (demands.expectations) problems.push(...run.failures);
  return problems;
}

/** What stands behind a bad outcome, as far as one line can tell. */
function reasonFor({ result, golden, judged }: ScenarioRun): string {
  const gaveUp = result.events.find((event) => event.kind === 'recovery-failed');
  if (gaveUp?.kind === 'recovery-failed') return `: pid ${gaveUp.pid}: ${gaveUp.why}`;
  if (result.stop.reason !== 'finished') return `: stopped with ${result.stop.reason}`;
  const difference = golden && differenceOf(judged, golden);
  return difference ? `: ${difference}` : '';
}
