import { escapeMarkup } from './escape.ts';
import { duration, listed } from './format.ts';
import { pixel, type Sheet, spanRect, unitOf, xOf } from './svg-sheet.ts';
import { deadSpans, type FaultStory, type Lane } from './timeline.ts';

export function deadSvg(sheet: Sheet, lane: Lane): string {
  const { timeline, window } = sheet;
  const y = sheet.lanesTop + lane.core * sheet.lanePitch;
  const fill = `y="${y}" height="${sheet.laneHeight}" fill="url(#${sheet.idPrefix}-h)"`;
  const seen = deadSpans(timeline, lane).filter(({ startNs }) => startNs < window.toNs);
  return seen
    .map(({ startNs, endNs }) => {
      const state = endNs < timeline.endNs ? 'away' : 'dead';
      const title = `><title>core ${lane.core} is ${state}</title></rect>`;
      return spanRect(sheet, startNs, Math.min(endNs, window.toNs), fill).replace('/>', title);
    })
    .join('');
}

/** The time without an answer in red, the time of recovery in green, behind which the cores show. */
export function bandSvg(sheet: Sheet, fault: FaultStory): string {
  const box = `y="${sheet.lanesTop - 4}" height="${sheet.lanesHeight + 2}"`;
  const until = fault.detectedAtNs ?? sheet.timeline.endNs;
  const parts = [spanRect(sheet, fault.atNs, until, `class="cb-band cb-fault" ${box}`)];
  if (fault.recoveredAtNs !== undefined)
    parts.push(spanRect(sheet, until, fault.recoveredAtNs, `class="cb-band cb-ok" ${box}`));
  return parts.join('');
}

/** Below the lanes: a dimension line for detection and one for recovery, with their lengths. */
export function phaseSvg(sheet: Sheet, fault: FaultStory, top: number): string {
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
