/** Go programs for FreeBSD/i386, as Debian's Go builds them, run on the simulated machine. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stop } from '../../emu/machine/machine.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { NodeFolders } from '../../src/host/node-folders.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/snapshot/encode.ts';
import { System, type SystemConfig } from '../../src/system.ts';
import { guestPrograms } from '../support/guest.ts';
import { runTool } from '../support/tools.ts';
import type { PackageTest } from './packages.ts';

export const PROGRAMS = fileURLToPath(new URL('./programs/', import.meta.url));

export type GoFloat = 'softfloat' | 'sse2';

function go(args: readonly string[], float: GoFloat, cwd: string): string {
  const settings = { GOOS: 'freebsd', GOARCH: '386', CGO_ENABLED: '0', GO386: float, GOFLAGS: '-trimpath' };
  const env = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const cache = [`GOCACHE=${process.env.GOCACHE ?? '/tmp/coreback-go-cache'}`];
  return runTool('env', [...env, ...cache, 'go', ...args], cwd, 600_000);
}

/** Builds one of our programs; its path. Errors: throws when Go is not installed or refuses. */
export function buildProgram(name: string, float: GoFloat, outDir: string): string {
  mkdirSync(outDir, { recursive: true });
  const out = path.join(outDir, name);
  go(['build', '-o', out, `./${name}`], float, PROGRAMS);
  return out;
}

/** Builds the test binary of a package of the standard library; its path, and where the package's files are. */
export function buildPackageTest(
  { name, tags = '' }: PackageTest,
  float: GoFloat,
  outDir: string,
): { binary: string; directory: string } {
  mkdirSync(outDir, { recursive: true });
  const binary = path.join(outDir, `${name.replaceAll('/', '-')}.test`);
  go(['test', '-c', '-tags', tags, '-o', binary, name], float, PROGRAMS);
  return { binary, directory: go(['list', '-f', '{{.Dir}}', name], float, PROGRAMS).trim() };
}

export interface GoRun {
  readonly output: string;
  readonly stop: Stop;
  readonly code: number;
  readonly signal: number;
  readonly instructions: number;
  readonly virtualNs: number;
}

/** Makes ready to run a program as /root/NAME, in /root, with the files of `testdata` beside it. */
export function startGo(
  binary: string,
  args: readonly string[],
  config: SystemConfig = {},
  testdata?: string,
): { system: System; pid: Pid } {
  const mounts = testdata ? [{ host: testdata, guest: '/root/testdata', readOnly: false }] : [];
  const system = new System({ consoleIsTty: false, mounts, hostFolders: new NodeFolders(), ...config });
  for (const file of guestPrograms('echo', 'false', 'true', 'cat', 'sh', 'sleep', 'nohup')) system.install(file);
  // The tests of os/signal look for it there, too.
  for (const file of guestPrograms('nohup')) system.install({ ...file, path: '/usr/bin/nohup' });
  const name = path.basename(binary);
  system.install({ path: `/root/${name}`, bytes: new Uint8Array(readFileSync(binary)) });
  const pid = system.spawn({ path: `/root/${name}`, args: [`/root/${name}`, ...args] });
  return { system, pid };
}

/** Runs a program to its end (`startGo`). */
export function runGo(binary: string, args: readonly string[], config: SystemConfig = {}, testdata?: string): GoRun {
  const { system, pid } = startGo(binary, args, config, testdata);
  return finishGo(system, pid);
}

/** The same run, written down as bytes at these instructions (in order) and gone on with from there. */
export function runSavedGo(binary: string, saves: readonly number[], config: () => SystemConfig): GoRun {
  const started = startGo(binary, [], config());
  let { system } = started;
  for (const pauseInstructions of saves) {
    system.run({ pauseInstructions });
    const { engine } = config();
    system = System.from(decodeSnapshot(encodeSnapshot(system.snapshot())), engine ? { engine } : {});
  }
  return finishGo(system, started.pid);
}

function finishGo(system: System, pid: Pid): GoRun {
  const stop = system.run({ untilNs: 3600e9 });
  const text = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  const exit = system.events.find((event) => event.kind === 'exit' && event.pid === pid);
  const { code, signal } = exit?.kind === 'exit' ? exit : { code: -1, signal: 0 };
  const output = Buffer.from(text, 'latin1').toString('utf8');
  return { output, stop, code, signal, instructions: system.machine.retired, virtualNs: system.machine.nowNs };
}

/** The names of our programs. */
export const programNames = (): string[] =>
  readdirSync(PROGRAMS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();

/** What a program prints; how it ends stands in EXITS. */
export const expectedOutput = (name: string): string => readFileSync(path.join(PROGRAMS, name, 'expected.txt'), 'utf8');

const EXITS: Readonly<Record<string, { code: number; signal: number }>> = {
  notify: { code: 0, signal: 1 },
  panics: { code: 4, signal: 0 },
};
export const expectedExit = (name: string): { code: number; signal: number } => EXITS[name] ?? { code: 0, signal: 0 };
