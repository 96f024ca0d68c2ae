import type { Window } from './buckets.ts';
import { escapeMarkup } from './escape.ts';
import { byteSize, duration, moment } from './format.ts';
import { type Sheet, unitOf, VIEW_UNITS, xOf } from './svg-sheet.ts';
import { labelOf, type Mark, pidLabel, type Timeline, tellDetection } from './timeline.ts';

const MARK_SLOTS = 500;
const FEW_MARKS = 200;

export interface MarkRow {
  readonly name: string;
  readonly letter: string;
  readonly tone: string;
  readonly marks: readonly Mark[];
}

const ROWS: readonly (Omit<MarkRow, 'marks'> & { kinds: readonly Mark['kind'][] })[] = [
  { name: 'checkpoint', letter: 'C', tone: 'cb-check', kinds: ['checkpoint'] },
  { name: 'affinity', letter: 'A', tone: 'cb-move', kinds: ['affinity'] },
  { name: 'fault', letter: 'X', tone: 'cb-fault', kinds: ['core-fault'] },
  { name: 'detected', letter: '!', tone: 'cb-detect', kinds: ['fault-detected'] },
  { name: 'restart', letter: 's', tone: 'cb-plain', kinds: ['restart-step'] },
  { name: 'recovered', letter: 'R', tone: 'cb-ok', kinds: ['recovery-done', 'roll-forward', 'core-back'] },
  { name: 'failed', letter: 'F', tone: 'cb-fault', kinds: ['recovery-failed'] },
  { name: 'exit', letter: 'E', tone: 'cb-plain', kinds: ['exit'] },
];

export function markRows(timeline: Timeline, window: Window): MarkRow[] {
  const inWindow = timeline.marks.filter((mark) => mark.ns >= window.fromNs && mark.ns <= window.toNs);
  return ROWS.map(({ kinds, ...row }) => ({
    ...row,
    marks: inWindow.filter((mark) => kinds.includes(mark.kind)),
  })).filter((row) => row.marks.length > 0);
}

/** Marks that would lie on each other are one, whose text counts them. */
export function markRowSvg(sheet: Sheet, row: MarkRow, y: number): { lines: string; signs: string } {
  // A few marks stay apart for those who look closer.
  const slotCount = sheet.zoomable && row.marks.length <= FEW_MARKS ? VIEW_UNITS : MARK_SLOTS;
  const slots = new Map<number, Mark[]>();
  for (const mark of row.marks) {
    const slot = Math.floor((unitOf(sheet, mark.ns) / VIEW_UNITS) * slotCount);
    const there = slots.get(slot);
    if (there === undefined) slots.set(slot, [mark]);
    else there.push(mark);
  }
  const lines: string[] = [];
  const signs: string[] = [];
  for (const marks of slots.values()) {
    const first = marks[0]!;
    const told = marks.slice(0, 6).map((mark) => markTitle(sheet.timeline, mark));
    if (marks.length > told.length) told.push(`and ${marks.length - told.length} more`);
    const data = sheet.zoomable ? ` data-u="${unitOf(sheet, first.ns)}"` : '';
    const group = `<g class="cb-m ${row.tone}"${data} transform="translate(${xOf(sheet, first.ns)} 0)">`;
    const guide = guideLine(sheet, first, y);
    if (guide !== '') lines.push(`${group}${guide}</g>`);
    const title = `<title>${escapeMarkup(told.join('; '))}</title>`;
    signs.push(`${group}${title}<circle cy="${y}" r="6.5"/><text y="${y + 3.2}">${row.letter}</text></g>`);
  }
  const name = `<text class="cb-muted" x="${sheet.gutter - 10}" y="${y + 4}" text-anchor="end" font-size="11">${row.name}</text>`;
  return { lines: lines.join(''), signs: name + signs.join('') };
}

function guideLine(sheet: Sheet, mark: Mark, y: number): string {
  const bottom = sheet.lanesTop + sheet.lanesHeight - 2;
  if (mark.kind === 'restart-step' || mark.kind === 'exit') return '';
  const bold = mark.kind === 'core-fault' || mark.kind === 'fault-detected' || mark.kind === 'recovery-done';
  return `<line y1="${y}" y2="${bottom}"${bold ? '' : ' class="cb-thin"'}/>`;
}

function markTitle(timeline: Timeline, mark: Mark): string {
  const at = moment(mark.ns);
  switch (mark.kind) {
    case 'checkpoint':
      return `${at}: checkpoint of ${pidLabel(timeline, mark.pid)}, ${byteSize(mark.bytes)}, pause ${duration(mark.pauseNs)}`;
    case 'affinity':
      return `${at}: ${pidLabel(timeline, mark.pid)} to cores ${mark.cpus.join(',')} ${mark.why}`;
    case 'core-fault':
      return `${at}: core ${mark.victim}: ${mark.effect} (${mark.model})`;
    case 'core-back':
      return `${at}: core ${mark.victim} is back`;
    case 'fault-detected':
      return `${at}: ${tellDetection(mark)}`;
    case 'core-removed':
      return `${at}: core ${mark.victim} removed`;
    case 'recovery-start':
      return `${at}: recovery of ${pidLabel(timeline, mark.pid)} starts`;
    case 'restart-step':
      return `${at}: ${mark.step}`;
    case 'recovery-done':
      return `${at}: ${pidLabel(timeline, mark.pid)} runs again`;
    case 'recovery-failed':
      return `${at}: recovery of ${pidLabel(timeline, mark.pid)} failed: ${mark.why}`;
    case 'roll-forward':
      return `${at}: ${pidLabel(timeline, mark.pid)} goes on: ${mark.what}`;
    case 'discard':
      return `${at}: ${pidLabel(timeline, mark.pid)} is to have never been`;
    case 'exit':
      return `${at}: ${labelOf(mark)} ${mark.signal === 0 ? `exits with code ${mark.code}` : `ended by signal ${mark.signal}`}`;
  }
}
