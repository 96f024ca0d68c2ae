import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { type EngineChoice, makeEngine } from '../host/engines.ts';
import { readHostFile } from '../host/files.ts';
import { NodeFolders } from '../host/node-folders.ts';
import { parseDuration } from '../scenario/units.ts';
import { decodeSavedRun, type SavedRun } from '../snapshot/saved-run.ts';
import { System } from '../system.ts';
import { finishRun } from './finish-run.ts';
import { integerFrom, withEngineOptions } from './options.ts';
import { type OutputOptions, withFileOptions, withPrintOptions } from './outputs.ts';
import { type SaveOptions, saveRequest, withSaveOptions } from './save-options.ts';

interface ResumeOptions extends EngineChoice, OutputOptions, SaveOptions {
  readonly until?: string;
  readonly maxInstructions?: number;
  readonly paranoid?: boolean;
}

/** `coreback resume <file>` */
export function addResumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .description(
      'go on with a run that run --save-state or resume --save-state has saved: to the same end, on any host',
    )
    .argument('<file>', 'saved run');
  withSaveOptions(withFileOptions(withPrintOptions(withEngineOptions(command))))
    .option('--until <time>', 'break the run off at this virtual time, instead of when it would have been')
    .option('--max-instructions <n>', 'the same for instructions of all cores together', integerFrom(1))
    .option('--paranoid', 'check every invariant after every step (slow)')
    .addHelpText(
      'after',
      '\nPrints only what the guest writes from here on; results, reports and the digest are those of the whole run. Exit code: as of run.',
    )
    .action((file: string, options: ResumeOptions) => {
      process.exitCode = resumeCommand(file, options);
    });
}

function resumeCommand(file: string, options: ResumeOptions): number {
  const save = saveRequest(options);
  const { snapshot, ...run } = readSavedRun(file);
  const host = { engine: makeEngine(options), hostFolders: new NodeFolders() };
  const system = System.from(snapshot, { ...host, paranoid: options.paranoid ?? false });
  const until = options.until === undefined ? {} : { untilNs: parseDuration(options.until, '--until') };
  const most = options.maxInstructions === undefined ? {} : { instructions: options.maxInstructions };
  return finishRun({ ...run, system, limits: { ...run.limits, ...until, ...most } }, save, options);
}

function readSavedRun(path: string): SavedRun {
  try {
    return decodeSavedRun(readHostFile(path));
  } catch (error) {
    throw error instanceof UsageError ? error.in(path) : error;
  }
}
