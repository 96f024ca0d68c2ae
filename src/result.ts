import type { Stop } from '../emu/machine/machine.ts';
import type { TraceEvent } from '../kernel-sim/kern/events.ts';
import { schedulingOf } from '../kernel-sim/kern/exit.ts';
import { readFile } from '../kernel-sim/vfs/memfs.ts';
import { endOf, type FinishedRun } from './recovery/finished-run.ts';
import { judge, type Outcome } from './recovery/outcome.ts';
import { buildTimeline } from './report/build-timeline.ts';
import { RunDigest } from './report/digest.ts';
import { type CheckpointSummary, type FaultSummary, summarise } from './report/summary.ts';
import type { Timeline } from './report/timeline.ts';
import type { System } from './system.ts';

/** One process of a run. Stable: what `--json` prints (docs/json.md). */
export interface ProcessResult {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
  /** Exit code; absent when a signal ended it or it still lives. */
  readonly exit?: number;
  /** Number of the signal that ended it. */
  readonly signal?: number;
  readonly output: string;
  /** -1: never ran. */
  readonly lastCpu: number;
  readonly cpusUsed: readonly number[];
  readonly priority: number;
  readonly nice: number;
  readonly affinity: readonly number[];
}

export interface RunResult {
  /** SHA-256 over all events and the final contents of every checkpoint file: equal for equal runs. */
  readonly digest: string;
  readonly outcome: Outcome;
  readonly stop: Stop;
  readonly virtualNs: number;
  readonly instructions: number;
  readonly processes: readonly ProcessResult[];
  readonly checkpoints: readonly CheckpointSummary[];
  readonly faults: readonly FaultSummary[];
  readonly events: readonly TraceEvent[];
}

/** The run's events laid out by core and time, with the true end of the run. */
export function timelineOf(system: System): Timeline {
  const { cores, cycleNs } = system.kernel.config;
  return buildTimeline(system.events, { cores, cycleNs, endNs: endOf(system) });
}

/**
 * Sums a run up. `golden`: the same run without faults, for the judge (docs/outcomes.md); without it a run counts as masked, or as
 * recovered-wrong when something was recovered.
 */
export function buildResult(system: System, run: FinishedRun, golden: FinishedRun | null): RunResult {
  const summary = summarise(system.events, timelineOf(system));
  return {
    digest: digestOf(system),
    outcome: judge(run, golden),
    stop: run.stop,
    virtualNs: run.endNs,
    instructions: system.machine.retired,
    processes: processResults(system, summary.processes),
    checkpoints: summary.checkpoints,
    faults: summary.faults,
    events: system.events,
  };
}

function processResults(system: System, rows: ReturnType<typeof summarise>['processes']): ProcessResult[] {
  const exits = new Map<number, Extract<TraceEvent, { kind: 'exit' }>[]>();
  for (const event of system.events) {
    if (event.kind !== 'exit') continue;
    const list = exits.get(event.pid);
    if (list) list.push(event);
    else exits.set(event.pid, [event]);
  }
  const bodies = new Set<number>();
  for (const event of system.events)
    if (event.kind === 'recovery-done' && event.body !== event.pid) bodies.add(event.body);
  const systems = new Set<number>();
  for (const event of system.events) if (event.kind === 'fork' && event.how === 'system') systems.add(event.child);
  return rows
    .filter(
      (row) =>
        row.pid > 1 &&
        !systems.has(row.pid) &&
        !(bodies.has(row.pid) && row.exit === undefined && row.signal === undefined),
    )
    .map((row) => {
      const ended = row.exit !== undefined || row.signal !== undefined ? exits.get(row.pid)?.shift() : undefined;
      const living = system.kernel.findProc(row.pid);
      const { nice, priority, cpus } =
        ended ?? (living ? schedulingOf(system.kernel, living) : { nice: 0, priority: 0, cpus: [] });
      return {
        pid: row.pid,
        ppid: row.ppid ?? 0,
        name: row.name,
        ...(row.exit === undefined ? {} : { exit: row.exit }),
        ...(row.signal === undefined ? {} : { signal: row.signal }),
        output: row.output,
        lastCpu: row.lastCpu ?? -1,
        cpusUsed: row.cpusUsed,
        priority,
        nice,
        affinity: cpus,
      };
    });
}

function digestOf(system: System): string {
  const digest = new RunDigest();
  for (const event of system.events) digest.update(event);
  for (const event of system.events) {
    if (event.kind !== 'checkpoint') continue;
    const bytes = readFile(system.kernel, event.file);
    if (typeof bytes !== 'number') digest.updateBytes(event.file, bytes);
  }
  return digest.hex();
}
