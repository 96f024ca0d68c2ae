import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { toScenario } from '../scenario/parse-scenario.ts';
import type { ScenarioInput } from '../scenario/schema.ts';
import { type Programs, programFiles, scriptOf } from './programs.ts';
import { RECOVERS, runTrial, type TrialSetting, type Verdict } from './trial.ts';

export interface FaultyRunOptions {
  readonly faults: FaultPlan;
  /** As in a scenario. Default: 4 cores of 1 MHz, a checkpoint every 100 ms. */
  readonly machine?: ScenarioInput['machine'];
  /** Nice value of every program. */
  readonly nice?: number;
}

/** Programs on a machine with these faults, once, beside the same run without them. Errors: UsageError for what makes no sense. */
export function runWithFaults(programs: Programs, options: FaultyRunOptions, setting: TrialSetting): Verdict {
  const scenario = toScenario(
    {
      name: 'run-with-faults',
      about: 'programs and faults of a test',
      machine: { checkpointEvery: '100ms', ...options.machine },
      script: scriptOf(programs, options.nice),
      expect: [{ stop: 'finished' }],
    },
    'runWithFaults',
  );
  const { seed } = scenario.machine;
  const files = programFiles(programs);
  const faults = checkFaultPlan(options.faults, scenario.machine.cores);
  return runTrial({ scenario, faults, seed, demands: RECOVERS, files }, setting);
}
