import { join } from 'node:path';
import type { Engine } from '../../emu/core/engine.ts';
import { packageRoot, shippedPrograms } from '../../src/host/guest-programs.ts';
import { readScenarios } from '../../src/host/scenario-files.ts';
import { finishedRun } from '../../src/recovery/finished-run.ts';
import { buildResult, type RunResult } from '../../src/result.ts';
import { runScenario } from '../../src/scenario/run-scenario.ts';
import type { Scenario } from '../../src/scenario/schema.ts';
import { System } from '../../src/system.ts';

/** Commands that end by themselves, with every program that we ship: x87 and SSE2 ones among them. What follows `sh -c` is one argument. */
export const COMMANDS: readonly string[] = [
  'brktest',
  'bytecode',
  'cat /bin/true',
  'count 3',
  'cpuset -g',
  'crc32',
  'debugger',
  'doubles',
  'doubles-sse2',
  'echo one two',
  'echod 2 2',
  'false',
  'fdpass',
  'fifo 2 5',
  'filemap',
  'files 2',
  'forktree',
  'integers',
  'jobs',
  'kevents',
  'kill -l',
  'limits',
  'locks 4',
  'long-doubles',
  'ls /bin',
  'malloctest 2',
  'matrix 24',
  'nice -n 5 true',
  'nohup true',
  'pipes',
  'primes 2000',
  'printf-doubles',
  'priority',
  'procs',
  'prodcons 200',
  'ps',
  'quicksort',
  'rep-moves',
  'segv',
  'sh -c count 12 50 & sleep 0.2; gcore -c core $!; kill -KILL $!; restart /bin/count core',
  'sh -c true',
  'sha256',
  'shared 3 10',
  'shm 2 5',
  'siginfo',
  'signals',
  'sigqueue',
  'sleep 1',
  'spawn',
  'spin -n 1',
  'stackgrow',
  'summer -p 2',
  'summer -t 2',
  'summer 2',
  'threads 4 200',
  'timers',
  'top -b -d 1',
  'true',
  'udp 3 2',
  'wc /bin/true',
];

export async function scenarios(): Promise<Scenario[]> {
  const files = await readScenarios([join(packageRoot(), 'scenarios')]);
  return files.map(({ scenario }) => scenario);
}

const SHELL = 'sh -c ';

/** A command on a machine of two cores; a run that does not end is cut off. */
export function runCommandLine(command: string, engine: Engine, instructions = 10_000_000): RunResult {
  const system = new System({ cores: 2, engine });
  for (const file of shippedPrograms()) system.install(file);
  const args = command.startsWith(SHELL)
    ? [...SHELL.trim().split(' '), command.slice(SHELL.length)]
    : command.split(' ');
  system.spawn({ path: `/bin/${args[0]}`, args });
  return buildResult(system, finishedRun(system, system.run({ instructions }), []), null);
}

export const runScenarioOn = (scenario: Scenario, engine: Engine): RunResult =>
  runScenario(scenario, { files: shippedPrograms(), engine }).result;
