import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import { CORES_MAX } from '../../emu/machine/machine.ts';
import { RECOVERY_POLICIES } from '../../kernel-sim/kern/config.ts';
import { RELEASES, type ReleaseName } from '../../kernel-sim/kern/release.ts';
import type { Mount } from '../../kernel-sim/vfs/mount.ts';
import { DEFAULT_ENGINE, type EngineChoice, makeEngine } from '../host/engines.ts';
import { NodeFolders, requireFolder } from '../host/node-folders.ts';
import { parseFault } from '../scenario/fault-spec.ts';
import { parseFaults } from '../scenario/fault-text.ts';
import { parseMount } from '../scenario/mount-text.ts';
import { cycleNsOf, parseDuration, parsePeriod } from '../scenario/units.ts';
import type { SystemConfig } from '../system.ts';

/** What every command that runs a machine understands. */
export interface MachineOptions extends EngineChoice {
  readonly cores: number;
  readonly mhz: number;
  readonly seed: number;
  readonly release: string;
  readonly slice?: string;
  readonly checkpointEvery?: string;
  readonly coreLayout: string;
  readonly recovery: string;
  readonly selfTestEvery?: string;
  readonly duplicate: readonly string[];
  readonly rollbackScope: string;
  readonly rollbackFiles: string;
  readonly spareCores: number;
  readonly importantNice: number;
  readonly fail: readonly string[];
  readonly fault: readonly string[];
  readonly root?: string;
  readonly mount: readonly string[];
  readonly until: string;
  readonly maxInstructions?: number;
  readonly paranoid?: boolean;
}

const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];

export function integer(text: string): number {
  const n = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(n)) throw new InvalidArgumentError('not an integer.');
  return n;
}

/** Parses an integer in a range. */
export const integerFrom =
  (low: number, high = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const n = integer(text);
    const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
    if (n < low || n > high) throw new InvalidArgumentError(`not an integer ${range}.`);
    return n;
  };

/** One of `count` parts, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export function parseShard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || index < 1 || index > count) throw new InvalidArgumentError('write it like 1/2: the first of two.');
  return { index, count };
}

function positive(text: string): number {
  const n = Number(text);
  if (!(n > 0) || !Number.isFinite(n)) throw new InvalidArgumentError('not a positive number.');
  return n;
}

export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Adds the choice of the engine to a command. */
export function withEngineOptions(command: Command, engine: string | null = DEFAULT_ENGINE): Command {
  return command
    .option(
      '--engine <name>',
      "what runs the guest's instructions: 'jit', 'interpreter' or 'unicorn' (or set COREBACK_ENGINE)",
      engine ?? undefined,
    )
    .option('--engine-stats', 'say on standard error what the jit engine translated and what it did not')
    .option(
      '--unicorn-lib <path>',
      'the Unicorn library, when it is not where it usually is (or set COREBACK_UNICORN)',
    );
}

/** Adds the options of a machine to a command. */
export function withMachineOptions(command: Command, defaults: { mhz: number; until: string }): Command {
  return withEngineOptions(command)
    .option('--cores <n>', `number of cores, 1 to ${CORES_MAX}`, integer, 4)
    .option('--mhz <n>', 'clock rate of each core', positive, defaults.mhz)
    .option('--release <release>', `what the kernel says it is: ${RELEASE_NAMES.join(', ')}`, '9.0')
    .option('--seed <n>', 'seed of the interleaving; the same seed gives the same run', integer, 1)
    .option(
      '--slice <a-b>',
      'instructions in a round of the interleaving: drawn from this range, or always the same when one number (default: 5000-15000)',
    )
    .option(
      '--checkpoint-every <time>',
      'checkpoint every process when it starts and then so often, in virtual time: 5s, 250ms (default: never)',
    )
    .option(
      '--core-layout <layout>',
      "layout of core files: 'extended' (with notes that came after 9.0) or '9.0'",
      'extended',
    )
    .option(
      '--recovery <policy>',
      `what happens after a core fault: ${RECOVERY_POLICIES.join(', ')}`,
      'rollback-migrate',
    )
    .option('--self-test-every <time>', 'every core tests itself so often, in virtual time (default: never)')
    .addOption(
      new Option(
        '--duplicate <name>',
        'execute programs of this name twice, on two cores, and compare at every system call; may be repeated',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--rollback-scope <what>', 'what goes back: process, or tree (to one instant)', 'process')
    .option('--rollback-files <what>', 'what a rollback takes back of open files: keep, offsets or contents', 'offsets')
    .option('--spare-cores <n>', 'cores kept idle for those that die, with --recovery spare', integerFrom(1), 1)
    .option(
      '--important-nice <n>',
      'processes above this nice value stand back, with --recovery degraded',
      integerFrom(-20, 20),
      0,
    )
    .addOption(
      new Option(
        '--fail <fault>',
        'a core stops for good: core2@12s (at a time), core2#1000000 (after so many of its instructions), count@12s (the core that runs count then, or the first to run it later); may be repeated',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--fault <fault>',
        "any other fault: 'bit-flip register=eax bit=3 at core1#1000000', 'hang at count@2s', 'fail-stop at syscall nth=2 name=write'; docs/faults.md lists all; may be repeated",
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option(
      '--root <folder>',
      "a folder that is seen under the guest's /, with what the machine itself has there; nothing is ever written to it",
    )
    .addOption(
      new Option(
        '--mount <host:guest>',
        'a folder that is seen at a path of the guest; with :ro behind it nobody can change anything, else changes stay in the guest; may be repeated',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--until <time>', 'break the run off at this virtual time', defaults.until)
    .option('--max-instructions <n>', 'break it off after so many instructions of all cores together', integerFrom(1))
    .option('--paranoid', 'check every invariant after every step (slow)');
}

/** The machine that the options describe. Errors: UsageError naming the option. */
export function systemConfig(options: MachineOptions): SystemConfig & { faults: FaultSpec[] } {
  if (options.cores < 1 || options.cores > CORES_MAX) {
    throw new UsageError({ what: `a machine has 1 to ${CORES_MAX} cores, not ${options.cores}`, path: '--cores' });
  }
  if (options.coreLayout !== '9.0' && options.coreLayout !== 'extended') {
    throw new UsageError({
      what: `there is no layout '${options.coreLayout}'`,
      path: '--core-layout',
      hint: "'9.0' or 'extended'",
    });
  }
  const recovery = oneOf(RECOVERY_POLICIES, options.recovery, '--recovery');
  const scope = oneOf(['process', 'tree'] as const, options.rollbackScope, '--rollback-scope');
  const files = oneOf(['keep', 'offsets', 'contents'] as const, options.rollbackFiles, '--rollback-files');
  if (options.duplicate.includes('')) throw new UsageError({ what: 'names no program', path: '--duplicate' });
  const cycleNs = cycleNsOf(options.mhz, '--mhz');
  return {
    engine: makeEngine(options),
    cores: options.cores,
    cycleNs,
    seed: options.seed,
    release: oneOf(RELEASE_NAMES, options.release, '--release'),
    schedule: { kind: 'seeded', seed: options.seed, ...sliceOf(options.slice) },
    coreLayout: options.coreLayout,
    recovery,
    selfTest:
      options.selfTestEvery === undefined
        ? null
        : { periodNs: parsePeriod(options.selfTestEvery, '--self-test-every') },
    duplicate: options.duplicate.length > 0 ? { processes: options.duplicate } : null,
    recoveryOptions: { scope, files, spareCores: options.spareCores, importantNiceMax: options.importantNice },
    checkpointEveryNs:
      options.checkpointEvery === undefined ? 0 : parsePeriod(options.checkpointEvery, '--checkpoint-every'),
    faults: [
      ...options.fail.map((text) => parseFault(text, options.cores)),
      ...parseFaults(options.fault, options.cores),
    ],
    paranoid: options.paranoid ?? false,
    mounts: mountsOf(options),
    hostFolders: new NodeFolders(),
  };
}

function mountsOf({ root, mount }: MachineOptions): Mount[] {
  const mounts = mount.map((text) => parseMount(text, '--mount'));
  if (root !== undefined) mounts.unshift({ host: root, guest: '/', readOnly: false });
  return mounts.map((each) => ({ ...each, host: requireFolder(each.host) }));
}

function oneOf<T extends string>(choices: readonly T[], text: string, path: string): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new UsageError({ what: `there is no '${text}'`, path, hint: choices.join(', ') });
  return found;
}

function sliceOf(text: string | undefined): { minInstructions: number; maxInstructions: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text ?? '5000-15000');
  const minInstructions = Number(match?.[1] ?? 0);
  const maxInstructions = Number(match?.[2] ?? match?.[1] ?? 0);
  if (minInstructions < 1 || maxInstructions < minInstructions || maxInstructions > 1e9) {
    throw new UsageError({
      what: `'${text}' is no range of instructions`,
      path: '--slice',
      hint: 'write it like 5000-15000 or 10000',
    });
  }
  return { minInstructions, maxInstructions };
}

export const runLimits = (options: Pick<MachineOptions, 'until' | 'maxInstructions'>) => ({
  untilNs: parseDuration(options.until, '--until'),
  ...(options.maxInstructions === undefined ? {} : { instructions: options.maxInstructions }),
});
