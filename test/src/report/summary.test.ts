import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTimeline } from '../../../src/report/build-timeline.ts';
import { summarise } from '../../../src/report/summary.ts';
import { intervalsOf } from '../../../src/report/timeline.ts';
import { anyRun, handMadeRun } from './fixture.ts';

const SEED = 20120101;
const S = 1_000_000_000;

describe('the summary of a run', () => {
  const { events, shape } = handMadeRun();
  const summary = summarise(events, buildTimeline(events, shape));

  it('has a row for each process', () => {
    expect(summary.processes.map((p) => [p.pid, p.ppid, p.name, p.exit, p.signal])).toEqual([
      [1, undefined, 'init', undefined, undefined],
      [10, 1, 'shell', 0, undefined],
      [11, 10, 'spin', undefined, undefined],
      [12, 10, 'count', undefined, 2],
      [20, undefined, 'restart', undefined, undefined],
    ]);
    const count = summary.processes.find((p) => p.pid === 12)!;
    expect(count.output).toBe('40\n41\n41\n');
    expect(count.cpusUsed).toEqual([0, 1, 2]);
    expect(count.lastCpu).toBe(0);
    expect(count.cpuNs).toBe(11.992 * S + 2.956 * S + 5 * S + 3 * S);
  });

  it('has the faults and the checkpoints', () => {
    expect(summary.faults).toEqual([
      {
        core: 2,
        kind: 'fail-stop',
        atInstruction: 1_200_000_000,
        atNs: 12 * S,
        detectedAtNs: 12_011_000_000,
        recoveredAtNs: 12_044_000_000,
      },
    ]);
    expect(summary.checkpoints).toEqual([
      { pid: 12, file: '/ckpt/core.12.1', virtualNs: 5 * S, bytes: 1_234_001, pauseNs: 3_100_000 },
      { pid: 12, file: '/ckpt/core.12.2', virtualNs: 10 * S, bytes: 1_234_002, pauseNs: 3_100_000 },
    ]);
  });

  it('shares all busy time out among the processes', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const timeline = buildTimeline(run.events, run.shape);
        let busyNs = 0;
        for (const lane of timeline.lanes) {
          for (const i of intervalsOf(timeline, lane)) if (i.runner.state === 'run') busyNs += i.endNs - i.startNs;
        }
        const { processes } = summarise(run.events, timeline);
        expect(processes.reduce((sum, p) => sum + p.cpuNs, 0)).toBe(busyNs);
        for (const p of processes) if (p.cpuNs > 0) expect(p.cpusUsed).toContain(p.lastCpu);
      }),
      { seed: SEED },
    );
  });
});
