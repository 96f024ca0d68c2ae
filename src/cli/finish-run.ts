import { UsageError } from '../../emu/base/errors.ts';
import { writeHostFile } from '../host/files.ts';
import { runWithProgress } from '../host/run-loop.ts';
import { finishedRun } from '../recovery/finished-run.ts';
import { byteSize, grouped, shortMoment } from '../report/format.ts';
import { timelineText } from '../report/text.ts';
import { buildResult, type RunResult, timelineOf } from '../result.ts';
import { encodeSavedRun, type SavedRun } from '../snapshot/saved-run.ts';
import type { System } from '../system.ts';
import { type OutputOptions, toJson, writeOutputs } from './outputs.ts';
import type { SaveRequest } from './save-options.ts';
import { startStrace } from './strace.ts';
import { summaryLines } from './summary-lines.ts';

const EXIT_NOT_ENDED = 3;

/** A run that has begun, or goes on from where it was saved. */
interface RunInProgress extends Omit<SavedRun, 'snapshot'> {
  readonly system: System;
}

/** Lets a run go to its end, or to where it is to be saved, and tells of it. Returns the exit code. */
export function finishRun(run: RunInProgress, save: SaveRequest | null, options: OutputOptions): number {
  const { system, ...kept } = run;
  if (!options.json) echoOutput(system);
  const endStrace = startStrace(system, options.strace);
  const stop = runWithProgress(system, { ...kept.limits, ...save?.pause });
  endStrace();
  if (stop.reason === 'paused') {
    const bytes = encodeSavedRun({ ...kept, snapshot: system.snapshot() });
    writeHostFile(save!.file, bytes);
    process.stderr.write(savedLine(system, save!.file, bytes));
    return EXIT_NOT_ENDED;
  }
  const result = buildResult(system, finishedRun(system, stop, kept.faults), kept.golden);
  writeOutputs(system, result, options, `coreback ${process.argv.slice(2).join(' ')}`);
  printResult(system, result, options);
  if (save) {
    const what = `was not written: the run had ended before, after ${grouped(system.machine.retired)} instructions`;
    throw new UsageError({ what, path: save.file, hint: 'save earlier' });
  }
  return exitCodeOf(result);
}

/** What a command prints of a run that is over: one object, or the timeline if it is wanted and a few lines on stderr. */
export function printResult(system: System, result: RunResult, options: OutputOptions): void {
  if (options.json) process.stdout.write(toJson(result));
  else {
    if (options.timeline) process.stdout.write(`\n${timelineText(system.events, timelineOf(system))}`);
    process.stderr.write(summaryLines(result));
  }
}

/** What the guest writes to its console appears at once. */
export function echoOutput(system: System): void {
  system.onEvent((event) => {
    if (event.kind === 'output') process.stdout.write(Buffer.from(event.text, 'latin1'));
  });
}

/** Exit code of a run: that of the first program. */
function exitCodeOf(result: RunResult): number {
  if (result.stop.reason !== 'finished') return EXIT_NOT_ENDED;
  const [first] = result.processes;
  if (!first) throw new UsageError({ what: 'no process was started' });
  return first.signal === undefined ? (first.exit ?? EXIT_NOT_ENDED) : 128 + first.signal;
}

const savedLine = ({ machine }: System, file: string, bytes: Uint8Array): string =>
  `saved at ${shortMoment(machine.nowNs)} of virtual time, after ${grouped(machine.retired)} instructions: ${file} (${byteSize(bytes.length)}); go on with: coreback resume ${file}\n`;
