import { stopsForGood } from '../../emu/faults/plan.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { signalByName, signalName } from '../../kernel-sim/abi/signal.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { logicalOutputs } from '../recovery/logical-output.ts';
import type { ProcessResult, RunResult } from '../result.ts';
import type { Expectation } from './schema.ts';
import { parseDuration } from './units.ts';

export interface ExpectContext {
  readonly events: readonly TraceEvent[];
  readonly result: RunResult;
  readonly pids: ReadonlyMap<string, Pid>;
}

/** Null when it holds, otherwise what is the case instead, in one line. */
export function checkExpectation(expectation: Expectation, c: ExpectContext): string | null {
  if ('outcome' in expectation) {
    return expectation.outcome.includes(c.result.outcome)
      ? null
      : `outcome is ${c.result.outcome}, not ${expectation.outcome.join(' or ')}`;
  }
  if ('stop' in expectation) {
    const { reason } = c.result.stop;
    return reason === expectation.stop ? null : `the run stopped with ${reason}, not ${expectation.stop}`;
  }
  if ('detectedWithin' in expectation)
    return checkDetection(parseDuration(expectation.detectedWithin, 'detectedWithin'), c);
  if ('deadCoresIdle' in expectation) return checkDeadCores(c);
  if ('busyCores' in expectation) {
    const from = parseDuration(expectation.from, 'from');
    const to = parseDuration(expectation.to, 'to');
    const busy = busyCores(c.events, from, to);
    const wanted = [...expectation.busyCores].sort((a, b) => a - b);
    return busy.join() === wanted.join()
      ? null
      : `from ${expectation.from} to ${expectation.to} the cores ${list(busy)} were busy, not ${list(wanted)}`;
  }
  if ('logMatches' in expectation) {
    const pattern = new RegExp(expectation.logMatches);
    const found = c.events.some((event) => event.kind === 'log' && pattern.test(event.text));
    return found ? null : `no line of the kernel log matches /${expectation.logMatches}/`;
  }
  return checkProcess(expectation, c);
}

function checkProcess(e: Extract<Expectation, { process: string }>, c: ExpectContext): string | null {
  const pid = c.pids.get(e.process) ?? childNamed(e.process, c);
  const row = c.result.processes.findLast((candidate) => candidate.pid === pid);
  if (pid === undefined || !row) return `there was no process ${e.process}`;
  const logical = logicalOutputs(c.events).get(pid);
  const text = logical?.text ?? '';
  if ('exit' in e) return row.exit === e.exit ? null : `${e.process} ${ending(row)}, not with exit code ${e.exit}`;
  if ('signal' in e) {
    return row.signal !== undefined && row.signal === signalByName(e.signal)
      ? null
      : `${e.process} ${ending(row)}, not by SIG${e.signal}`;
  }
  if ('counts' in e) {
    const [first, last] = e.counts;
    const wanted = Array.from({ length: last - first + 1 }, (_, n) => `${first + n}\n`).join('');
    return text === wanted ? null : `${e.process} wrote ${brief(text)}, not the numbers ${first} to ${last}`;
  }
  if ('continues' in e) return checkContinues(e, text, c);
  if ('outputMatches' in e) {
    return new RegExp(e.outputMatches).test(text)
      ? null
      : `${e.process} wrote ${brief(text)}, which does not match /${e.outputMatches}/`;
  }
  if ('onlyOn' in e || 'neverOn' in e) {
    const from = e.from === undefined ? 0 : parseDuration(e.from, 'from');
    const used = coresOf(pid, from, c.events);
    const wrong =
      'onlyOn' in e ? used.filter((core) => !e.onlyOn.includes(core)) : used.filter((core) => e.neverOn.includes(core));
    if (used.length === 0) return `${e.process} never ran${e.from ? ` from ${e.from} on` : ''}`;
    return wrong.length === 0 ? null : `${e.process} ran on ${list(wrong)}`;
  }
  if ('recovered' in e) {
    const rollbacks = logical?.rollbacks ?? 0;
    return rollbacks >= e.recovered ? null : `${e.process} was recovered ${rollbacks} times, not ${e.recovered}`;
  }
  if (row.nice !== e.nice) return `${e.process} has nice ${row.nice}, not ${e.nice}`;
  if (e.affinity && e.affinity.join() !== row.affinity.join()) {
    return `${e.process} may run on ${list(row.affinity)}, not on ${list(e.affinity)}`;
  }
  return null;
}

/** `restart/count`: the process named count that the program started as restart has forked. */
function childNamed(name: string, c: ExpectContext): Pid | undefined {
  const [parent, child] = name.split('/');
  const parentPid = parent === undefined ? undefined : c.pids.get(parent);
  if (parentPid === undefined || child === undefined) return undefined;
  return c.result.processes.findLast((row) => row.ppid === parentPid && row.name === child)?.pid as Pid | undefined;
}

function checkContinues(
  e: { process: string; continues: string; atMost: number },
  text: string,
  c: ExpectContext,
): string | null {
  const beforePid = c.pids.get(e.continues);
  const before = (beforePid === undefined ? undefined : logicalOutputs(c.events).get(beforePid)?.text) ?? '';
  const last = Number(before.trimEnd().split('\n').at(-1));
  const first = Number(text.split('\n')[0]);
  const repeated = last + 1 - first;
  if (text === '' || Number.isNaN(first)) return `${e.process} wrote nothing that goes on`;
  if (repeated >= 0 && repeated <= e.atMost) return null;
  return `${e.process} begins at ${first}, while ${e.continues} had come to ${last}`;
}

function checkDetection(withinNs: number, c: ExpectContext): string | null {
  for (const fault of c.result.faults) {
    if (fault.detectedAtNs === undefined) return `the fault of core ${fault.core} was never noticed`;
    const latency = fault.detectedAtNs - fault.atNs;
    if (latency > withinNs) return `the fault of core ${fault.core} was noticed after ${latency} ns`;
  }
  return c.result.faults.length > 0 ? null : 'no core has failed';
}

function checkDeadCores(c: ExpectContext): string | null {
  const dead = new Map<number, number>();
  for (const event of c.events) {
    if (event.kind === 'core-fault' && stopsForGood(event.model)) dead.set(event.victim, event.ns);
    if (event.kind === 'switch' && event.pid !== 0) {
      const since = dead.get(event.core);
      if (since !== undefined && event.ns > since)
        return `core ${event.core}, dead since ${since} ns, was given pid ${event.pid} at ${event.ns} ns`;
    }
  }
  return dead.size > 0 ? null : 'no core has failed';
}

/** Cores on which a process ran at or after `from`. */
function coresOf(pid: Pid, from: number, events: readonly TraceEvent[]): number[] {
  const cores = new Set<number>();
  const running = new Map<number, number>();
  for (const event of events) {
    if (event.ns >= from) for (const [core, who] of running) if (who === pid) cores.add(core);
    if (event.kind === 'switch') running.set(event.core, event.pid);
    else if (event.kind === 'core-removed') running.delete(event.victim);
  }
  return [...cores].sort((a, b) => a - b);
}

function busyCores(events: readonly TraceEvent[], from: number, to: number): number[] {
  const cores = new Set<number>();
  const running = new Map<number, number>();
  for (const event of events) {
    if (event.ns >= from && event.ns < to) for (const [core, who] of running) if (who !== 0) cores.add(core);
    if (event.ns >= to) break;
    if (event.kind === 'switch') running.set(event.core, event.pid);
    else if (event.kind === 'core-removed') running.delete(event.victim);
  }
  return [...cores].sort((a, b) => a - b);
}

const list = (cores: readonly number[]): string => (cores.length === 0 ? 'none' : cores.join(', '));
const brief = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 28)}...${text.slice(-28)}` : text);

function ending(row: ProcessResult): string {
  if (row.exit !== undefined) return `ended with exit code ${row.exit}`;
  return row.signal === undefined ? 'did not end' : `was ended by ${signalName(row.signal)}`;
}
