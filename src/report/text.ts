import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { type Column, columnsOf, cpuNsByProcess, type Window } from './buckets.ts';
import { escapeTerminal } from './escape.ts';
import { moment, percent, secondsDigits, tickDecimals, tickStepNs } from './format.ts';
import { type Casting, castProcesses, OTHERS } from './palette.ts';
import { type StoryLine, tellStory } from './story.ts';
import { type FaultStory, faultWindow, type Mark, pidLabel, type Timeline } from './timeline.ts';
import { wrapWords } from './wrap.ts';

export interface TextOptions {
  /** Columns of the terminal; default 100, at least 40. */
  readonly width?: number;
  /** Nothing but U+0020..U+007E and line ends. */
  readonly ascii?: boolean;
  /** The stretch to draw; default: the run. */
  readonly window?: Window;
}

interface Pen {
  readonly width: number;
  readonly ascii: boolean;
  readonly casting: Casting;
  readonly gutter: number;
  readonly cells: number;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const OTHERS_LETTER = '*';
const CLOSE_UPS_MAX = 3;
/** A close-up of a machine with more cores shows those that have to do with the fault. */
const ALL_CORES_MAX = 8;

/** The run for a terminal: cores by time, a close-up of each fault, and the story. */
export function timelineText(events: readonly TraceEvent[], timeline: Timeline, options: TextOptions = {}): string {
  const pen = sharpen(timeline, options);
  const window = options.window ?? { fromNs: 0, toNs: timeline.endNs };
  const parts = [chart(timeline, window, pen), legend(timeline, pen)];
  for (const fault of timeline.faults.slice(0, CLOSE_UPS_MAX)) {
    const near = faultWindow(timeline, fault, window);
    if (near === undefined) continue;
    const cores = concernedCores(timeline, fault, near);
    const some = cores.size < timeline.cores ? ' (the cores concerned)' : '';
    const caption = wrapWords('', '', `Close-up of the fault of core ${fault.core}${some}`, pen.width);
    parts.push([...caption, ...chart(timeline, near, pen, cores)]);
  }
  parts.push(tellStory(events, timeline).flatMap((line) => storyLine(line, pen)));
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** The story alone, wrapped. */
export function storyText(events: readonly TraceEvent[], timeline: Timeline, options: TextOptions = {}): string {
  const pen = sharpen(timeline, options);
  return tellStory(events, timeline)
    .flatMap((line) => storyLine(line, pen))
    .map((line) => `${line}\n`)
    .join('');
}

function sharpen(timeline: Timeline, { width = 100, ascii = false }: TextOptions): Pen {
  const gutter = `core ${timeline.cores - 1} `.length + 1;
  const wide = Math.max(40, width);
  return { width: wide, ascii, casting: castProcesses(timeline, LETTERS.length), gutter, cells: wide - gutter - 1 };
}

function chart(timeline: Timeline, window: Window, pen: Pen, cores?: ReadonlySet<number>): string[] {
  const [dead, idle, edge] = pen.ascii ? ['#', '.', '|'] : ['░', '·', '│'];
  const rows = timeline.lanes
    .filter((lane) => cores?.has(lane.core) ?? true)
    .map((lane) => {
      const cells = columnsOf(timeline, lane, window, pen.cells).map((column) =>
        cell(column, pen.casting, dead!, idle!),
      );
      return `${`core ${lane.core}`.padEnd(pen.gutter - 1)}${edge}${cells.join('')}${edge}`;
    });
  return [...axis(window, pen), ...rows, ...markRow(timeline, window, pen)];
}

/** The dead core, the one that took the interrupt, those that restored a process or ran a restored one. */
function concernedCores(timeline: Timeline, fault: FaultStory, window: Window): ReadonlySet<number> {
  if (timeline.cores <= ALL_CORES_MAX) return new Set(timeline.lanes.map((lane) => lane.core));
  const cores = new Set([fault.core]);
  if (fault.detectedBy !== undefined) cores.add(fault.detectedBy);
  const pids = new Set<number>();
  for (const recovery of fault.recoveries) {
    pids.add(recovery.pid);
    for (const step of recovery.steps) {
      pids.add(step.pid).add(step.by);
      cores.add(step.core);
    }
  }
  for (const lane of timeline.lanes) {
    for (const { process } of columnsOf(timeline, lane, window, 1)[0]!.shares) {
      if (cores.size < ALL_CORES_MAX && pids.has(timeline.processes[process]!.pid)) cores.add(lane.core);
    }
  }
  return cores;
}

/** A capital when one process had most of the cell, a small letter when the core was idle for most of it. */
function cell(column: Column, casting: Casting, dead: string, idle: string): string {
  const span = column.toNs - column.fromNs;
  if (span === 0) return idle;
  if (column.deadNs * 2 >= span) return dead;
  const byLetter = new Map<string, number>();
  let busyNs = 0;
  for (const share of column.shares) {
    const letter = letterOf(casting, share.process);
    byLetter.set(letter, (byLetter.get(letter) ?? 0) + share.ns);
    busyNs += share.ns;
  }
  if (busyNs * 50 < span) return idle;
  let best = idle;
  let bestNs = 0;
  for (const [letter, ns] of byLetter) {
    if (ns > bestNs || (ns === bestNs && letter < best)) {
      best = letter;
      bestNs = ns;
    }
  }
  return busyNs * 2 < span ? best.toLowerCase() : best;
}

const letterOf = (casting: Casting, process: number): string => {
  const hue = casting.hueOf[process]!;
  return hue === OTHERS ? OTHERS_LETTER : LETTERS[hue]!;
};

function axis(window: Window, pen: Pen): string[] {
  const span = window.toNs - window.fromNs;
  if (span <= 0) return [];
  // A label may be as long as `1234.567890123`: then fewer fit.
  let stepNs = tickStepNs(span, pen.cells / 10);
  let decimals = tickDecimals(stepNs);
  const labelSize = secondsDigits(window.toNs, decimals).length + 2;
  stepNs = Math.max(stepNs, tickStepNs(span, pen.cells / labelSize));
  decimals = tickDecimals(stepNs);
  const labels = new Array<string>(pen.cells + 1).fill(' ');
  const ticks = new Array<string>(pen.cells).fill(pen.ascii ? '-' : '─');
  for (let ns = Math.ceil(window.fromNs / stepNs) * stepNs; ns <= window.toNs; ns += stepNs) {
    const at = cellOf(ns, window, pen.cells);
    ticks[at] = pen.ascii ? '+' : '┬';
    const text = secondsDigits(ns, decimals);
    if (at + text.length <= labels.length) for (let i = 0; i < text.length; i++) labels[at + i] = text[i]!;
  }
  const corner = pen.ascii ? ['+', '+'] : ['┌', '┐'];
  return [
    `${'s'.padStart(pen.gutter - 1)} ${labels.join('')}`.trimEnd(),
    `${' '.repeat(pen.gutter - 1)}${corner[0]}${ticks.join('')}${corner[1]}`,
  ];
}

const cellOf = (ns: number, { fromNs, toNs }: Window, cells: number): number =>
  Math.min(cells - 1, Math.floor(((ns - fromNs) / (toNs - fromNs)) * cells));

const MARK_LETTERS: Readonly<Partial<Record<Mark['kind'], string>>> = {
  'core-fault': 'X',
  'core-back': 'B',
  'fault-detected': '!',
  'recovery-done': 'R',
  'recovery-failed': 'F',
  'roll-forward': 'R',
  checkpoint: 'C',
  affinity: '^',
};

/** Marks of one cell stand side by side, a fault always at its place. */
function markRow(timeline: Timeline, window: Window, pen: Pen): string[] {
  const shown = timeline.marks.filter(
    (m) => MARK_LETTERS[m.kind] !== undefined && m.ns >= window.fromNs && m.ns <= window.toNs,
  );
  if (shown.length === 0 || window.toNs <= window.fromNs) return [];
  const row = new Array<string>(pen.cells).fill(' ');
  const place = (mark: Mark): void => {
    const letter = MARK_LETTERS[mark.kind]!;
    let at = cellOf(mark.ns, window, pen.cells);
    while (row[at] !== ' ' && row[at] !== letter && at < pen.cells - 1) at++;
    if (row[at] === ' ') row[at] = letter;
  };
  const rare = (mark: Mark): boolean => mark.kind !== 'checkpoint' && mark.kind !== 'affinity';
  shown.filter(rare).forEach(place);
  shown.filter((mark) => !rare(mark)).forEach(place);
  const corner = pen.ascii ? ['+', '+', '-'] : ['└', '┘', '─'];
  return [
    `${' '.repeat(pen.gutter - 1)}${corner[0]}${corner[2]!.repeat(pen.cells)}${corner[1]}`,
    `${' '.repeat(pen.gutter)}${row.join('')}`.trimEnd(),
  ];
}

function legend(timeline: Timeline, pen: Pen): string[] {
  const cpuNs = cpuNsByProcess(timeline);
  const capacity = timeline.endNs * timeline.cores;
  const items = pen.casting.featured.map((process) => {
    const { pid } = timeline.processes[process]!;
    const ns = timeline.processes.reduce((sum, life) => sum + (life.pid === pid ? cpuNs[life.index]! : 0), 0);
    const share = capacity === 0 ? '' : ` ${percent(ns / capacity)}`;
    return `${letterOf(pen.casting, process)} ${escapeTerminal(pidLabel(timeline, pid), pen.ascii)}${share}`;
  });
  if (pen.casting.othersCount > 0) items.push(`${OTHERS_LETTER} ${pen.casting.othersCount} others`);
  items.push(`small letter: mostly idle`, pen.ascii ? '. idle' : '· idle');
  if (timeline.faults.length > 0) items.push(pen.ascii ? '# dead' : '░ dead');
  const kinds = new Set(timeline.marks.map((mark) => mark.kind));
  const meanings: readonly [Mark['kind'], string][] = [
    ['checkpoint', 'C checkpoint'],
    ['core-fault', 'X fault'],
    ['core-back', 'B back again'],
    ['fault-detected', '! detected'],
    ['recovery-done', 'R recovered'],
    ['recovery-failed', 'F recovery failed'],
    ['affinity', '^ affinity changed'],
  ];
  for (const [kind, meaning] of meanings) if (kinds.has(kind)) items.push(meaning);
  return wrapItems(items, pen.width, '   ');
}

function wrapItems(items: readonly string[], width: number, gap: string): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines[lines.length - 1];
    const cut = item.length <= width ? item : `${item.slice(0, width - 3)}...`;
    if (last !== undefined && last.length + gap.length + cut.length <= width)
      lines[lines.length - 1] = last + gap + cut;
    else lines.push(cut);
  }
  return lines;
}

function storyLine(line: StoryLine, pen: Pen): string[] {
  const when = line.kind === 'fold' ? ' '.repeat(moment(line.ns).length) : moment(line.ns);
  const raw = line.step > 0 ? `  ${line.step}. ${line.text}` : line.text;
  const text = escapeTerminal(pen.ascii ? raw.replaceAll('…', '...').replaceAll('µ', 'u') : raw, pen.ascii);
  const head = `${when.padStart(15)}  `;
  const indent = ' '.repeat(head.length + (line.step > 0 ? 5 : 0));
  return wrapWords(head, indent, text, pen.width);
}
