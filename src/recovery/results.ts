import type { FinishedRun } from './finished-run.ts';
import { logicalOutputs } from './logical-output.ts';

/** How a process ended and what it wrote to the console, seen through rollbacks. */
export interface ProcessEnd {
  readonly name: string;
  readonly code: number;
  readonly signal: number;
  readonly output: string;
}

/** Every process that ended, the restarts themselves left out. */
export function processEnds({ events }: Pick<FinishedRun, 'events'>): ProcessEnd[] {
  const outputs = logicalOutputs(events);
  const hidden = new Set<number>();
  for (const event of events) {
    if (event.kind === 'restart-step') hidden.add(event.by);
    if (event.kind === 'fork' && hidden.has(event.pid)) hidden.add(event.child);
  }
  for (const event of events) if (event.kind === 'recovery-start') hidden.delete(event.pid);
  // What a rollback has undone is made again, under another pid.
  for (const event of events) if (event.kind === 'discard') hidden.add(event.pid);
  const ends = new Map<string, ProcessEnd>();
  events.forEach((event, n) => {
    // One that had ended lives again.
    if (event.kind === 'recovery-start') ends.delete(`${event.pid}`);
    if (event.kind !== 'exit' || hidden.has(event.pid)) return;
    const { name, code, signal } = event;
    const earlier = ends.get(`${event.pid}`);
    // A pid may be given out again.
    if (earlier) ends.set(`${event.pid} ${n}`, earlier);
    ends.set(`${event.pid}`, { name, code, signal, output: outputs.get(event.pid)?.text ?? '' });
  });
  return [...ends.values()];
}

/**
 * What differs between two runs, in one line; null when their results are the same: names, exit statuses and console outputs of all
 * processes, in whatever order they ended, and the files that they wrote.
 */
export function differenceOf(run: FinishedRun, golden: FinishedRun): string | null {
  const ours = lines(run);
  const theirs = lines(golden);
  const extra = ours.find((line, n) => line !== theirs[n]);
  if (extra !== undefined || ours.length !== theirs.length) {
    const missing = theirs.find((line) => !ours.includes(line));
    return `${extra ?? 'nothing'} instead of ${missing ?? 'nothing'}`;
  }
  const paths = [...new Set([...Object.keys(run.files), ...Object.keys(golden.files)])].sort();
  const path = paths.find((each) => run.files[each] !== golden.files[each]);
  return path === undefined ? null : `file ${path} differs`;
}

/** True when a process ended by a signal or with an exit code other than 0 that ended so in the golden run not, or less often. */
export function endedAbnormally(run: FinishedRun, golden: FinishedRun): boolean {
  const left = new Map<string, number>();
  const keyOf = ({ name, code, signal }: ProcessEnd): string => `${name} ${code} ${signal}`;
  for (const end of processEnds(golden)) left.set(keyOf(end), (left.get(keyOf(end)) ?? 0) + 1);
  return processEnds(run).some((end) => {
    const known = left.get(keyOf(end)) ?? 0;
    left.set(keyOf(end), known - 1);
    return (end.code !== 0 || end.signal !== 0) && known <= 0;
  });
}

const lines = (run: FinishedRun): string[] =>
  processEnds(run)
    .map(({ name, code, signal, output }) => {
      const how = signal === 0 ? `exit code ${code}` : `signal ${signal}`;
      return `${name}: ${how}, output ${JSON.stringify(output)}`;
    })
    .sort();
