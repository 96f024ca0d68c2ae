import { assert, InvariantError } from '../../emu/base/errors.ts';
import { silences } from '../../emu/faults/plan.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { RecoveryBuilder } from './recoveries.ts';
import {
  DEAD,
  type EventOf,
  IDLE,
  type Lane,
  MARK_KINDS,
  type Mark,
  type ProcessLife,
  type Runner,
  type RunShape,
  type Timeline,
} from './timeline.ts';

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
        if (!lane.dead) story.fault(e, people.runners[silences(e.model) ? lane.die(e.ns) : lane.running]!);
        break;
      }
      case 'core-back':
        lanes[e.victim]!.revive(e.ns);
        break;
      case 'core-removed': {
        const lane = lanes[e.victim];
        if (lane && !lane.dead) lane.die(e.ns);
        story.add(e);
        break;
      }
      case 'fault-detected':
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
  /** Who had the core when it went. */
  private interrupted = IDLE;

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
    this.interrupted = this.running;
    this.push(ns, DEAD);
    this.dead = true;
    return this.interrupted;
  }

  /** It goes on with what it had. */
  revive(ns: number): void {
    if (!this.dead) return;
    this.dead = false;
    this.push(ns, this.interrupted);
  }

  /** Who has the core now. */
  get running(): number {
    return this.runners[this.runners.length - 1] ?? IDLE;
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
