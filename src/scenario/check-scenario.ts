import { UsageError } from '../../emu/base/errors.ts';
import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import { signalByName } from '../../kernel-sim/abi/signal.ts';
import type { DetectedBy } from '../../kernel-sim/kern/fault-report.ts';
import type { Outcome } from '../recovery/outcome.ts';
import { type CompiledScenario, checkBeforeEnd, compileScenario, stepFault } from './compile-scenario.ts';
import { parsePlace } from './look.ts';
import type { Expectation, Scenario } from './schema.ts';
import { parseDuration } from './units.ts';

/** Refuses what the schema allows but no machine can do, and expectations that can never hold. Errors: UsageError with the key. */
export function checkScenario(scenario: Scenario): void {
  const compiled = compileScenario(scenario);
  checkMachine(compiled);
  scenario.script.forEach((step, n) => {
    for (const fault of stepFault(step, n))
      checkFault(fault, scenario, 'fault' in step ? `script[${n}].fault` : `script[${n}]`);
  });
  const names = new Set(compiled.actions.flatMap((action) => (action.kind === 'run' ? [action.name] : [])));
  scenario.expect.forEach((each, n) => {
    checkExpectation(each, `expect[${n}]`, scenario, compiled, names);
  });
  scenario.history.forEach(({ from, to }, n) => {
    checkWindow(from, to, `history[${n}]`);
  });
}

function refuse(what: string, key: string, hint?: string): never {
  throw new UsageError({ what, key, hint });
}

function checkMachine({ config }: CompiledScenario): void {
  const { periodNs, deadlineNs } = config.faultGenerator!;
  if (deadlineNs >= periodNs) refuse('the deadline must be shorter than the period', 'machine.detection.deadline');
  if (config.duplicate && config.cores < 2)
    refuse('a machine with one core cannot execute anything on two', 'machine.detection.duplicate');
  const spareCores = config.recoveryOptions?.spareCores ?? 0;
  if (config.recovery === 'spare' && spareCores >= config.cores)
    refuse(`${spareCores} spare cores of ${config.cores} leave none to run on`, 'machine.spareCores');
}

function checkCore(core: number, { machine }: Scenario, key: string): void {
  if (core >= machine.cores) refuse(`there is no core ${core}: there are ${machine.cores}, numbered from 0`, key);
}

function checkFault(fault: FaultSpec, scenario: Scenario, key: string): void {
  const { trigger } = fault;
  const { checkpointEvery, recovery } = scenario.machine;
  if ('core' in trigger && trigger.core !== undefined) checkCore(trigger.core, scenario, key);
  if ('ns' in trigger) checkBeforeEnd(trigger.ns, scenario, key);
  if (trigger.at === 'checkpoint' && !checkpointEvery) {
    refuse('strikes during a checkpoint, but none is taken', `${key}.trigger`, 'set machine.checkpointEvery');
  }
  if (fault.model === 'checkpoint-write' && !checkpointEvery) {
    refuse('damages a checkpoint, but none is taken', `${key}.model`, 'set machine.checkpointEvery');
  }
  const needsCheckpoint = recovery !== 'restart-from-beginning';
  if (trigger.at === 'recovery' && (recovery === 'none' || (needsCheckpoint && !checkpointEvery))) {
    const why = recovery === 'none' ? 'machine.recovery is none' : 'no checkpoint is taken';
    refuse(`strikes during a recovery, but there will be none: ${why}`, `${key}.trigger`);
  }
  try {
    checkFaultPlan([fault], scenario.machine.cores, key);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // It stands alone, not in a list.
    throw new UsageError({ ...error.parts, key: error.parts.key?.replace(`${key}[0]`, key) });
  }
}

const WITHOUT_FAULT: readonly Outcome[] = ['completed', 'unfinished'];

function checkExpectation(
  e: Expectation,
  key: string,
  scenario: Scenario,
  { faults }: CompiledScenario,
  names: ReadonlySet<string>,
): void {
  if ('process' in e) {
    checkProgram(e.process, names, `${key}.process`);
    if ('continues' in e) checkProgram(e.continues, names, `${key}.continues`);
    if ('signal' in e && signalByName(e.signal) === undefined)
      refuse(`there is no signal ${e.signal}`, `${key}.signal`);
    if ('memory' in e) for (const place of Object.keys(e.memory)) parsePlace(place, `${key}.memory`);
    if ('from' in e && e.from !== undefined) parseDuration(e.from, `${key}.from`);
  }
  for (const name of ['onlyOn', 'neverOn', 'affinity', 'busyCores'] as const) {
    const cores = (e as Partial<Record<typeof name, readonly number[]>>)[name];
    cores?.forEach((core, n) => {
      checkCore(core, scenario, `${key}.${name}[${n}]`);
    });
  }
  if ('busyCores' in e) checkWindow(e.from, e.to, key);
  if ('detectedWithin' in e) parseDuration(e.detectedWithin, `${key}.detectedWithin`);
  if ('recoveredWithin' in e) parseDuration(e.recoveredWithin, `${key}.recoveredWithin`);
  const aboutFaults = [
    ...['recovered', 'detectedWithin', 'detectedWithinInstructions', 'detectedBy'],
    ...['recoveredWithin', 'contractHolds', 'deadCoresIdle'],
  ];
  const about = aboutFaults.find((name) => name in e);
  if (about && faults.length === 0) refuse('no fault is planned in the script', `${key}.${about}`);
  if ('detectedBy' in e) checkDetectors(e.detectedBy, key, scenario);
  if ('outcome' in e) checkOutcome(e.outcome, key, faults.length > 0, scenario);
}

function checkDetectors(wanted: readonly DetectedBy[], key: string, { machine }: Scenario): void {
  const { selfTest, duplicate } = machine.detection;
  wanted.forEach((detector, n) => {
    const at = `${key}.detectedBy[${n}]`;
    if (detector === 'self-test' && !selfTest) refuse('no core tests itself: machine.detection.selfTest is absent', at);
    if (detector === 'duplicate' && duplicate.length === 0)
      refuse('nothing is executed twice: machine.detection.duplicate names nothing', at);
  });
}

function checkOutcome(wanted: readonly Outcome[], key: string, planned: boolean, { machine }: Scenario): void {
  wanted.forEach((outcome, n) => {
    const at = `${key}.outcome[${n}]`;
    if (WITHOUT_FAULT.includes(outcome) === planned)
      refuse(`cannot be ${outcome}: ${planned ? 'a fault is' : 'no fault is'} planned in the script`, at);
    if (outcome.startsWith('recover') && machine.recovery === 'none')
      refuse(`cannot be ${outcome}: machine.recovery is none`, at);
  });
}

function checkProgram(name: string, names: ReadonlySet<string>, key: string): void {
  const parent = name.split('/')[0]!;
  if (!names.has(parent)) {
    refuse(`no program named ${parent} is started in the script`, key, `there are ${[...names].join(', ')}`);
  }
}

function checkWindow(from: string, to: string, key: string): void {
  if (parseDuration(from, `${key}.from`) >= parseDuration(to, `${key}.to`))
    refuse('must be later than from', `${key}.to`);
}
