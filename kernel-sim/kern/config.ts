import type { ReleaseName } from './release.ts';

/** Everything besides binaries and faults that a run depends on. All of it is data. */
export interface KernelConfig {
  readonly cores: number;
  /** Duration of one instruction in ns: 10 is 100 MHz. */
  readonly cycleNs: number;
  readonly seed: number;
  /** What the kernel says it is: uname(3), kern.osreldate. System calls of later releases work whatever it says. */
  readonly release: ReleaseName;
  /** Memory as hw.physmem reports it, in bytes. */
  readonly physmemBytes: number;
  /** Virtual ns from one periodic checkpoint of a process to the next; 0: none. */
  readonly checkpointEveryNs: number;
  /** Guest directory into which the kernel writes periodic checkpoints. */
  readonly checkpointDir: string;
  readonly coreLayout: '9.0' | 'extended';
  /** Wall-clock time at power-on, in s since 1970: what gettimeofday starts from. */
  readonly bootTimeSec: number;
  /** What happens after a fault interrupt: kern/recovery-policy.ts. */
  readonly recovery: RecoveryPolicyName;
  readonly recoveryOptions: RecoveryOptions;
  /** Cores are made to test themselves so often, in virtual ns (kern/self-test.ts); null: never. */
  readonly selfTest: { readonly periodNs: number } | null;
  /** Processes of these names are executed twice and compared (kern/duplicate.ts); null: none. */
  readonly duplicate: { readonly processes: readonly string[] } | null;
  /** Size of the memory file system in bytes: ENOSPC beyond it. */
  readonly diskBytes: number;
  /** The console answers as a terminal (isatty, canonical lines, ^C); otherwise as a plain stream. */
  readonly consoleIsTty: boolean;
  readonly costs: KernelCosts;
}

/** The rows of kern/recovery-policy.ts; 'restart' is what 'rollback-migrate' was called first. */
export const RECOVERY_POLICIES = [
  'rollback-migrate',
  'restart',
  'rollback-in-place',
  'roll-forward',
  'spare',
  'degraded',
  'restart-from-beginning',
  'none',
] as const;

export type RecoveryPolicyName = (typeof RECOVERY_POLICIES)[number];

export interface RecoveryOptions {
  /**
   * What goes back with a process. 'process': nothing. 'tree': all offspring of the topmost process above it that is not init; periodic
   * checkpoints take such a tree at one instant or not at all.
   */
  readonly scope: 'process' | 'tree';
  /**
   * What a rollback does to open files. 'keep': descriptors and offsets stay as they are. 'offsets': they go back to where they were.
   * 'contents': files that only the process itself has written since get their contents back as well.
   */
  readonly files: 'keep' | 'offsets' | 'contents';
  /** Policy 'spare': so many cores, the highest ones, are kept for cores that die. */
  readonly spareCores: number;
  /** Policy 'degraded': processes with a nice value above this are unimportant. */
  readonly importantNiceMax: number;
  /** A core with more transient faults than this is taken out like a dead one. */
  readonly transientFaultsMax: number;
}

export const DEFAULT_RECOVERY_OPTIONS: RecoveryOptions = {
  scope: 'process',
  files: 'offsets',
  spareCores: 1,
  importantNiceMax: 0,
  transientFaultsMax: 3,
};

/** Virtual time that kernel work takes, in ns (or instructions where the name says so). */
export interface KernelCosts {
  readonly syscallInstructions: number;
  readonly contextSwitchInstructions: number;
  /** A checkpoint pauses its process this long, plus so much for each byte written. */
  readonly checkpointBaseNs: number;
  readonly checkpointNsPerKiB: number;
}

export const DEFAULT_COSTS: KernelCosts = {
  syscallInstructions: 100,
  contextSwitchInstructions: 200,
  checkpointBaseNs: 500_000,
  checkpointNsPerKiB: 10_000,
};

export const DEFAULT_CONFIG: KernelConfig = {
  cores: 4,
  cycleNs: 10,
  seed: 1,
  release: '9.0',
  physmemBytes: 1 << 30,
  checkpointEveryNs: 0,
  checkpointDir: '/var/checkpoint',
  coreLayout: 'extended',
  bootTimeSec: 1_325_376_000,
  recovery: 'rollback-migrate',
  recoveryOptions: DEFAULT_RECOVERY_OPTIONS,
  selfTest: null,
  duplicate: null,
  diskBytes: 1 << 30,
  consoleIsTty: true,
  costs: DEFAULT_COSTS,
};
