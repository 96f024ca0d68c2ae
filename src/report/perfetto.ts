import { signalName } from '../../kernel-sim/abi/signal.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { busyRatio, columnsOf } from './buckets.ts';
import { duration, microsecondsExact } from './format.ts';
import { type FaultStory, intervalsOf, type Lane, labelOf, pidLabel, type Timeline } from './timeline.ts';

export interface PerfettoOptions {
  /** One track per process and thread beside the tracks of the cores: doubles the size. Default true. */
  readonly processTracks?: boolean;
  /** Values of each core's busy counter; default 500. */
  readonly counterSamples?: number;
}

/** Our own processes and threads in the trace, out of the way of the guest's pids (up to 99,999) and thread ids. */
const CORES_PID = 900_000_000;
const RECOVERY_PID = 900_100_000;
const CHUNK_LENGTH = 1 << 16;

/**
 * The run in the Trace Event Format (JSON object form), which ui.perfetto.dev and chrome://tracing open. Times are microseconds with up to three decimals, so
 * nanoseconds stay exact. Yields pieces of about 64 KiB; together they are the document.
 */
export function* perfettoTrace(
  events: readonly TraceEvent[],
  timeline: Timeline,
  options: PerfettoOptions = {},
): Generator<string, void, undefined> {
  let chunk = '{"displayTimeUnit":"ns","traceEvents":[';
  let first = true;
  for (const record of records(events, timeline, options)) {
    chunk += first ? record : `,\n${record}`;
    first = false;
    if (chunk.length >= CHUNK_LENGTH) {
      yield chunk;
      chunk = '';
    }
  }
  yield `${chunk}]}\n`;
}

function* records(
  events: readonly TraceEvent[],
  timeline: Timeline,
  options: PerfettoOptions,
): Generator<string, void, undefined> {
  const processTracks = options.processTracks ?? true;
  yield* trackNames(timeline, processTracks);
  for (const lane of timeline.lanes) yield* laneSlices(timeline, lane, processTracks);
  for (const lane of timeline.lanes) yield* busyCounter(timeline, lane, options.counterSamples ?? 500);
  const mainTids = mainThreads(timeline);
  for (const e of events) {
    const record = instant(e, mainTids);
    if (record !== undefined) yield record;
  }
  for (const [index, fault] of timeline.faults.entries()) yield* faultSlices(timeline, fault, index + 1);
}

const coreTid = (core: number): number => CORES_PID + 1 + core;
const recoveryTid = (core: number): number => RECOVERY_PID + 1 + core;
const text = (s: string): string => JSON.stringify(s);
const us = microsecondsExact;

function* trackNames(timeline: Timeline, processTracks: boolean): Generator<string, void, undefined> {
  yield named('process_name', CORES_PID, 0, 'cores');
  yield sorted('process_sort_index', CORES_PID, 0, -2);
  for (const { core } of timeline.lanes) {
    yield named('thread_name', CORES_PID, coreTid(core), `core ${core}`);
    yield sorted('thread_sort_index', CORES_PID, coreTid(core), core);
  }
  if (timeline.faults.length > 0) {
    yield named('process_name', RECOVERY_PID, 0, 'faults and recovery');
    yield sorted('process_sort_index', RECOVERY_PID, 0, -1);
    for (const core of new Set(timeline.faults.map((fault) => fault.core)))
      yield named('thread_name', RECOVERY_PID, recoveryTid(core), `core ${core}`);
  }
  if (!processTracks) return;
  const namesOfPid = new Map(
    timeline.processes.map((life) => [life.pid, life.name === '' ? `pid ${life.pid}` : life.name]),
  );
  for (const [pid, name] of namesOfPid) yield named('process_name', pid, 0, name);
  const seen = new Set<number>();
  for (const { state, pid, tid, name } of timeline.runners) {
    if (state !== 'run' || seen.has(tid)) continue;
    seen.add(tid);
    yield named('thread_name', pid, tid, `${name} ${tid}`);
  }
}

const named = (what: string, pid: number, tid: number, name: string): string =>
  `{"ph":"M","name":"${what}","pid":${pid}${tid === 0 ? '' : `,"tid":${tid}`},"args":{"name":${text(name)}}}`;
const sorted = (what: string, pid: number, tid: number, index: number): string =>
  `{"ph":"M","name":"${what}","pid":${pid}${tid === 0 ? '' : `,"tid":${tid}`},"args":{"sort_index":${index}}}`;

function* laneSlices(timeline: Timeline, lane: Lane, processTracks: boolean): Generator<string, void, undefined> {
  const names = timeline.runners.map((runner) => text(labelOf(runner)));
  const indexOf = new Map(timeline.runners.map((runner, i) => [runner, i]));
  for (const { startNs, endNs, runner } of intervalsOf(timeline, lane)) {
    if (runner.state === 'idle') continue;
    const when = `"ts":${us(startNs)},"dur":${us(endNs - startNs)}`;
    if (runner.state === 'dead') {
      yield `{"ph":"X","cat":"dead","name":"dead","pid":${CORES_PID},"tid":${coreTid(lane.core)},${when}}`;
      continue;
    }
    const name = names[indexOf.get(runner)!];
    yield `{"ph":"X","cat":"run","name":${name},"pid":${CORES_PID},"tid":${coreTid(lane.core)},${when},"args":{"pid":${runner.pid},"tid":${runner.tid}}}`;
    if (processTracks) {
      yield `{"ph":"X","cat":"thread","name":"core ${lane.core}","pid":${runner.pid},"tid":${runner.tid},${when}}`;
    }
  }
}

function* busyCounter(timeline: Timeline, lane: Lane, samples: number): Generator<string, void, undefined> {
  let last = -1;
  for (const column of columnsOf(timeline, lane, { fromNs: 0, toNs: timeline.endNs }, samples)) {
    const busy = Math.round(busyRatio(column) * 100);
    if (busy === last) continue;
    last = busy;
    yield `{"ph":"C","name":"core ${lane.core} busy %","pid":${CORES_PID},"ts":${us(column.fromNs)},"args":{"busy":${busy}}}`;
  }
}

function mainThreads(timeline: Timeline): ReadonlyMap<number, number> {
  const tids = new Map<number, number>();
  for (const { state, pid, tid } of timeline.runners) if (state === 'run' && !tids.has(pid)) tids.set(pid, tid);
  return tids;
}

function instant(e: TraceEvent, mainTids: ReadonlyMap<number, number>): string | undefined {
  const onProcess = (pid: number, cat: string, name: string, args: string): string => {
    const tid = mainTids.get(pid);
    const track = tid === undefined ? `"s":"p","pid":${pid}` : `"s":"t","pid":${pid},"tid":${tid}`;
    return `{"ph":"i","cat":"${cat}",${track},"ts":${us(e.ns)},"name":${text(name)},"args":{${args}}}`;
  };
  switch (e.kind) {
    case 'core-fault':
      return `{"ph":"i","cat":"fault","s":"g","pid":${CORES_PID},"tid":${coreTid(e.victim)},"ts":${us(e.ns)},"name":"fault of core ${e.victim}","args":{"model":${text(e.model)},"effect":${text(e.effect)},"instruction":${e.instruction}}}`;
    case 'fault-detected':
      return `{"ph":"i","cat":"detection","s":"g","pid":${CORES_PID},"tid":${coreTid(Math.max(0, e.core))},"ts":${us(e.ns)},"name":"fault of core ${e.victim} detected","args":{"latency_us":${us(e.latencyNs)},"misses":${e.misses}}}`;
    case 'checkpoint':
      return onProcess(
        e.pid,
        'checkpoint',
        'checkpoint',
        `"file":${text(e.file)},"bytes":${e.bytes},"pause_us":${us(e.pauseNs)}`,
      );
    case 'exit':
      return onProcess(
        e.pid,
        'exit',
        e.signal === 0 ? `exit ${e.code}` : signalName(e.signal),
        `"code":${e.code},"signal":${e.signal}`,
      );
    case 'restart-step':
      return onProcess(e.pid, 'restart', e.step, `"detail":${text(e.detail)},"by":${e.by}`);
    case 'affinity':
      return onProcess(e.pid, 'affinity', 'affinity', `"cpus":${JSON.stringify(e.cpus)},"why":${text(e.why)}`);
    case 'output':
      return onProcess(e.pid, 'output', 'output', `"text":${text(e.text)}`);
    default:
      return undefined;
  }
}

/** A track of its own for each fault, and arrows from the dead core over detection to recovery. */
function* faultSlices(timeline: Timeline, fault: FaultStory, id: number): Generator<string, void, undefined> {
  const tid = recoveryTid(fault.core);
  const slice = (name: string, fromNs: number, toNs: number, args = ''): string =>
    `{"ph":"X","cat":"recovery","name":${text(name)},"pid":${RECOVERY_PID},"tid":${tid},"ts":${us(fromNs)},"dur":${us(Math.max(1, toNs - fromNs))},"args":{${args}}}`;
  const arrow = (ph: 's' | 't' | 'f', pid: number, thread: number, ns: number): string =>
    `{"ph":"${ph}","cat":"fault","name":"fault of core ${fault.core}","id":${id},"pid":${pid},"tid":${thread},"ts":${us(ns)}${ph === 'f' ? ',"bp":"e"' : ''}}`;

  const { detectedAtNs } = fault;
  const ends = fault.recoveries.map((r) => r.endNs ?? timeline.endNs);
  const reachesTrack = detectedAtNs !== undefined || fault.recoveries.length > 0;
  if (reachesTrack && fault.atNs < timeline.endNs) yield arrow('s', CORES_PID, coreTid(fault.core), fault.atNs);
  yield slice('undetected', fault.atNs, detectedAtNs ?? timeline.endNs, `"model":${text(fault.model)}`);
  if (detectedAtNs !== undefined) {
    const untilNs = Math.max(detectedAtNs + 1, ...ends);
    const latency = duration(fault.detectionLatencyNs ?? detectedAtNs - fault.atNs);
    yield slice('recovery', detectedAtNs, untilNs, `"latency":${text(latency)}`);
    yield arrow(fault.recoveries.length > 0 ? 't' : 'f', RECOVERY_PID, tid, detectedAtNs);
  }
  for (const [i, recovery] of fault.recoveries.entries()) {
    const label = `${pidLabel(timeline, recovery.pid)}: ${recovery.outcome}`;
    yield slice(label, recovery.startNs, ends[i]!, `"file":${text(recovery.file)},"why":${text(recovery.why ?? '')}`);
    if (i === fault.recoveries.length - 1) yield arrow('f', RECOVERY_PID, tid, recovery.startNs);
  }
}
