import { columnsOf, intervalCount } from './buckets.ts';
import { escapeMarkup } from './escape.ts';
import { hueClass } from './figure-style.ts';
import { OTHERS } from './palette.ts';
import { type Ink, inkOf, pixel, type Sheet, unitOf, VIEW_UNITS } from './svg-sheet.ts';
import type { Lane } from './timeline.ts';

/** Segments of the lanes' paths in one figure. */
const SEGMENTS_MAX = 24_000;
/** Pieces that one column can be made of, on average, when sharing out SEGMENTS_MAX. */
const SHARES_EXPECTED = 3;
const COLUMNS_MIN = 120;
const LABELS_MAX = 300;
/** Width of a character of a label, about. */
export const CHAR_WIDTH = 6.4;

export function lanesSvg(sheet: Sheet): string {
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
export function labelsSvg(sheet: Sheet): string {
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
