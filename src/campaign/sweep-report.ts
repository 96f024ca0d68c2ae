import { FIGURE_STYLE } from '../report/figure-style.ts';
import { HUES } from '../report/palette.ts';
import { exp, log } from './elementary.ts';
import { rounded } from './report-data.ts';
import type { SweepCurve } from './sweep.ts';

/** A sweep that has been made. */
export interface SweepReport {
  readonly run: readonly string[];
  readonly cores: number;
  readonly mhz: number;
  readonly seeds: number;
  /** Completion time without failures and checkpoints. */
  readonly workNs: number;
  readonly costNs: number;
  readonly curves: readonly SweepCurve[];
}

const ms = (ns: number): string => `${(ns / 1e6).toFixed(2)} ms`;

export function sweepText({ run, workNs, costNs, seeds, curves }: SweepReport): string {
  const lines = [
    `${run.join(' ')}: ${ms(workNs)} without failures and checkpoints; a checkpoint costs ${ms(costNs)}; ${seeds} runs for each point`,
  ];
  for (const { mtbfNs, points, measuredNs, youngNs, dalyNs } of curves) {
    lines.push('', `${ms(mtbfNs)} between failures`, '     every   completion   +- standard error   failures   runs');
    for (const { periodNs, meanNs, standardErrorNs, failuresMean, runs } of points) {
      lines.push(
        `${ms(periodNs).padStart(10)}  ${ms(meanNs).padStart(11)}   ${ms(standardErrorNs).padStart(17)}   ${failuresMean.toFixed(1).padStart(8)}   ${String(runs).padStart(4)}`,
      );
    }
    const off = ((measuredNs / dalyNs - 1) * 100).toFixed(1);
    lines.push(
      `  best: measured ${ms(measuredNs)}, Young ${ms(youngNs)}, Daly ${ms(dalyNs)} (measured is ${off} % off Daly's)`,
    );
  }
  return `${lines.join('\n')}\n`;
}

export function sweepCsv({ curves }: SweepReport): string {
  const head = 'mtbf_ns,period_ns,runs,mean_completion_ns,standard_error_ns,mean_failures,measured_ns,young_ns,daly_ns';
  const lines = curves.flatMap(({ mtbfNs, points, measuredNs, youngNs, dalyNs }) =>
    points.map((point) =>
      [
        ...[mtbfNs, point.periodNs, point.runs, point.meanNs, point.standardErrorNs, point.failuresMean],
        ...[measuredNs, youngNs, dalyNs],
      ]
        .map(rounded)
        .join(','),
    ),
  );
  return `${[head, ...lines].join('\r\n')}\r\n`;
}

const WIDTH = 860;
const HEIGHT = 440;
const LEFT = 70;
const TOP = 30;
const PLOT_WIDTH = WIDTH - LEFT - 20;
const PLOT_HEIGHT = HEIGHT - TOP - 60;

/** Completion time over the time between checkpoints, one curve for each failure rate; logarithmic to the right, linear upwards. */
export function sweepPlot({ curves, workNs, run }: SweepReport): string {
  const periods = curves.flatMap(({ points }) => points.map(({ periodNs }) => periodNs));
  const times = curves.flatMap(({ points }) => points.map(({ meanNs }) => meanNs / workNs));
  const [low, high] = [Math.min(...periods) * 0.9, Math.max(...periods) * 1.1];
  const [bottom, top] = [1, Math.max(...times) * 1.03];
  const x = (ns: number): number => LEFT + (logRatio(ns, low) / logRatio(high, low)) * PLOT_WIDTH;
  const y = (ratio: number): number => TOP + (1 - (ratio - bottom) / (top - bottom)) * PLOT_HEIGHT;
  const at = (px: number, py: number): string => `${px.toFixed(1)} ${py.toFixed(1)}`;
  const pieces = curves.flatMap(({ mtbfNs, points, fit: [a, b, c], measuredNs, dalyNs, youngNs }, n) => {
    const hue = HUES[n % HUES.length]!;
    const steps = Array.from(
      { length: 81 },
      (_, k) => points[0]!.periodNs * exp((k / 80) * logRatio(points.at(-1)!.periodNs, points[0]!.periodNs)),
    );
    const fitted = steps
      .map((ns, k) => `${k === 0 ? 'M' : 'L'}${at(x(ns), y((a + b / ns + c * ns) / workNs))}`)
      .join('');
    const mark = (ns: number, dash: string): string =>
      `<path d="M${at(x(ns), TOP)}V${TOP + PLOT_HEIGHT}" stroke="${hue}" fill="none" stroke-dasharray="${dash}"/>`;
    return [
      `<path d="${fitted}" stroke="${hue}" fill="none" stroke-width="1.5"/>`,
      ...points.map(
        ({ periodNs, meanNs, standardErrorNs }) =>
          `<path d="M${at(x(periodNs), y((meanNs - standardErrorNs) / workNs))}V${y((meanNs + standardErrorNs) / workNs).toFixed(1)}" stroke="${hue}"/><circle cx="${x(periodNs).toFixed(1)}" cy="${y(meanNs / workNs).toFixed(1)}" r="3" fill="${hue}"/>`,
      ),
      mark(dalyNs, '6 4'),
      mark(youngNs, '1 4'),
      `<path d="M${at(x(measuredNs) - 5, y((a + b / measuredNs + c * measuredNs) / workNs))}h10m-5 -5v10" stroke="${hue}" stroke-width="3"/>`,
      `<text x="${WIDTH - 24}" y="${TOP + 16 + n * 16}" text-anchor="end" style="fill:${hue}">${(mtbfNs / 1e6).toFixed(0)} ms between failures</text>`,
    ];
  });
  const xTicks = [5, 10, 20, 50, 100, 200, 500].filter((t) => t * 1e6 > low && t * 1e6 < high);
  const yTicks = Array.from({ length: 9 }, (_, n) => 1 + n * 0.25).filter((t) => t < top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="cb" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Completion time over the interval between checkpoints">`,
    `<style>${FIGURE_STYLE}</style>`,
    `<rect class="cb-paper" width="${WIDTH}" height="${HEIGHT}"/>`,
    ...yTicks.map(
      (t) =>
        `<path class="cb-grid" d="M${LEFT} ${y(t).toFixed(1)}h${PLOT_WIDTH}"/><text x="${LEFT - 6}" y="${(y(t) + 4).toFixed(1)}" text-anchor="end">${t.toFixed(2)}</text>`,
    ),
    ...xTicks.map(
      (t) =>
        `<path class="cb-grid" d="M${x(t * 1e6).toFixed(1)} ${TOP}v${PLOT_HEIGHT}"/><text x="${x(t * 1e6).toFixed(1)}" y="${TOP + PLOT_HEIGHT + 16}" text-anchor="middle">${t} ms</text>`,
    ),
    ...pieces,
    `<text x="${LEFT}" y="18">${run.join(' ')}: completion time, in times of the run without failures and checkpoints</text>`,
    `<text x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 26}" text-anchor="middle">time from one checkpoint to the next</text>`,
    `<text x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle" class="cb-muted">cross: measured optimum; dashed: Daly 2006; dotted: Young 1974</text>`,
    '</svg>',
    '',
  ].join('\n');
}

const logRatio = (a: number, b: number): number => log(a / b);
