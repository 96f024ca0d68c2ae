import { describe, expect, it } from 'vitest';
import type { FaultPlan } from '../../../emu/faults/plan.ts';
import { reportHtml } from '../../../src/report/html.ts';
import { perfettoTrace } from '../../../src/report/perfetto.ts';
import { timelineSvg } from '../../../src/report/svg.ts';
import { timelineText } from '../../../src/report/text.ts';
import { deadSpans } from '../../../src/report/timeline.ts';
import { timelineOf } from '../../../src/result.ts';
import { program, Run } from '../../support/guest-program.ts';

const FAULTS: FaultPlan = [
  { model: 'intermittent', downNs: 5_000_000, trigger: { at: 'time', core: 1, ns: 2_000_000 } },
  {
    model: 'bit-flip',
    target: { in: 'register', register: 'edx' },
    bit: 7,
    trigger: { at: 'time', core: 0, ns: 3_000_000 },
  },
  { model: 'machine-check', bank: 1, status: 'b200000000000800', trigger: { at: 'time', core: 2, ns: 12_000_000 } },
  { model: 'hang', trigger: { at: 'time', core: 1, ns: 15_000_000 } },
];

function faultyRun() {
  const run = new Run({ spinner: program((p) => p.spin()) }, { cores: 3, faults: FAULTS, recovery: 'none' });
  for (let n = 0; n < 3; n++) run.start('spinner');
  run.system.run({ untilNs: 60_000_000 });
  return { events: run.system.events, timeline: timelineOf(run.system) };
}

describe('a run with faults of several kinds', () => {
  const { events, timeline } = faultyRun();

  it('shows a core that was away as such, and then at work again', () => {
    const spans = timeline.lanes.map((lane) => deadSpans(timeline, lane).map(({ startNs, endNs }) => [startNs, endNs]));
    expect(spans).toEqual([
      [],
      [
        [2_000_000, 7_000_000],
        [15_000_000, timeline.endNs],
      ],
      [[12_000_000, timeline.endNs]],
    ]);
  });

  it('has a story for each fault of a core, and a mark for each other', () => {
    expect(timeline.faults.map(({ core, model, detectionLatencyNs }) => [core, model, detectionLatencyNs])).toEqual([
      [1, 'intermittent', undefined],
      [2, 'machine-check', 0],
      [1, 'hang', 16_000_000],
    ]);
    expect(timeline.marks.filter(({ kind }) => kind === 'core-fault')).toHaveLength(4);
  });

  it('is told in words', () => {
    const text = timelineText(events, timeline, { width: 200 });
    expect(text).toContain('core 0, at instruction');
    expect(text).toMatch(/bit 7 of edx flips: 0x[0-9a-f]{8} -> 0x[0-9a-f]{8} \(bit-flip\)/);
    expect(text).toContain('core 1 is back and goes on');
    expect(text).toContain('machine check: MC1_STATUS 0xb200000000000800');
    expect(text).toContain('1 fault that left the cores running');
    expect(text).toContain('B back again');
  });

  it('is drawn: the page, the picture, the trace', () => {
    const svg = timelineSvg(timeline);
    expect(svg.match(/core 1 is away/g)).toHaveLength(1);
    expect(svg.match(/core [12] is dead/g)).toHaveLength(2);
    expect(svg).toContain('bit 7 of edx flips');
    expect(reportHtml(events, timeline)).toContain('core 1 is back and goes on');
    const trace = JSON.parse([...perfettoTrace(events, timeline)].join('')) as { traceEvents: { cat?: string }[] };
    expect(trace.traceEvents.filter(({ cat }) => cat === 'fault').length).toBeGreaterThanOrEqual(4);
  });
});
