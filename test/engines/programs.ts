import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../emu/core/engine.ts';
import { packageRoot, shippedPrograms } from '../../src/host/guest-programs.ts';
import { finishedRun } from '../../src/recovery/finished-run.ts';
import { buildResult, type RunResult } from '../../src/result.ts';
import { parseScenario } from '../../src/scenario/parse-scenario.ts';
import { runScenario } from '../../src/scenario/run-scenario.ts';
import type { Scenario } from '../../src/scenario/schema.ts';
import { System } from '../../src/system.ts';

/** Commands that end by themselves, with every guest program that needs no partner. */
export const COMMANDS: readonly string[] = [
  'brktest',
  'cat /bin/true',
  'count 3',
  'echo one two',
  'false',
  'forktree',
  'ls /bin',
  'malloctest 2',
  'matrix 24',
  'pipes',
  'primes 2000',
  'ps',
  'segv',
  'sh -c true',
  'signals',
  'stackgrow',
  'true',
  'wc /bin/true',
];

export function scenarios(): Scenario[] {
  const folder = join(packageRoot(), 'scenarios');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .sort()
    .map((name) => parseScenario(readFileSync(join(folder, name), 'utf8'), name));
}

/** A command on a machine of two cores; a run that does not end is cut off. */
export function runCommandLine(command: string, engine: Engine, instructions = 3_000_000): RunResult {
  const system = new System({ cores: 2, engine });
  for (const file of shippedPrograms()) system.install(file);
  const args = command.split(' ');
  system.spawn({ path: `/bin/${args[0]}`, args });
  return buildResult(system, finishedRun(system, system.run({ instructions }), []), null);
}

export const runScenarioOn = (scenario: Scenario, engine: Engine): RunResult =>
  runScenario(scenario, { files: shippedPrograms(), engine }).result;
