import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../emu/core/engine.ts';
import { installShipped, shippedPrograms } from '../../src/host/guest-programs.ts';
import { NodeFolders } from '../../src/host/node-folders.ts';
import { finishedRun } from '../../src/recovery/finished-run.ts';
import { buildResult } from '../../src/result.ts';
import { System, type SystemConfig } from '../../src/system.ts';
import { PACKAGES } from '../go/packages.ts';
import { buildPackageTest, buildProgram, type GoFloat, programNames, startGo } from '../go/toolchain.ts';
import { guestProgramTests, interleavingOf, runGuestProgram } from '../programs/guest-programs.ts';
import { guestTree } from '../support/guest.ts';
import type { WholeRun } from './compare-runs.ts';
import { COMMANDS, runCommandLine, runScenarioOn, scenarios } from './programs.ts';
import { TREE_COMMANDS } from './tree-commands.ts';

/* Whole runs that both engines do. */

export interface Subject {
  readonly name: string;
  readonly run: WholeRun;
  /** The longest piece between two comparisons. */
  readonly pieceMax: number;
}

const SHORT_PIECES = 2 ** 12;
const LONG_PIECES = 2 ** 18;

/** Runs a system until it ends, or for so many instructions; gives the digest. */
function finish(system: System, instructions: number): string {
  return buildResult(system, finishedRun(system, system.run({ untilNs: 3600e9, instructions }), []), null).digest;
}

/** What we ship, static and dynamic: as everybody would start it, and as docs/guest-programs.md does, in some interleavings. */
export function programSubjects(interleavings: number): Subject[] {
  const commands = COMMANDS.map((command) => ({
    name: command,
    run: (engine: Engine) => runCommandLine(command, engine).digest,
    pieceMax: SHORT_PIECES,
  }));
  const checks = guestProgramTests().flatMap((test) =>
    Array.from({ length: interleavings }, (_, n) => ({
      name: `${test.args.join(' ')}, interleaving ${n + 1}`,
      run: (engine: Engine) => runGuestProgram(test, interleavingOf(n + 1), { engine }).digest,
      pieceMax: SHORT_PIECES,
    })),
  );
  const dynamic = ['/usr/bin/tally 20 5', '/usr/bin/tally-pie 20 5'].map((command) => ({
    name: command,
    run: (engine: Engine) => {
      const system = new System({ cores: 2, engine, checkpointEveryNs: 30_000_000 });
      for (const file of guestTree()) system.install(file);
      const args = command.split(' ');
      system.spawn({ path: args[0]!, args });
      return finish(system, 10_000_000);
    },
    pieceMax: SHORT_PIECES,
  }));
  return [...commands, ...checks, ...dynamic];
}

/** Each is two runs: without its faults, and with them. */
export async function scenarioSubjects(): Promise<Subject[]> {
  return (await scenarios()).map((scenario) => ({
    name: scenario.name,
    run: (engine) => runScenarioOn(scenario, engine).digest,
    pieceMax: SHORT_PIECES,
  }));
}

/** Our Go programs and the test binaries of Go's standard library, each so many instructions at most. */
export function goSubjects(floats: readonly GoFloat[], instructions: number): Subject[] {
  const folder = mkdtempSync(join(tmpdir(), 'coreback-go-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return floats.flatMap((float) => [
    ...programNames().map((name) => ({
      name: `${name}, ${float}`,
      run: (engine: Engine) =>
        finish(startGo(buildProgram(name, float, join(folder, float)), [], { cores: 4, engine }).system, instructions),
      pieceMax: LONG_PIECES,
    })),
    ...PACKAGES.map((packageTest) => ({
      name: `${packageTest.name}, ${float}`,
      run: (engine: Engine) => {
        const { binary, directory } = buildPackageTest(packageTest, float, join(folder, float));
        const testdata = join(directory, 'testdata');
        const args = ['-test.short', '-test.v'];
        const config = { cores: 4, engine };
        return finish(startGo(binary, args, config, existsSync(testdata) ? testdata : undefined).system, instructions);
      },
      pieceMax: LONG_PIECES,
    })),
  ]);
}

/** A machine with a genuine FreeBSD/i386 file tree that is about to run a command of its shell. */
export function startTree(root: string, command: string, engine: Engine): System {
  const config: SystemConfig = {
    cores: 2,
    engine,
    consoleIsTty: false,
    mounts: [{ host: root, guest: '/', readOnly: false }],
    hostFolders: new NodeFolders(),
  };
  const system = new System(config);
  installShipped(system, shippedPrograms());
  const environment = ['PATH=/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin', 'HOME=/root', 'TERM=vt100'];
  system.spawn({ path: '/bin/sh', args: ['sh', '-c', command], env: environment });
  return system;
}

/** Programs of such a tree: code that no compiler of ours has made. */
export function treeSubjects(root: string, instructions: number): Subject[] {
  return TREE_COMMANDS.map((command) => ({
    name: command,
    run: (engine) => finish(startTree(root, command, engine), instructions),
    pieceMax: LONG_PIECES,
  }));
}
