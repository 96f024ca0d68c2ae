import { dirname } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import type { Injector } from '../campaign/injector.ts';
import { type CampaignSpec, campaignSchema } from '../campaign/schema.ts';
import type { Workload } from '../campaign/workload.ts';
import { readHostFile } from '../host/files.ts';
import { resolveProgram, shippedPrograms } from '../host/guest-programs.ts';
import { foldersFrom, NodeFolders } from '../host/node-folders.ts';
import { parseMounts } from '../scenario/mount-text.ts';
import { checkStructure, formatOf, readStructured } from '../scenario/structured-text.ts';
import { System } from '../system.ts';
import { collect, integer } from './options.ts';

/** A campaign on the command line, for those who have no file. */
export interface SpecOptions {
  readonly run: readonly string[];
  readonly fault: readonly string[];
  readonly policy: readonly string[];
  readonly cores?: number;
  readonly mhz?: number;
  readonly checkpointEvery?: string;
  readonly seed?: number;
  readonly size?: number;
  readonly error?: number;
  readonly confidence?: number;
  readonly exhaustive?: boolean;
  readonly prune: boolean;
  readonly root?: string;
  readonly mount?: readonly string[];
}

const number = (text: string): number => {
  const n = Number(text);
  if (!Number.isFinite(n)) throw new UsageError({ what: `'${text}' is no number` });
  return n;
};

/** Fault spaces by a short name, as --fault has them. */
const SHORT_FAULTS: Readonly<Record<string, unknown>> = {
  registers: { model: 'bit-flip', in: 'register' },
  eflags: { model: 'bit-flip', in: 'register', registers: ['eflags'] },
  eip: { model: 'bit-flip', in: 'register', registers: ['eip'] },
  'segment-base': { model: 'bit-flip', in: 'segment-base' },
  x87: { model: 'bit-flip', in: 'x87' },
  xmm: { model: 'bit-flip', in: 'xmm' },
  'stuck-at': { model: 'stuck-at' },
  'wrong-alu': { model: 'wrong-alu' },
  'fail-stop': { model: 'fail-stop' },
  hang: { model: 'hang' },
  'machine-check': { model: 'machine-check' },
};

export function withSpecOptions(command: Command): Command {
  return command
    .argument('[spec]', 'campaign file (JSON or YAML; docs/campaigns.md); or say it by options:')
    .option('--run <command>', "a program to inject faults into ('matrix 16'); may be repeated", collect, [])
    .option(
      '--fault <space>',
      `faults to inject: ${Object.keys(SHORT_FAULTS).join(', ')}; may be repeated (default: registers)`,
      collect,
      [],
    )
    .option('--root <folder>', "a folder that is seen under the guest's /: programs may be paths in it")
    .option(
      '--mount <host:guest>',
      'a folder that is seen at a path of the guest (:ro behind it: read-only); may be repeated',
      collect,
      [],
    )
    .option('--policy <policy>', 'recovery policy; may be repeated', collect, [])
    .option('--cores <n>', 'number of cores', integer)
    .option('--mhz <n>', 'clock rate of each core (default: 1, as in a scenario; run has 100)', number)
    .option('--checkpoint-every <time>', 'checkpoint every process so often, in virtual time (default: never)')
    .option('--seed <n>', 'seed of the sample', integer)
    .option('--error <e>', 'half width wanted of the intervals: 0.02 is two percentage points', number)
    .option('--confidence <c>', 'their confidence', number)
    .option('--size <n>', 'so many faults of each space instead', integer)
    .option('--exhaustive', 'every fault of each space')
    .option('--no-prune', 'inject every drawn flip of a register, also those that must end alike');
}

/** The campaign that a file or options describe; `machine` is what a campaign without a file has of it. Errors: UsageError with file and key, or option. */
export function readSpec(path: string | undefined, options: SpecOptions, machine: object = {}): CampaignSpec {
  const hint = 'docs/campaigns.md lists every key';
  if (path !== undefined) {
    if (options.run.length > 0) throw new UsageError({ what: 'is given beside a campaign file', path: '--run' });
    const text = new TextDecoder('utf-8').decode(readHostFile(path));
    const given = overridden(readStructured(text, path, formatOf(path)), options);
    return withFolders(checkStructure(campaignSchema, given, path, hint), dirname(path));
  }
  if (options.run.length === 0) throw new UsageError({ what: 'name a campaign file, or a program with --run' });
  const value = overridden({ name: 'command-line', run: options.run, machine, faults: shortFaults(options) }, options);
  return withFolders(checkStructure(campaignSchema, value, 'options', hint), '.');
}

/** Records tell of the folders by their absolute paths. */
const withFolders = (spec: CampaignSpec, from: string): CampaignSpec => ({
  ...spec,
  mounts: foldersFrom(from, spec.mounts),
});

function shortFaults({ fault }: SpecOptions): unknown[] {
  const names = fault.length > 0 ? fault : ['registers'];
  return names.map((name) => {
    const entry = SHORT_FAULTS[name];
    if (entry) return entry;
    const hint = `one of ${Object.keys(SHORT_FAULTS).join(', ')}; a campaign file can say more`;
    throw new UsageError({ what: `there is no fault space '${name}'`, path: '--fault', hint });
  });
}

/** What options say wins over what the file says. */
function overridden(value: unknown, options: SpecOptions): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const spec = value as Record<string, unknown>;
  const machine = {
    ...(options.cores === undefined ? {} : { cores: options.cores }),
    ...(options.mhz === undefined ? {} : { mhz: options.mhz }),
    ...(options.checkpointEvery === undefined ? {} : { checkpointEvery: options.checkpointEvery }),
  };
  const sample = sampleOf(options);
  const mounts = mountsOf(options);
  return {
    ...spec,
    ...(options.policy.length > 0 ? { policies: options.policy } : {}),
    ...(Object.keys(machine).length > 0 ? { machine: { ...(spec.machine as object), ...machine } } : {}),
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(sample === undefined ? {} : { sample }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.prune ? {} : { prune: false }),
  };
}

/** From the folder on in which the command runs. */
function mountsOf({ root, mount = [] }: SpecOptions): string[] {
  return foldersFrom('.', root === undefined ? mount : [`${root}:/`, ...mount]);
}

function sampleOf({ exhaustive, size, error, confidence }: SpecOptions): unknown {
  const ways = [exhaustive, size, error ?? confidence].filter((way) => way !== undefined);
  if (ways.length > 1) {
    const hint = '--exhaustive, or --size, or --error with --confidence';
    throw new UsageError({ what: 'the size of the sample is given in two ways', hint });
  }
  if (exhaustive) return 'exhaustive';
  if (size !== undefined) return { size };
  if (error === undefined && confidence === undefined) return undefined;
  return { error: error ?? 0.02, ...(confidence === undefined ? {} : { confidence }) };
}

/** The programs of a campaign found and read. Errors: UsageError for one that is not there. */
export function workloadOf(spec: CampaignSpec, hostFolders: NodeFolders = new NodeFolders()): Workload {
  const mounts = parseMounts(spec.mounts);
  const tree = new System({ cores: 1, mounts, hostFolders });
  const shipped = shippedPrograms().filter(({ path }) => !tree.has(path));
  const found = spec.run.map((text) => {
    const words = text.trim().split(/\s+/);
    return { ...resolveProgram(words[0]!, shipped, tree), words };
  });
  return {
    spec,
    commands: found.map(({ path, words }) => ({ path, words })),
    files: [...shipped, ...found.flatMap(({ files }) => files)],
  };
}

/** SHA-256 of every file, by path, with those of the host's folders that the fault-free runs have read. */
export const fileDigests = ({ files }: Workload, injectors: readonly Injector[]): Record<string, string> =>
  Object.assign(
    Object.fromEntries(files.map(({ path, bytes }) => [path, bytesToHex(sha256(bytes))])),
    ...injectors.map(({ hostFiles }) => hostFiles),
  );
