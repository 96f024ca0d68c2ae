/** A process of its own that measures checkpoints and restarts of guest processes of several sizes. Prints one line of JSON. */
import { readFileSync } from 'node:fs';
import type { Pid } from '../kernel-sim/abi/ids.ts';
import { takeCheckpoint } from '../kernel-sim/kern/checkpoint.ts';
import type { TraceEvent } from '../kernel-sim/kern/events.ts';
import { lastPoint } from '../kernel-sim/kern/rollback-point.ts';
import { removeFile } from '../kernel-sim/vfs/memfs.ts';
import { System, type SystemConfig } from '../src/system.ts';

export interface RecoveryRow {
  readonly program: string;
  readonly coreBytes: number;
  /** Checkpoint by the kernel: how long the process stands still, and what the host needs for it (median). */
  readonly checkpointVirtualMs: number;
  readonly checkpointHostMs: number;
  /** Checkpoint by the guest's gcore: how long it holds the process, and what the host needs to emulate gcore from start to end. */
  readonly gcoreVirtualMs: number;
  readonly gcoreHostMs: number;
  /** From the fault interrupt to the restored process. */
  readonly restartVirtualMs: number;
  readonly restartHostMs: number;
}

const PROGRAMS: readonly (readonly string[])[] = [
  ['count', '1000000', '5'],
  ['matrix', '128', '1000'],
  ['matrix', '512', '1000'],
  ['matrix', '1024', '1000'],
];
const CHECKPOINTS = 15;
const BIN = new URL('../guest/bin/', import.meta.url);
/** By now the largest of them has filled its memory. */
const FILLED_NS = 400_000_000;

function boot(args: readonly string[], config: SystemConfig): { system: System; pid: Pid } {
  const system = new System({ cores: 2, consoleIsTty: false, ...config });
  const name = args[0]!;
  for (const file of [name, 'gcore']) system.install({ path: `/bin/${file}`, bytes: readFileSync(new URL(file, BIN)) });
  return { system, pid: system.spawn({ path: `/bin/${name}`, args }) };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function checkpoints(args: readonly string[]) {
  const { system, pid } = boot(args, {});
  system.run({ untilNs: FILLED_NS });
  const hostMs = Array.from({ length: CHECKPOINTS }, () => {
    const start = performance.now();
    takeCheckpoint(system.kernel, pid);
    const elapsed = performance.now() - start;
    removeFile(system.kernel, lastPoint(system.kernel.proc(pid))?.file ?? '');
    return elapsed;
  });
  const event = system.events.findLast((e) => e.kind === 'checkpoint');
  if (event?.kind !== 'checkpoint') throw new Error('no checkpoint was taken');
  return { coreBytes: event.bytes, checkpointVirtualMs: event.pauseNs / 1e6, checkpointHostMs: median(hostMs) };
}

/** When two events happen, in virtual and in host milliseconds. */
function between(system: System, untilNs: number, from: (e: TraceEvent) => boolean, to: (e: TraceEvent) => boolean) {
  let start: { ns: number; host: number } | undefined;
  let end: { ns: number; host: number } | undefined;
  system.onEvent((event) => {
    if (!start && from(event)) start = { ns: event.ns, host: performance.now() };
    else if (start && !end && to(event)) end = { ns: event.ns, host: performance.now() };
  });
  while (!end && system.machine.nowNs < untilNs) system.run({ untilNs: system.machine.nowNs + 10_000_000 });
  if (!start || !end) return { virtualMs: Number.NaN, hostMs: Number.NaN };
  return { virtualMs: (end.ns - start.ns) / 1e6, hostMs: end.host - start.host };
}

function gcore(args: readonly string[]) {
  const { system, pid } = boot(args, {});
  system.run({ untilNs: FILLED_NS });
  const start = performance.now();
  const by = system.spawn({ path: '/bin/gcore', args: ['gcore', String(pid)] });
  const held = between(
    system,
    FILLED_NS + 10e9,
    (e) => e.kind === 'stop' && e.pid === pid,
    (e) => e.kind === 'continue' && e.pid === pid,
  );
  const ended = system.events.some((e) => e.kind === 'exit' && e.pid === by && e.code === 0);
  return {
    gcoreVirtualMs: ended ? held.virtualMs : Number.NaN,
    gcoreHostMs: ended ? performance.now() - start : Number.NaN,
  };
}

function restart(args: readonly string[]) {
  const { system } = boot(args, {
    checkpointEveryNs: FILLED_NS,
    faults: [{ model: 'fail-stop', trigger: { at: 'process', process: args[0]!, ns: 2 * FILLED_NS } }],
  });
  const took = between(
    system,
    5e9,
    (e) => e.kind === 'recovery-start',
    (e) => e.kind === 'recovery-done',
  );
  return { restartVirtualMs: took.virtualMs, restartHostMs: took.hostMs };
}

const rows: RecoveryRow[] = PROGRAMS.map((args) => ({
  program: args.slice(0, 2).join(' '),
  ...checkpoints(args),
  ...gcore(args),
  ...restart(args),
}));
console.log(JSON.stringify(rows));
