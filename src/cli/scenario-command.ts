import { join } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { type EngineChoice, makeEngine } from '../host/engines.ts';
import { writeHostFile } from '../host/files.ts';
import { shippedPrograms } from '../host/guest-programs.ts';
import { NodeFolders } from '../host/node-folders.ts';
import { readScenarios } from '../host/scenario-files.ts';
import { cpuHistorySvg } from '../report/cpu-history-svg.ts';
import { cpuHistoryText } from '../report/cpu-history-text.ts';
import { duration, shortMoment } from '../report/format.ts';
import { timelineText } from '../report/text.ts';
import { timelineOf } from '../result.ts';
import { runScenario, type ScenarioRun } from '../scenario/run-scenario.ts';
import { parseDuration } from '../scenario/units.ts';
import type { System } from '../system.ts';
import { integer, withEngineOptions } from './options.ts';
import { writeOutputs } from './outputs.ts';
import { startStrace } from './strace.ts';

interface ScenarioCommandOptions extends EngineChoice {
  readonly seed?: number;
  readonly json?: boolean;
  readonly out?: string;
  readonly verbose?: boolean;
  readonly paranoid?: boolean;
}

/** `coreback scenario <file or folder>...` */
export function addScenarioCommand(program: Command): void {
  const command = program
    .command('scenario')
    .description('run scenario files and check what each expects; a folder stands for the scenarios in it')
    .argument('<files...>', 'scenario files (.json .yaml .ts .mjs) or folders');
  withEngineOptions(command)
    .option('--seed <n>', "seed of the interleaving, instead of each scenario's own", integer)
    .option('--json', 'print one JSON array with the result of each (docs/json.md)')
    .option(
      '--out <folder>',
      'write the reports, pictures, system calls and core files of each into a folder of its name',
    )
    .option('-v, --verbose', 'print the timeline, the story and the CPU history of each')
    .option('--paranoid', 'check every invariant after every step (slow)')
    .addHelpText('after', '\nExit code: 0 when every expectation holds, 1 when one does not, 2 for bad input.')
    .action(async (files: string[], options: ScenarioCommandOptions) => {
      process.exitCode = await scenarioCommand(files, options);
    });
}

async function scenarioCommand(files: readonly string[], options: ScenarioCommandOptions): Promise<number> {
  const scenarios = await readScenarios(files);
  const programs = shippedPrograms();
  const engine = makeEngine(options);
  const hostFolders = new NodeFolders();
  const results: unknown[] = [];
  let failed = 0;
  for (const { path, scenario } of scenarios) {
    const startMs = Date.now();
    let run: ScenarioRun;
    let endStrace = (): void => {};
    try {
      const seed = options.seed === undefined ? {} : { seed: options.seed };
      const prepare = (system: System): void => {
        if (options.out) endStrace = startStrace(system, join(options.out, scenario.name, 'strace.txt'));
      };
      const paranoid = options.paranoid ?? false;
      run = runScenario(scenario, { ...seed, files: programs, engine, hostFolders, paranoid, prepare });
    } catch (error) {
      throw error instanceof UsageError ? error.in(path) : error;
    } finally {
      endStrace();
    }
    if (run.failures.length > 0) failed++;
    const replay = `coreback scenario ${path} --seed ${options.seed ?? scenario.machine.seed}`;
    if (options.out) writeScenario(run, join(options.out, scenario.name), replay);
    if (options.json) {
      const holds = run.failures.length === 0;
      results.push({ name: scenario.name, holds, failures: run.failures, result: run.result });
      continue;
    }
    process.stdout.write(`${lineOf(run, Date.now() - startMs)}\n`);
    for (const failure of run.failures) process.stdout.write(`     ${failure}\n     again: ${replay}\n`);
    if (options.verbose) process.stdout.write(`${details(run)}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
  return failed > 0 ? 1 : 0;
}

/** One line: what it is, what came of it. */
function lineOf({ scenario, result, failures }: ScenarioRun, hostMs: number): string {
  const mark = failures.length === 0 ? 'ok  ' : 'FAIL';
  const latencies = result.faults.flatMap((fault) =>
    fault.detectedAtNs === undefined ? [] : [fault.detectedAtNs - fault.atNs],
  );
  const found = latencies.length > 0 ? `, detected in ${latencies.map(duration).join(', ')}` : '';
  const ended = result.stop.reason === 'finished' ? '' : `, stopped: ${result.stop.reason}`;
  return `${mark} ${scenario.name.padEnd(22)} ${result.outcome}${ended}${found}; ${shortMoment(result.virtualNs)} virtual, ${hostMs} ms, digest ${result.digest.slice(0, 12)}`;
}

function details(run: ScenarioRun): string {
  const timeline = timelineOf(run.system);
  const histories = run.scenario.history.map(({ title, from, to }) => {
    const window = { fromNs: parseDuration(from, 'from'), toNs: Math.min(parseDuration(to, 'to'), timeline.endNs) };
    return `${title}\n${cpuHistoryText(timeline, window)}`;
  });
  return [run.scenario.about, timelineText(run.system.events, timeline), ...histories].join('\n');
}

function writeScenario(run: ScenarioRun, folder: string, replay: string): void {
  writeOutputs(run.system, run.result, { out: folder }, replay);
  const timeline = timelineOf(run.system);
  run.scenario.history.forEach(({ title, from, to }, n) => {
    const window = { fromNs: parseDuration(from, 'from'), toNs: Math.min(parseDuration(to, 'to'), timeline.endNs) };
    writeHostFile(join(folder, `cpu-history-${n + 1}.svg`), cpuHistorySvg(timeline, { ...window, title }));
    writeHostFile(join(folder, `cpu-history-${n + 1}.txt`), cpuHistoryText(timeline, window));
  });
}
