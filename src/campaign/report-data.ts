import type { Outcome } from '../recovery/outcome.ts';
import { grouped } from '../report/format.ts';
import type { Header, InjectionRecord } from './records.ts';
import type { CampaignSpec } from './schema.ts';
import {
  type Campaign,
  type Comparison,
  compare,
  type Distribution,
  distribution,
  outcomeTable,
  type TableRow,
} from './tabulate.ts';
import type { Policy } from './workload.ts';

/** Everything that a report says, as data: what `--json` writes, and what the other formats draw. */
export interface CampaignReport {
  readonly name: string;
  readonly about?: string;
  readonly coreback: string;
  readonly run: readonly string[];
  /** What it takes to make the campaign again, defaults filled in. */
  readonly spec: CampaignSpec;
  /** The run without faults under each policy. */
  readonly golden: Header['golden'];
  readonly confidence: number;
  readonly injections: { readonly wanted: number; readonly made: number };
  readonly table: readonly TableRow[];
  readonly spread: readonly Spread[];
  /** The policies of the campaign against each other, and against those of a second campaign on the same faults. */
  readonly comparisons: readonly Comparison[];
}

/** Detection latency and lost work of one model under one policy. */
export interface Spread {
  readonly model: string;
  readonly policy: Policy;
  readonly measure: 'detection latency' | 'lost work';
  /** Virtual time, or instructions of the core that was struck. */
  readonly unit: 'ns' | 'instructions';
  readonly values: Distribution;
}

const MEASURES = [
  { measure: 'detection latency', unit: 'ns', of: ({ latencyNs }: InjectionRecord) => latencyNs },
  {
    measure: 'detection latency',
    unit: 'instructions',
    of: ({ latencyInstructions }: InjectionRecord) => latencyInstructions,
  },
  { measure: 'lost work', unit: 'ns', of: ({ lostNs }: InjectionRecord) => lostNs },
] as const;

/** Sums a campaign up; `other` is a second one to compare with. */
export function campaignReport(campaign: Campaign, confidence: number, other: Campaign | null = null): CampaignReport {
  const { header, records } = campaign;
  const { name, about, run } = header.spec;
  return {
    name,
    ...(about === undefined ? {} : { about }),
    coreback: header.coreback,
    run,
    spec: header.spec,
    golden: header.golden,
    confidence,
    injections: { wanted: header.injections, made: records.length },
    table: outcomeTable(campaign, confidence),
    spread: spreads(campaign),
    comparisons: comparisons(campaign, other),
  };
}

function spreads({ header, records }: Campaign): Spread[] {
  const models = [...new Set(header.entries.map(({ model }) => model))];
  return models.flatMap((model) =>
    header.spec.policies.flatMap((policy) => {
      const own = records.filter((record) => record.fault.model === model && record.policy === policy);
      return MEASURES.flatMap(({ measure, unit, of }) => {
        const values = distribution(own, of);
        return values === null ? [] : [{ model, policy, measure, unit, values }];
      });
    }),
  );
}

function comparisons(campaign: Campaign, other: Campaign | null): Comparison[] {
  const sides = sidesOf(campaign, other === null ? '' : `${campaign.header.spec.name}, `);
  const pairs = sides.flatMap((first, n) => sides.slice(n + 1).map((second) => [first, second] as const));
  if (other === null) return pairs.map(([first, second]) => compare(first, second));
  return sides.flatMap((first) =>
    sidesOf(other, `${other.header.spec.name}, `).map((second) => compare(first, second)),
  );
}

const sidesOf = ({ header, records }: Campaign, prefix: string): { name: string; records: InjectionRecord[] }[] =>
  header.spec.policies.map((policy) => ({
    name: `${prefix}${policy}`,
    records: records.filter((record) => record.policy === policy),
  }));

/** A number of a report: six significant digits, so that it reads well and is the same everywhere. */
export const rounded = (x: number): number => Number(x.toPrecision(6));

/** The table as CSV (RFC 4180): a line for each row and outcome. */
export function tableCsv({ table }: CampaignReport): string {
  const head =
    'model,policy,target,outcome,space,drawn,injections,count,proportion,standard_error,wilson_low,wilson_high,clopper_pearson_low,clopper_pearson_high';
  const lines = table.flatMap(({ model, policy, target, size, drawn, injections, shares }) =>
    shares.map(({ outcome, drawn: count, estimate }) =>
      [
        ...[model, policy, target, outcome, size, drawn, injections, count],
        ...[estimate.proportion, estimate.standardError, estimate.wilson.low, estimate.wilson.high].map(rounded),
        ...[estimate.clopperPearson.low, estimate.clopperPearson.high].map(rounded),
      ].join(','),
    ),
  );
  return `${[head, ...lines].join('\r\n')}\r\n`;
}

/** The report for a terminal. */
export function reportText(report: CampaignReport): string {
  const { name, run, injections, confidence, table } = report;
  const lines = [`${name}: ${run.join(' + ')}; ${injections.made} injections`, ...warnings(report), ''];
  for (const row of table) {
    const { model, policy, target, drawn, size } = row;
    lines.push(`${model}, ${policy}, ${target}: ${drawn} of ${size} faults`);
    for (const { outcome, drawn: count, estimate } of row.shares) {
      const interval = `${percent(estimate.clopperPearson.low)} .. ${percent(estimate.clopperPearson.high)}`;
      lines.push(
        `  ${outcome.padEnd(24)} ${String(count).padStart(9)}  ${percent(estimate.proportion).padStart(8)}  ${interval}`,
      );
    }
  }
  lines.push('', `Intervals: Clopper-Pearson, ${confidence * 100} %.`);
  for (const { model, policy, measure, unit, values } of report.spread) {
    const [median, p90, p99, most] = [values.median, values.p90, values.p99, values.max].map((x) => inUnit(x, unit));
    lines.push(`${measure} of ${model}, ${policy}: median ${median}, 90 % ${p90}, 99 % ${p99}, most ${most}`);
  }
  for (const { first, second, pairs, test } of report.comparisons) {
    lines.push(
      `${first} against ${second} on ${pairs} faults: good only with the first ${test.onlyFirst}, only with the second ${test.onlySecond}; McNemar p = ${rounded(test.exact)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What a reader has to know before believing the numbers. */
export function warnings({ injections, table }: CampaignReport): string[] {
  const bugs = table.flatMap(({ target, shares }) =>
    target === 'all' ? shares.filter(({ outcome }) => outcome === ('emulator-bug' satisfies Outcome)) : [],
  );
  return [
    ...(injections.made < injections.wanted
      ? [
          `INCOMPLETE: ${injections.made} of ${injections.wanted}; what is missing is no random part, so the shares may mislead.`,
        ]
      : []),
    ...(bugs.length > 0 ? ['coreback itself failed in some runs (emulator-bug): please report them.'] : []),
  ];
}

export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
/** Virtual time in ms, instructions as they are. */
export const inUnit = (x: number, unit: Spread['unit']): string =>
  unit === 'ns' ? `${(x / 1e6).toFixed(2)} ms` : `${grouped(Math.round(x))} instructions`;
