import { join } from 'node:path';
import type { Command } from 'commander';
import { type EngineChoice, makeEngine } from '../host/engines.ts';
import { readHostFile } from '../host/files.ts';
import { packageRoot, shippedPrograms } from '../host/guest-programs.ts';
import { timelineText } from '../report/text.ts';
import { timelineOf } from '../result.ts';
import { parseScenario } from '../scenario/parse-scenario.ts';
import { runScenario } from '../scenario/run-scenario.ts';
import type { System } from '../system.ts';
import { integer, withEngineOptions } from './options.ts';
import { type OutputOptions, toJson, withFileOptions, writeOutputs } from './outputs.ts';
import { startStrace } from './strace.ts';
import { summaryLines } from './summary-lines.ts';

interface DemoOptions extends OutputOptions, EngineChoice {
  readonly seed?: number;
}

/** `coreback demo`: the paper's experiment in a minute. */
export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      "the paper's experiment: a core dies under a running process, which is restarted from its checkpoint on another",
    );
  withEngineOptions(withFileOptions(command))
    .option('--json', 'print one JSON object instead of text (docs/json.md)')
    .option('--seed <n>', 'seed of the interleaving, instead of 7', integer)
    .action((options: DemoOptions) => {
      process.exitCode = demoCommand(options);
    });
}

function demoCommand(options: DemoOptions): number {
  const path = join(packageRoot(), 'scenarios', 'core-fault.json');
  const scenario = parseScenario(new TextDecoder('utf-8').decode(readHostFile(path)), path);
  const seed = options.seed === undefined ? {} : { seed: options.seed };
  let endStrace = (): void => {};
  const prepare = (system: System): void => {
    endStrace = startStrace(system, options.strace);
  };
  const run = runScenario(scenario, { ...seed, files: shippedPrograms(), engine: makeEngine(options), prepare });
  endStrace();
  const replay = `coreback demo --seed ${options.seed ?? scenario.machine.seed}`;
  writeOutputs(run.system, run.result, options, replay);
  if (options.json) process.stdout.write(toJson(run.result));
  else {
    const count = run.result.processes.find((row) => row.pid === run.pids.get('count'));
    process.stdout.write(`${scenario.about}\n\n`);
    process.stdout.write(`${timelineText(run.system.events, timelineOf(run.system))}\n`);
    process.stdout.write(`What count wrote, the repeated stretch and all:\n${oneLine(count?.output ?? '')}\n\n`);
    process.stdout.write(summaryLines(run.result));
    process.stdout.write(`again: ${replay}; as a page: ${replay} --html demo.html\n`);
  }
  for (const failure of run.failures) process.stderr.write(`coreback: ${failure}\n`);
  return run.failures.length > 0 ? 1 : 0;
}

/** Lines as a running text of at most 100 columns. */
function oneLine(text: string): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.trimEnd().split('\n')) {
    if (line.length + word.length + 1 > 100) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
