import { UsageError } from '../emu/base/errors.ts';
import type { Engine } from '../emu/core/engine.ts';
import { freebsdDescriptorTables } from '../emu/core/reset.ts';
import type { FaultPlan } from '../emu/faults/plan.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import type { FaultGeneratorConfig } from '../emu/machine/fault-generator.ts';
import { CORES_MAX, Machine, type RunLimits, type Stop } from '../emu/machine/machine.ts';
import type { ScheduleConfig } from '../emu/machine/schedule.ts';
import { errnoName } from '../kernel-sim/abi/errno.ts';
import type { Pid } from '../kernel-sim/abi/ids.ts';
import { bootKernel, type SpawnOptions, spawnProgram } from '../kernel-sim/kern/boot.ts';
import { DEFAULT_CONFIG, type KernelConfig } from '../kernel-sim/kern/config.ts';
import type { TraceEvent } from '../kernel-sim/kern/events.ts';
import type { Kernel } from '../kernel-sim/kern/kernel.ts';
import { KernelTrapHandler } from '../kernel-sim/kern/trap.ts';
import { installFile, listDir } from '../kernel-sim/vfs/memfs.ts';
import { NATIVE_PROGRAMS } from './restart/native-programs.ts';

/** A machine and the kernel that runs on it: everything a run depends on, besides the programs. */
export interface SystemConfig extends Partial<KernelConfig> {
  readonly schedule?: ScheduleConfig;
  readonly faultGenerator?: FaultGeneratorConfig;
  readonly faults?: FaultPlan;
  readonly paranoid?: boolean;
  /** Default: the reference interpreter. */
  readonly engine?: Engine;
}

/** A file to put into the guest's tree before the run. */
export interface GuestFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode?: number;
}

export class System {
  readonly kernel: Kernel;
  readonly machine: Machine;
  /** Everything that has happened, in order of occurrence. */
  readonly events: TraceEvent[] = [];
  private readonly listeners: ((event: TraceEvent) => void)[] = [];

  constructor(config: SystemConfig = {}) {
    const { schedule, faultGenerator, faults, paranoid, engine, ...kernelPart } = config;
    const kernelConfig: KernelConfig = { ...DEFAULT_CONFIG, ...kernelPart };
    if (!Number.isInteger(kernelConfig.cores) || kernelConfig.cores < 1 || kernelConfig.cores > CORES_MAX) {
      throw new UsageError({ what: `a machine has 1 to ${CORES_MAX} cores, not ${kernelConfig.cores}`, key: 'cores' });
    }
    const emit = (event: TraceEvent): void => {
      this.events.push(event);
      for (const listener of this.listeners) listener(event);
    };
    const kernel = bootKernel(kernelConfig, emit);
    this.kernel = kernel;
    this.machine = new Machine(
      {
        cores: kernelConfig.cores,
        cycleNs: kernelConfig.cycleNs,
        ...(schedule ? { schedule } : {}),
        ...(faultGenerator ? { faultGenerator } : {}),
        ...(faults ? { faults } : {}),
        ...(paranoid ? { paranoid } : {}),
      },
      engine ?? new Interpreter(),
      freebsdDescriptorTables(),
      (cores, hooks) => {
        kernel.cores.push(...cores);
        kernel.faults = hooks;
        return new KernelTrapHandler(kernel, NATIVE_PROGRAMS);
      },
      emit,
    );
  }

  /** Calls `listener` with each event from now on. */
  onEvent(listener: (event: TraceEvent) => void): void {
    this.listeners.push(listener);
  }

  install(file: GuestFile): void {
    const errno = installFile(this.kernel, file.path, file.bytes, file.mode ?? 0o755);
    if (errno)
      throw new UsageError({ what: `cannot be put into the guest's tree: ${errnoName(errno)}`, path: file.path });
  }

  /** Absolute paths of the guest's regular files whose path matches, in order of path. */
  filesMatching(pattern: RegExp): string[] {
    const found: string[] = [];
    const walk = (directory: string): void => {
      const names = listDir(this.kernel, directory);
      if (typeof names === 'number') return;
      for (const name of names) {
        const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
        if (typeof listDir(this.kernel, path) !== 'number') walk(path);
        else if (pattern.test(path)) found.push(path);
      }
    };
    walk('/');
    return found.sort();
  }

  /** Starts a program on the console. Errors: UsageError when the guest kernel refuses it. */
  spawn(options: SpawnOptions): Pid {
    const result = spawnProgram(this.kernel, options);
    if ('errno' in result) {
      const why = this.events.findLast((event) => event.kind === 'log');
      const hint = why?.kind === 'log' ? why.text : 'see coreback inspect';
      throw new UsageError({ what: `cannot be executed: ${errnoName(result.errno)}`, path: options.path, hint });
    }
    return result.pid;
  }

  run(limits: RunLimits = {}): Stop {
    return this.machine.run(limits);
  }
}
