import { columnsOf, intervalCount, type Window } from './buckets.ts';
import { escapeMarkup } from './escape.ts';
import { FIGURE_STYLE, hueClass } from './figure-style.ts';
import { byteSize, duration, listed, moment, secondsDigits, tickDecimals, tickStepNs } from './format.ts';
import { type Casting, castProcesses, OTHERS } from './palette.ts';
import { verdict } from './story.ts';
import { type FaultStory, type Lane, labelOf, type Mark, pidLabel, type Timeline } from './timeline.ts';

export interface TimelineSvgOptions {
  readonly window?: Window;
  readonly width?: number;
  readonly title?: string;
  /** Several figures in one page need ids of their own. */
  readonly idPrefix?: string;
  /** Inside a page that carries FIGURE_STYLE: no style and background of its own. */
  readonly embedded?: boolean;
  /** Keeps detail for the page's script, which zooms. */
  readonly zoomable?: boolean;
}

/** The lanes' own horizontal unit: the window is this wide, so that zooming is a change of one viewBox. */
export const VIEW_UNITS = 1_000_000;
/** Segments of the lanes' paths in one figure. */
const SEGMENTS_MAX = 24_000;
/** Pieces that one column can be made of, on average, when sharing out SEGMENTS_MAX. */
const SHARES_EXPECTED = 3;
const COLUMNS_MIN = 120;
const LABELS_MAX = 300;
const MARK_SLOTS = 500;
const FEW_MARKS = 200;
const MARK_ROW = 16;
const PHASE_ROW = 18;
const CHAR_WIDTH = 6.4;

/** Where things are in one figure. */
interface Sheet {
  readonly timeline: Timeline;
  readonly casting: Casting;
  readonly window: Window;
  readonly width: number;
  readonly gutter: number;
  readonly plot: number;
  readonly laneHeight: number;
  readonly lanePitch: number;
  readonly lanesTop: number;
  readonly lanesHeight: number;
  readonly idPrefix: string;
  readonly zoomable: boolean;
}

/** Cores by time: who ran, what failed, what came back. Self-contained; light and dark by the viewer's preference. */
export function timelineSvg(timeline: Timeline, options: TimelineSvgOptions = {}): string {
  const window = options.window ?? { fromNs: 0, toNs: timeline.endNs };
  const width = options.width ?? 1200;
  const rows = markRows(timeline, window);
  const titleHeight = options.title === undefined ? 0 : 30;
  const laneHeight = timeline.cores <= 4 ? 30 : timeline.cores <= 8 ? 24 : timeline.cores <= 16 ? 16 : 12;
  const lanePitch = laneHeight + (timeline.cores <= 8 ? 6 : 3);
  const gutter = 84;
  const sheet: Sheet = {
    timeline,
    casting: castProcesses(timeline),
    window,
    width,
    gutter,
    plot: width - gutter - 20,
    laneHeight,
    lanePitch,
    lanesTop: titleHeight + rows.length * MARK_ROW + 10,
    lanesHeight: timeline.cores * lanePitch,
    idPrefix: options.idPrefix ?? 'cb',
    zoomable: options.zoomable ?? false,
  };
  const faults = timeline.faults.filter((f) => f.atNs >= window.fromNs && f.atNs <= window.toNs).slice(0, 4);
  const phasesTop = sheet.lanesTop + sheet.lanesHeight + 2;
  const axisTop = phasesTop + faults.length * PHASE_ROW;
  const legend = legendSvg(sheet, axisTop + 34);
  const height = legend.bottom + 8;
  const id = sheet.idPrefix;
  const title = options.title ?? 'Timeline of the cores';
  const drawnRows = rows.map((row, i) => markRowSvg(sheet, row, titleHeight + i * MARK_ROW + 12));
  const body = [
    `<title id="${id}-t">${escapeMarkup(title)}</title>`,
    `<desc id="${id}-d">${escapeMarkup(description(timeline, window))}</desc>`,
    options.embedded
      ? ''
      : `<style>${FIGURE_STYLE}</style><rect class="cb-paper" width="${width}" height="${height}" rx="8"/>`,
    `<defs><pattern id="${id}-h" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
      '<rect class="cb-dead" width="7" height="7"/><line class="cb-hatch" x1="0" y1="0" x2="0" y2="7" stroke-width="2"/></pattern>' +
      `<clipPath id="${id}-c"><rect x="${gutter}" y="0" width="${sheet.plot}" height="${axisTop + 2}"/></clipPath></defs>`,
    options.title === undefined ? '' : `<text class="cb-title" x="14" y="26">${escapeMarkup(options.title)}</text>`,
    axisSvg(sheet, axisTop),
    `<g clip-path="url(#${id}-c)">${faults.map((fault) => bandSvg(sheet, fault)).join('')}</g>`,
    lanesSvg(sheet),
    `<g class="cb-over" clip-path="url(#${id}-c)">`,
    timeline.lanes.map((lane) => deadSvg(sheet, lane)).join(''),
    labelsSvg(sheet),
    faults.map((fault, i) => phaseSvg(sheet, fault, phasesTop + i * PHASE_ROW)).join(''),
    '</g>',
    // The fault's line over that of the recovery, for from afar they are one; the signs over all lines.
    drawnRows
      .map((row) => row.lines)
      .reverse()
      .join(''),
    drawnRows.map((row) => row.signs).join(''),
    legend.svg,
  ];
  const data = sheet.zoomable
    ? ` data-gutter="${gutter}" data-plot="${sheet.plot}" data-from="${window.fromNs}" data-to="${window.toNs}" data-lanes-top="${sheet.lanesTop}"` +
      ` data-pitch="${lanePitch}" data-cores="${timeline.cores}" data-axis-top="${axisTop}" data-lanes-height="${sheet.lanesHeight}"`
    : '';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="cb" id="${id}" role="img" aria-labelledby="${id}-t ${id}-d" ` +
    `viewBox="0 0 ${width} ${height}"${options.embedded ? '' : ` width="${width}" height="${height}"`}${data}>${body.join('')}</svg>`
  );
}

/** What a listener gets instead of the picture. */
function description(timeline: Timeline, window: Window): string {
  const parts = [
    `${timeline.cores} cores from ${moment(window.fromNs)} to ${moment(window.toNs)}; ${verdict(timeline)}.`,
  ];
  for (const fault of timeline.faults) {
    const detected =
      fault.detectionLatencyNs === undefined ? 'not detected' : `detected after ${duration(fault.detectionLatencyNs)}`;
    const recovered =
      fault.recoveredAtNs === undefined ? '' : `, recovered after ${duration(fault.recoveredAtNs - fault.atNs)}`;
    parts.push(`Core ${fault.core} stops at ${moment(fault.atNs)}, ${detected}${recovered}.`);
  }
  return parts.join(' ');
}

const unitOf = ({ window }: Sheet, ns: number): number =>
  window.toNs <= window.fromNs
    ? 0
    : Math.round(
        ((Math.min(Math.max(ns, window.fromNs), window.toNs) - window.fromNs) / (window.toNs - window.fromNs)) *
          VIEW_UNITS,
      );
const xOf = (sheet: Sheet, ns: number): number => pixel(sheet.gutter + (unitOf(sheet, ns) / VIEW_UNITS) * sheet.plot);
const pixel = (x: number): number => Math.round(x * 100) / 100;

// --- lanes -----------------------------------------------------------------------------------------------------------------------

function lanesSvg(sheet: Sheet): string {
  const { timeline, window, plot } = sheet;
  const counts = timeline.lanes.map((lane) => intervalCount(lane, window));
  const total = counts.reduce((a, b) => a + b, 0);
  const most = Math.max(1, ...counts);
  const names: string[] = [];
  const coarse: string[] = [];
  const fine: string[] = [];
  // Slices of under three pixels blend into mud: then columns show the shares, and the slices wait for a closer look.
  const legible = Math.floor(plot / 3);
  const columns = Math.max(COLUMNS_MIN, Math.min(plot, Math.floor(SEGMENTS_MAX / (timeline.cores * SHARES_EXPECTED))));
  const hasFine = sheet.zoomable && most > legible && total <= SEGMENTS_MAX;
  timeline.lanes.forEach((lane, i) => {
    const top = lane.core * sheet.lanePitch;
    const middle = sheet.lanesTop + top + sheet.laneHeight / 2 + 4;
    const small = sheet.laneHeight < 14 ? ' font-size="10"' : '';
    names.push(`<text x="${sheet.gutter - 10}" y="${middle}" text-anchor="end"${small}>core ${lane.core}</text>`);
    coarse.push(`<rect class="cb-track" y="${top}" width="${VIEW_UNITS}" height="${sheet.laneHeight}"/>`);
    coarse.push(counts[i]! <= legible ? exactLane(sheet, lane, top) : columnLane(sheet, lane, top, columns));
    if (hasFine) fine.push(exactLane(sheet, lane, top));
  });
  const fineSpan = Math.floor((VIEW_UNITS * legible) / most);
  const fineTracks = hasFine
    ? `<g class="cb-fine" data-below="${fineSpan}" style="display:none">${timeline.lanes
        .map(
          (lane) =>
            `<rect class="cb-track" y="${lane.core * sheet.lanePitch}" width="${VIEW_UNITS}" height="${sheet.laneHeight}"/>`,
        )
        .join('')}${fine.join('')}</g>`
    : '';
  return (
    `${names.join('')}<svg class="cb-lanes" x="${sheet.gutter}" y="${sheet.lanesTop}" width="${plot}" height="${sheet.lanesHeight}" ` +
    `viewBox="0 0 ${VIEW_UNITS} ${sheet.lanesHeight}" preserveAspectRatio="none"><g class="cb-coarse">${coarse.join('')}</g>${fineTracks}</svg>`
  );
}

/** Key of a path: the featured process (by its first life), or OTHERS for all without a hue. */
interface Ink {
  readonly hue: number;
  readonly label: string;
}

function inkOf({ timeline, casting }: Sheet, process: number): Ink {
  const hue = casting.hueOf[process]!;
  return hue === OTHERS
    ? { hue, label: 'other processes' }
    : { hue, label: pidLabel(timeline, timeline.processes[process]!.pid) };
}

/** Every slice as a stroke as thick as the lane: `m gap 0 h length`. */
function exactLane(sheet: Sheet, lane: Lane, top: number): string {
  const { timeline, casting } = sheet;
  const paths = new Map<number, { ink: Ink; d: string[]; at: number }>();
  forEachSpan(sheet, lane, (process, from, to) => {
    const hue = casting.hueOf[process]!;
    let path = paths.get(hue);
    if (path === undefined) {
      path = { ink: inkOf(sheet, process), d: [`M0 ${top + sheet.laneHeight / 2}`], at: 0 };
      paths.set(hue, path);
    }
    path.d.push(`m${from - path.at} 0h${to - from}`);
    path.at = to;
  });
  const drawn = [...paths.values()].map((p) => pathSvg(p.ink, p.d.join(''), ` stroke-width="${sheet.laneHeight}"`));
  return timeline.endNs === 0 || drawn.length === 0 ? '' : `<g class="cb-s">${drawn.join('')}</g>`;
}

/** Calls back for every stretch of one hue that is at least a unit long; slices of one process in a row are one stretch. */
function forEachSpan(
  sheet: Sheet,
  lane: Lane,
  each: (process: number, fromUnit: number, toUnit: number) => void,
): void {
  const { timeline, window, casting } = sheet;
  const { startNs, runner } = lane;
  let process = -1;
  let from = 0;
  let to = 0;
  for (let i = 0; i < startNs.length && startNs[i]! < window.toNs; i++) {
    const endNs = i + 1 < startNs.length ? startNs[i + 1]! : timeline.endNs;
    const who = timeline.runners[runner[i]!]!.process;
    if (endNs <= window.fromNs || who < 0) continue;
    const startUnit = unitOf(sheet, startNs[i]!);
    const endUnit = unitOf(sheet, endNs);
    if (process >= 0 && casting.hueOf[who] === casting.hueOf[process] && startUnit === to) to = endUnit;
    else {
      if (process >= 0 && to > from) each(process, from, to);
      process = who;
      from = startUnit;
      to = endUnit;
    }
  }
  if (process >= 0 && to > from) each(process, from, to);
}

/** Columns in which each process has a piece as high as its share; busy time stands on the lane's floor, so the outline is the load. */
function columnLane(sheet: Sheet, lane: Lane, top: number, count: number): string {
  const { laneHeight, casting, timeline, window } = sheet;
  const paths = new Map<number, { ink: Ink; d: string[] }>();
  interface Piece {
    hue: number;
    high: number;
    low: number;
    from: number;
    to: number;
  }
  const finish = (p: Piece): void => {
    paths.get(p.hue)!.d.push(`M${p.from} ${top + p.high}h${p.to - p.from}v${p.low - p.high}h${p.from - p.to}z`);
  };
  let open: Piece[] = [];
  for (const column of columnsOf(timeline, lane, window, count)) {
    const span = column.toNs - column.fromNs;
    if (span === 0) continue;
    const byHue = new Map<number, number>();
    for (const share of column.shares) {
      const hue = casting.hueOf[share.process]!;
      byHue.set(hue, (byHue.get(hue) ?? 0) + share.ns);
      if (!paths.has(hue)) paths.set(hue, { ink: inkOf(sheet, share.process), d: [] });
    }
    const from = unitOf(sheet, column.fromNs);
    const to = unitOf(sheet, column.toNs);
    const pieces: Piece[] = [];
    let ns = 0;
    let low = laneHeight;
    for (const hue of [...byHue.keys()].sort((a, b) => hueRank(a) - hueRank(b))) {
      ns += byHue.get(hue)!;
      const high = laneHeight - Math.round((ns / span) * laneHeight);
      if (high < low) pieces.push({ hue, high, low, from, to });
      low = high;
    }
    const kept: Piece[] = [];
    for (const piece of pieces) {
      const left = open.find(
        (p) => p.hue === piece.hue && p.high === piece.high && p.low === piece.low && p.to === piece.from,
      );
      if (left === undefined) kept.push(piece);
      else {
        left.to = piece.to;
        kept.push(left);
      }
    }
    for (const piece of open) if (!kept.includes(piece)) finish(piece);
    open = kept;
  }
  open.forEach(finish);
  const drawn = [...paths.values()].map((p) => pathSvg(p.ink, p.d.join(''), ''));
  return `<g class="cb-f">${drawn.join('')}</g>`;
}

/** The others lie on top of the featured. */
const hueRank = (hue: number): number => (hue === OTHERS ? Number.MAX_SAFE_INTEGER : hue);

const pathSvg = (ink: Ink, d: string, attributes: string): string =>
  `<path class="${hueClass(ink.hue)}"${attributes} d="${d}"><title>${escapeMarkup(ink.label)}</title></path>`;

/** Names inside the stretches long enough to hold them; a zoomable figure carries more, and its script shows those that fit. */
function labelsSvg(sheet: Sheet): string {
  if (sheet.laneHeight < 14) return '';
  const spans: { from: number; to: number; y: number; label: string }[] = [];
  for (const lane of sheet.timeline.lanes) {
    const y = sheet.lanesTop + lane.core * sheet.lanePitch + sheet.laneHeight / 2 + 4;
    const legible = sheet.zoomable ? SEGMENTS_MAX / sheet.timeline.cores : sheet.plot / 3;
    if (intervalCount(lane, sheet.window) > legible) continue;
    forEachSpan(sheet, lane, (process, from, to) => {
      if (sheet.casting.hueOf[process] !== OTHERS) spans.push({ from, to, y, label: inkOf(sheet, process).label });
    });
  }
  const longest = spans.sort((a, b) => b.to - b.from - (a.to - a.from)).slice(0, LABELS_MAX);
  return longest
    .map(({ from, to, y, label }) => {
      const need = Math.ceil(label.length * CHAR_WIDTH + 12);
      const x = pixel(sheet.gutter + (from / VIEW_UNITS) * sheet.plot + 6);
      const fits = ((to - from) / VIEW_UNITS) * sheet.plot >= need;
      if (!fits && !sheet.zoomable) return '';
      const data = sheet.zoomable
        ? ` data-a="${from}" data-b="${to}" data-need="${need}"${fits ? '' : ' style="display:none"'}`
        : '';
      return `<text class="cb-lbl" x="${x}" y="${y}"${data}>${escapeMarkup(label)}</text>`;
    })
    .join('');
}

// --- faults ----------------------------------------------------------------------------------------------------------------------

function spanRect(sheet: Sheet, fromNs: number, toNs: number, attributes: string): string {
  const x = xOf(sheet, fromNs);
  const width = pixel(Math.max(0, xOf(sheet, toNs) - x));
  const data = sheet.zoomable ? ` data-a="${unitOf(sheet, fromNs)}" data-b="${unitOf(sheet, toNs)}"` : '';
  return `<rect x="${x}" width="${width}" ${attributes}${data}/>`;
}

function deadSvg(sheet: Sheet, lane: Lane): string {
  const fault = sheet.timeline.faults.find((f) => f.core === lane.core);
  if (fault === undefined || fault.atNs >= sheet.window.toNs) return '';
  const y = sheet.lanesTop + lane.core * sheet.lanePitch;
  const fill = `y="${y}" height="${sheet.laneHeight}" fill="url(#${sheet.idPrefix}-h)"`;
  return spanRect(sheet, fault.atNs, sheet.window.toNs, fill).replace(
    '/>',
    `><title>core ${lane.core} is dead</title></rect>`,
  );
}

/** The time without an answer in red, the time of recovery in green, behind which the cores show. */
function bandSvg(sheet: Sheet, fault: FaultStory): string {
  const box = `y="${sheet.lanesTop - 4}" height="${sheet.lanesHeight + 2}"`;
  const until = fault.detectedAtNs ?? sheet.timeline.endNs;
  const parts = [spanRect(sheet, fault.atNs, until, `class="cb-band cb-fault" ${box}`)];
  if (fault.recoveredAtNs !== undefined)
    parts.push(spanRect(sheet, until, fault.recoveredAtNs, `class="cb-band cb-ok" ${box}`));
  return parts.join('');
}

/** Below the lanes: a dimension line for detection and one for recovery, with their lengths. */
function phaseSvg(sheet: Sheet, fault: FaultStory, top: number): string {
  const y = top + 9;
  const { atNs, detectedAtNs, recoveredAtNs } = fault;
  const segments: { from: number; to: number; tone: string; text: string; long: string }[] = [];
  if (detectedAtNs !== undefined) {
    const length = duration(detectedAtNs - atNs);
    segments.push({
      from: atNs,
      to: detectedAtNs,
      tone: 'cb-fault',
      text: `undetected ${length}`,
      long: `detected after ${length}`,
    });
    if (recoveredAtNs !== undefined) {
      const rest = duration(recoveredAtNs - detectedAtNs);
      segments.push({
        from: detectedAtNs,
        to: recoveredAtNs,
        tone: 'cb-ok',
        text: `recovery ${rest}`,
        long: `recovered ${rest} later`,
      });
    }
  }
  const lines = segments.map(({ from, to, tone }) =>
    spanRect(sheet, from, to, `class="${tone}" y="${y - 6}" height="4" fill="currentColor"`),
  );
  const roomy =
    !sheet.zoomable &&
    segments.length > 0 &&
    segments.every((s) => xOf(sheet, s.to) - xOf(sheet, s.from) > s.text.length * 6 + 8);
  if (roomy) {
    const texts = segments.map(
      (s) =>
        `<text class="cb-ptext" x="${pixel((xOf(sheet, s.from) + xOf(sheet, s.to)) / 2)}" y="${y + 9}" text-anchor="middle">${escapeMarkup(s.text)}</text>`,
    );
    return lines.join('') + texts.join('');
  }
  const told =
    segments.length === 0
      ? `core ${fault.core}: not detected`
      : `core ${fault.core}: ${listed(segments.map((s) => s.long))}`;
  const start = xOf(sheet, atNs);
  const atRight = start + told.length * 6 + 12 < sheet.width;
  const data = sheet.zoomable ? ` data-u="${unitOf(sheet, atNs)}"` : '';
  const text = `<text class="cb-ptext" x="${atRight ? 4 : -4}" y="${y + 9}" text-anchor="${atRight ? 'start' : 'end'}">${escapeMarkup(told)}</text>`;
  return `${lines.join('')}<g${data} transform="translate(${start} 0)">${text}</g>`;
}

// --- marks -----------------------------------------------------------------------------------------------------------------------

interface MarkRow {
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
  { name: 'recovered', letter: 'R', tone: 'cb-ok', kinds: ['recovery-done'] },
  { name: 'failed', letter: 'F', tone: 'cb-fault', kinds: ['recovery-failed'] },
  { name: 'exit', letter: 'E', tone: 'cb-plain', kinds: ['exit'] },
];

function markRows(timeline: Timeline, window: Window): MarkRow[] {
  const inWindow = timeline.marks.filter((mark) => mark.ns >= window.fromNs && mark.ns <= window.toNs);
  return ROWS.map(({ kinds, ...row }) => ({
    ...row,
    marks: inWindow.filter((mark) => kinds.includes(mark.kind)),
  })).filter((row) => row.marks.length > 0);
}

/** Marks that would lie on each other are one, whose text counts them. */
function markRowSvg(sheet: Sheet, row: MarkRow, y: number): { lines: string; signs: string } {
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
      return `${at}: core ${mark.victim} stops (${mark.model})`;
    case 'fault-detected':
      return `${at}: fault of core ${mark.victim} detected after ${duration(mark.latencyNs)}`;
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
    case 'exit':
      return `${at}: ${labelOf(mark)} ${mark.signal === 0 ? `exits with code ${mark.code}` : `ended by signal ${mark.signal}`}`;
  }
}

// --- axis and legend -------------------------------------------------------------------------------------------------------------

function axisSvg(sheet: Sheet, top: number): string {
  const { window } = sheet;
  const span = window.toNs - window.fromNs;
  const parts: string[] = [];
  if (span > 0) {
    const stepNs = tickStepNs(span, sheet.plot / 90);
    const decimals = tickDecimals(stepNs);
    for (let ns = Math.ceil(window.fromNs / stepNs) * stepNs; ns <= window.toNs; ns += stepNs) {
      const x = xOf(sheet, ns);
      parts.push(`<line class="cb-grid" x1="${x}" x2="${x}" y1="${sheet.lanesTop - 4}" y2="${top + 5}"/>`);
      parts.push(
        `<text class="cb-muted" x="${x}" y="${top + 18}" text-anchor="middle" font-size="11">${secondsDigits(ns, decimals)}</text>`,
      );
    }
  }
  return `<g class="cb-axis">${parts.join('')}</g><text class="cb-muted" x="${sheet.gutter - 10}" y="${top + 18}" text-anchor="end" font-size="11">seconds</text>`;
}

function legendSvg(sheet: Sheet, top: number): { svg: string; bottom: number } {
  const { casting, timeline } = sheet;
  const items = casting.featured.map((process) => inkOf(sheet, process));
  if (casting.othersCount > 0) items.push({ hue: OTHERS, label: `${casting.othersCount} other processes` });
  let x = sheet.gutter;
  let y = top;
  const parts: string[] = [];
  const place = (swatch: string, label: string): void => {
    const width = 20 + label.length * CHAR_WIDTH + 14;
    if (x + width > sheet.width && x > sheet.gutter) {
      x = sheet.gutter;
      y += 20;
    }
    parts.push(
      `<g transform="translate(${pixel(x)} ${y})">${swatch}<text x="18" y="10">${escapeMarkup(label)}</text></g>`,
    );
    x += width;
  };
  for (const { hue, label } of items)
    place(`<rect class="${hueClass(hue)}" fill="currentColor" width="12" height="12" rx="2"/>`, label);
  place('<rect class="cb-track" width="12" height="12" rx="2"/>', 'idle');
  if (timeline.faults.length > 0)
    place(`<rect fill="url(#${sheet.idPrefix}-h)" width="12" height="12" rx="2"/>`, 'dead core');
  return { svg: `<g class="cb-legend">${parts.join('')}</g>`, bottom: y + 16 };
}
