import { HUES } from './palette.ts';

const LIGHT =
  '--cb-paper:#fff;--cb-ink:#17202b;--cb-muted:#5a6675;--cb-grid:#dde3ea;--cb-track:#5a66751a;--cb-dead:#c3cad3;--cb-hatch:#8f99a6;' +
  '--cb-fault:#c4283a;--cb-detect:#b86e00;--cb-ok:#1d8348;--cb-check:#3b5f8a;--cb-move:#7a4fb3;--cb-plain:#5a6675;--cb-others:#a3b7d1';
const DARK =
  '--cb-paper:#12171e;--cb-ink:#e7ecf2;--cb-muted:#9aa7b5;--cb-grid:#2b343f;--cb-track:#9aa7b51c;--cb-dead:#333c47;--cb-hatch:#5d6875;' +
  '--cb-fault:#ff6370;--cb-detect:#f0a63a;--cb-ok:#4fc67f;--cb-check:#7fb0e6;--cb-move:#b796ea;--cb-plain:#9aa7b5;--cb-others:#566b85';

/** The class that gives `currentColor` its value. */
export const hueClass = (hue: number): string => (hue < 0 ? 'cb-others' : `cb-h${hue}`);

/** Style of the figures, once per page or inside a figure that stands alone. */
export const FIGURE_STYLE = [
  `svg.cb{${LIGHT};font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px}`,
  `@media (prefers-color-scheme:dark){svg.cb{${DARK}}}`,
  '.cb text{fill:var(--cb-ink)}.cb .cb-muted{fill:var(--cb-muted)}.cb .cb-title{font-size:16px;font-weight:600}',
  '.cb-paper{fill:var(--cb-paper)}.cb-track{fill:var(--cb-track)}.cb-grid{stroke:var(--cb-grid);fill:none}',
  '.cb-s path{stroke:currentColor;fill:none}.cb-f path{fill:currentColor}.cb-f path,.cb-s path{shape-rendering:crispEdges}',
  '.cb text.cb-lbl{fill:#0d1218;font-size:11px;pointer-events:none}',
  '.cb-dead{fill:var(--cb-dead)}.cb-hatch{stroke:var(--cb-hatch)}.cb text.cb-deadlbl{font-size:11px;fill:var(--cb-ink)}',
  '.cb-fault{color:var(--cb-fault)}.cb-detect{color:var(--cb-detect)}.cb-ok{color:var(--cb-ok)}.cb-check{color:var(--cb-check)}' +
    '.cb-move{color:var(--cb-move)}.cb-plain{color:var(--cb-plain)}',
  '.cb-m circle{fill:currentColor}.cb .cb-m text{fill:var(--cb-paper);font-size:9px;font-weight:700;text-anchor:middle}',
  '.cb-m line{pointer-events:none;stroke:currentColor;stroke-width:1.5}.cb-m line.cb-thin{stroke-dasharray:2 3;stroke-width:1;opacity:.75}',
  '.cb-band{fill:currentColor;opacity:.2;pointer-events:none}.cb-phase{stroke:currentColor;stroke-width:3}.cb .cb-ptext{font-size:11px}',
  '.cb-area{fill:var(--cb-check);opacity:.32}.cb-curve{stroke:var(--cb-check);fill:none;stroke-width:1.3}',
  `${HUES.map((hue, i) => `.cb-h${i}{color:${hue}}`).join('')}.cb-others{color:var(--cb-others)}`,
].join('\n');
