import { assert, InvariantError } from '../../emu/base/errors.ts';
import type { TraceEvent, TraceEventKind } from '../../kernel-sim/kern/events.ts';

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

const MARK_KINDS = [
  'checkpoint',
  'core-fault',
  'fault-detected',
  'core-removed',
  'recovery-start',
  'restart-step',
  'recovery-done',
  'recovery-failed',
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
  readonly model: string;
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

/** The shape that the events suggest: cores and clock from `boot`, the end at the last event. */
export function shapeOf(events: readonly TraceEvent[]): RunShape {
  let cores = 0;
  let cycleNs = 10;
  let endNs = 0;
  for (const e of events) {
    if (e.kind === 'boot') {
      cores = Math.max(cores, e.cores);
      cycleNs = e.cycleNs;
    }
    if (e.core >= cores) cores = e.core + 1;
    if (e.ns > endNs) endNs = e.ns;
  }
  return { cores: Math.max(1, cores), cycleNs, endNs };
}

/** One pass over the events; linear but for sorting the marks when cores ran ahead of each other. */
export function buildTimeline(events: readonly TraceEvent[], shape: RunShape = shapeOf(events)): Timeline {
  const lanes = Array.from({ length: shape.cores }, (_, core) => new LaneBuilder(core, shape.endNs));
  const people = new People();
  const story = new RecoveryBuilder();
  const marks: Mark[] = [];
  let switchCount = 0;

  for (const e of events) {
    switch (e.kind) {
      case 'switch':
        if (lanes[e.core] === undefined) throw new InvariantError(`switch on core ${e.core} of ${shape.cores}`);
        lanes[e.core]!.push(e.ns, people.runnerOf(e));
        switchCount++;
        continue;
      case 'fork':
        people.born(e.child, e.pid, e.ns);
        break;
      case 'exec':
        people.rename(e.pid, e.path.slice(e.path.lastIndexOf('/') + 1), e.ns);
        break;
      case 'exit':
        people.exit(e);
        break;
      case 'output':
        people.output(e);
        break;
      case 'core-fault': {
        assert(e.victim >= 0 && e.victim < shape.cores, `fault on core ${e.victim} of ${shape.cores}`);
        const lane = lanes[e.victim]!;
        if (!lane.dead) story.fault(e, people.runners[lane.die(e.ns)]!);
        break;
      }
      case 'fault-detected':
      case 'core-removed':
      case 'recovery-start':
      case 'restart-step':
      case 'recovery-done':
      case 'recovery-failed':
        story.add(e);
        break;
      default:
        break;
    }
    if (isMark(e)) marks.push(e);
  }
  if (!isSorted(marks)) marks.sort((a, b) => a.ns - b.ns);
  return {
    ...shape,
    lanes: lanes.map((lane) => lane.done()),
    runners: people.runners,
    processes: people.processes,
    marks,
    ...story.done(),
    switchCount,
  };
}

/** The intervals of a lane as objects, for those who walk it slowly. */
export function* intervalsOf(timeline: Timeline, lane: Lane): Generator<Interval, void, undefined> {
  for (let i = 0; i < lane.startNs.length; i++) {
    const endNs = i + 1 < lane.startNs.length ? lane.startNs[i + 1]! : timeline.endNs;
    yield { startNs: lane.startNs[i]!, endNs, runner: timeline.runners[lane.runner[i]!]! };
  }
}

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

/** The label of a pid, with the name of its last life; `pid 12` when the events never named it. */
export function pidLabel(timeline: Timeline, pid: number): string {
  const life = timeline.processes.findLast((p) => p.pid === pid);
  return life === undefined || life.name === '' ? `pid ${pid}` : labelOf(life);
}

const markKinds: ReadonlySet<string> = new Set(MARK_KINDS);
const isMark = (e: TraceEvent): e is Mark => markKinds.has(e.kind);

function isSorted(marks: readonly Mark[]): boolean {
  for (let i = 1; i < marks.length; i++) if (marks[i]!.ns < marks[i - 1]!.ns) return false;
  return true;
}

/** Collects one lane. Keeps: starts strictly ascend, neighbours differ, nothing at or after the end, nothing after death. */
class LaneBuilder {
  private readonly starts: number[] = [];
  private readonly runners: number[] = [];
  private readonly core: number;
  private readonly endNs: number;
  dead = false;

  constructor(core: number, endNs: number) {
    this.core = core;
    this.endNs = endNs;
    if (endNs > 0) this.append(0, IDLE);
  }

  push(ns: number, runner: number): void {
    if (this.dead || ns >= this.endNs) return;
    const last = this.starts.length - 1;
    if (ns <= this.starts[last]!) {
      const start = this.starts.pop()!;
      this.runners.pop();
      if (last === 0 || this.runners[last - 1] !== runner) this.append(start, runner);
    } else if (this.runners[last] !== runner) this.append(ns, runner);
  }

  /** Nothing that starts later ever ran. Returns who had the core. */
  die(ns: number): number {
    while (this.starts.length > 1 && this.starts[this.starts.length - 1]! > ns) {
      this.starts.pop();
      this.runners.pop();
    }
    const running = this.runners[this.runners.length - 1] ?? IDLE;
    this.push(ns, DEAD);
    this.dead = true;
    return running;
  }

  done(): Lane {
    return { core: this.core, startNs: Float64Array.from(this.starts), runner: Uint32Array.from(this.runners) };
  }

  private append(ns: number, runner: number): void {
    this.starts.push(ns);
    this.runners.push(runner);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Who lived: one entry per life of a pid, one runner per (life, thread, name). */
class People {
  readonly processes: Mutable<ProcessLife>[] = [];
  readonly runners: Runner[] = [
    { state: 'idle', process: -1, pid: 0, tid: 0, name: 'idle' },
    { state: 'dead', process: -1, pid: -1, tid: -1, name: 'dead' },
  ];
  private readonly lifeByPid = new Map<number, Mutable<ProcessLife>>();
  private readonly runnerByTid = new Map<number, number>();
  private readonly runnerByKey = new Map<string, number>();

  runnerOf(e: EventOf<'switch'>): number {
    if (e.pid === 0 && e.tid === 0) return IDLE;
    const life = this.life(e.pid, e.ns);
    const known = this.runnerByTid.get(e.tid);
    if (known !== undefined) {
      const runner = this.runners[known]!;
      if (runner.process === life.index && runner.name === e.name) return known;
    }
    life.name = e.name;
    const key = `${life.index} ${e.tid} ${e.name}`;
    let index = this.runnerByKey.get(key);
    if (index === undefined) {
      index = this.runners.length;
      this.runners.push({ state: 'run', process: life.index, pid: e.pid, tid: e.tid, name: e.name });
      this.runnerByKey.set(key, index);
    }
    this.runnerByTid.set(e.tid, index);
    return index;
  }

  born(pid: number, ppid: number, ns: number): void {
    const known = this.lifeByPid.get(pid);
    if (known !== undefined && known.ppid === undefined && known.exit === undefined) {
      known.ppid = ppid;
      return;
    }
    const name = this.lifeByPid.get(ppid)?.name ?? '';
    const life = { index: this.processes.length, pid, ppid, name, startNs: ns, exit: undefined, output: '' };
    this.processes.push(life);
    this.lifeByPid.set(pid, life);
  }

  rename(pid: number, name: string, ns: number): void {
    this.life(pid, ns).name = name;
  }

  exit(e: EventOf<'exit'>): void {
    const life = this.life(e.pid, e.ns);
    life.exit = e;
    if (e.name !== '') life.name = e.name;
  }

  output(e: EventOf<'output'>): void {
    this.life(e.pid, e.ns).output += e.text;
  }

  private life(pid: number, ns: number): Mutable<ProcessLife> {
    const known = this.lifeByPid.get(pid);
    if (known !== undefined) return known;
    const life = {
      index: this.processes.length,
      pid,
      ppid: undefined,
      name: '',
      startNs: ns,
      exit: undefined,
      output: '',
    };
    this.processes.push(life);
    this.lifeByPid.set(pid, life);
    return life;
  }
}

type RecoveryEvent = EventOf<
  'fault-detected' | 'core-removed' | 'recovery-start' | 'restart-step' | 'recovery-done' | 'recovery-failed'
>;
type OpenRecovery = Mutable<Omit<Recovery, 'steps'>> & { steps: EventOf<'restart-step'>[] };
type OpenFault = Mutable<Omit<FaultStory, 'recoveries' | 'recoveredAtNs' | 'recoveryNs'>>;

/** Tells which detection, removal, recovery and step belongs to which fault. */
class RecoveryBuilder {
  private readonly faults = new Map<number, OpenFault>();
  private readonly recoveries: OpenRecovery[] = [];

  fault(e: EventOf<'core-fault'>, running: Runner): void {
    this.faults.set(e.victim, {
      core: e.victim,
      model: e.model,
      atNs: e.ns,
      atInstruction: e.instruction,
      running,
      detectedAtNs: undefined,
      detectedBy: undefined,
      detectionLatencyNs: undefined,
      misses: undefined,
      removedAtNs: undefined,
    });
  }

  add(e: RecoveryEvent): void {
    switch (e.kind) {
      case 'fault-detected': {
        const fault = this.faults.get(e.victim);
        if (fault === undefined || fault.detectedAtNs !== undefined) return;
        fault.detectedAtNs = e.ns;
        fault.detectedBy = e.core;
        fault.detectionLatencyNs = e.latencyNs;
        fault.misses = e.misses;
        return;
      }
      case 'core-removed': {
        const fault = this.faults.get(e.victim);
        if (fault !== undefined) fault.removedAtNs ??= e.ns;
        return;
      }
      case 'recovery-start':
        this.open(e.victim, e.pid, e.file, e.ns);
        return;
      case 'restart-step':
        this.recoveryOfStep(e).steps.push(e);
        return;
      case 'recovery-done': {
        const recovery = this.recoveryOfEnd(e);
        recovery.outcome = 'done';
        recovery.endNs = e.ns;
        recovery.fromNs = e.fromNs;
        return;
      }
      case 'recovery-failed': {
        const recovery = this.recoveryOfEnd(e);
        recovery.outcome = 'failed';
        recovery.endNs = e.ns;
        recovery.why = e.why;
        return;
      }
    }
  }

  done(): { faults: FaultStory[]; recoveries: Recovery[] } {
    const faults = [...this.faults.values()].sort((a, b) => a.atNs - b.atNs || a.core - b.core);
    return { faults: faults.map((fault) => this.finish(fault)), recoveries: this.recoveries };
  }

  private finish(fault: OpenFault): FaultStory {
    const recoveries = this.recoveries.filter((r) => r.victim === fault.core);
    const allDone = recoveries.length > 0 && recoveries.every((r) => r.outcome === 'done');
    const recoveredAtNs = allDone ? Math.max(...recoveries.map((r) => r.endNs!)) : undefined;
    const { detectedAtNs } = fault;
    const recoveryNs =
      recoveredAtNs === undefined || detectedAtNs === undefined ? undefined : recoveredAtNs - detectedAtNs;
    return { ...fault, recoveries, recoveredAtNs, recoveryNs };
  }

  private open(victim: number | undefined, pid: number, file: string, startNs: number): OpenRecovery {
    const recovery: OpenRecovery = {
      victim,
      pid,
      file,
      startNs,
      steps: [],
      outcome: 'unfinished',
      endNs: undefined,
      fromNs: undefined,
      why: undefined,
    };
    this.recoveries.push(recovery);
    return recovery;
  }

  /** A restored process may have a pid of its own: then the step belongs to the recovery that was opened last. */
  private recoveryOfStep(e: EventOf<'restart-step'>): OpenRecovery {
    const isOpen = (r: OpenRecovery): boolean => r.outcome === 'unfinished';
    return (
      this.recoveries.findLast((r) => isOpen(r) && r.pid === e.pid) ??
      this.recoveries.findLast((r) => isOpen(r) && r.steps.some((step) => step.pid === e.pid)) ??
      this.recoveries.findLast((r) => isOpen(r) && r.victim !== undefined) ??
      this.open(undefined, e.pid, '', e.ns)
    );
  }

  private recoveryOfEnd(e: EventOf<'recovery-done' | 'recovery-failed'>): OpenRecovery {
    const ofVictim = (r: OpenRecovery): boolean => r.outcome === 'unfinished' && r.victim === e.victim;
    return (
      this.recoveries.findLast((r) => ofVictim(r) && r.pid === e.pid) ??
      this.recoveries.findLast((r) => ofVictim(r) && r.steps.some((step) => step.pid === e.pid)) ??
      this.recoveries.find(ofVictim) ??
      this.open(e.victim, e.pid, '', e.ns)
    );
  }
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
