import type { Outcome } from '../recovery/outcome.ts';
import { escapeMarkup } from '../report/escape.ts';
import { FIGURE_STYLE } from '../report/figure-style.ts';
import { grouped } from '../report/format.ts';
import { targetName } from './fault-space.ts';
import type { InjectionRecord } from './records.ts';
import type { Campaign, OutcomeShare, TableRow } from './tabulate.ts';

/** Colour of each outcome, and which one shows where several fall on one spot: the first in this order. */
export const OUTCOME_COLOURS: readonly (readonly [Outcome, string])[] = [
  ['emulator-bug', '#000000'],
  ['SDC', '#c4283a'],
  ['recovered-wrong', '#d979a8'],
  ['hang', '#7a4fb3'],
  ['crash', '#e58a2b'],
  ['recovery-failed', '#96745a'],
  ['detected-unrecovered', '#d3ab1f'],
  ['recovered-at-least-once', '#7fc98b'],
  ['recovered-exact', '#1d8348'],
  ['not-activated', '#dde3ea'],
  ['masked', '#a3b7d1'],
];

export const colourOf = (outcome: Outcome): string =>
  OUTCOME_COLOURS.find(([each]) => each === outcome)?.[1] ?? '#5a6675';

const GUTTER = 90;
const PLOT = 900;
const WIDTH = GUTTER + PLOT + 10;
const TOP = 34;
const CELL = 2;

/** A figure that stands alone. */
function figure(height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="cb" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeMarkup(title)}">`,
    `<style>${FIGURE_STYLE}</style>`,
    `<rect class="cb-paper" width="${WIDTH}" height="${height}"/>`,
    ...body,
    '</svg>',
  ].join('\n');
}

/** Names and colours of outcomes, in a line at `y`. */
function legend(outcomes: readonly Outcome[], y: number): string[] {
  let x = GUTTER;
  return outcomes.map((outcome) => {
    const piece = `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colourOf(outcome)}"/><text x="${x + 14}" y="${y}">${outcome}</text>`;
    x += 28 + outcome.length * 6.4;
    return piece;
  });
}

const shownOutcomes = (outcomes: Iterable<Outcome>): Outcome[] => {
  const there = new Set(outcomes);
  return OUTCOME_COLOURS.flatMap(([outcome]) => (there.has(outcome) ? [outcome] : []));
};

/** One bar per row of the table, divided by outcome. */
export function outcomeBars(rows: readonly TableRow[]): string {
  const pitch = 22;
  const height = TOP + rows.length * pitch + 12;
  const bars = rows.flatMap(({ model, policy, target, shares }, n) => {
    const y = TOP + n * pitch;
    let x = GUTTER;
    const label = `${model}, ${policy}, ${target}`;
    const sorted = shownOutcomes(shares.map(({ outcome }) => outcome)).reverse();
    const pieces = sorted.map((outcome) => {
      const { estimate } = shares.find((share): share is OutcomeShare => share.outcome === outcome)!;
      const width = estimate.proportion * PLOT;
      const piece = `<rect x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${pitch - 8}" fill="${colourOf(outcome)}"><title>${escapeMarkup(label)}: ${outcome} ${(estimate.proportion * 100).toFixed(2)} %</title></rect>`;
      x += width;
      return piece;
    });
    return [`<text x="${GUTTER - 6}" y="${y + 11}" text-anchor="end">${escapeMarkup(target)}</text>`, ...pieces];
  });
  const outcomes = shownOutcomes(rows.flatMap(({ shares }) => shares.map(({ outcome }) => outcome)));
  return figure(height, 'Outcomes by target', [...legend(outcomes, 18), ...bars]);
}

/**
 * The fault space of one model under one policy: position in the run to the right, bits of the targets downwards, one mark for each
 * injection. Where several fall on one spot the worst shows.
 */
export function faultSpacePlot({ header, records }: Campaign, model: string, policy: string): string {
  const own = records.filter((record) => record.fault.model === model && record.policy === policy);
  const retired = header.golden[0]!.retired;
  const before = retired.map((_, core) => retired.slice(0, core).reduce((sum, n) => sum + n, 0));
  const total = Math.max(
    1,
    retired.reduce((sum, n) => sum + n, 0),
  );
  const lanes = lanesOf(own);
  const worst = new Map<number, number>();
  for (const record of own) {
    const { trigger } = record.fault;
    if (trigger.at !== 'instruction') continue;
    const column = Math.min(
      PLOT / CELL - 1,
      Math.floor(((before[trigger.core]! + trigger.instruction) / total) * (PLOT / CELL)),
    );
    const key = rowOf(lanes, record) * (PLOT / CELL) + column;
    const rank = OUTCOME_COLOURS.findIndex(([outcome]) => outcome === record.outcome);
    if (rank < (worst.get(key) ?? OUTCOME_COLOURS.length)) worst.set(key, rank);
  }
  const paths = OUTCOME_COLOURS.map((): string[] => []);
  for (const [key, rank] of worst) {
    const x = GUTTER + (key % (PLOT / CELL)) * CELL;
    const y = TOP + Math.floor(key / (PLOT / CELL)) * CELL;
    paths[rank]!.push(`M${x} ${y}h${CELL}v${CELL}h-${CELL}z`);
  }
  const rowCount = [...lanes.values()].reduce((sum, { rows }) => sum + rows, 0);
  const height = TOP + rowCount * CELL + 34;
  const labels = [...lanes].map(
    ([name, { first, rows }]) =>
      `<text x="${GUTTER - 6}" y="${TOP + (first + rows / 2) * CELL + 4}" text-anchor="end">${escapeMarkup(name)}</text><path class="cb-grid" d="M${GUTTER} ${TOP + first * CELL - 0.5}h${PLOT}"/>`,
  );
  const bottom = TOP + rowCount * CELL + 18;
  return figure(height, `Fault space: ${model}, ${policy}`, [
    ...legend(shownOutcomes(own.map(({ outcome }) => outcome)), 18),
    ...labels,
    ...paths.flatMap((path, n) =>
      path.length > 0 ? [`<path fill="${OUTCOME_COLOURS[n]![1]}" d="${path.join('')}"/>`] : [],
    ),
    `<text x="${GUTTER}" y="${bottom}" class="cb-muted">power-on</text>`,
    `<text x="${GUTTER + PLOT}" y="${bottom}" text-anchor="end" class="cb-muted">${grouped(total)} instructions${retired.length > 1 ? ', core after core' : ''}</text>`,
  ]);
}

interface Lane {
  readonly first: number;
  readonly rows: number;
}

/** Each target has as many rows as its highest bit asks for; a target without bits has eight. */
function lanesOf(records: readonly InjectionRecord[]): Map<string, Lane> {
  const rows = new Map<string, number>();
  for (const { fault } of records) {
    const name = targetName(fault);
    const wanted = 'bit' in fault && fault.bit !== undefined ? fault.bit + 1 : 8;
    rows.set(name, Math.max(rows.get(name) ?? 0, wanted));
  }
  const lanes = new Map<string, Lane>();
  let first = 0;
  for (const [name, count] of rows) {
    lanes.set(name, { first, rows: count + 2 });
    first += count + 2;
  }
  return lanes;
}

function rowOf(lanes: ReadonlyMap<string, Lane>, { fault }: InjectionRecord): number {
  const { first } = lanes.get(targetName(fault))!;
  return first + 1 + ('bit' in fault && fault.bit !== undefined ? fault.bit : 4);
}

const HISTOGRAM_BINS = 60;

/** How a measure is spread, as a histogram; weights count. Null when there is nothing to draw. */
export function histogram(
  title: string,
  values: readonly { readonly value: number; readonly weight: number }[],
): string | null {
  if (values.length === 0) return null;
  // There may be more values than a call takes arguments.
  const low = values.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const bins = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const { value, weight } of values) {
    const bin =
      high === low ? 0 : Math.min(HISTOGRAM_BINS - 1, Math.floor(((value - low) / (high - low)) * HISTOGRAM_BINS));
    bins[bin]! += weight;
  }
  const most = Math.max(...bins);
  const plotHeight = 90;
  const step = PLOT / HISTOGRAM_BINS;
  const bars = bins.map((n, bin) => {
    const height = (n / most) * plotHeight;
    return `<rect x="${(GUTTER + bin * step).toFixed(2)}" y="${(TOP + plotHeight - height).toFixed(2)}" width="${(step - 1).toFixed(2)}" height="${height.toFixed(2)}" fill="#4c86c6"/>`;
  });
  const y = TOP + plotHeight + 16;
  return figure(TOP + plotHeight + 24, title, [
    `<text x="${GUTTER}" y="18">${escapeMarkup(title)}</text>`,
    ...bars,
    `<text x="${GUTTER}" y="${y}" class="cb-muted">${(low / 1e6).toFixed(2)} ms</text>`,
    `<text x="${GUTTER + PLOT}" y="${y}" text-anchor="end" class="cb-muted">${(high / 1e6).toFixed(2)} ms</text>`,
  ]);
}
