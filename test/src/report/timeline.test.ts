import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuId } from '../../../emu/base/brand.ts';
import { pid, tid } from '../../../kernel-sim/abi/ids.ts';
import type { TraceEvent } from '../../../kernel-sim/kern/events.ts';
import { columnsOf, cpuNsByProcess } from '../../../src/report/buckets.ts';
import { buildTimeline, shapeOf } from '../../../src/report/build-timeline.ts';
import { cpuHistory } from '../../../src/report/cpu-history.ts';
import { faultWindow, intervalsOf } from '../../../src/report/timeline.ts';
import { anyRun, busyRun, failedRecovery, handMadeRun } from './fixture.ts';

const SEED = 20120101;
const S = 1_000_000_000;
const { events, shape } = handMadeRun();
const timeline = buildTimeline(events, shape);

const who = (core: number): [number, number, string][] =>
  [...intervalsOf(timeline, timeline.lanes[core]!)].map(({ startNs, endNs, runner }) => [
    startNs / S,
    endNs / S,
    runner.name,
  ]);

describe('the lanes of a run', () => {
  it('say who had the core, when it was idle, and when it was dead', () => {
    expect(who(1)).toEqual([
      [0, 0.007, 'idle'],
      [0.007, 12.044, 'spin'],
      [12.044, 15, 'count'],
      [15, 20, 'spin'],
      [20, 30, 'idle'],
    ]);
    expect(who(2)).toEqual([
      [0, 0.008, 'idle'],
      [0.008, 12, 'count'],
      [12, 30, 'dead'],
    ]);
  });

  it('cover the run without a gap and without an overlap', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const t = buildTimeline(run.events, run.shape);
        expect(t.lanes).toHaveLength(run.shape.cores);
        for (const lane of t.lanes) {
          let at = 0;
          let before = '';
          for (const { startNs, endNs, runner } of intervalsOf(t, lane)) {
            expect(startNs).toBe(at);
            expect(endNs).toBeGreaterThan(startNs);
            const key = `${runner.state} ${runner.process} ${runner.tid}`;
            expect(key).not.toBe(before);
            before = key;
            at = endNs;
          }
          expect(at).toBe(t.endNs);
        }
      }),
      { seed: SEED },
    );
  });

  it('stay dead from the fault on, whatever is reported later', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const t = buildTimeline(run.events, run.shape);
        for (const fault of t.faults) {
          if (fault.atNs >= t.endNs) continue;
          const last = [...intervalsOf(t, t.lanes[fault.core]!)].at(-1)!;
          expect(last.runner.state).toBe('dead');
          expect(last.startNs).toBe(fault.atNs);
        }
      }),
      { seed: SEED },
    );
  });

  it('forget what a core reported for a time after its fault', () => {
    const at = (ns: number): { ns: number; core: number; instruction: number } => ({ ns, core: 0, instruction: ns });
    const ahead: TraceEvent[] = [
      { ...at(0), kind: 'switch', pid: pid(5), tid: tid(100005), name: 'a' },
      { ...at(80), kind: 'switch', pid: pid(6), tid: tid(100006), name: 'b' },
      {
        ...at(50),
        kind: 'core-fault',
        victim: cpuId(0),
        model: 'fail-stop',
        fault: 0,
        effect: 'the core stops for good',
      },
      { ...at(90), kind: 'switch', pid: pid(6), tid: tid(100006), name: 'b' },
    ];
    const t = buildTimeline(ahead, { cores: 1, cycleNs: 1, endNs: 100 });
    const names = [...intervalsOf(t, t.lanes[0]!)].map((i) => [i.startNs, i.endNs, i.runner.name]);
    expect(names).toEqual([
      [0, 50, 'a'],
      [50, 100, 'dead'],
    ]);
    expect(t.faults[0]!.running.name).toBe('a');
  });

  it('cut into columns keep every nanosecond', () => {
    fc.assert(
      fc.property(
        anyRun,
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (run, count, part) => {
          const t = buildTimeline(run.events, run.shape);
          const window = { fromNs: Math.floor(t.endNs * part * 0.5), toNs: t.endNs };
          for (const lane of t.lanes) {
            const columns = columnsOf(t, lane, window, count);
            expect(columns).toHaveLength(count);
            for (const c of columns) {
              const busy = c.shares.reduce((sum, share) => sum + share.ns, 0);
              expect(busy + c.idleNs + c.deadNs).toBe(c.toNs - c.fromNs);
            }
            const total = columns.reduce((sum, c) => sum + c.idleNs, 0);
            expect(total).toBe(columnsOf(t, lane, window, 1)[0]!.idleNs);
          }
        },
      ),
      { seed: SEED },
    );
  });
});

describe('the faults of a run', () => {
  it('carry detection latency, removal, recovery and its steps', () => {
    const [fault] = timeline.faults;
    expect(fault).toMatchObject({
      core: 2,
      model: 'fail-stop',
      atNs: 12 * S,
      atInstruction: 1_200_000_000,
      running: { pid: 12, name: 'count' },
      detectedAtNs: 12_011_000_000,
      detectedBy: 0,
      detectionLatencyNs: 11_000_000,
      removedAtNs: 12_011_000_500,
      recoveredAtNs: 12_044_000_000,
      recoveryNs: 33_000_000,
    });
    expect(fault!.recoveries[0]!.steps.map((step) => step.step)).toEqual([
      'open',
      'fork',
      'breakpoint',
      'memory',
      'registers',
      'detach',
    ]);
    expect(faultWindow(timeline, fault!)).toEqual({ fromNs: 11_986_800_000, toNs: 12_057_200_000 });
  });

  it('tell a failed recovery from a finished one', () => {
    const t = buildTimeline([...events, ...failedRecovery], shape);
    expect(t.faults.map((f) => f.recoveries.map((r) => r.outcome))).toEqual([['done'], ['failed']]);
    expect(t.faults[1]!.recoveredAtNs).toBeUndefined();
    expect(t.faults[1]!.recoveries[0]!.why).toBe('no checkpoint of pid 11');
  });

  it('count restart steps without a fault as a restart by hand', () => {
    const steps = events.filter((e) => e.kind === 'restart-step');
    const t = buildTimeline(steps, shape);
    expect(t.recoveries).toHaveLength(1);
    expect(t.recoveries[0]).toMatchObject({ victim: undefined, pid: 12, outcome: 'unfinished' });
    expect(t.recoveries[0]!.steps).toHaveLength(6);
  });

  it('keep the marks in order of time even when cores ran ahead of each other', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const times = buildTimeline(run.events, run.shape).marks.map((mark) => mark.ns);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      { seed: SEED },
    );
  });
});

describe('the lives of a pid', () => {
  it('are two when a fork hands the pid out again', () => {
    const again: TraceEvent = {
      ns: 26 * S,
      core: 0,
      instruction: 0,
      kind: 'fork',
      pid: pid(1),
      child: pid(10),
      how: 'fork',
    };
    const t = buildTimeline([...events, again], shape);
    expect(t.processes.filter((life) => life.pid === 10).map((life) => life.exit?.code)).toEqual([0, undefined]);
  });
});

describe('the CPU history', () => {
  it('compares the load before and after a change of affinity', () => {
    const { cores, changes } = cpuHistory(timeline, 30);
    expect(cores[2]).toMatchObject({ core: 2, deadFromNs: 12 * S });
    expect(cores[2]!.busy[11]).toBe(1);
    expect(cores[2]!.busy[12]).toBe(0);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ ns: 20 * S, cpus: [0], why: 'cpuset', pids: [10, 11] });
    expect(changes[0]!.before[3]).toBeCloseTo(0.65);
    expect(changes[0]!.after).toEqual([0.8, 0, 0, 0]);
  });

  it('sees only its window', () => {
    const { changes, cores } = cpuHistory(timeline, 10, { fromNs: 21 * S, toNs: 24 * S });
    expect(changes).toEqual([]);
    expect(cores[0]!.busy).toEqual(new Array(10).fill(1));
  });
});

it('guesses the shape of a run from its events', () => {
  expect(shapeOf(events)).toEqual({ cores: 4, cycleNs: 10, endNs: 28 * S });
});

it('stands a run without events and without time', () => {
  const t = buildTimeline([], { cores: 2, cycleNs: 10, endNs: 0 });
  expect(t.lanes.map((lane) => lane.startNs.length)).toEqual([0, 0]);
  expect(cpuNsByProcess(t)).toHaveLength(0);
});

it('stays linear when the run is long', () => {
  const run = busyRun({ seed: 5, cores: 8, processes: 40, switches: 300_000 });
  const t = buildTimeline(run.events, run.shape);
  const start = performance.now();
  for (const lane of t.lanes) columnsOf(t, lane, { fromNs: 0, toNs: t.endNs }, 1000);
  // 0.1 s for a million switches: far from what a quadratic walk would take.
  expect(performance.now() - start).toBeLessThan(5_000);
});
