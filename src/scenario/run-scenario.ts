import { assert, UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { Stop } from '../../emu/machine/machine.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { psignal } from '../../kernel-sim/kern/signal.ts';
import type { HostFolders } from '../../kernel-sim/vfs/host-folder.ts';
import { ContractMonitor } from '../recovery/contract.ts';
import { type FinishedRun, finishedRun, machineOf } from '../recovery/finished-run.ts';
import { hangBoundNs } from '../recovery/hang-bound.ts';
import { buildResult, type RunResult } from '../result.ts';
import { type GuestFile, System } from '../system.ts';
import { type Action, type CompiledScenario, compileScenario, PID_OF } from './compile-scenario.ts';
import { checkExpectation, pidOfProgram } from './expect.ts';
import { lookAtMemory, lookAtRegisters, type Sight } from './look.ts';
import { parseMounts } from './mount-text.ts';
import type { Scenario } from './schema.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly result: RunResult;
  readonly system: System;
  /** Pid of each program by the name under which the script started it. */
  readonly pids: ReadonlyMap<string, Pid>;
  /** One line for each expectation that does not hold. */
  readonly failures: readonly string[];
  /** One line for each breach of what a recovery owes (src/recovery/contract.ts). */
  readonly violations: readonly string[];
  /** The run as it was judged, and the same without faults; null when no fault was planned. */
  readonly judged: FinishedRun;
  readonly golden: FinishedRun | null;
}

export interface ScenarioOptions {
  /** Instead of the scenario's own. */
  readonly seed?: number;
  /** Instead of those that the scenario plans. */
  readonly faults?: FaultPlan;
  readonly paranoid?: boolean;
  /** Default: the reference interpreter. */
  readonly engine?: Engine;
  /** Files of the guest's tree: programs in /bin. */
  readonly files: readonly GuestFile[];
  /** For scenarios with mounts. */
  readonly hostFolders?: HostFolders;
  /** The same run without faults, when it has been made before. */
  readonly golden?: FinishedRun;
  /** Called with the system of the run with faults before anything runs on it. */
  readonly prepare?: (system: System) => void;
}

/** Runs a scenario and checks what it expects. Errors: UsageError for a script that makes no sense. */
export function runScenario(scenario: Scenario, options: ScenarioOptions): ScenarioRun {
  const compiled = compileScenario(scenario);
  const faults = options.faults ?? compiled.faults;
  const golden = faults.length > 0 ? (options.golden ?? runGolden(scenario, options)) : null;
  const played = new Play(scenario, compiled, options, faults);
  options.prepare?.(played.system);
  const contract = new ContractMonitor(played.system);
  const boundNs = golden ? hangBoundNs(golden.endNs, faults, machineOf(played.system)) : Number.POSITIVE_INFINITY;
  const stop = played.run(Math.min(compiled.untilNs, boundNs + 1));
  const violations = contract.finish();
  const { system, pids } = played;
  const judged = finishedRun(system, stop, faults);
  const result = buildResult(system, judged, golden);
  const context = { system, result, pids, violations, sights: played.sights };
  const failures = scenario.expect.flatMap((expectation, n) => {
    const why = checkExpectation(expectation, n, context);
    return why === null ? [] : [`expect[${n}]: ${why}`];
  });
  return { scenario, result, system, pids, failures, violations, judged, golden };
}

/** A scenario without its faults: what the judge compares with. */
export function runGolden(scenario: Scenario, options: ScenarioOptions): FinishedRun {
  const compiled = compileScenario(scenario);
  const played = new Play(scenario, compiled, options, []);
  return finishedRun(played.system, played.run(compiled.untilNs), []);
}

/** A scenario's script on a machine. */
class Play {
  readonly system: System;
  readonly pids = new Map<string, Pid>();
  /** What the expectations that look into the machine have seen, by their number. */
  readonly sights = new Map<number, Sight>();
  private readonly scenario: Scenario;
  private readonly compiled: CompiledScenario;

  constructor(scenario: Scenario, compiled: CompiledScenario, options: ScenarioOptions, faults: FaultPlan) {
    this.scenario = scenario;
    this.compiled = compiled;
    const { config } = compiled;
    const { slice } = scenario.machine;
    const seed = options.seed ?? scenario.machine.seed;
    this.system = new System({
      ...config,
      seed,
      schedule: { kind: 'seeded', seed, minInstructions: slice[0], maxInstructions: slice[1] },
      faults,
      paranoid: options.paranoid ?? false,
      mounts: parseMounts(scenario.mounts),
      ...(options.engine ? { engine: options.engine } : {}),
      ...(options.hostFolders ? { hostFolders: options.hostFolders } : {}),
    });
    // What a mounted folder has of its own stays.
    const isMounted = scenario.mounts.length > 0;
    const missing = options.files.filter(({ path }) => !(isMounted && this.system.has(path)));
    for (const file of missing) this.system.install(file);
  }

  run(untilNs: number): Stop {
    const { system } = this;
    let stop: Stop = { reason: 'finished', detail: 'nothing was to be done' };
    for (const action of this.compiled.actions) {
      if (action.ns >= untilNs) break;
      stop = system.run({ untilNs: action.ns });
      if (stop.reason === 'no-healthy-core') return stop;
      system.machine.idleUntil(action.ns);
      this.act(action);
    }
    stop = system.run({ untilNs });
    this.scenario.expect.forEach((expectation, n) => {
      if (('memory' in expectation || 'registers' in expectation) && expectation.at === undefined) this.look(n);
    });
    return stop;
  }

  private act(action: Action): void {
    switch (action.kind) {
      case 'look':
        this.look(action.expectation);
        return;
      case 'kill':
        psignal(this.system.kernel, this.pidNamed(action.name, action.key), action.signo as never);
        return;
      case 'run': {
        const args = action.words.map((word) =>
          word.replace(PID_OF, (_, name: string) => String(this.pidNamed(name, action.key))),
        );
        const { path, nice, affinity } = action;
        const pid = this.system.spawn({ path, args, nice, ...(affinity === null ? {} : { affinity }) });
        this.pids.set(action.name, pid);
        return;
      }
    }
  }

  private look(n: number): void {
    const expectation = this.scenario.expect[n]!;
    assert('memory' in expectation || 'registers' in expectation, `expect[${n}] has nothing to look at`);
    const pid = pidOfProgram(expectation.process, this.pids, this.system);
    if (pid === undefined) this.sights.set(n, {});
    else if ('memory' in expectation)
      this.sights.set(n, lookAtMemory(this.system, pid, Object.keys(expectation.memory)));
    else this.sights.set(n, lookAtRegisters(this.system, pid, Object.keys(expectation.registers) as never));
  }

  private pidNamed(name: string, key: string): Pid {
    const pid = this.pids.get(name);
    if (pid === undefined) throw new UsageError({ what: `no program named ${name} has been started by then`, key });
    return pid;
  }
}
