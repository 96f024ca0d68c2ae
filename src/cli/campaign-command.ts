import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { describeFault } from '../../emu/faults/describe.ts';
import { Injector } from '../campaign/injector.ts';
import {
  differentKey,
  type Header,
  type InjectionRecord,
  lineOf,
  mergeRecords,
  type RecordsFile,
  readRecords,
} from '../campaign/records.ts';
import { recordOf, runInjections } from '../host/campaign-runner.ts';
import { readHostFile, writeHostFile } from '../host/files.ts';
import { NodeFolders } from '../host/node-folders.ts';
import { Progress } from '../host/progress.ts';
import { LineFile } from '../host/records-file.ts';
import { grouped } from '../report/format.ts';
import { prepare, printPlan, roughly } from './campaign-plan.ts';
import { addCampaignReportCommand } from './campaign-report-command.ts';
import { fileDigests, type SpecOptions, withSpecOptions, workloadOf } from './campaign-spec.ts';
import { addCampaignSweepCommand } from './campaign-sweep-command.ts';
import { integer, integerFrom, parseShard, type Shard } from './options.ts';

const EXIT_INTERRUPTED = 130;

interface RunOptions extends SpecOptions {
  readonly out: string;
  readonly jobs: number;
  readonly resume?: boolean;
  readonly shard?: Shard;
}

/** `coreback campaign plan | run | merge | rerun` */
export function addCampaignCommand(program: Command): void {
  const campaign = program
    .command('campaign')
    .description('inject many faults into a program and say what becomes of them (docs/campaigns.md)');
  withSpecOptions(campaign.command('plan'))
    .description('say how many faults there are, how many would be injected, and how long that would take')
    .option('--json', 'print it as one JSON object')
    .option('--jobs <n>', 'worker threads to reckon with', integerFrom(1, 256), cpus().length)
    .action((spec: string | undefined, options: SpecOptions & { json?: boolean; jobs: number }) => {
      printPlan(spec, options);
    });
  withSpecOptions(campaign.command('run'))
    .description('inject them; every result is a line of the file')
    .requiredOption('--out <file>', 'file of records (NDJSON), appended to as results come in')
    .option('--jobs <n>', 'worker threads', integerFrom(1, 256), cpus().length)
    .option('--resume', 'go on with a file that was broken off')
    .option(
      '--shard <i/n>',
      'only every n-th injection, from the i-th (1 to n); campaign merge joins the files',
      parseShard,
    )
    .addHelpText('after', RUN_HELP)
    .action(async (spec: string | undefined, options: RunOptions) => {
      process.exitCode = await runCampaign(spec, options);
    });
  campaign
    .command('merge')
    .description('join the files of shards, or sort one file: equal campaigns give equal bytes')
    .argument('<out>', 'file to write')
    .argument('<files...>', 'files of campaign run')
    .action((out: string, files: string[]) => {
      merge(out, files);
    });
  campaign
    .command('rerun')
    .description('make one injection of a file of records again, and compare')
    .argument('<file>', 'file of campaign run')
    .argument('<id>', 'its id', integer)
    .action((file: string, id: number) => {
      process.exitCode = rerun(file, id);
    });
  addCampaignReportCommand(campaign);
  addCampaignSweepCommand(campaign);
}

const RUN_HELP = `
Interrupt it as you like, by ^C or SIGKILL: --resume goes on. The same campaign gives the same lines for any number of jobs.
Exit code: 0 when complete, 130 when interrupted, 2 for bad input.`;

async function runCampaign(path: string | undefined, options: RunOptions): Promise<number> {
  const { workload, hostFolders, plan, header } = prepare(path, options);
  const { file, done } = openRecords(options, header);
  const { index, count: of } = options.shard ?? { index: 1, count: 1 };
  const ids: number[] = [];
  for (let id = index - 1; id < plan.count; id += of) if (!done.has(id)) ids.push(id);
  const stop = new AbortController();
  const interrupt = (): void => {
    // A second one ends the process as usual.
    process.off('SIGINT', interrupt);
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  const progress = new Progress();
  const startMs = performance.now();
  let made = 0;
  try {
    await runInjections(workload, plan, ids, {
      jobs: options.jobs,
      hostFolders,
      stop: stop.signal,
      onRecords: (records) => {
        file.append(records.map(lineOf).join(''));
        made += records.length;
        progress.report(() => progressText(made, ids.length, performance.now() - startMs));
      },
    });
  } finally {
    progress.done();
    process.off('SIGINT', interrupt);
    file.close();
  }
  const seconds = (performance.now() - startMs) / 1000;
  const rate = `${grouped(made)} injections in ${seconds.toFixed(1)} s (${(made / seconds).toFixed(0)}/s)`;
  if (made < ids.length) {
    process.stderr.write(
      `coreback: interrupted after ${rate}; ${grouped(ids.length - made)} are left: --resume goes on\n`,
    );
    return EXIT_INTERRUPTED;
  }
  process.stderr.write(`coreback: ${rate}; records in ${options.out}\n`);
  return 0;
}

function openRecords(options: RunOptions, header: Header): { file: LineFile; done: ReadonlySet<number> } {
  if (!options.resume) {
    const file = new LineFile(options.out);
    file.append(lineOf(header));
    return { file, done: new Set() };
  }
  const text = readText(options.out);
  if (lineOf(header).startsWith(text)) {
    // Broken off while the header was written.
    const file = new LineFile(options.out, 0);
    file.append(lineOf(header));
    return { file, done: new Set() };
  }
  const old = readRecords(text, options.out);
  const key = differentKey(old.header, header);
  if (key) {
    const hint = 'the file goes on only with the same campaign, programs and version of coreback';
    throw new UsageError({ what: 'differs from the campaign in the file', path: options.out, key, hint });
  }
  return {
    file: new LineFile(options.out, Buffer.byteLength(text.slice(0, old.length), 'utf8')),
    done: new Set(old.records.keys()),
  };
}

const readText = (path: string): string => new TextDecoder('utf-8').decode(readHostFile(path));

const readRecordsFile = (path: string): RecordsFile => readRecords(readText(path), path);

function progressText(made: number, all: number, ms: number): string {
  const rate = made / (ms / 1000);
  return `${grouped(made)} of ${grouped(all)} injections, ${rate.toFixed(0)}/s, ${roughly((all - made) / rate)} left`;
}

function merge(out: string, paths: readonly string[]): void {
  const { header, records } = mergeRecords(paths.map((path) => ({ path, file: readRecordsFile(path) })));
  writeHostFile(out, [lineOf(header), ...records.map(lineOf)]);
  const missing = header.injections - records.length;
  if (missing > 0)
    process.stderr.write(`coreback: ${grouped(missing)} of ${grouped(header.injections)} injections are missing\n`);
}

function rerun(path: string, id: number): number {
  const { header, records } = readRecordsFile(path);
  const old = records.get(id);
  if (!old) throw new UsageError({ what: `has no injection ${id}`, path });
  const hostFolders = new NodeFolders();
  const workload = workloadOf(header.spec, hostFolders);
  const injector = new Injector(workload, old.policy, { hostFolders });
  const digests = fileDigests(workload, [injector]);
  // Under another policy more files of the host's may have been read.
  const changed = Object.keys(digests).find((file) => header.files[file] !== digests[file]);
  if (changed) throw new UsageError({ what: `${changed} is another file than the campaign had`, path });
  const { entry, number, policy, weight, fault } = old;
  const again: InjectionRecord = recordOf({ id, entry, number, policy, weight, fault }, injector.inject([fault]));
  process.stdout.write(`${describeFault(fault)}\n${lineOf(again)}`);
  if (JSON.stringify(again) === JSON.stringify(old)) return 0;
  process.stderr.write(`coreback: the record says otherwise:\n${lineOf(old)}`);
  return 1;
}
