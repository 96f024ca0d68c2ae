import { geometricMean, short, table } from './table.ts';

// What bench/slices.ts measures, and how it is shown.

export interface SliceMachine {
  readonly cores: number;
  /** Processes of the program: as many as cores, or more that take turns. */
  readonly copies: number;
  /** Instructions. */
  readonly slice: number;
  /** Nothing is tried (emu/machine/trial.ts): cores take their turns as those do that share a space. */
  readonly turnByTurn?: true;
}

/** The first is what the others are compared with; the second does the work of those with four cores. */
export const SLICE_MACHINES: readonly SliceMachine[] = [
  { cores: 1, copies: 1, slice: 1_000_000 },
  { cores: 1, copies: 4, slice: 1_000_000 },
  { cores: 1, copies: 1, slice: 10_000 },
  { cores: 4, copies: 4, slice: 10_000 },
  { cores: 4, copies: 4, slice: 1000 },
  { cores: 4, copies: 4, slice: 1000, turnByTurn: true },
];

export interface SliceRow {
  readonly program: string;
  readonly engine: string;
  /** By machine: times as much CPU time per instruction as on the first. */
  readonly ratios: readonly number[];
}

export function slicesText(rows: readonly SliceRow[]): string {
  const others = SLICE_MACHINES.map((_, which) => which).slice(1);
  const heads = others.map((which) => {
    const { cores, copies, slice, turnByTurn } = SLICE_MACHINES[which]!;
    return `${cores} x ${slice}${copies > cores ? `, ${copies} copies` : ''}${turnByTurn ? ', in turns' : ''}`;
  });
  const lines = rows.map(({ program, engine, ratios }) => [
    `${program}, ${engine}`,
    ...others.map((which) => `${short(ratios[which])}x`),
  ]);
  const means = [...new Set(rows.map(({ engine }) => engine))].map((name) => {
    const own = rows.filter(({ engine }) => engine === name);
    const mean = (which: number): number => geometricMean(own.map(({ ratios }) => ratios[which]!));
    return [`geometric mean, ${name}`, ...others.map((which) => `${short(mean(which))}x`)];
  });
  const title = 'Slices: CPU time per instruction by cores x instructions of a slice, in units of that of 1 x 1000000';
  return `${title}\n${table([['', ...heads], ...lines, ...means])}`;
}
