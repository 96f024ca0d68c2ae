import { describe, expect, it } from 'vitest';
import type { FaultPlan } from '../../../emu/faults/plan.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { type StraceRecord, straceLine } from '../../../src/report/strace.ts';
import { recordStrace } from '../../../src/report/strace-recorder.ts';
import { buildResult } from '../../../src/result.ts';
import { parseFault } from '../../../src/scenario/fault-spec.ts';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';

const PROGRAMS = ['pipes', 'forktree', 'signals', 'threads', 'prodcons', 'shared', 'stackgrow', 'fdpass', 'count'];
const FILES = guestPrograms(...PROGRAMS);

function digestOf(name: string, faults: FaultPlan, sink: ((record: StraceRecord) => void) | null): string {
  const system = new System({ cores: 3, cycleNs: 100, checkpointEveryNs: 20_000_000, faults });
  for (const file of FILES) system.install(file);
  if (sink) recordStrace(system, sink);
  system.spawn({ path: `/bin/${name}`, args: name === 'count' ? [name, '3', '20'] : [name] });
  const stop = system.run({ untilNs: 30e9, instructions: 3_000_000 });
  return buildResult(system, finishedRun(system, stop, faults), null).digest;
}

describe('a run that is traced', () => {
  it.each(PROGRAMS)('is the same as one that is not: %s, with and without a fault', (name) => {
    for (const faults of [[], [parseFault('core0@5ms', 3)]]) {
      const lines: string[] = [];
      const digest = digestOf(name, faults, (record) => lines.push(straceLine(record)));
      expect(lines.length).toBeGreaterThan(0);
      expect(digest).toBe(digestOf(name, faults, null));
    }
  });

  it('has the same trace again', () => {
    const [once, again] = [0, 1].map(() => {
      const lines: string[] = [];
      digestOf('signals', [], (record) => lines.push(straceLine(record)));
      return lines;
    });
    expect(again).toEqual(once);
  });

  it('tells of a recovery', () => {
    const records: StraceRecord[] = [];
    digestOf('count', [parseFault('count@30ms', 3)], (record) => records.push(record));
    const n = records.findIndex((record) => record.kind === 'recovered');
    expect(records[n]).toMatchObject({ pid: 2, comm: 'count' });
    expect(records.slice(n).some((record) => record.kind === 'call' && record.pid === 2)).toBe(true);
  });
});
