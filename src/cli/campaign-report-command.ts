import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { mergeRecords, readRecords } from '../campaign/records.ts';
import { campaignReport, reportText, tableCsv } from '../campaign/report-data.ts';
import { faultSpacePlot } from '../campaign/report-figures.ts';
import { reportPage } from '../campaign/report-html.ts';
import { recordsParquet } from '../campaign/report-parquet.ts';
import type { Campaign } from '../campaign/tabulate.ts';
import { readHostFile, writeHostFile } from '../host/files.ts';
import { collect } from './options.ts';

interface ReportOptions {
  readonly confidence: number;
  readonly compare: readonly string[];
  readonly html?: string;
  readonly csv?: string;
  readonly json?: string;
  readonly parquet?: string;
  readonly svg?: string;
}

/** `coreback campaign report <files...>` */
export function addCampaignReportCommand(campaign: Command): void {
  campaign
    .command('report')
    .description('say what came of a campaign: outcome table with intervals, latency, lost work, comparisons')
    .argument('<files...>', 'files of campaign run; several are joined as by campaign merge')
    .option('--confidence <c>', 'of the intervals', confidence, 0.95)
    .option('--compare <file>', 'a second campaign on the same faults; may be repeated for its shards', collect, [])
    .option('--html <file>', 'write the report as one HTML page')
    .option('--csv <file>', 'write the outcome table, a line for each row and outcome')
    .option('--json <file>', 'write the whole report')
    .option('--parquet <file>', 'write the records, a row for each injection')
    .option('--svg <file>', 'write the plot of the fault space of the first model and policy')
    .action((files: string[], options: ReportOptions) => {
      report(files, options);
    });
}

function confidence(text: string): number {
  const c = Number(text);
  if (!(c > 0 && c < 1)) throw new InvalidArgumentError('not a number between 0 and 1.');
  return c;
}

function report(paths: readonly string[], options: ReportOptions): void {
  const campaign = readCampaign(paths);
  const other = options.compare.length > 0 ? readCampaign(options.compare) : null;
  const data = campaignReport(campaign, options.confidence, other);
  if (other && data.comparisons.every(({ pairs }) => pairs === 0))
    throw new UsageError({ what: 'has no fault that the first campaign has', path: '--compare' });
  process.stdout.write(reportText(data));
  if (options.html) writeHostFile(options.html, reportPage(campaign, data));
  if (options.csv) writeHostFile(options.csv, tableCsv(data));
  if (options.json) writeHostFile(options.json, `${JSON.stringify(data, null, 1)}\n`);
  if (options.parquet) writeHostFile(options.parquet, recordsParquet(campaign.records));
  if (options.svg) {
    const { entries, spec } = campaign.header;
    writeHostFile(options.svg, faultSpacePlot(campaign, entries[0]!.model, spec.policies[0]!));
  }
}

function readCampaign(paths: readonly string[]): Campaign {
  return mergeRecords(
    paths.map((path) => ({ path, file: readRecords(new TextDecoder('utf-8').decode(readHostFile(path)), path) })),
  );
}
