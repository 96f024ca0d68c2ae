import { UsageError } from '../../emu/base/errors.ts';
import type { FaultEffect, FaultPlan, FaultSpec } from '../../emu/faults/plan.ts';
import { signalByName } from '../../kernel-sim/abi/signal.ts';
import { maskOf } from '../../kernel-sim/kern/cpumask.ts';
import type { SystemConfig } from '../system.ts';
import { asFaultSpec, type TimedFault } from './fault-schema.ts';
import type { Expectation, Scenario, Step } from './schema.ts';
import { cycleNsOf, parseCpuList, parseDuration, parsePeriod } from './units.ts';

/** Something that the script does to the machine at a time, or an expectation that wants to look into it then. */
export type Action = { readonly ns: number; readonly key: string } & (
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly path: string;
      /** With `${pid:NAME}` still in them. */
      readonly words: readonly string[];
      readonly nice: number;
      readonly affinity: number | null;
    }
  | { readonly kind: 'kill'; readonly name: string; readonly signo: number }
  | { readonly kind: 'look'; readonly expectation: number }
);

/** A scenario in the machine's own terms: numbers instead of texts, everything in order of time. */
export interface CompiledScenario {
  readonly config: SystemConfig & { readonly cores: number; readonly cycleNs: number };
  readonly faults: FaultPlan;
  readonly actions: readonly Action[];
  readonly untilNs: number;
}

/** `${pid:NAME}` in a command. */
export const PID_OF = /\$\{pid:([^}]+)\}/g;

/** Errors: UsageError with the key, for texts that mean nothing and steps that cannot be done. */
export function compileScenario(scenario: Scenario): CompiledScenario {
  const { machine } = scenario;
  const untilNs = parseDuration(machine.until, 'machine.until');
  const actions = [
    ...scenario.script.flatMap((step, n) => stepAction(step, n, machine.cores)),
    ...scenario.expect.flatMap(lookAction),
  ].sort((a, b) => a.ns - b.ns);
  for (const { ns, key } of actions) checkBeforeEnd(ns, scenario, `${key}.at`);
  checkNames(actions);
  return {
    config: machineConfig(machine),
    faults: scenario.script.flatMap(stepFault),
    actions,
    untilNs,
  };
}

/** A machine in the machine's own terms. Errors: UsageError with the key, for texts that mean nothing. */
export function machineConfig(machine: Scenario['machine']): CompiledScenario['config'] {
  return {
    cores: machine.cores,
    cycleNs: cycleNsOf(machine.mhz, 'machine.mhz'),
    seed: machine.seed,
    release: machine.release,
    recovery: machine.recovery,
    recoveryOptions: {
      scope: machine.rollbackScope,
      files: machine.rollbackFiles,
      spareCores: machine.spareCores,
      importantNiceMax: machine.importantNiceMax,
      transientFaultsMax: machine.transientFaultsMax,
    },
    selfTest: machine.detection.selfTest
      ? { periodNs: parsePeriod(machine.detection.selfTest, 'machine.detection.selfTest') }
      : null,
    duplicate: machine.detection.duplicate.length > 0 ? { processes: machine.detection.duplicate } : null,
    checkpointEveryNs: machine.checkpointEvery ? parsePeriod(machine.checkpointEvery, 'machine.checkpointEvery') : 0,
    faultGenerator: {
      periodNs: parsePeriod(machine.detection.period, 'machine.detection.period'),
      deadlineNs: parseDuration(machine.detection.deadline, 'machine.detection.deadline'),
      misses: machine.detection.misses,
    },
  };
}

export function checkBeforeEnd(ns: number, { machine }: Scenario, key: string): void {
  if (ns >= parseDuration(machine.until, 'machine.until'))
    throw new UsageError({ what: `comes after the end of the run, ${machine.until}`, key });
}

function stepAction(step: Step, n: number, cores: number): Action[] {
  const key = `script[${n}]`;
  if ('run' in step) {
    const words = step.run.trim().split(/\s+/);
    const program = words[0]!;
    if (program === '') throw new UsageError({ what: 'names no program', key: `${key}.run` });
    const path = program.includes('/') ? program : `/bin/${program}`;
    return [
      {
        kind: 'run',
        ns: parseDuration(step.at, `${key}.at`),
        key,
        name: step.as ?? path.slice(path.lastIndexOf('/') + 1),
        path,
        words,
        nice: step.nice ?? 0,
        affinity: step.cpus === undefined ? null : maskOf(parseCpuList(step.cpus, cores, `${key}.cpus`)),
      },
    ];
  }
  if (!('kill' in step)) return [];
  const signo = signalByName(step.signal);
  if (signo === undefined) throw new UsageError({ what: `there is no signal ${step.signal}`, key: `${key}.signal` });
  return [{ kind: 'kill', ns: parseDuration(step.at, `${key}.at`), key, name: step.kill, signo }];
}

function lookAction(expectation: Expectation, n: number): Action[] {
  if (!('memory' in expectation || 'registers' in expectation) || expectation.at === undefined) return [];
  const key = `expect[${n}]`;
  return [{ kind: 'look', ns: parseDuration(expectation.at, `${key}.at`), key, expectation: n }];
}

/** Programs are told apart by name, and must have been started before they are spoken of. */
function checkNames(actions: readonly Action[]): void {
  const started = new Set<string>();
  const need = (name: string, key: string): void => {
    if (!started.has(name)) throw new UsageError({ what: `no program named ${name} has been started by then`, key });
  };
  for (const action of actions) {
    if (action.kind === 'kill') need(action.name, `${action.key}.kill`);
    if (action.kind !== 'run') continue;
    for (const word of action.words) {
      for (const [, name] of word.matchAll(PID_OF)) need(name!, `${action.key}.run`);
    }
    if (started.has(action.name)) {
      const what = `a program named ${action.name} was started already`;
      throw new UsageError({ what, key: action.key, hint: 'give one an "as"' });
    }
    started.add(action.name);
  }
}

/** The fault that a step plans, if it does. */
export function stepFault(step: Step, n: number): FaultSpec[] {
  const key = `script[${n}]`;
  if ('failAtInstruction' in step)
    return [{ model: 'fail-stop', trigger: { at: 'instruction', ...step.failAtInstruction } }];
  if ('fail' in step) {
    const ns = parseDuration(step.at, `${key}.at`);
    const trigger =
      'core' in step.fail ? { at: 'time' as const, ns, ...step.fail } : { at: 'process' as const, ns, ...step.fail };
    return [{ model: 'fail-stop', trigger }];
  }
  if (!('fault' in step)) return [];
  if ('trigger' in step.fault) return [asFaultSpec(step.fault)];
  return [timed(step.fault, parseDuration((step as { at: string }).at, `${key}.at`), `${key}.fault`)];
}

function timed(fault: TimedFault, ns: number, key: string): FaultSpec {
  const { core, process, ...effect } = fault;
  if ((core === undefined) === (process === undefined)) {
    throw new UsageError({ what: 'needs either a core or a process', key, hint: 'which core does it strike?' });
  }
  const trigger = core === undefined ? { at: 'process', process: process!, ns } : { at: 'time', core, ns };
  return { ...(effect as FaultEffect), trigger } as FaultSpec;
}
