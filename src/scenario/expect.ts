import { stopsForGood } from '../../emu/faults/plan.ts';
import { errnoName } from '../../kernel-sim/abi/errno.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { signalByName, signalName } from '../../kernel-sim/abi/signal.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { DetectedBy } from '../../kernel-sim/kern/fault-report.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { logicalOutputs } from '../recovery/logical-output.ts';
import type { ProcessResult, RunResult } from '../result.ts';
import type { System } from '../system.ts';
import type { Sight } from './look.ts';
import type { Expectation } from './schema.ts';
import { parseDuration } from './units.ts';

export interface ExpectContext {
  readonly system: System;
  readonly result: RunResult;
  readonly pids: ReadonlyMap<string, Pid>;
  /** Breaches of what a recovery owes. */
  readonly violations: readonly string[];
  /** What was seen in the machine, by the number of the expectation that wanted to know. */
  readonly sights: ReadonlyMap<number, Sight>;
}

/** Null when it holds, otherwise what is the case instead, in one line. `n`: its number in the scenario. */
export function checkExpectation(expectation: Expectation, n: number, c: ExpectContext): string | null {
  const { events } = c.result;
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
  if ('detectedWithinInstructions' in expectation) return checkWork(expectation.detectedWithinInstructions, c);
  if ('detectedBy' in expectation) return checkDetectors(expectation.detectedBy, c);
  if ('recoveredWithin' in expectation)
    return checkRecovery(parseDuration(expectation.recoveredWithin, 'recoveredWithin'), c);
  if ('rollbacks' in expectation) return checkRollbacks(expectation.rollbacks, c);
  if ('contractHolds' in expectation) return c.violations[0] ?? null;
  if ('deadCoresIdle' in expectation) return checkDeadCores(c);
  if ('busyCores' in expectation) {
    const from = parseDuration(expectation.from, 'from');
    const to = parseDuration(expectation.to, 'to');
    const busy = busyCores(events, from, to);
    const wanted = [...expectation.busyCores].sort((a, b) => a - b);
    return busy.join() === wanted.join()
      ? null
      : `from ${expectation.from} to ${expectation.to} the cores ${list(busy)} were busy, not ${list(wanted)}`;
  }
  if ('logMatches' in expectation) {
    const pattern = new RegExp(expectation.logMatches);
    const found = events.some((event) => event.kind === 'log' && pattern.test(event.text));
    return found ? null : `no line of the kernel log matches /${expectation.logMatches}/`;
  }
  if ('file' in expectation) return checkFile(expectation, c);
  if ('memory' in expectation) return checkSight(expectation.memory, n, c);
  if ('registers' in expectation) return checkSight(expectation.registers, n, c);
  return checkProcess(expectation, c);
}

function checkFile(e: Extract<Expectation, { file: string }>, { system }: ExpectContext): string | null {
  const bytes = readFile(system.kernel, e.file);
  if ('exists' in e) {
    const exists = typeof bytes !== 'number';
    return exists === e.exists ? null : `there is ${exists ? 'a' : 'no'} file ${e.file}`;
  }
  if (typeof bytes === 'number') return `${e.file} cannot be read: ${errnoName(bytes)}`;
  const text = latin1(bytes);
  if ('text' in e) return text === e.text ? null : `${e.file} holds ${brief(text)}, not ${brief(e.text)}`;
  return new RegExp(e.matches).test(text)
    ? null
    : `${e.file} holds ${brief(text)}, which does not match /${e.matches}/`;
}

/** A character is a byte, as in outputs. */
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

function checkSight(wanted: Readonly<Record<string, number>>, n: number, c: ExpectContext): string | null {
  const seen = c.sights.get(n);
  if (!seen) return 'the run was over before';
  for (const [place, word] of Object.entries(wanted)) {
    const value = seen[place] ?? 'nothing: there is no such process';
    if (typeof value === 'string' || (value | 0) !== (word | 0)) return `${place} holds ${value}, not ${word}`;
  }
  return null;
}

function checkRollbacks(
  wanted: number | { min?: number | undefined; max?: number | undefined },
  c: ExpectContext,
): string | null {
  const count = c.result.events.filter((event) => event.kind === 'recovery-done').length;
  const { min, max } = typeof wanted === 'number' ? { min: wanted, max: wanted } : wanted;
  if (count >= (min ?? 0) && count <= (max ?? count)) return null;
  const range = min === max ? `${min}` : `${min ?? 0} to ${max ?? 'any number'}`;
  return `there were ${count} recoveries, not ${range}`;
}

function checkProcess(
  e: Exclude<Extract<Expectation, { process: string }>, { memory: unknown } | { registers: unknown }>,
  c: ExpectContext,
): string | null {
  const pid = c.pids.get(e.process) ?? childNamed(e.process, c);
  const row = c.result.processes.findLast((candidate) => candidate.pid === pid);
  if (pid === undefined || !row) return `there was no process ${e.process}`;
  const logical = logicalOutputs(c.result.events).get(pid);
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
  if ('output' in e) return text === e.output ? null : `${e.process} wrote ${brief(text)}, not ${brief(e.output)}`;
  if ('outputMatches' in e) {
    return new RegExp(e.outputMatches).test(text)
      ? null
      : `${e.process} wrote ${brief(text)}, which does not match /${e.outputMatches}/`;
  }
  if ('onlyOn' in e || 'neverOn' in e) {
    const from = e.from === undefined ? 0 : parseDuration(e.from, 'from');
    const used = coresUsed(pid, from, c.result.events);
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

/** The process of a program by its name in the script, as long as there is one: for a look into the running machine. */
export function pidOfProgram(name: string, pids: ReadonlyMap<string, Pid>, { kernel }: System): Pid | undefined {
  const [parent, child] = name.split('/');
  const pid = pids.get(parent!);
  if (pid === undefined || child === undefined) return pid;
  return [...kernel.state.procs.values()].findLast((p) => (p.realParent || p.ppid) === pid && p.comm === child)?.pid;
}

function checkContinues(
  e: { process: string; continues: string; atMost: number },
  text: string,
  c: ExpectContext,
): string | null {
  const beforePid = c.pids.get(e.continues);
  const before = (beforePid === undefined ? undefined : logicalOutputs(c.result.events).get(beforePid)?.text) ?? '';
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

/** What a core did from its fault on until that was noticed. */
function checkWork(instructionsMax: number, c: ExpectContext): string | null {
  const missed = checkDetection(Number.POSITIVE_INFINITY, c);
  if (missed !== null) return missed;
  const late = detections(c).find(({ latencyInstructions }) => latencyInstructions > instructionsMax);
  return late ? `the fault of core ${late.victim} was noticed after ${late.latencyInstructions} instructions` : null;
}

function checkDetectors(detectors: readonly DetectedBy[], c: ExpectContext): string | null {
  const found = detections(c);
  const other = found.find(({ by }) => !detectors.includes(by));
  if (other) return `the fault of core ${other.victim} was noticed by ${other.by}, not by ${detectors.join(' or ')}`;
  return found.length > 0 ? null : 'nothing was noticed';
}

const detections = ({ result }: ExpectContext): Extract<TraceEvent, { kind: 'fault-detected' }>[] =>
  result.events.filter((event) => event.kind === 'fault-detected');

/** From the fault to the moment at which the last of the processes that were lost with the core ran again. */
function checkRecovery(withinNs: number, c: ExpectContext): string | null {
  const lost = c.result.events.filter((event) => event.kind === 'recovery-start');
  if (lost.length === 0) return 'no process was lost with a core';
  for (const fault of c.result.faults) {
    if (!lost.some((event) => event.victim === fault.core)) continue;
    if (fault.recoveredAtNs === undefined) return `what was lost with core ${fault.core} did not come back`;
    const latency = fault.recoveredAtNs - fault.atNs;
    if (latency > withinNs) return `what was lost with core ${fault.core} ran again after ${latency} ns`;
  }
  return null;
}

function checkDeadCores(c: ExpectContext): string | null {
  const dead = new Map<number, number>();
  for (const event of c.result.events) {
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
export function coresUsed(pid: Pid, from: number, events: readonly TraceEvent[]): number[] {
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
