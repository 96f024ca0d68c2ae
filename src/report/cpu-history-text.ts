import { type AffinityChange, type CoreHistory, cpuHistory, type HistoryOptions } from './cpu-history.ts';
import { escapeTerminal } from './escape.ts';
import { coreRanges, percent, shortMoment } from './format.ts';
import type { Timeline } from './timeline.ts';
import { wrapWords } from './wrap.ts';

export interface HistoryTextOptions extends HistoryOptions {
  readonly width?: number;
  readonly ascii?: boolean;
}

/** With more cores than this a chart is one row high. */
const TALL_CORES_MAX = 8;
const UNICODE_LEVELS = ' ▁▂▃▄▅▆▇█';
const ASCII_LEVELS = ' .:|#';
/** So many changes of affinity are compared before and after. */
const CHANGES_SHOWN = 6;

/** One small chart per core, and what each change of affinity did to the load. */
export function cpuHistoryText(timeline: Timeline, options: HistoryTextOptions = {}): string {
  const { ascii = false } = options;
  const width = Math.max(40, options.width ?? 100);
  const gutter = `core ${timeline.cores - 1}`.length + 9;
  const samples = width - gutter - 1;
  const history = cpuHistory(timeline, samples, options);
  const edge = ascii ? '|' : '│';
  const heading = `CPU history, ${shortMoment(history.fromNs)} to ${shortMoment(history.toNs)} (height: 0 to 100 % busy)`;
  const lines = wrapWords('', '  ', heading, width);
  for (const core of history.cores) {
    const rows = chartRows(core, samples, history, ascii, timeline.cores <= TALL_CORES_MAX ? 3 : 1);
    rows.forEach((row, i) => {
      const label = i === rows.length - 1 ? `core ${core.core} ${meanLabel(core)}` : '';
      lines.push(`${label.padEnd(gutter - 1)}${edge}${row}${edge}`);
    });
  }
  const spanNs = history.toNs - history.fromNs;
  const marks = new Array<string>(samples).fill(' ');
  const shown = history.changes.slice(0, CHANGES_SHOWN);
  shown.forEach((change, i) => {
    const at = Math.min(samples - 1, Math.floor(((change.ns - history.fromNs) / spanNs) * samples));
    marks[at] = String(i + 1);
  });
  if (shown.length > 0) lines.push(`${' '.repeat(gutter)}${marks.join('')}`.trimEnd());
  shown.forEach((change, i) => {
    lines.push(...changeLines(change, i + 1, ascii, width));
  });
  if (history.changes.length > shown.length)
    lines.push(`${history.changes.length - shown.length} more changes of affinity`);
  return `${lines.join('\n')}\n`;
}

function meanLabel({ busy }: CoreHistory): string {
  const mean = busy.length === 0 ? 0 : busy.reduce((sum, b) => sum + b, 0) / busy.length;
  return percent(mean).padStart(7);
}

function chartRows(
  core: CoreHistory,
  samples: number,
  { fromNs, toNs }: { fromNs: number; toNs: number },
  ascii: boolean,
  height: number,
): string[] {
  const levels = ascii ? ASCII_LEVELS : UNICODE_LEVELS;
  const top = levels.length - 1;
  const deadFrom =
    core.deadFromNs === undefined || toNs === fromNs
      ? samples
      : Math.floor(((core.deadFromNs - fromNs) / (toNs - fromNs)) * samples) + 1;
  const rows: string[] = [];
  for (let row = height - 1; row >= 0; row--) {
    let text = '';
    for (let i = 0; i < samples; i++) {
      const filled = Math.round(core.busy[i]! * height * top) - row * top;
      if (i >= deadFrom) text += row > 0 ? ' ' : ascii ? 'x' : '░';
      else text += levels[Math.max(0, Math.min(top, filled))]!;
    }
    rows.push(text);
  }
  return rows;
}

function changeLines(change: AffinityChange, number: number, ascii: boolean, width: number): string[] {
  const where = `${change.cpus.length === 1 ? 'core' : 'cores'} ${coreRanges(change.cpus)}`;
  const why = change.why === '' ? '' : ` (${escapeTerminal(change.why, ascii)})`;
  const lines = wrapWords(
    '',
    '   ',
    `${number}: ${shortMoment(change.ns)}, ${change.pids.length} ${change.pids.length === 1 ? 'process' : 'processes'} to ${where}${why}`,
    width,
  );
  const arrow = ascii ? '->' : '→';
  const cells = change.before.map(
    (before, core) => `core ${core} ${percent(before)} ${arrow} ${percent(change.after[core]!)}`,
  );
  const size = Math.max(...cells.map((cell) => cell.length)) + 3;
  const perLine = Math.max(1, Math.floor((width - 3) / size));
  for (let i = 0; i < cells.length; i += perLine) {
    const row = cells.slice(i, i + perLine).map((cell) => cell.padEnd(size));
    lines.push(`   ${row.join('')}`.trimEnd());
  }
  return lines;
}
