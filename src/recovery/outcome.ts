import type { Stop } from '../../emu/machine/machine.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { logicalOutputs } from './logical-output.ts';

/** What became of a run (DESIGN.md, Outcomes). `completed` and `unfinished`: no fault was planned, and it did or did not end by itself. */
export const OUTCOMES = [
  'completed',
  'unfinished',
  'not-activated',
  'masked',
  'SDC',
  'crash',
  'detected-unrecovered',
  'hang',
  'recovered-exact',
  'recovered-at-least-once',
  'recovered-wrong',
  'recovery-failed',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

export interface FinishedRun {
  readonly events: readonly TraceEvent[];
  readonly stop: Stop;
  readonly faultsPlanned: number;
}

/** True when the outcome can only be told beside the same run without faults. */
export function needsGolden(run: FinishedRun): boolean {
  return run.stop.reason === 'finished' && run.events.some((event) => event.kind === 'core-fault');
}

/**
 * Exactly one outcome. `golden`: the same run without faults, when `needsGolden` asks for it. Outputs are compared by process (program
 * and order of start), each taken without what a rollback made it write again.
 */
export function judge(run: FinishedRun, golden: FinishedRun | null): Outcome {
  const has = (kind: TraceEvent['kind']): boolean => run.events.some((event) => event.kind === kind);
  if (run.stop.reason === 'no-healthy-core') return 'crash';
  if (run.stop.reason !== 'finished') return run.faultsPlanned === 0 ? 'unfinished' : 'hang';
  if (run.faultsPlanned === 0) return 'completed';
  if (!has('core-fault')) return 'not-activated';
  if (run.events.some((event) => event.kind === 'recovery-failed' && event.why === 'recovery is switched off')) {
    return 'detected-unrecovered';
  }
  if (has('recovery-failed')) return 'recovery-failed';
  const recovered = has('recovery-done') || has('roll-forward');
  if (!golden) return recovered ? 'recovered-wrong' : 'masked';
  if (!sameResults(run, golden)) return recovered ? 'recovered-wrong' : 'SDC';
  if (!recovered) return 'masked';
  const repeated = [...logicalOutputs(run.events).values()].some((output) => output.repeated > 0);
  return repeated ? 'recovered-at-least-once' : 'recovered-exact';
}

/** Equal outputs and exit statuses, process by process in order of start; the restarts themselves do not count. */
function sameResults(run: FinishedRun, golden: FinishedRun): boolean {
  const a = resultsOf(run);
  const b = resultsOf(golden);
  return a.length === b.length && a.every((text, n) => text === b[n]);
}

function resultsOf({ events }: FinishedRun): string[] {
  const outputs = logicalOutputs(events);
  const hidden = new Set<number>();
  for (const event of events) {
    if (event.kind === 'restart-step') hidden.add(event.by);
    if (event.kind === 'fork' && hidden.has(event.pid)) hidden.add(event.child);
  }
  for (const event of events) if (event.kind === 'recovery-start') hidden.delete(event.pid);
  // What a rollback has undone is made again, under another pid.
  for (const event of events) if (event.kind === 'discard') hidden.add(event.pid);
  const results: string[] = [];
  for (const event of events) {
    if (event.kind !== 'exit' || hidden.has(event.pid)) continue;
    results.push(JSON.stringify([event.name, event.code, event.signal, outputs.get(event.pid)?.text ?? '']));
  }
  return results.sort();
}
