import type { Window } from './buckets.ts';
import { type Casting, OTHERS } from './palette.ts';
import { pidLabel, type Timeline } from './timeline.ts';

/** The lanes' own horizontal unit: the window is this wide, so that zooming is a change of one viewBox. */
export const VIEW_UNITS = 1_000_000;

/** Where things are in one figure. */
export interface Sheet {
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

export const unitOf = ({ window }: Sheet, ns: number): number =>
  window.toNs <= window.fromNs
    ? 0
    : Math.round(
        ((Math.min(Math.max(ns, window.fromNs), window.toNs) - window.fromNs) / (window.toNs - window.fromNs)) *
          VIEW_UNITS,
      );
export const xOf = (sheet: Sheet, ns: number): number =>
  pixel(sheet.gutter + (unitOf(sheet, ns) / VIEW_UNITS) * sheet.plot);
export const pixel = (x: number): number => Math.round(x * 100) / 100;

/** Key of a path: the featured process (by its first life), or OTHERS for all without a hue. */
export interface Ink {
  readonly hue: number;
  readonly label: string;
}

export function inkOf({ timeline, casting }: Sheet, process: number): Ink {
  const hue = casting.hueOf[process]!;
  return hue === OTHERS
    ? { hue, label: 'other processes' }
    : { hue, label: pidLabel(timeline, timeline.processes[process]!.pid) };
}

export function spanRect(sheet: Sheet, fromNs: number, toNs: number, attributes: string): string {
  const x = xOf(sheet, fromNs);
  const width = pixel(Math.max(0, xOf(sheet, toNs) - x));
  const data = sheet.zoomable ? ` data-a="${unitOf(sheet, fromNs)}" data-b="${unitOf(sheet, toNs)}"` : '';
  return `<rect x="${x}" width="${width}" ${attributes}${data}/>`;
}
