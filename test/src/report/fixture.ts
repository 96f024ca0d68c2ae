import fc from 'fast-check';
import { cpuId } from '../../../emu/base/brand.ts';
import { Prng } from '../../../emu/base/prng.ts';
import { pid, signo, tid } from '../../../kernel-sim/abi/ids.ts';
import type { TraceEvent } from '../../../kernel-sim/kern/events.ts';
import type { RunShape } from '../../../src/report/timeline.ts';

export interface Run {
  readonly events: readonly TraceEvent[];
  readonly shape: RunShape;
}

const MS = 1_000_000;
const S = 1_000_000_000;

/** Every event with place and time in one line: `at(12 * S, 2)`. The clock is 100 MHz and no core ever waits. */
const at = (ns: number, core: number): { ns: number; core: number; instruction: number } => ({
  ns,
  core,
  instruction: Math.floor(ns / 10),
});

/**
 * The paper's experiment by hand: four cores, `count` is checkpointed every 5 s and runs on core 2 when that core stops at 12 s; 11 ms later the generator
 * notices, and 33 ms after that `count` runs again on core 1 from its checkpoint of 10 s. At 20 s a cpuset command confines `shell` and `spin` to core 0.
 */
export function handMadeRun(names: { count?: string; output?: string } = {}): Run {
  const count = names.count ?? 'count';
  const output = names.output ?? '41\n';
  const run = (ns: number, core: number, p: number, name: string): TraceEvent => ({
    ...at(ns, core),
    kind: 'switch',
    pid: pid(p),
    tid: tid(p === 0 ? 0 : 100000 + p),
    name,
  });
  const checkpoint = (ns: number, n: number): TraceEvent => ({
    ...at(ns, 2),
    kind: 'checkpoint',
    pid: pid(12),
    file: `/ckpt/core.12.${n}`,
    bytes: 1_234_000 + n,
    pauseNs: 3_100_000,
  });
  const step = (ns: number, name: string, detail: string): TraceEvent => ({
    ...at(ns, 0),
    kind: 'restart-step',
    pid: pid(12),
    by: pid(20),
    step: name,
    detail,
  });
  const events: TraceEvent[] = [
    { ns: 0, core: -1, instruction: 0, kind: 'boot', cores: 4, cycleNs: 10, seed: 7 },
    { ...at(0, 0), kind: 'exec', pid: pid(1), path: '/sbin/init', args: ['init'] },
    run(0, 0, 1, 'init'),
    { ...at(2 * MS, 0), kind: 'fork', pid: pid(1), child: pid(10), how: 'fork' },
    { ...at(3 * MS, 0), kind: 'exec', pid: pid(10), path: '/bin/shell', args: ['shell'] },
    run(4 * MS, 0, 10, 'shell'),
    { ...at(5 * MS, 0), kind: 'fork', pid: pid(10), child: pid(11), how: 'fork' },
    { ...at(6 * MS, 0), kind: 'fork', pid: pid(10), child: pid(12), how: 'vfork' },
    { ...at(7 * MS, 1), kind: 'exec', pid: pid(11), path: '/bin/spin', args: ['spin'] },
    run(7 * MS, 1, 11, 'spin'),
    { ...at(8 * MS, 2), kind: 'exec', pid: pid(12), path: `/bin/${count}`, args: [count, '99'] },
    run(8 * MS, 2, 12, count),
    { ...at(2 * S, 0), kind: 'stop', pid: pid(10), signo: signo(17), traced: false },
    run(2 * S, 0, 0, 'idle'),
    { ...at(3 * S, 0), kind: 'continue', pid: pid(10) },
    { ...at(3 * S, 0), kind: 'priority', pid: pid(10), tid: tid(100010), nice: -3, priority: 117 },
    run(3 * S, 0, 10, 'shell'),
    { ...at(4 * S, 2), kind: 'output', pid: pid(12), text: '40\n' },
    checkpoint(5 * S, 1),
    run(6 * S, 0, 0, 'idle'),
    { ...at(7 * S, 3), kind: 'migrate', pid: pid(10), tid: tid(100010), from: 0, to: 3, why: 'balance' },
    run(7 * S, 3, 10, 'shell'),
    checkpoint(10 * S, 2),
    { ...at(11 * S, 2), kind: 'output', pid: pid(12), text: output },
    {
      ...at(12 * S, 2),
      kind: 'core-fault',
      victim: cpuId(2),
      model: 'fail-stop',
      fault: 0,
      effect: 'the core stops for good',
    },
    {
      ...at(12 * S + 11 * MS, 0),
      kind: 'fault-detected',
      victim: cpuId(2),
      by: 'heartbeat',
      latencyNs: 11 * MS,
      latencyInstructions: 0,
      misses: 3,
    },
    { ...at(12 * S + 11 * MS, 0), kind: 'log', text: 'cpu2: no answer, removed' },
    { ...at(12 * S + 11 * MS + 500, 0), kind: 'core-removed', victim: cpuId(2), cpusLeft: [0, 1, 3], replacedBy: -1 },
    { ...at(12 * S + 12 * MS, 0), kind: 'recovery-start', pid: pid(12), victim: cpuId(2), file: '/ckpt/core.12.2' },
    run(12 * S + 13 * MS, 0, 20, 'restart'),
    step(12 * S + 14 * MS, 'open', 'executable and core file, ELF headers read'),
    step(12 * S + 18 * MS, 'fork', 'the child asks to be traced and executes the program'),
    step(12 * S + 24 * MS, 'breakpoint', 'INT3 at the entry point 0x8048074'),
    step(12 * S + 30 * MS, 'memory', '12 LOAD segments, 1.2 MB'),
    step(12 * S + 41 * MS, 'registers', 'from NT_PRSTATUS'),
    step(12 * S + 43 * MS, 'detach', ''),
    {
      ...at(12 * S + 44 * MS, 0),
      kind: 'recovery-done',
      pid: pid(12),
      victim: cpuId(2),
      fromNs: 10 * S,
      body: pid(14),
    },
    run(12 * S + 44 * MS, 0, 0, 'idle'),
    run(12 * S + 44 * MS, 1, 12, count),
    { ...at(13 * S, 1), kind: 'output', pid: pid(12), text: output },
    run(15 * S, 1, 11, 'spin'),
    run(15 * S, 0, 12, count),
    { ...at(20 * S, 3), kind: 'affinity', pid: pid(10), tid: tid(100010), cpus: [0], why: 'cpuset' },
    { ...at(20 * S, 3), kind: 'affinity', pid: pid(11), tid: tid(100011), cpus: [0], why: 'cpuset' },
    run(20 * S, 3, 0, 'idle'),
    run(20 * S, 1, 0, 'idle'),
    run(20 * S, 0, 10, 'shell'),
    run(22 * S, 0, 11, 'spin'),
    {
      ...at(24 * S, 0),
      kind: 'exit',
      pid: pid(10),
      name: 'shell',
      code: 0,
      signal: 0,
      nice: 0,
      priority: 120,
      cpus: [0, 1, 2, 3],
    },
    run(25 * S, 0, 12, count),
    { ...at(28 * S, 0), kind: 'signal', pid: pid(12), signo: signo(2), sender: -1 },
    {
      ...at(28 * S, 0),
      kind: 'exit',
      pid: pid(12),
      name: count,
      code: 0,
      signal: 2,
      nice: 0,
      priority: 120,
      cpus: [0, 1, 2, 3],
    },
    run(28 * S, 0, 0, 'idle'),
  ];
  return { events, shape: { cores: 4, cycleNs: 10, endNs: 30 * S } };
}

/** A second fault whose recovery fails, so that each kind of event occurs. */
export const failedRecovery: readonly TraceEvent[] = [
  { ...at(28 * S, 0), kind: 'core-back', victim: cpuId(0) },
  {
    ...at(29 * S, 1),
    kind: 'core-fault',
    victim: cpuId(1),
    model: 'fail-stop',
    fault: 0,
    effect: 'the core stops for good',
  },
  {
    ...at(29 * S + 11 * MS, 0),
    kind: 'fault-detected',
    victim: cpuId(1),
    by: 'heartbeat',
    latencyNs: 11 * MS,
    latencyInstructions: 0,
    misses: 3,
  },
  { ...at(29 * S + 12 * MS, 0), kind: 'recovery-start', pid: pid(11), victim: cpuId(1), file: '' },
  {
    ...at(29 * S + 12 * MS, 0),
    kind: 'recovery-failed',
    pid: pid(11),
    victim: cpuId(1),
    why: 'no checkpoint of pid 11',
  },
  { ...at(29 * S + 13 * MS, 0), kind: 'roll-forward', pid: pid(11), victim: cpuId(1), what: 'page 0x8060000' },
  { ...at(29 * S + 14 * MS, 0), kind: 'discard', pid: pid(13), parent: pid(11) },
];

/** A thread is born and ends. */
export const threadEvents: readonly TraceEvent[] = [
  { ...at(30 * S, 0), kind: 'thread-new', pid: pid(10), tid: tid(100030) },
  { ...at(31 * S, 2), kind: 'thread-exit', pid: pid(10), tid: tid(100030) },
];

/** What the console shows of what is typed there. */
export const echoed: TraceEvent = { ...at(32 * S, 0), kind: 'echo', text: 'ls\n' };

export interface BusyOptions {
  readonly seed: number;
  readonly cores: number;
  readonly processes: number;
  readonly switches: number;
  readonly faults?: number;
}

/** A long run as a scheduler would make it: slices of about 10 ms, some idling, checkpoints, faults with recovery on another core. */
export function busyRun({ seed, cores, processes, switches, faults = 1 }: BusyOptions): Run {
  const prng = Prng.seeded(seed);
  const events: TraceEvent[] = [{ ns: 0, core: -1, instruction: 0, kind: 'boot', cores, cycleNs: 10, seed }];
  const names = ['count', 'sort', 'sha256', 'matrix', 'fib', 'shell', 'sieve'];
  const nameOf = (p: number): string => names[p % names.length]!;
  for (let p = 10; p < 10 + processes; p++) {
    events.push({ ...at(p, 0), kind: 'fork', pid: pid(1), child: pid(p), how: 'fork' });
    events.push({ ...at(p, 0), kind: 'exec', pid: pid(p), path: `/bin/${nameOf(p)}`, args: [nameOf(p), '5'] });
  }
  const clock = new Array<number>(cores).fill(1000);
  const dead = new Set<number>();
  const faultAt = Array.from({ length: Math.min(faults, cores - 1) }, (_, i) =>
    Math.floor((switches * (i + 1)) / (faults + 1.5)),
  );
  for (let i = 0, core = 0; i < switches; i++, core = (core + 1) % cores) {
    if (dead.has(core)) continue;
    const ns = clock[core]!;
    const idle = prng.below(10) < core % 4;
    const p = idle ? 0 : 10 + ((prng.below(Math.max(1, Math.ceil(processes / cores))) * cores + core) % processes);
    events.push({
      ...at(ns, core),
      kind: 'switch',
      pid: pid(p),
      tid: tid(idle ? 0 : 100000 + p),
      name: idle ? 'idle' : nameOf(p),
    });
    if (i % 5003 === 5002) {
      events.push({
        ...at(ns, core),
        kind: 'checkpoint',
        pid: pid(10),
        file: `/ckpt/core.10.${i}`,
        bytes: 400_000 + prng.below(1000),
        pauseNs: 2 * MS,
      });
    }
    if (!idle && prng.below(50) === 0) events.push({ ...at(ns, core), kind: 'output', pid: pid(p), text: `${i}\n` });
    if (faultAt.includes(i) && dead.size + 1 < cores) {
      const healthy = clock.findIndex((_, c) => c !== core && !dead.has(c));
      const lost = pid(p === 0 ? 10 : p);
      const t = ns + 3 * MS;
      dead.add(core);
      events.push(
        {
          ...at(t, core),
          kind: 'core-fault',
          victim: cpuId(core),
          model: 'fail-stop',
          fault: 0,
          effect: 'the core stops for good',
        },
        {
          ...at(t + 11 * MS, healthy),
          kind: 'fault-detected',
          victim: cpuId(core),
          by: 'heartbeat',
          latencyNs: 11 * MS,
          latencyInstructions: 0,
          misses: 3,
        },
        {
          ...at(t + 11 * MS, healthy),
          kind: 'core-removed',
          victim: cpuId(core),
          cpusLeft: clock.map((_, c) => c).filter((c) => !dead.has(c)),
          replacedBy: -1,
        },
        { ...at(t + 12 * MS, healthy), kind: 'recovery-start', pid: lost, victim: cpuId(core), file: '/ckpt/core.10' },
        {
          ...at(t + 20 * MS, healthy),
          kind: 'restart-step',
          pid: lost,
          by: pid(9),
          step: 'memory',
          detail: 'restored',
        },
        {
          ...at(t + 31 * MS, healthy),
          kind: 'recovery-done',
          pid: lost,
          victim: cpuId(core),
          fromNs: Math.max(0, t - 500 * MS),
          body: pid(99),
        },
      );
    }
    clock[core] = ns + prng.between(2, 18) * MS;
  }
  const endNs = Math.max(...clock) + MS;
  return { events, shape: { cores, cycleNs: 10, endNs } };
}

/** Plausible runs, small: what the properties are checked against. Events of different cores are not in order of time, as in a real run. */
export const anyRun: fc.Arbitrary<Run> = fc
  .record({
    seed: fc.nat(0xffff),
    cores: fc.integer({ min: 1, max: 8 }),
    processes: fc.integer({ min: 1, max: 20 }),
    switches: fc.integer({ min: 0, max: 300 }),
    faults: fc.integer({ min: 0, max: 3 }),
    cutNs: fc.nat(1000 * MS),
  })
  .map(({ cutNs, ...options }) => {
    const run = busyRun(options);
    // Some runs end before their events do: a run is cut at any tick.
    return { events: run.events, shape: { ...run.shape, endNs: Math.max(1, run.shape.endNs - cutNs) } };
  });
