import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import type { RunLimits } from '../../emu/machine/machine.ts';
import { parseDuration } from '../scenario/units.ts';
import { integerFrom } from './options.ts';

/** Where a run is to be saved. */
export interface SaveOptions {
  readonly saveState?: string;
  readonly saveAt?: string;
  readonly saveAtInstruction?: number;
}

export function withSaveOptions(command: Command): Command {
  return command
    .option('--save-state <file>', 'stop the run and save it, to go on with coreback resume (docs/saved-state.md)')
    .option('--save-at <time>', 'save it when this virtual time has come')
    .option(
      '--save-at-instruction <n>',
      'save it after exactly so many instructions of all cores together',
      integerFrom(0),
    );
}

/** Into which file, and when. */
export interface SaveRequest {
  readonly file: string;
  readonly pause: Pick<RunLimits, 'pauseNs' | 'pauseInstructions'>;
}

/** The save that was asked for; null when none was. Errors: UsageError naming the option. */
export function saveRequest(options: SaveOptions): SaveRequest | null {
  const { saveState: file, saveAt, saveAtInstruction } = options;
  const moments = [saveAt, saveAtInstruction].filter((moment) => moment !== undefined);
  if (file === undefined && moments.length === 0) return null;
  if (file === undefined)
    throw new UsageError({
      what: 'says when, but not into which file',
      path: '--save-at',
      hint: 'add --save-state FILE',
    });
  if (moments.length !== 1) {
    const hint = 'either --save-at TIME or --save-at-instruction N';
    throw new UsageError({ what: 'needs one moment', path: '--save-state', hint });
  }
  const pause =
    saveAt !== undefined ? { pauseNs: parseDuration(saveAt, '--save-at') } : { pauseInstructions: saveAtInstruction! };
  return { file, pause };
}
