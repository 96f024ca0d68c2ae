import { escapeMarkup } from '../report/escape.ts';
import { grouped } from '../report/format.ts';
import { PAGE_STYLE } from '../report/page-style.ts';
import { type CampaignReport, inUnit, percent, rounded, warnings } from './report-data.ts';
import { colourOf, faultSpacePlot, histogram, outcomeBars } from './report-figures.ts';
import type { Campaign, TableRow } from './tabulate.ts';

/** The report as one HTML page: no external resource, no script. */
export function reportPage(campaign: Campaign, report: CampaignReport): string {
  const { name, about, run, spec, coreback, injections, confidence } = report;
  const facts = [
    ['programs', run.join(' + ')],
    ['machine', machineText(report)],
    ['without faults', goldenText(report)],
    ['seed of the sample', String(spec.seed)],
    ['injections', grouped(injections.made)],
    ['confidence', `${confidence * 100} %`],
    ['coreback', coreback],
  ] as const;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeMarkup(name)}</title>`,
    `<style>\n${PAGE_STYLE}\n</style>`,
    '</head>',
    '<body><main>',
    `<header><h1>${escapeMarkup(name)}</h1><p>${escapeMarkup(about ?? 'A fault-injection campaign.')}</p></header>`,
    ...warnings(report).map((text) => `<p class="note"><strong>${escapeMarkup(text)}</strong></p>`),
    `<dl class="facts">${facts.map(([what, value]) => `<div class="fact"><dt>${what}</dt><dd>${escapeMarkup(value)}</dd></div>`).join('')}</dl>`,
    section('Outcomes', [...bars(report.table), outcomeTable(report.table)]),
    section('Fault space', plots(campaign)),
    section('Detection and lost work', [spreadTable(report), ...histograms(campaign)]),
    section('Comparisons on the same faults', [comparisonTable(report)]),
    section('The campaign', [`<div class="scroll"><pre>${escapeMarkup(JSON.stringify(spec, null, 1))}</pre></div>`]),
    '</main></body>',
    '</html>',
    '',
  ].join('\n');
}

function machineText({ spec: { machine } }: CampaignReport): string {
  const { cores, mhz, checkpointEvery } = machine;
  const checkpoints = checkpointEvery === undefined ? 'no checkpoints' : `checkpoints every ${checkpointEvery}`;
  return `${cores} cores of ${mhz} MHz, ${checkpoints}`;
}

/** Under the first policy: faults are placed in that run. */
function goldenText({ golden: [first] }: CampaignReport): string {
  const { retired, endNs } = first!;
  return `${grouped(retired.reduce((sum, n) => sum + n, 0))} instructions, ${(endNs / 1e6).toFixed(1)} ms of virtual time`;
}

function section(title: string, content: readonly string[]): string {
  const shown = content.filter((each) => each !== '');
  return shown.length === 0 ? '' : `<section><h2>${escapeMarkup(title)}</h2>\n${shown.join('\n')}\n</section>`;
}

const wide = (svg: string, caption: string): string =>
  `<figure class="wide"><figcaption>${escapeMarkup(caption)}</figcaption>\n${svg}\n</figure>`;

function bars(table: readonly TableRow[]): string[] {
  const kinds = [...new Set(table.map(({ model, policy }) => `${model}, ${policy}`))];
  return kinds.map((kind) =>
    wide(outcomeBars(table.filter(({ model, policy }) => `${model}, ${policy}` === kind)), kind),
  );
}

function outcomeTable(table: readonly TableRow[]): string {
  const rows = table.flatMap(({ model, policy, target, drawn, shares }) =>
    shares.map(({ outcome, drawn: count, estimate }) => {
      const { wilson, clopperPearson } = estimate;
      const cells = [
        ...[model, policy, target].map(escapeMarkup),
        `<span style="border-left:10px solid ${colourOf(outcome)};padding-left:6px">${outcome}</span>`,
        ...[`${count} of ${drawn}`, percent(estimate.proportion)],
        ...[
          `${percent(wilson.low)} to ${percent(wilson.high)}`,
          `${percent(clopperPearson.low)} to ${percent(clopperPearson.high)}`,
        ],
      ];
      return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
    }),
  );
  return tableOf(['Model', 'Policy', 'Target', 'Outcome', 'Drawn faults', 'Share', 'Wilson', 'Clopper-Pearson'], rows);
}

const tableOf = (head: readonly string[], rows: readonly string[]): string =>
  rows.length === 0
    ? ''
    : `<div class="scroll"><table><thead><tr>${head.map((each) => `<th>${each}</th>`).join('')}</tr></thead>\n<tbody>${rows.join('\n')}</tbody></table></div>`;

/** Larger plots than this would make a page that no browser likes. */
const PLOTS_MAX = 24;

function plots(campaign: Campaign): string[] {
  const { entries, spec } = campaign.header;
  const models = [...new Set(entries.map(({ model }) => model))];
  const kinds = models.flatMap((model) => spec.policies.map((policy) => ({ model, policy })));
  return kinds
    .slice(0, PLOTS_MAX)
    .map(({ model, policy }) =>
      wide(
        faultSpacePlot(campaign, model, policy),
        `${model}, ${policy}: each mark is an injection; where flips were pruned it stands for those before it`,
      ),
    );
}

function spreadTable({ spread }: CampaignReport): string {
  const rows = spread.map(({ model, policy, measure, unit, values }) => {
    const { count, min, median, p90, p99, max, mean } = values;
    const cells = [model, policy, measure, count, ...[min, median, p90, p99, max, mean].map((x) => inUnit(x, unit))];
    return `<tr>${cells.map((cell) => `<td>${escapeMarkup(String(cell))}</td>`).join('')}</tr>`;
  });
  return tableOf(['Model', 'Policy', 'Measure', 'Faults', 'Least', 'Median', '90 %', '99 %', 'Most', 'Mean'], rows);
}

function histograms({ records }: Campaign): string[] {
  const pairs = [
    ['Detection latency', records.map(({ latencyNs, weight }) => ({ value: latencyNs, weight }))],
    ['Lost work', records.map(({ lostNs, weight }) => ({ value: lostNs, weight }))],
  ] as const;
  return pairs.flatMap(([title, all]) => {
    const there = all.flatMap(({ value, weight }) => (value === undefined ? [] : [{ value, weight }]));
    const svg = histogram(`${title}, virtual time`, there);
    return svg === null ? [] : [wide(svg, title)];
  });
}

function comparisonTable({ comparisons }: CampaignReport): string {
  const rows = comparisons.map(({ first, second, pairs, bothGood, bothBad, test }) => {
    const cells = [
      first,
      second,
      pairs,
      bothGood,
      test.onlyFirst,
      test.onlySecond,
      bothBad,
      rounded(test.exact),
      rounded(test.chiSquare),
      rounded(test.chiSquareP),
    ];
    return `<tr>${cells.map((cell) => `<td>${escapeMarkup(String(cell))}</td>`).join('')}</tr>`;
  });
  const head = [
    'First',
    'Second',
    'Faults',
    'Both good',
    'Only first good',
    'Only second good',
    'Both bad',
    'McNemar exact p',
    'chi-square',
    'its p',
  ];
  return tableOf(head, rows);
}
