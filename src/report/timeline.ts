import type { FaultModel } from '../../emu/faults/plan.ts';
import type { TraceEvent, TraceEventKind } from '../../kernel-sim/kern/events.ts';
import { counted, duration } from './format.ts';

/** What the events alone do not say: how many rows to draw, and where time ends. */
export interface RunShape {
  readonly cores: number;
  /** Length of one instruction. */
  readonly cycleNs: number;
  readonly endNs: number;
}

export type EventOf<K extends TraceEventKind> = Extract<TraceEvent, { kind: K }>;

/** One life of a pid. A fork that hands out a used pid starts another. */
export interface ProcessLife {
  readonly index: number;
  readonly pid: number;
  /** The parent when it was forked; undefined for the first process. */
  readonly ppid: number | undefined;
  /** The last name it ran under. */
  readonly name: string;
  readonly startNs: number;
  readonly exit: EventOf<'exit'> | undefined;
  /** What it wrote to the console. */
  readonly output: string;
}

/** Who has a core. Index 0 of `Timeline.runners` is idle, 1 is dead. */
export interface Runner {
  readonly state: 'idle' | 'dead' | 'run';
  /** Index into `Timeline.processes`; -1 when no process runs. */
  readonly process: number;
  readonly pid: number;
  readonly tid: number;
  /** The name at that time: it changes with exec. */
  readonly name: string;
}

export const IDLE = 0;
export const DEAD = 1;

/**
 * The history of one core, as columns: interval i is [startNs[i], startNs[i + 1]), the last one ends at the end of the run. So they cover the run without
 * overlap by construction. Neighbours differ in their runner.
 */
export interface Lane {
  readonly core: number;
  /** Ascending; the first is 0. */
  readonly startNs: Float64Array;
  /** Index into `Timeline.runners`. */
  readonly runner: Uint32Array;
}

export interface Interval {
  readonly startNs: number;
  readonly endNs: number;
  readonly runner: Runner;
}

export const MARK_KINDS = [
  'checkpoint',
  'core-fault',
  'core-back',
  'fault-detected',
  'core-removed',
  'recovery-start',
  'restart-step',
  'recovery-done',
  'recovery-failed',
  'roll-forward',
  'discard',
  'exit',
  'affinity',
] as const satisfies readonly TraceEventKind[];
/** An event that is drawn as a point in time. */
export type Mark = EventOf<(typeof MARK_KINDS)[number]>;

/** One process brought back, or the attempt. */
export interface Recovery {
  /** The dead core; undefined for a restart that nobody's fault asked for. */
  readonly victim: number | undefined;
  readonly pid: number;
  /** The checkpoint; empty when there was none. */
  readonly file: string;
  readonly startNs: number;
  readonly steps: readonly EventOf<'restart-step'>[];
  readonly outcome: 'done' | 'failed' | 'unfinished';
  readonly endNs: number | undefined;
  /** Virtual time of the checkpoint from which it continues. */
  readonly fromNs: number | undefined;
  readonly why: string | undefined;
}

export interface FaultStory {
  readonly core: number;
  readonly model: FaultModel;
  readonly atNs: number;
  readonly atInstruction: number;
  /** What the core ran when it stopped. */
  readonly running: Runner;
  readonly detectedAtNs: number | undefined;
  readonly detectedBy: number | undefined;
  readonly detectionLatencyNs: number | undefined;
  readonly misses: number | undefined;
  readonly removedAtNs: number | undefined;
  readonly recoveries: readonly Recovery[];
  /** When the last of its recoveries was done; undefined when one failed, did not finish, or none was started. */
  readonly recoveredAtNs: number | undefined;
  /** From detection to the end of the last recovery. */
  readonly recoveryNs: number | undefined;
}

export interface Timeline extends RunShape {
  readonly lanes: readonly Lane[];
  readonly runners: readonly Runner[];
  readonly processes: readonly ProcessLife[];
  /** In order of time; what happened at one time stays in the order of the events. */
  readonly marks: readonly Mark[];
  readonly faults: readonly FaultStory[];
  readonly recoveries: readonly Recovery[];
  readonly switchCount: number;
}

/** The intervals of a lane as objects, for those who walk it slowly. */
export function* intervalsOf(timeline: Timeline, lane: Lane): Generator<Interval, void, undefined> {
  for (let i = 0; i < lane.startNs.length; i++) {
    const endNs = i + 1 < lane.startNs.length ? lane.startNs[i + 1]! : timeline.endNs;
    yield { startNs: lane.startNs[i]!, endNs, runner: timeline.runners[lane.runner[i]!]! };
  }
}

/** When a core was dead or away. */
export const deadSpans = (timeline: Timeline, lane: Lane): Interval[] =>
  [...intervalsOf(timeline, lane)].filter(({ runner }) => runner.state === 'dead');

/** The index of the interval that holds `ns`, or of the last one before it. */
export function intervalAt(lane: Lane, ns: number): number {
  let low = 0;
  let high = lane.startNs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (lane.startNs[middle]! <= ns) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `count[12]`, as top and this project's story write it. */
export const labelOf = (who: { readonly pid: number; readonly name: string }): string => `${who.name}[${who.pid}]`;

/** `fault of core 2 is detected after 11.0 ms (3 answers missed)`. */
export function tellDetection({
  victim,
  by,
  latencyNs,
  latencyInstructions,
  misses,
}: EventOf<'fault-detected'>): string {
  const how = misses > 0 ? `${counted(misses, 'answer')} missed` : by;
  if (latencyNs < 0) return `fault of core ${victim} is detected (${how}), though there is none`;
  const work = latencyInstructions > 0 ? ` and ${counted(latencyInstructions, 'instruction')}` : '';
  return `fault of core ${victim} is detected after ${duration(latencyNs)}${work} (${how})`;
}

/** The label of a pid, with the name of its last life; `pid 12` when the events never named it. */
export function pidLabel(timeline: Timeline, pid: number): string {
  const life = timeline.processes.findLast((p) => p.pid === pid);
  return life === undefined || life.name === '' ? `pid ${pid}` : labelOf(life);
}

/**
 * The stretch worth a picture of its own: a fault with its detection and recovery, and some time before and after. Undefined when the whole window shows it
 * well enough, or when the fault lies outside.
 */
export function faultWindow(
  timeline: Timeline,
  fault: FaultStory,
  within: { readonly fromNs: number; readonly toNs: number } = { fromNs: 0, toNs: timeline.endNs },
): { fromNs: number; toNs: number } | undefined {
  if (fault.atNs < within.fromNs || fault.atNs >= within.toNs) return undefined;
  let lastNs = fault.detectedAtNs ?? fault.atNs;
  for (const recovery of fault.recoveries) lastNs = Math.max(lastNs, recovery.endNs ?? recovery.startNs);
  const lengthNs = Math.max(lastNs - fault.atNs, 1000 * timeline.cycleNs);
  const marginNs = Math.ceil(lengthNs * 0.3);
  const fromNs = Math.max(0, fault.atNs - marginNs);
  const toNs = Math.min(timeline.endNs, lastNs + marginNs);
  return (toNs - fromNs) * 5 < within.toNs - within.fromNs ? { fromNs, toNs } : undefined;
}
