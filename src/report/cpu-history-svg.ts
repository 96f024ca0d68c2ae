import { type CpuHistory, cpuHistory, type HistoryOptions } from './cpu-history.ts';
import { escapeMarkup } from './escape.ts';
import { FIGURE_STYLE } from './figure-style.ts';
import { coreRanges, percent, secondsDigits, shortMoment, tickDecimals, tickStepNs } from './format.ts';
import type { Timeline } from './timeline.ts';

export interface HistorySvgOptions extends HistoryOptions {
  readonly width?: number;
  readonly title?: string;
  readonly idPrefix?: string;
  readonly embedded?: boolean;
}

const CHART_HEIGHT = 70;
const CELL_HEIGHT = 118;
const SAMPLES = 150;

/** The paper's system monitor, one small chart per core; dotted lines are changes of affinity, hatching is a dead core. */
export function cpuHistorySvg(timeline: Timeline, options: HistorySvgOptions = {}): string {
  const width = options.width ?? 1200;
  const id = options.idPrefix ?? 'cbh';
  const perRow = timeline.cores <= 2 ? timeline.cores : timeline.cores <= 4 ? 2 : 4;
  const cellWidth = Math.floor((width - 20) / perRow);
  const history = cpuHistory(timeline, SAMPLES, options);
  const top = options.title === undefined ? 4 : 34;
  const height = top + Math.ceil(timeline.cores / perRow) * CELL_HEIGHT + 4;
  const cells = history.cores.map((_, i) => {
    const x = 10 + (i % perRow) * cellWidth;
    const y = top + Math.floor(i / perRow) * CELL_HEIGHT;
    return `<g transform="translate(${x} ${y})">${coreChart(history, i, cellWidth, id)}</g>`;
  });
  const title = options.title ?? 'CPU history';
  const told = history.cores.map((core) => `core ${core.core} ${percent(mean(core.busy))}`);
  const desc = `Busy share of each core from ${shortMoment(history.fromNs)} to ${shortMoment(history.toNs)}; mean: ${told.join(', ')}.`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="cb" id="${id}" role="img" aria-labelledby="${id}-t ${id}-d" viewBox="0 0 ${width} ${height}"` +
    `${options.embedded ? '' : ` width="${width}" height="${height}"`}><title id="${id}-t">${escapeMarkup(title)}</title>` +
    `<desc id="${id}-d">${escapeMarkup(desc)}</desc>` +
    (options.embedded
      ? ''
      : `<style>${FIGURE_STYLE}</style><rect class="cb-paper" width="${width}" height="${height}" rx="8"/>`) +
    `<defs><pattern id="${id}-h" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
    '<rect class="cb-dead" width="7" height="7"/><line class="cb-hatch" x1="0" y1="0" x2="0" y2="7" stroke-width="2"/></pattern></defs>' +
    (options.title === undefined ? '' : `<text class="cb-title" x="14" y="24">${escapeMarkup(options.title)}</text>`) +
    `${cells.join('')}</svg>`
  );
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
const one = (x: number): number => Math.round(x * 10) / 10;

function coreChart(history: CpuHistory, index: number, cellWidth: number, id: string): string {
  const { core, busy, deadFromNs } = history.cores[index]!;
  const left = 34;
  const top = 22;
  const plot = cellWidth - left - 22;
  const span = history.toNs - history.fromNs;
  const x = (ns: number): number => one(left + (span === 0 ? 0 : ((ns - history.fromNs) / span) * plot));
  const y = (ratio: number): number => one(top + CHART_HEIGHT * (1 - ratio));
  const alive =
    deadFromNs === undefined || span === 0
      ? busy.length
      : Math.ceil(((deadFromNs - history.fromNs) / span) * busy.length);
  const points = busy.slice(0, alive).map((b, i) => `${one(left + ((i + 0.5) / busy.length) * plot)} ${y(b)}`);
  const floor = top + CHART_HEIGHT;
  const parts = [
    `<text x="${left}" y="14" font-weight="600">core ${core}</text>`,
    `<text class="cb-muted" x="${left + plot}" y="14" text-anchor="end" font-size="11">mean ${percent(mean(busy))}</text>`,
    `<rect class="cb-track" x="${left}" y="${top}" width="${plot}" height="${CHART_HEIGHT}"/>`,
    ...[0, 0.5, 1].map(
      (level) =>
        `<line class="cb-grid" x1="${left}" x2="${left + plot}" y1="${y(level)}" y2="${y(level)}"/>` +
        `<text class="cb-muted" x="${left - 5}" y="${y(level) + 4}" text-anchor="end" font-size="10">${level * 100}</text>`,
    ),
  ];
  if (points.length > 0) {
    const first = points[0]!.split(' ')[0];
    const last = points[points.length - 1]!.split(' ')[0];
    parts.push(`<path class="cb-area" d="M${first} ${floor}L${points.join('L')}L${last} ${floor}z"/>`);
    parts.push(`<path class="cb-curve" d="M${points.join('L')}"/>`);
  }
  if (deadFromNs !== undefined) {
    const from = x(deadFromNs);
    parts.push(
      `<rect x="${from}" y="${top}" width="${one(left + plot - from)}" height="${CHART_HEIGHT}" fill="url(#${id}-h)"/>`,
    );
    parts.push(`<g class="cb-m cb-fault"><line x1="${from}" x2="${from}" y1="${top}" y2="${floor}"/></g>`);
  }
  for (const change of history.changes) {
    const at = x(change.ns);
    const cores = `${shortMoment(change.ns)}: ${change.pids.length} processes to cores ${coreRanges(change.cpus)} ${change.why}`;
    parts.push(
      `<g class="cb-m cb-move"><title>${escapeMarkup(cores)}</title><line class="cb-thin" x1="${at}" x2="${at}" y1="${top}" y2="${floor}"/></g>`,
    );
  }
  if (span > 0) {
    const stepNs = tickStepNs(span, plot / 70);
    for (let ns = Math.ceil(history.fromNs / stepNs) * stepNs; ns <= history.toNs; ns += stepNs) {
      const text = secondsDigits(ns, tickDecimals(stepNs));
      parts.push(
        `<text class="cb-muted" x="${x(ns)}" y="${floor + 14}" text-anchor="middle" font-size="10">${text}</text>`,
      );
    }
  }
  return parts.join('');
}
