import fc from 'fast-check';
import { UsageError } from '../../emu/base/errors.ts';
import { describeFault } from '../../emu/faults/describe.ts';
import type { FaultModel, FaultPlan, FaultTrigger } from '../../emu/faults/plan.ts';
import type { FinishedRun } from '../recovery/finished-run.ts';
import type { Outcome } from '../recovery/outcome.ts';
import { processEnds } from '../recovery/results.ts';
import { toScenario } from '../scenario/parse-scenario.ts';
import { runGolden } from '../scenario/run-scenario.ts';
import type { Scenario, ScenarioInput } from '../scenario/schema.ts';
import { type MachineShape, machineShapes } from './arbitraries.ts';
import { faultPlans } from './fault-arbitraries.ts';
import { guestProgram } from './guest-fragments.ts';
import { commandsOf, type Programs, programFiles, scriptOf } from './programs.ts';
import { parseReplay, replayText } from './replay-file.ts';
import { RECOVERS, runTrial, type Trial, type TrialSetting, type Verdict } from './trial.ts';

/** The default seed: runs are the same every time, on every machine. */
export const DEFAULT_SEED = 20120112;

export interface RecoveryOptions {
  /** Names the check: its saved failures are found by it. Default: the commands. */
  readonly name?: string;
  /** Default: `machineShapes()`. */
  readonly machines?: fc.Arbitrary<MachineShape>;
  /** Keys of a scenario's `machine` that all runs share: recovery, detection, until ... */
  readonly machine?: ScenarioInput['machine'];
  /** Nice value of every program. Default 0. */
  readonly nice?: number;
  /** Default: a core stops for good. */
  readonly models?: readonly FaultModel[];
  readonly triggers?: readonly FaultTrigger['at'][];
  /** At most so many faults a run. Default 3. */
  readonly maxFaults?: number;
  /** Outcomes that are fine. Default: not-activated, masked, recovered-exact, recovered-at-least-once. */
  readonly outcomes?: readonly Outcome[];
  /** So many runs with faults. Default 30. */
  readonly runs?: number;
  readonly seed?: number;
  /** No new run begins, and no more shrinking, after so many ms. */
  readonly budgetMs?: number;
}

/** Where failures are kept between two runs of the tests. */
export interface FailureStore {
  /** Saved failures of a check, oldest first. */
  load(name: string): readonly { readonly path: string; readonly text: string }[];
  /** Saves one; its path. */
  save(name: string, text: string): string;
}

/** What a check runs with: programs, engine, where failures are kept. */
export interface CheckSetting extends TrialSetting {
  readonly store: FailureStore;
}

export interface RecoveryReport {
  readonly name: string;
  readonly seed: number;
  /** Runs with faults, saved failures included. */
  readonly runs: number;
  /** How many runs had each outcome. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** True when the budget was over before all runs were done. */
  readonly interrupted: boolean;
}

/** A run did not recover. `path` is a file that `coreback replay` takes. */
export class RecoveryFailure extends Error {
  override name = 'RecoveryFailure';
  readonly verdict: Verdict;
  readonly path: string;

  constructor(message: string, verdict: Verdict, path: string) {
    super(message);
    this.verdict = verdict;
    this.path = path;
  }
}

interface Drawn {
  readonly shape: MachineShape;
  readonly programs: Programs;
  /** Times are millionths of the golden run's length, for a time that is drawn must lie within a run that is not yet known. */
  readonly faults: FaultPlan;
}

const PARTS = 1_000_000;

/**
 * Runs programs with faults drawn at random, each beside the same run without them, and judges: the outcome is a good one, and the
 * contract of recovery holds. Failures saved earlier run first. A failure is shrunk to the smallest plan, saved, and thrown.
 * Errors: RecoveryFailure; UsageError for options that make no sense.
 */
export function checkRecovery(
  programs: Programs | fc.Arbitrary<Programs>,
  options: RecoveryOptions,
  setting: CheckSetting,
): RecoveryReport {
  checkOptions(options);
  const seed = options.seed ?? DEFAULT_SEED;
  const name = options.name ?? nameOf(programs);
  const outcomes: Partial<Record<Outcome, number>> = {};
  let runs = 0;
  const judge = (trial: Trial, golden?: FinishedRun): Verdict => {
    const verdict = runTrial(trial, setting, golden);
    runs++;
    outcomes[verdict.outcome] = (outcomes[verdict.outcome] ?? 0) + 1;
    return verdict;
  };
  for (const { path, text } of setting.store.load(name)) {
    const verdict = judge(parseReplay(text, path));
    if (verdict.problems.length > 0) throw new RecoveryFailure(messageOf(verdict, path, 'still fails'), verdict, path);
  }
  let worst: Verdict | undefined;
  const property = fc.property(drawn(programs, options), (each) => {
    const { trial, golden, problem } = trialOf(each, name, options, setting);
    const verdict: Verdict = problem ? { trial, outcome: 'emulator-bug', problems: [problem] } : judge(trial, golden);
    if (verdict.problems.length === 0) return;
    worst = verdict;
    throw new Error(verdict.problems[0]);
  });
  const budget = options.budgetMs === undefined ? {} : { interruptAfterTimeLimit: options.budgetMs };
  const details = fc.check(property, { seed, numRuns: options.runs ?? 30, ...budget });
  const { errorInstance } = details;
  if (errorInstance instanceof UsageError) throw errorInstance;
  // What fast-check tried last while shrinking need not have failed: the last one that did is the smallest.
  if (details.failed && worst) {
    const path = setting.store.save(name, replayText(name, worst.trial, worst.problems, setting.engine?.name));
    const how = `seed ${seed}, run ${details.numRuns}, ${details.numShrinks} steps of shrinking`;
    throw new RecoveryFailure(messageOf(worst, path, how), worst, path);
  }
  return { name, seed, runs, outcomes, interrupted: details.interrupted };
}

/** Every option, so that one that is not there is refused. */
const OPTIONS: Readonly<Record<keyof RecoveryOptions, true>> = {
  ...{ name: true, machines: true, machine: true, nice: true, models: true, triggers: true, maxFaults: true },
  ...{ outcomes: true, runs: true, seed: true, budgetMs: true },
};

/** Who tests in JavaScript has no compiler that would say so; and a check that runs nothing would hold. */
function checkOptions(options: RecoveryOptions): void {
  for (const key of Object.keys(options))
    if (!Object.hasOwn(OPTIONS, key))
      throw new UsageError({ what: 'there is no such option', key, hint: Object.keys(OPTIONS).join(', ') });
  const { runs = 1, seed = 0, budgetMs = 1 } = options;
  if (!Number.isSafeInteger(runs) || runs < 1)
    throw new UsageError({ what: `${runs} is no number of runs`, key: 'runs' });
  if (!Number.isSafeInteger(seed)) throw new UsageError({ what: `${seed} is no integer`, key: 'seed' });
  if (!(budgetMs > 0)) throw new UsageError({ what: `${budgetMs} is no time in ms`, key: 'budgetMs' });
}

function nameOf(programs: Programs | fc.Arbitrary<Programs>): string {
  if (isArbitrary(programs) || (typeof programs === 'object' && 'fragments' in programs)) return 'generated programs';
  return commandsOf(programs).join(' + ');
}

function messageOf({ trial, problems, outcome }: Verdict, path: string, how: string): string {
  const { machine, script } = trial.scenario;
  const commands = script.flatMap((step) => ('run' in step ? [step.run] : []));
  return [
    `${commands.join(' + ')}: ${problems[0]}`,
    ...problems.slice(1).map((problem) => `  ${problem}`),
    `  outcome ${outcome}; ${machine.cores} cores, checkpoint every ${machine.checkpointEvery}, seed ${trial.seed}; ${how}`,
    ...trial.faults.map((fault) => `  fault: ${describeFault(fault)}`),
    `  again: npx coreback replay ${path}`,
  ].join('\n');
}

// ---- drawing ---------------------------------------------------------------------------------------------------------------

function drawn(programs: Programs | fc.Arbitrary<Programs>, options: RecoveryOptions): fc.Arbitrary<Drawn> {
  const { models, triggers, maxFaults } = options;
  const whatRuns = isArbitrary(programs) ? programs : fc.constant(programs);
  return fc.tuple(options.machines ?? machineShapes(), whatRuns).chain(([shape, chosen]) =>
    faultPlans({
      cores: shape.cores,
      horizonNs: PARTS,
      cycleNs: 1,
      processes: [...new Set(commandsOf(chosen).map((command) => command.split(/\s+/)[0]!))],
      ...(models ? { models } : {}),
      ...(triggers ? { triggers } : {}),
      ...(maxFaults ? { maxFaults } : {}),
    }).map((faults) => ({ shape, programs: chosen, faults })),
  );
}

const isArbitrary = (programs: Programs | fc.Arbitrary<Programs>): programs is fc.Arbitrary<Programs> =>
  programs instanceof fc.Arbitrary;

interface Made {
  readonly trial: Trial;
  readonly golden: FinishedRun;
  /** What is wrong before any fault: the program does not do what its model says. */
  readonly problem: string | null;
}

function trialOf(
  { shape, programs, faults }: Drawn,
  name: string,
  options: RecoveryOptions,
  setting: CheckSetting,
): Made {
  const files = programFiles(programs);
  const scenario = scenarioOf(programs, shape, name, options);
  const engine = setting.engine ? { engine: setting.engine } : {};
  const golden = runGolden(scenario, { seed: shape.seed, files: [...setting.programs, ...files], ...engine });
  const demands = { ...RECOVERS, outcomes: options.outcomes ?? RECOVERS.outcomes };
  const scaled = faults.map((fault) => ({ ...fault, trigger: scale(fault.trigger, golden) })) as FaultPlan;
  const trial: Trial = { scenario, faults: scaled, seed: shape.seed, demands, files };
  return { trial, golden, problem: modelProblem(programs, golden) };
}

function scenarioOf(programs: Programs, shape: MachineShape, name: string, options: RecoveryOptions): Scenario {
  const { cores, slice, seed, checkpointEvery } = shape;
  return toScenario(
    {
      name: 'recovery',
      about: name,
      machine: { cores, slice: [...slice], seed, checkpointEvery, ...options.machine },
      script: scriptOf(programs, options.nice),
      expect: [{ stop: 'finished' }],
    },
    name,
  );
}

/** From millionths of the golden run to virtual time. */
function scale(trigger: FaultTrigger, golden: FinishedRun): FaultTrigger {
  const { cycleNs } = golden.machine;
  const stretch = (part: number): number => Math.floor((part * golden.endNs) / PARTS);
  switch (trigger.at) {
    case 'time':
    case 'process':
      return { ...trigger, ns: stretch(trigger.ns) };
    case 'instruction':
      return { ...trigger, instruction: Math.floor(stretch(trigger.instruction) / cycleNs) };
    case 'rate':
      return { ...trigger, meanNs: Math.max(1, stretch(trigger.meanNs)) };
    default:
      return trigger;
  }
}

/** A generated program has to do what its model says when there is no fault: otherwise the emulator is wrong. */
function modelProblem(programs: Programs, golden: FinishedRun): string | null {
  if (typeof programs === 'string' || !('fragments' in programs)) return null;
  const { outputs } = guestProgram('model', programs.fragments);
  const written = processEnds(golden)
    .map(({ output }) => output)
    .filter((output) => output !== '')
    .sort();
  const same = written.length === outputs.length && written.every((text, n) => text === outputs[n]);
  return same ? null : `without faults it writes ${JSON.stringify(written)}, its model ${JSON.stringify(outputs)}`;
}
