import { UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import type { Stop } from '../../emu/machine/machine.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { signalByName } from '../../kernel-sim/abi/signal.ts';
import type { RecoveryOptions } from '../../kernel-sim/kern/config.ts';
import { maskOf } from '../../kernel-sim/kern/cpumask.ts';
import { psignal } from '../../kernel-sim/kern/signal.ts';
import { buildResult, type RunResult } from '../result.ts';
import { type GuestFile, System } from '../system.ts';
import { checkExpectation } from './expect.ts';
import type { Scenario, Step } from './schema.ts';
import { cycleNsOf, parseCpuList, parseDuration } from './units.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly result: RunResult;
  readonly system: System;
  /** Pid of each program by the name under which the script started it. */
  readonly pids: ReadonlyMap<string, Pid>;
  /** One line for each expectation that does not hold. */
  readonly failures: readonly string[];
}

export interface ScenarioOptions {
  /** Instead of the scenario's own. */
  readonly seed?: number;
  readonly paranoid?: boolean;
  /** Default: the reference interpreter. */
  readonly engine?: Engine;
  /** Files of the guest's tree: programs in /bin. */
  readonly files: readonly GuestFile[];
}

/** Runs a scenario and checks what it expects. Errors: UsageError for a script that makes no sense. */
export function runScenario(scenario: Scenario, options: ScenarioOptions): ScenarioRun {
  const faulty = play(scenario, options, true);
  const faultsPlanned = faultsOf(scenario).length;
  const result = buildResult(faulty.system, faulty.stop, faultsPlanned, () => play(scenario, options, false));
  const context = { events: faulty.system.events, result, pids: faulty.pids };
  const failures = scenario.expect.flatMap((expectation, n) => {
    const why = checkExpectation(expectation, context);
    return why === null ? [] : [`expect[${n}]: ${why}`];
  });
  return { scenario, result, system: faulty.system, pids: faulty.pids, failures };
}

interface Played {
  readonly system: System;
  readonly stop: Stop;
  readonly pids: Map<string, Pid>;
}

function play(scenario: Scenario, options: ScenarioOptions, withFaults: boolean): Played {
  const { machine } = scenario;
  const seed = options.seed ?? machine.seed;
  const [minInstructions, maxInstructions] = machine.slice;
  const system = new System({
    cores: machine.cores,
    cycleNs: cycleNsOf(machine.mhz, 'machine.mhz'),
    seed,
    schedule: { kind: 'seeded', seed, minInstructions, maxInstructions },
    recovery: machine.recovery,
    recoveryOptions: recoveryOptionsOf(machine),
    checkpointEveryNs: machine.checkpointEvery ? parseDuration(machine.checkpointEvery, 'machine.checkpointEvery') : 0,
    faults: withFaults ? faultsOf(scenario) : [],
    paranoid: options.paranoid ?? false,
    ...(options.engine ? { engine: options.engine } : {}),
  });
  for (const file of options.files) system.install(file);
  const pids = new Map<string, Pid>();
  const untilNs = parseDuration(machine.until, 'machine.until');
  let stop: Stop = { reason: 'finished', detail: 'nothing was to be done' };
  for (const { ns, step, key } of timed(scenario)) {
    if (ns >= untilNs)
      throw new UsageError({ what: `comes after the end of the run, ${machine.until}`, key: `${key}.at` });
    stop = system.run({ untilNs: ns });
    if (stop.reason === 'no-healthy-core') break;
    system.machine.idleUntil(ns);
    act(system, step, pids, key);
  }
  if (stop.reason !== 'no-healthy-core') stop = system.run({ untilNs });
  return { system, stop, pids };
}

const recoveryOptionsOf = (machine: Scenario['machine']): RecoveryOptions => ({
  files: machine.rollbackFiles,
  spareCores: machine.spareCores,
  importantNiceMax: machine.importantNiceMax,
  transientFaultsMax: machine.transientFaultsMax,
});

/** The steps that have a time and are not faults of the machine's own plan, in order of time. */
function timed(scenario: Scenario): { ns: number; step: Step; key: string }[] {
  return scenario.script
    .flatMap((step, n) => {
      if (!('at' in step) || 'fail' in step) return [];
      return [{ ns: parseDuration(step.at, `script[${n}].at`), step, key: `script[${n}]` }];
    })
    .sort((a, b) => a.ns - b.ns);
}

function faultsOf(scenario: Scenario): FaultSpec[] {
  return scenario.script.flatMap((step, n): FaultSpec[] => {
    const key = `script[${n}]`;
    const checkCore = (core: number): number => {
      if (core < scenario.machine.cores) return core;
      throw new UsageError({
        what: `there is no core ${core}: there are ${scenario.machine.cores}, numbered from 0`,
        key,
      });
    };
    if ('failAtInstruction' in step) {
      const { core, instruction } = step.failAtInstruction;
      return [{ model: 'fail-stop', trigger: { at: 'instruction', core: checkCore(core), instruction } }];
    }
    if (!('fail' in step)) return [];
    const ns = parseDuration(step.at, `${key}.at`);
    return 'core' in step.fail
      ? [{ model: 'fail-stop', trigger: { at: 'time', core: checkCore(step.fail.core), ns } }]
      : [{ model: 'fail-stop', trigger: { at: 'process', process: step.fail.process, ns } }];
  });
}

function act(system: System, step: Step, pids: Map<string, Pid>, key: string): void {
  if ('run' in step) {
    const words = substitute(step.run, pids, `${key}.run`).trim().split(/\s+/);
    const [program] = words;
    if (!program) throw new UsageError({ what: 'names no program', key: `${key}.run` });
    const path = program.includes('/') ? program : `/bin/${program}`;
    const { cores } = system.kernel.config;
    const pid = system.spawn({
      path,
      args: words,
      ...(step.nice === undefined ? {} : { nice: step.nice }),
      ...(step.cpus === undefined ? {} : { affinity: maskOf(parseCpuList(step.cpus, cores, `${key}.cpus`)) }),
    });
    const name = step.as ?? path.slice(path.lastIndexOf('/') + 1);
    if (pids.has(name))
      throw new UsageError({ what: `a program named ${name} was started already`, key, hint: 'give one an "as"' });
    pids.set(name, pid);
    return;
  }
  if ('kill' in step) {
    const signo = signalByName(step.signal);
    if (signo === undefined) throw new UsageError({ what: `there is no signal ${step.signal}`, key: `${key}.signal` });
    psignal(system.kernel, pidNamed(step.kill, pids, `${key}.kill`), signo);
  }
}

function pidNamed(name: string, pids: ReadonlyMap<string, Pid>, key: string): Pid {
  const pid = pids.get(name);
  if (pid === undefined) throw new UsageError({ what: `no program named ${name} has been started by then`, key });
  return pid;
}

const substitute = (command: string, pids: ReadonlyMap<string, Pid>, key: string): string =>
  command.replace(/\$\{pid:([^}]+)\}/g, (_, name: string) => String(pidNamed(name, pids, key)));
