/** Runs scripts and sessions in a FreeBSD tree, and the host's tools beside it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Prng } from '../../emu/base/prng.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { bytesOf } from '../../kernel-sim/kern/kernel.ts';
import { feedConsole } from '../../kernel-sim/vfs/console.ts';
import { makeEngine } from '../../src/host/engines.ts';
import { installShipped, shippedPrograms } from '../../src/host/guest-programs.ts';
import { NodeFolders } from '../../src/host/node-folders.ts';
import { type FinishedRun, finishedRun, machineOf } from '../../src/recovery/finished-run.ts';
import { hangBoundNs } from '../../src/recovery/hang-bound.ts';
import { judge, type Outcome } from '../../src/recovery/outcome.ts';
import { type GuestFile, System, type SystemConfig } from '../../src/system.ts';
import type { TreeCommand, TreeSession } from './commands.ts';

export interface TreeOptions {
  /** The FreeBSD tree. */
  readonly root: string;
  readonly engine: string;
}

const WORK = '/tmp/work';
const CHECKPOINT_EVERY_NS = 50e6;
const LIMIT_NS = 600e9;

/** What the scripts work on: 4000 lines of two numbers, 1500 words, and one file that the host has compressed. */
export function inputFiles(): Record<string, Uint8Array> {
  const prng = Prng.seeded(1, 0);
  const numbers = Array.from({ length: 4000 }, (_, n) => `${(n * 7919 + 2) % 10_007} ${n + 1}\n`).join('');
  const word = (): string =>
    String.fromCharCode(...Array.from({ length: prng.between(2, 9) }, () => 97 + prng.below(26)));
  const words = Array.from({ length: 1500 }, () => `${word()} ${word()}\n`).join('');
  return { numbers: bytesOf(numbers), words: bytesOf(words), 'given.gz': new Uint8Array(gzipSync('from the host\n')) };
}

/** What the host's shell prints for a script, on the same files. Errors: throws when it cannot be run. */
export function hostOutput(script: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'coreback-tree-'));
  try {
    for (const [name, bytes] of Object.entries(inputFiles())) writeFileSync(path.join(folder, name), bytes);
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    const { stdout, error } = spawnSync('/bin/sh', ['-c', script], { cwd: folder, env, timeout: 60_000 });
    if (error) throw error;
    return stdout.toString('latin1');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function treeSystem({ root, engine }: TreeOptions, files: readonly GuestFile[], config: SystemConfig): System {
  const system = new System({
    cores: 4,
    cycleNs: 10,
    mounts: [{ host: root, guest: '/', readOnly: false }],
    hostFolders: new NodeFolders(),
    engine: makeEngine({ engine }),
    ...config,
  });
  installShipped(system, shippedPrograms());
  for (const [name, bytes] of Object.entries(inputFiles()))
    system.install({ path: `${WORK}/${name}`, bytes, mode: 0o644 });
  for (const file of files) system.install(file);
  return system;
}

export interface TreeRun {
  readonly output: string;
  /** How the program ended, in words. */
  readonly end: string;
  readonly outcome: Outcome;
  readonly finished: FinishedRun;
  readonly instructions: number;
}

/** A program of the tree, or a file that is put into it. */
export interface TreeProgram {
  readonly args: readonly string[];
  readonly files?: readonly GuestFile[];
}

export const scriptProgram = ({ script }: TreeCommand): TreeProgram => ({ args: ['/bin/sh', '-c', script] });

/** Without faults, or with faults beside a `golden` run that had none. Everything is checkpointed as whole trees of processes. */
export function runProgram(
  { args, files = [] }: TreeProgram,
  options: TreeOptions,
  faults: FaultPlan = [],
  golden?: FinishedRun,
): TreeRun {
  const checkpoints = { checkpointEveryNs: CHECKPOINT_EVERY_NS, recoveryOptions: { scope: 'tree' as const } };
  const system = treeSystem(options, files, { consoleIsTty: false, faults, ...checkpoints });
  const pid = system.spawn({ path: args[0]!, args, cwd: WORK });
  const untilNs = golden ? hangBoundNs(golden.endNs, faults, machineOf(system)) + 1 : LIMIT_NS;
  const stop = system.run({ untilNs });
  const finished = finishedRun(system, stop, faults);
  const exit = system.events.find((event) => event.kind === 'exit' && event.pid === pid);
  const end = exit?.kind !== 'exit' ? stop.reason : exit.signal ? `signal ${exit.signal}` : `exit ${exit.code}`;
  return {
    output: consoleOutput(finished),
    end,
    outcome: judge(finished, golden ?? null),
    finished,
    instructions: system.machine.retired,
  };
}

const consoleOutput = ({ events }: FinishedRun): string =>
  events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');

/** A core that fails half-way through the life of the process that ran longest under this name. Errors: throws when none did. */
export function faultUnder(process: string, { events }: FinishedRun): FaultPlan {
  const lives = events.flatMap((exit) => {
    if (exit.kind !== 'exit' || exit.name !== process) return [];
    const start = events.find((event) => event.kind === 'exec' && event.pid === exit.pid);
    return start ? [{ startNs: start.ns, ns: exit.ns - start.ns }] : [];
  });
  const [longest] = lives.sort((a, b) => b.ns - a.ns);
  if (!longest) throw new Error(`no process ran as ${process}`);
  return [
    { model: 'fail-stop', trigger: { at: 'process', process, ns: longest.startNs + Math.floor(longest.ns / 2) } },
  ];
}

/** Types at the console of an interactive shell. What did not appear, with what did; empty when all is as it should be. */
export function runSession({ steps }: TreeSession, options: TreeOptions): { problem: string; instructions: number } {
  const system = treeSystem(options, [], { consoleIsTty: true });
  let screen = '';
  system.onEvent((event) => {
    if (event.kind === 'echo' || event.kind === 'output') screen += event.text;
  });
  system.spawn({ path: '/bin/sh', args: ['sh', '-i'], cwd: WORK, login: true });
  const goOn = (): void => void system.run({ untilNs: system.machine.nowNs + 500e6 });
  goOn();
  for (const [keys, shown] of steps) {
    screen = '';
    feedConsole(system.kernel, bytesOf(keys));
    goOn();
    const text = screen.replaceAll('\r', '');
    if (!shown.test(text))
      return {
        problem: `typed ${JSON.stringify(keys)}, expected ${shown}, saw:\n${text}`,
        instructions: system.machine.retired,
      };
  }
  return { problem: '', instructions: system.machine.retired };
}
