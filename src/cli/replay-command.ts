import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { describeFault } from '../../emu/faults/describe.ts';
import { makeEngine } from '../host/engines.ts';
import { readHostFile } from '../host/files.ts';
import { shippedPrograms } from '../host/guest-programs.ts';
import { NodeFolders } from '../host/node-folders.ts';
import { timelineText } from '../report/text.ts';
import { timelineOf } from '../result.ts';
import { parseReplay } from '../testing/replay-file.ts';
import { runTrial, type Verdict } from '../testing/trial.ts';
import { EXIT_EMULATOR_BUG, EXIT_FAILED, EXIT_HOLDS } from './exit-codes.ts';
import { withEngineOptions } from './options.ts';
import { toJson, writeOutputs } from './outputs.ts';

interface ReplayCommandOptions {
  readonly engine?: string;
  readonly unicornLib?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly out?: string;
}

/** `coreback replay <file>` */
export function addReplayCommand(program: Command): void {
  const command = program
    .command('replay')
    .description(
      'run one saved run again and say whether it still fails: what coreback/testing, check and campaigns save',
    )
    .argument('<file>', 'replay file (docs/testing.md)');
  withEngineOptions(command, null)
    .option('--json', 'print one JSON object (docs/json.md)')
    .option('-v, --verbose', 'print the timeline and the story of the run')
    .option('--out <folder>', 'write the report, pictures and core files into a folder')
    .addHelpText(
      'after',
      `
Exit code: 0 when it holds now, 1 when it still fails, 2 for bad input, 3 when coreback itself fails.`,
    )
    .action((file: string, options: ReplayCommandOptions) => {
      process.exitCode = replayCommand(file, options);
    });
}

function replayCommand(file: string, options: ReplayCommandOptions): number {
  const replay = parseReplay(new TextDecoder().decode(readHostFile(file)), file);
  const engine = makeEngine({ ...options, engine: options.engine ?? replay.engine });
  let verdict: Verdict;
  try {
    verdict = runTrial(replay, { programs: shippedPrograms(), engine, hostFolders: new NodeFolders() });
  } catch (error) {
    throw error instanceof UsageError ? error.in(file) : error;
  }
  const { outcome, problems, run } = verdict;
  const again = `coreback replay ${file}`;
  if (run && options.out) writeOutputs(run.system, run.result, { out: options.out }, again);
  if (run && options.json) process.stdout.write(toJson(run.result));
  else {
    const state = problems.length === 0 ? 'holds' : 'still fails';
    process.stdout.write(`${state}: ${replay.name}: ${outcome}\n`);
    for (const fault of replay.faults) process.stdout.write(`     fault: ${describeFault(fault)}\n`);
    for (const problem of problems) process.stdout.write(`     ${problem}\n`);
    if (run && options.verbose) process.stdout.write(timelineText(run.system.events, timelineOf(run.system)));
  }
  if (outcome === 'emulator-bug') return EXIT_EMULATOR_BUG;
  return problems.length === 0 ? EXIT_HOLDS : EXIT_FAILED;
}
