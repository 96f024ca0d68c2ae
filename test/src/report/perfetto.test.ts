import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuNsByProcess } from '../../../src/report/buckets.ts';
import { buildTimeline } from '../../../src/report/build-timeline.ts';
import { perfettoTrace } from '../../../src/report/perfetto.ts';
import { anyRun, failedRecovery, handMadeRun, type Run } from './fixture.ts';

const SEED = 20120101;

interface Record_ {
  readonly ph: string;
  readonly cat?: string;
  readonly name: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number;
}

function trace(run: Run, options = {}): Record_[] {
  const timeline = buildTimeline(run.events, run.shape);
  const document = JSON.parse([...perfettoTrace(run.events, timeline, options)].join('')) as { traceEvents: Record_[] };
  return document.traceEvents;
}
const ns = (us: number): number => Math.round(us * 1000);

describe('the trace for Perfetto', () => {
  it('parses, and its slices last as long as the cores were busy', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const records = trace(run);
        const busy = cpuNsByProcess(buildTimeline(run.events, run.shape)).reduce((a, b) => a + b, 0);
        for (const cat of ['run', 'thread']) {
          const slices = records.filter((r) => r.ph === 'X' && r.cat === cat);
          expect(slices.reduce((sum, r) => sum + ns(r.dur!), 0)).toBe(busy);
        }
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('writes nanoseconds as exact decimals of microseconds', () => {
    const run = handMadeRun();
    const text = [...perfettoTrace(run.events, buildTimeline(run.events, run.shape))].join('');
    expect(text).toContain('"ts":7000,"dur":12037000,"args":{"pid":11');
    const at = { ns: 1, core: 0, instruction: 0 };
    const odd = {
      events: [{ ...at, ns: 12_000_000_001, kind: 'output', pid: 12, text: 'x' } as never],
      shape: run.shape,
    };
    expect([...perfettoTrace(odd.events, buildTimeline(odd.events, odd.shape))].join('')).toContain(
      '"ts":12000000.001,',
    );
  });

  it('leads arrows from the fault over detection to recovery, each from within a slice', () => {
    const run = handMadeRun();
    const records = trace({ ...run, events: [...run.events, ...failedRecovery] });
    const arrows = records.filter((r) => 'stf'.includes(r.ph) && r.cat === 'fault');
    expect(arrows.map((r) => [r.ph, r.id, ns(r.ts!)])).toEqual([
      ['s', 1, 12_000_000_000],
      ['t', 1, 12_011_000_000],
      ['f', 1, 12_012_000_000],
      ['s', 2, 29_000_000_000],
      ['t', 2, 29_011_000_000],
      ['f', 2, 29_012_000_000],
    ]);
    for (const arrow of arrows) {
      const holds = (r: Record_): boolean =>
        r.ph === 'X' && r.pid === arrow.pid && r.tid === arrow.tid && r.ts! <= arrow.ts! && arrow.ts! < r.ts! + r.dur!;
      expect(records.some(holds)).toBe(true);
    }
  });

  it('marks faults, detections, checkpoints and exits, and counts the load', () => {
    const records = trace(handMadeRun());
    const instants = records.filter((r) => r.ph === 'i').map((r) => r.cat);
    expect(new Set(instants)).toEqual(
      new Set(['fault', 'detection', 'checkpoint', 'restart', 'affinity', 'exit', 'output']),
    );
    expect(records.some((r) => r.ph === 'C' && r.name === 'core 2 busy %')).toBe(true);
  });

  it('leaves the tracks of the processes out when asked', () => {
    expect(trace(handMadeRun(), { processTracks: false }).some((r) => r.cat === 'thread')).toBe(false);
  });

  it('comes in pieces', () => {
    const run = handMadeRun();
    const long = { ...run, events: Array.from({ length: 3000 }, (_, i) => ({ ...run.events[17]!, ns: i })) };
    const pieces = [...perfettoTrace(long.events, buildTimeline(long.events, long.shape))];
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) expect(piece.length).toBeLessThan(70_000);
  });
});
