/** Everything besides binaries and faults that a run depends on. All of it is data. */
export interface KernelConfig {
  readonly cores: number;
  /** Duration of one instruction in ns: 10 is 100 MHz. */
  readonly cycleNs: number;
  readonly seed: number;
  /** Memory as hw.physmem reports it, in bytes. */
  readonly physmemBytes: number;
  /** Virtual ns from one periodic checkpoint of a process to the next; 0: none. */
  readonly checkpointEveryNs: number;
  /** Guest directory into which the kernel writes periodic checkpoints. */
  readonly checkpointDir: string;
  readonly coreLayout: '9.0' | 'extended';
  /** Wall-clock time at power-on, in s since 1970: what gettimeofday starts from. */
  readonly bootTimeSec: number;
  /** What happens to a process that was running on a dead core. */
  readonly recovery: 'restart' | 'none';
  /** Size of the memory file system in bytes: ENOSPC beyond it. */
  readonly diskBytes: number;
  /** The console answers as a terminal (isatty, canonical lines, ^C); otherwise as a plain stream. */
  readonly consoleIsTty: boolean;
  readonly costs: KernelCosts;
}

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
  physmemBytes: 1 << 30,
  checkpointEveryNs: 0,
  checkpointDir: '/var/checkpoint',
  coreLayout: 'extended',
  bootTimeSec: 1_325_376_000,
  recovery: 'restart',
  diskBytes: 1 << 30,
  consoleIsTty: true,
  costs: DEFAULT_COSTS,
};
