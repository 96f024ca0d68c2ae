import type { Window } from './buckets.ts';
import { escapeMarkup } from './escape.ts';
import { FIGURE_STYLE, hueClass } from './figure-style.ts';
import { duration, moment, secondsDigits, tickDecimals, tickStepNs } from './format.ts';
import { castProcesses, OTHERS } from './palette.ts';
import { verdict } from './story.ts';
import { bandSvg, deadSvg, phaseSvg } from './svg-faults.ts';
import { CHAR_WIDTH, labelsSvg, lanesSvg } from './svg-lanes.ts';
import { markRowSvg, markRows } from './svg-marks.ts';
import { inkOf, pixel, type Sheet, xOf } from './svg-sheet.ts';
import type { Timeline } from './timeline.ts';

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

const MARK_ROW = 16;
const PHASE_ROW = 18;

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
