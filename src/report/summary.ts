import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { buildTimeline } from './build-timeline.ts';
import type { EventOf, Timeline } from './timeline.ts';

/** One process: one life of a pid. */
export interface ProcessSummary {
  readonly pid: number;
  readonly ppid: number | undefined;
  readonly name: string;
  /** Exit code; undefined while it lives, and when a signal ended it. */
  readonly exit: number | undefined;
  /** The signal that ended it. */
  readonly signal: number | undefined;
  /** What it wrote to the console. */
  readonly output: string;
  /** The core it had last; undefined when it never ran. */
  readonly lastCpu: number | undefined;
  /** Every core it had, ascending. */
  readonly cpusUsed: readonly number[];
  readonly cpuNs: number;
}

export interface FaultSummary {
  readonly core: number;
  readonly kind: string;
  readonly atInstruction: number;
  readonly atNs: number;
  readonly detectedAtNs: number | undefined;
  readonly recoveredAtNs: number | undefined;
}

export interface CheckpointSummary {
  readonly pid: number;
  readonly file: string;
  readonly virtualNs: number;
  readonly bytes: number;
  readonly pauseNs: number;
}

export interface RunSummary {
  readonly processes: readonly ProcessSummary[];
  readonly faults: readonly FaultSummary[];
  readonly checkpoints: readonly CheckpointSummary[];
}

/** The rows that a test, a campaign or a table wants. Linear. */
export function summarise(events: readonly TraceEvent[], timeline: Timeline = buildTimeline(events)): RunSummary {
  const use = cpuUse(timeline);
  return {
    processes: timeline.processes.map((life, i) => ({
      pid: life.pid,
      ppid: life.ppid,
      name: life.name,
      exit: life.exit !== undefined && life.exit.signal === 0 ? life.exit.code : undefined,
      signal: life.exit !== undefined && life.exit.signal !== 0 ? life.exit.signal : undefined,
      output: life.output,
      ...use[i]!,
    })),
    faults: timeline.faults.map((fault) => ({
      core: fault.core,
      kind: fault.model,
      atInstruction: fault.atInstruction,
      atNs: fault.atNs,
      detectedAtNs: fault.detectedAtNs,
      recoveredAtNs: fault.recoveredAtNs,
    })),
    checkpoints: timeline.marks
      .filter((mark): mark is EventOf<'checkpoint'> => mark.kind === 'checkpoint')
      .map(({ pid, file, ns, bytes, pauseNs }) => ({ pid, file, virtualNs: ns, bytes, pauseNs })),
  };
}

type CpuUse = Pick<ProcessSummary, 'lastCpu' | 'cpusUsed' | 'cpuNs'>;

function cpuUse(timeline: Timeline): CpuUse[] {
  const use = timeline.processes.map(() => ({
    lastCpu: undefined as number | undefined,
    lastNs: -1,
    cpus: new Set<number>(),
    cpuNs: 0,
  }));
  for (const lane of timeline.lanes) {
    const { startNs, runner } = lane;
    for (let i = 0; i < startNs.length; i++) {
      const { process } = timeline.runners[runner[i]!]!;
      if (process < 0) continue;
      const row = use[process]!;
      const endNs = i + 1 < startNs.length ? startNs[i + 1]! : timeline.endNs;
      row.cpuNs += endNs - startNs[i]!;
      row.cpus.add(lane.core);
      if (startNs[i]! > row.lastNs) {
        row.lastNs = startNs[i]!;
        row.lastCpu = lane.core;
      }
    }
  }
  return use.map(({ lastCpu, cpus, cpuNs }) => ({ lastCpu, cpusUsed: [...cpus].sort((a, b) => a - b), cpuNs }));
}
