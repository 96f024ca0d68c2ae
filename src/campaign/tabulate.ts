import { GOOD_OUTCOMES, OUTCOMES, type Outcome } from '../recovery/outcome.ts';
import { targetName } from './fault-space.ts';
import type { Header, InjectionRecord } from './records.ts';
import { type Estimate, type McNemar, mcNemar, type Stratum, stratifiedEstimate } from './statistics.ts';
import type { Policy } from './workload.ts';

/** Everything of a campaign that has been run: one header, its records by id. */
export interface Campaign {
  readonly header: Header;
  readonly records: readonly InjectionRecord[];
}

/** How often one outcome came. */
export interface OutcomeShare {
  readonly outcome: Outcome;
  /** Of the drawn faults. */
  readonly drawn: number;
  /** Share of the whole space, with its intervals. */
  readonly estimate: Estimate;
}

/** One row of the outcome table. */
export interface TableRow {
  readonly model: string;
  readonly policy: Policy;
  /** 'all' sums up the targets of the model. */
  readonly target: string;
  readonly size: number;
  /** Drawn faults whose outcome is known. */
  readonly drawn: number;
  readonly injections: number;
  /** Outcomes that came at least once, in the order of the judge's list. */
  readonly shares: readonly OutcomeShare[];
}

export const ALL_TARGETS = 'all';

/** What is known of one part of a fault space. */
class Part {
  readonly size: number;
  injections = 0;
  readonly drawnBy = new Map<Outcome, number>();

  constructor(size: number, masked: number) {
    this.size = size;
    if (masked > 0) this.drawnBy.set('masked', masked);
  }

  add(outcome: Outcome, weight: number): void {
    this.injections++;
    this.drawnBy.set(outcome, (this.drawnBy.get(outcome) ?? 0) + weight);
  }

  get drawn(): number {
    return [...this.drawnBy.values()].reduce((sum, n) => sum + n, 0);
  }
}

/**
 * The outcome table: a row for each model, policy and target, and one for each model and policy over all targets. Entries of one model
 * are strata: each counts by the size of its space.
 */
export function outcomeTable({ header, records }: Campaign, confidence: number): TableRow[] {
  const parts = new Map<string, Part>();
  const keyOf = (entry: number, policy: Policy, target: string): string => `${entry} ${policy} ${target}`;
  header.entries.forEach(({ targets }, entry) => {
    for (const policy of header.spec.policies)
      for (const { name, size, masked } of targets) parts.set(keyOf(entry, policy, name), new Part(size, masked));
  });
  for (const { entry, policy, fault, outcome, weight } of records)
    parts.get(keyOf(entry, policy, targetName(fault)))!.add(outcome, weight);

  const rows: TableRow[] = [];
  for (const model of new Set(header.entries.map((entry) => entry.model))) {
    const entries = header.entries.flatMap((entry, n) => (entry.model === model ? [n] : []));
    const targets = [...new Set(entries.flatMap((n) => header.entries[n]!.targets.map(({ name }) => name)))];
    for (const policy of header.spec.policies) {
      // The entry, not the target, is what was sampled: its targets together are one stratum.
      const whole = entries.map((n) =>
        joined(header.entries[n]!.targets.map(({ name }) => parts.get(keyOf(n, policy, name))!)),
      );
      rows.push(rowOf({ model, policy, target: ALL_TARGETS }, whole, confidence));
      if (targets.length < 2) continue;
      for (const target of targets) {
        const own = entries.flatMap((n) => parts.get(keyOf(n, policy, target)) ?? []);
        rows.push(rowOf({ model, policy, target }, own, confidence));
      }
    }
  }
  return rows;
}

function joined(parts: readonly Part[]): Part {
  const all = new Part(
    parts.reduce((sum, { size }) => sum + size, 0),
    0,
  );
  for (const { drawnBy, injections } of parts) {
    all.injections += injections;
    for (const [outcome, n] of drawnBy) all.drawnBy.set(outcome, (all.drawnBy.get(outcome) ?? 0) + n);
  }
  return all;
}

function rowOf(
  name: Pick<TableRow, 'model' | 'policy' | 'target'>,
  parts: readonly Part[],
  confidence: number,
): TableRow {
  // Of a part that the sample missed nothing can be said; the row is about the rest.
  const known = parts.filter(({ drawn }) => drawn > 0);
  const sum = (of: (part: Part) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const shares = OUTCOMES.flatMap((outcome): OutcomeShare[] => {
    const drawn = sum(({ drawnBy }) => drawnBy.get(outcome) ?? 0);
    if (drawn === 0) return [];
    const strata = known.map(
      (part): Stratum => ({ weight: part.size, n: part.drawn, hits: part.drawnBy.get(outcome) ?? 0 }),
    );
    return [{ outcome, drawn, estimate: stratifiedEstimate(strata, confidence) }];
  });
  return {
    ...name,
    size: sum(({ size }) => size),
    drawn: sum((part) => part.drawn),
    injections: sum((part) => part.injections),
    shares,
  };
}

/** How the values of some measure are spread, each record counting by its weight. All in the measure's unit. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

/** Null when no record has the measure. */
export function distribution(
  records: readonly InjectionRecord[],
  measure: (record: InjectionRecord) => number | undefined,
): Distribution | null {
  const values = records
    .flatMap((record) => {
      const value = measure(record);
      return value === undefined ? [] : [{ value, weight: record.weight }];
    })
    .sort((a, b) => a.value - b.value);
  if (values.length === 0) return null;
  const count = values.reduce((sum, { weight }) => sum + weight, 0);
  const quantile = (p: number): number => {
    let below = 0;
    for (const { value, weight } of values) {
      below += weight;
      if (below >= p * count) return value;
    }
    return values.at(-1)!.value;
  };
  return {
    count,
    min: values[0]!.value,
    median: quantile(0.5),
    p90: quantile(0.9),
    p99: quantile(0.99),
    max: values.at(-1)!.value,
    mean: values.reduce((sum, { value, weight }) => sum + value * weight, 0) / count,
  };
}

/** Two sides of a comparison on the same faults. */
export interface Comparison {
  readonly first: string;
  readonly second: string;
  /** Drawn faults that both know. */
  readonly pairs: number;
  /** A good outcome: see GOOD_OUTCOMES. */
  readonly bothGood: number;
  readonly bothBad: number;
  /** `onlyFirst`: only the first had a good outcome. */
  readonly test: McNemar;
}

const isGood = (outcome: Outcome): boolean => (GOOD_OUTCOMES as readonly Outcome[]).includes(outcome);

/** Compares results on the same faults. Faults that only one side has do not count. Weights are the first side's. */
export function compare(
  first: { readonly name: string; readonly records: readonly InjectionRecord[] },
  second: { readonly name: string; readonly records: readonly InjectionRecord[] },
): Comparison {
  const other = new Map(second.records.map((record) => [JSON.stringify(record.fault), record.outcome]));
  const counts = { bothGood: 0, bothBad: 0, onlyFirst: 0, onlySecond: 0 };
  for (const { fault, outcome, weight } of first.records) {
    const theirs = other.get(JSON.stringify(fault));
    if (theirs === undefined) continue;
    const [a, b] = [isGood(outcome), isGood(theirs)];
    counts[a && b ? 'bothGood' : a ? 'onlyFirst' : b ? 'onlySecond' : 'bothBad'] += weight;
  }
  const { bothGood, bothBad, onlyFirst, onlySecond } = counts;
  return {
    first: first.name,
    second: second.name,
    pairs: bothGood + bothBad + onlyFirst + onlySecond,
    bothGood,
    bothBad,
    test: mcNemar(onlyFirst, onlySecond),
  };
}
