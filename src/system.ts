import { assert, UsageError } from '../emu/base/errors.ts';
import { sameValue } from '../emu/base/same-value.ts';
import type { Engine } from '../emu/core/engine.ts';
import { freebsdDescriptorTables } from '../emu/core/reset.ts';
import type { FaultPlan } from '../emu/faults/plan.ts';
import type { FaultGeneratorConfig } from '../emu/machine/fault-generator.ts';
import { CORES_MAX, Machine, type MachineSnapshot, type RunLimits, type Stop } from '../emu/machine/machine.ts';
import type { ScheduleConfig } from '../emu/machine/schedule.ts';
import { errnoName } from '../kernel-sim/abi/errno.ts';
import type { Pid } from '../kernel-sim/abi/ids.ts';
import { bootKernel, type SpawnOptions, spawnProgram } from '../kernel-sim/kern/boot.ts';
import {
  DEFAULT_CONFIG,
  DEFAULT_RECOVERY_OPTIONS,
  type KernelConfig,
  RECOVERY_POLICIES,
  type RecoveryOptions,
} from '../kernel-sim/kern/config.ts';
import type { TraceEvent } from '../kernel-sim/kern/events.ts';
import type { Kernel } from '../kernel-sim/kern/kernel.ts';
import { RELEASES } from '../kernel-sim/kern/release.ts';
import { isKernelAt, type KernelSnapshot, restoreKernel, snapshotKernel } from '../kernel-sim/kern/snapshot.ts';
import { KernelTrapHandler } from '../kernel-sim/kern/trap.ts';
import type { HostFolders } from '../kernel-sim/vfs/host-folder.ts';
import { allFiles, installFile, vnodeAt } from '../kernel-sim/vfs/memfs.ts';
import { type Mount, mountFolder } from '../kernel-sim/vfs/mount.ts';
import { defaultEngine } from './default-engine.ts';
import { NATIVE_PROGRAMS } from './restart/native-programs.ts';

/** A machine and the kernel that runs on it: everything a run depends on, besides the programs. */
export interface SystemConfig extends Partial<Omit<KernelConfig, 'recoveryOptions'>> {
  /** What is absent is as in DEFAULT_RECOVERY_OPTIONS. */
  readonly recoveryOptions?: Partial<RecoveryOptions>;
  readonly schedule?: ScheduleConfig;
  readonly faultGenerator?: FaultGeneratorConfig;
  readonly faults?: FaultPlan;
  readonly paranoid?: boolean;
  /** Default: `defaultEngine`. */
  readonly engine?: Engine;
  /** Folders of the host in the guest's tree. What is read of them is in snapshots; the rest is still to be found on the host. */
  readonly mounts?: readonly Mount[];
  /** How the host is looked at: `src/host` has one. */
  readonly hostFolders?: HostFolders;
}

/** What a system was made of that its snapshots have to fit. */
type FixedConfig = Omit<SystemConfig, 'faults' | 'paranoid' | 'engine' | 'mounts' | 'hostFolders'>;
/** What else a system needs of the host that goes on from a snapshot. */
type FromHost = Pick<SystemConfig, 'faults' | 'paranoid' | 'engine' | 'hostFolders'>;

/**
 * A system between two instructions: with the programs and files inside it all that its future depends on, and its past as events. It
 * never changes, and shares with other snapshots what is alike.
 */
export interface SystemSnapshot {
  readonly config: FixedConfig;
  readonly machine: MachineSnapshot;
  readonly kernel: KernelSnapshot;
  /** What had happened: the first `count` events of a list that may go on. */
  readonly events: { readonly list: readonly TraceEvent[]; readonly count: number };
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
  private readonly config: FixedConfig;
  /** Only ever added to, as snapshots hold it. */
  private log: TraceEvent[] = [];
  private readonly listeners: ((event: TraceEvent) => void)[] = [];

  constructor(config: SystemConfig = {}) {
    const { schedule, faultGenerator, faults, paranoid, engine, mounts = [], hostFolders, ...kernelPart } = config;
    const recoveryOptions = { ...DEFAULT_RECOVERY_OPTIONS, ...kernelPart.recoveryOptions };
    const kernelConfig: KernelConfig = { ...DEFAULT_CONFIG, ...kernelPart, recoveryOptions };
    this.config = { ...kernelConfig, ...(schedule ? { schedule } : {}), ...(faultGenerator ? { faultGenerator } : {}) };
    if (!Number.isInteger(kernelConfig.cores) || kernelConfig.cores < 1 || kernelConfig.cores > CORES_MAX) {
      throw new UsageError({ what: `a machine has 1 to ${CORES_MAX} cores, not ${kernelConfig.cores}`, key: 'cores' });
    }
    if (!(kernelConfig.release in RELEASES))
      throw new UsageError({
        what: `there is no release '${kernelConfig.release}'`,
        key: 'release',
        hint: Object.keys(RELEASES).join(', '),
      });
    checkRecovery(kernelConfig);
    const emit = (event: TraceEvent): void => {
      this.log.push(event);
      for (const listener of this.listeners) listener(event);
    };
    const kernel = bootKernel(kernelConfig, emit);
    this.kernel = kernel;
    if (hostFolders) kernel.hostFolders = hostFolders;
    for (const mount of mounts) this.mount(mount);
    this.machine = new Machine(
      {
        cores: kernelConfig.cores,
        cycleNs: kernelConfig.cycleNs,
        ...(schedule ? { schedule } : {}),
        ...(faultGenerator ? { faultGenerator } : {}),
        ...(faults ? { faults } : {}),
        ...(paranoid ? { paranoid } : {}),
      },
      engine ?? defaultEngine(),
      freebsdDescriptorTables(),
      (cores, hooks, runOn) => {
        kernel.cores.push(...cores);
        kernel.faults = hooks;
        kernel.runOn = runOn;
        return new KernelTrapHandler(kernel, NATIVE_PROGRAMS);
      },
      emit,
    );
  }

  /** A system that goes on from a snapshot, with faults of its own if `faults` is there. Errors: as `restore`. */
  static from(snapshot: SystemSnapshot, options: FromHost = {}): System {
    const { faults, ...host } = options;
    const system = new System({ ...snapshot.config, ...host });
    system.restore(snapshot, faults ? { faults } : {});
    return system;
  }

  /** Everything that has happened, in order of occurrence. */
  get events(): readonly TraceEvent[] {
    return this.log;
  }

  /** The system as it is between two runs. Costs little more than a copy of the pages that were written since the last one. */
  snapshot(): SystemSnapshot {
    return {
      config: this.config,
      machine: this.machine.snapshot(),
      kernel: snapshotKernel(this.kernel),
      events: { list: this.log, count: this.log.length },
    };
  }

  /**
   * Makes the system what it was, or what another one of the same configuration was; then it goes on as that one did. With `faults`,
   * these are still to come instead of those that were; with `past`, these events have happened. Listeners hear of new events only.
   * Errors: UsageError for a fault that would have struck before the snapshot.
   */
  restore(
    snapshot: SystemSnapshot,
    options: { readonly faults?: FaultPlan; readonly past?: readonly TraceEvent[] } = {},
  ): void {
    assert(sameValue(snapshot.config, this.config), 'a snapshot of a system of another configuration');
    this.machine.restore(snapshot.machine, options.faults);
    restoreKernel(this.kernel, snapshot.kernel);
    const { list, count } = options.past ? { list: options.past, count: options.past.length } : snapshot.events;
    if (this.log !== list || list.length !== count) this.log = list.slice(0, count);
  }

  /** Whether the system is, but for its past, what a snapshot of a run without faults says: then it goes on in the same way. */
  isAt(snapshot: SystemSnapshot): boolean {
    return this.machine.isAt(snapshot.machine) && isKernelAt(this.kernel, snapshot.kernel);
  }

  /** Calls `listener` with each event from now on. */
  onEvent(listener: (event: TraceEvent) => void): void {
    this.listeners.push(listener);
  }

  private mount(mount: Mount): void {
    const errno = mountFolder(this.kernel, mount);
    if (errno)
      throw new UsageError({
        what: `cannot be seen at ${mount.guest}: ${errnoName(errno)}`,
        path: mount.host,
        key: 'mounts',
      });
  }

  install(file: GuestFile): void {
    const errno = installFile(this.kernel, file.path, file.bytes, file.mode ?? 0o755);
    if (errno)
      throw new UsageError({ what: `cannot be put into the guest's tree: ${errnoName(errno)}`, path: file.path });
  }

  /** Is there a file or directory at an absolute path of the guest's tree? */
  has(path: string): boolean {
    return vnodeAt(this.kernel, path) !== null;
  }

  /** Absolute paths of the guest's regular files whose path matches, in order of path. */
  filesMatching(pattern: RegExp): string[] {
    const found = [...allFiles(this.kernel)].filter(({ path, vnode }) => vnode.type === 'reg' && pattern.test(path));
    return found.map(({ path }) => path).sort();
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

/** Errors: UsageError for recovery options that make no sense together. */
function checkRecovery({ recovery, recoveryOptions, selfTest, duplicate, cores }: KernelConfig): void {
  if (!RECOVERY_POLICIES.includes(recovery))
    throw new UsageError({
      what: `there is no policy '${recovery}'`,
      key: 'recovery',
      hint: RECOVERY_POLICIES.join(', '),
    });
  if (selfTest && !(Number.isInteger(selfTest.periodNs) && selfTest.periodNs > 0))
    throw new UsageError({ what: `${selfTest.periodNs} ns is no period`, key: 'selfTest.periodNs' });
  if (duplicate && !Array.isArray(duplicate.processes))
    throw new UsageError({ what: 'is no list of names', key: 'duplicate.processes' });
  if (duplicate && cores < 2)
    throw new UsageError({ what: 'a machine with one core cannot execute anything on two', key: 'duplicate' });
  for (const [key, value] of Object.entries(recoveryOptions)) {
    const whole = typeof value === 'string' || Number.isInteger(value);
    if (!whole) throw new UsageError({ what: `${value} is no whole number`, key: `recoveryOptions.${key}` });
  }
  const { spareCores } = recoveryOptions;
  if (recovery === 'spare' && (spareCores < 1 || spareCores >= cores)) {
    const what = `${spareCores} spare cores of ${cores} do not leave at least one of each`;
    throw new UsageError({ what, key: 'recoveryOptions.spareCores' });
  }
}
