/** The programs of docs/guest-programs.md: what they print is documented, and does not depend on the interleaving. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../emu/base/prng.ts';
import type { Engine } from '../../emu/core/engine.ts';
import { shippedPrograms } from '../../src/host/guest-programs.ts';
import { finishedRun } from '../../src/recovery/finished-run.ts';
import { buildResult } from '../../src/result.ts';
import { type GuestFile, System, type SystemConfig } from '../../src/system.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface GuestProgramTest {
  readonly name: string;
  readonly args: readonly string[];
  /** What it prints. */
  readonly expected: string;
}

/** Rows of the table, in its order. */
export function guestProgramTests(): GuestProgramTest[] {
  const rows = readFileSync(`${ROOT}docs/guest-programs.md`, 'utf8').matchAll(
    /^\| \[([\w-]+)\]\(\.\.\/(\S+)\) \| `([^`]+)`/gm,
  );
  return [...rows].map(([, name, file, command]) => ({
    name: name!,
    args: command!.split(' '),
    expected: readFileSync(`${ROOT}${file}`, 'utf8'),
  }));
}

/** Everything in guest/bin as /bin, and the scripts in /root, where programs start. */
const files: readonly GuestFile[] = [
  ...shippedPrograms(),
  ...readdirSync(`${ROOT}guest/scripts`).map((name) => ({
    path: `/root/${name}`,
    bytes: new Uint8Array(readFileSync(`${ROOT}guest/scripts/${name}`)),
  })),
];

/** A machine and a way to interleave its cores, drawn from a seed. Times that programs wait for are short at 1 MHz. */
export function interleavingOf(seed: number): SystemConfig {
  const prng = Prng.seeded(seed, 0);
  const cores = prng.between(1, 4);
  const minInstructions = prng.between(50, 200);
  const maxInstructions = [200, 1000, 5000, 20_000][prng.below(4)]!;
  return { cores, cycleNs: 1000, seed, schedule: { kind: 'seeded', seed, minInstructions, maxInstructions } };
}

export interface GuestProgramRun {
  readonly output: string;
  /** How the program and the machine ended, in words: `exited with 0` is what all of them ought to do. */
  readonly end: string;
  readonly digest: string;
  readonly instructions: number;
}

interface GuestProgramOptions {
  readonly engine?: Engine;
  readonly paranoid?: boolean;
}
const LIMITS = { untilNs: 600e9, instructions: 100_000_000 };

/** A machine that is about to run a program, which is its first process. */
export function startGuestProgram(
  { args }: GuestProgramTest,
  config: SystemConfig,
  options: GuestProgramOptions = {},
): System {
  const system = new System({ consoleIsTty: false, ...config, ...options });
  for (const file of files) system.install(file);
  system.spawn({ path: `/bin/${args[0]}`, args });
  return system;
}

/** Lets the program run, from wherever it is, to its end. Errors: as those of a run. */
export function finishGuestProgram(system: System): GuestProgramRun {
  const stop = system.run(LIMITS);
  const { digest, instructions } = buildResult(system, finishedRun(system, stop, []), null);
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  const first = system.events.find((event) => event.kind === 'exec');
  const exit = system.events.find((event) => event.kind === 'exit' && event.pid === first?.pid);
  const status =
    exit?.kind !== 'exit' ? 'still runs' : exit.signal ? `killed by ${exit.signal}` : `exited with ${exit.code}`;
  const end = stop.reason === 'finished' ? status : `${status}; the machine: ${stop.reason}`;
  return { output, end, digest, instructions };
}

/** Runs a program to its end. Errors: as those of a run. */
export const runGuestProgram = (
  test: GuestProgramTest,
  config: SystemConfig,
  options: GuestProgramOptions = {},
): GuestProgramRun => finishGuestProgram(startGuestProgram(test, config, options));

/** What is wrong with a run; empty when it is as documented. */
export function problemOf({ expected }: GuestProgramTest, { output, end }: GuestProgramRun): string {
  if (end !== 'exited with 0') return `${end}; printed:\n${output}`;
  return output === expected ? '' : `printed:\n${output}instead of:\n${expected}`;
}

/** The command that runs a program in one interleaving again. */
export const replayCommand = ({ name }: GuestProgramTest, seed: number): string =>
  `npm run test:programs -- --only '^${name}$' --seed ${seed}`;
