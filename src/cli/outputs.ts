import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { writeHostFile } from '../host/files.ts';
import { reportHtml } from '../report/html.ts';
import { perfettoTrace } from '../report/perfetto.ts';
import { timelineSvg } from '../report/svg.ts';
import { timelineText } from '../report/text.ts';
import { type RunResult, timelineOf } from '../result.ts';
import type { System } from '../system.ts';

/** Where the results of a run go. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly timeline?: boolean;
  readonly html?: string;
  readonly svg?: string;
  readonly trace?: string;
  readonly strace?: string;
  readonly out?: string;
}

/** What a command prints to stdout besides the guest's output. */
export function withPrintOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object instead of text (docs/json.md)')
    .option('--timeline', 'print the timeline and the story of the run');
}

function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('names nothing.');
  return text;
}

export function withFileOptions(command: Command): Command {
  return command
    .option('--html <file>', 'write the report as one HTML page', nonEmpty)
    .option('--svg <file>', 'write the timeline as a picture', nonEmpty)
    .option('--trace <file>', 'write a trace for ui.perfetto.dev', nonEmpty)
    .option(
      '--strace <file>',
      'write each system call and signal as a line; - is standard error (docs/syscalls.md)',
      nonEmpty,
    )
    .option('--out <folder>', 'write all of these, the JSON and every core file into a folder', nonEmpty);
}

/** Writes what was asked for. Errors: UsageError naming the file. */
export function writeOutputs(system: System, result: RunResult, options: OutputOptions, replay: string): void {
  const timeline = timelineOf(system);
  const { events } = system;
  const page = (): string => reportHtml(events, timeline, { digest: result.digest, outcome: result.outcome, replay });
  if (options.html) writeHostFile(options.html, page());
  if (options.svg) writeHostFile(options.svg, timelineSvg(timeline));
  if (options.trace) writeHostFile(options.trace, perfettoTrace(events, timeline));
  if (!options.out) return;
  writeHostFile(join(options.out, 'report.html'), page());
  writeHostFile(join(options.out, 'timeline.svg'), timelineSvg(timeline));
  writeHostFile(join(options.out, 'timeline.txt'), timelineText(events, timeline));
  writeHostFile(join(options.out, 'trace.json'), perfettoTrace(events, timeline));
  writeHostFile(join(options.out, 'result.json'), toJson(result));
  for (const file of coreFiles(system)) writeHostFile(join(options.out, file.name), file.bytes);
}

export const toJson = (result: RunResult): string => `${JSON.stringify(result, null, 1)}\n`;

/** Every core file in the guest's tree: the kernel's checkpoints, what gcore wrote, what died. Names are flat. */
export function coreFiles(system: System): { name: string; bytes: Uint8Array }[] {
  const found: { name: string; bytes: Uint8Array }[] = [];
  for (const path of system.filesMatching(/(^|\/)(core\.\d+(\.\d+)?|[^/]+\.core)$/)) {
    const bytes = readFile(system.kernel, path);
    if (typeof bytes !== 'number') found.push({ name: flatName(path), bytes });
  }
  return found;
}

/** `/var/checkpoint/core.2.0` as `core.2.0`; a core elsewhere keeps its folder in the name. */
function flatName(path: string): string {
  const [folder, name] = [path.slice(1, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
  return folder === 'var/checkpoint' || folder === 'root' ? name : `${folder.replaceAll('/', '_')}_${name}`;
}
