import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { InvariantError, UsageError } from '../../../emu/base/errors.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import type { RunLimits, Stop } from '../../../emu/machine/machine.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult } from '../../../src/result.ts';
import { System, type SystemSnapshot } from '../../../src/system.ts';
import { property } from '../../support/property.ts';
import { boot, LIMITS, WORKLOADS, type Workload } from '../../support/workloads.ts';

// Seconds on a quiet host; a loaded one takes ten times as long.
vi.setConfig({ testTimeout: 300_000 });

/** What an outsider can tell of a run that has come to its end. */
interface End {
  readonly digest: string;
  readonly stop: Stop;
  readonly virtualNs: number;
  readonly retired: readonly number[];
  readonly events: number;
}

function toEnd(system: System): End {
  const stop = system.run(LIMITS);
  const { digest } = buildResult(system, finishedRun(system, stop, []), null);
  const retired = system.machine.cores.map((core) => core.retired);
  return { digest, stop, virtualNs: system.machine.nowNs, retired, events: system.events.length };
}

/** The end of the run that nobody touches, by workload and seed. */
const ends = new Map<string, End>();
function endOf(workload: Workload, seed: number): End {
  const key = `${workload.name} ${seed}`;
  const end = ends.get(key) ?? toEnd(boot(workload, seed));
  ends.set(key, end);
  return end;
}

/** A place in the run, by its share of the whole: after a round, or exactly after an instruction. */
interface Place {
  readonly share: number;
  readonly exact: boolean;
}

const limitsAt = ({ share, exact }: Place, end: End): RunLimits => {
  const instructions = end.retired.reduce((sum, n) => sum + n, 0);
  return exact
    ? { ...LIMITS, pauseInstructions: Math.floor(share * instructions) }
    : { ...LIMITS, pauseNs: share * end.virtualNs };
};

const place: fc.Arbitrary<Place> = fc.record({
  share: fc.nat(1000).map((thousandths) => thousandths / 1000),
  exact: fc.boolean(),
});
const seeds = fc.integer({ min: 1, max: 3 });

describe.each(WORKLOADS)('$name', (workload) => {
  it('goes on from a snapshot as if nothing had happened: the same system, and a fresh one', () => {
    fc.assert(
      fc.property(seeds, place, (seed, at) => {
        const end = endOf(workload, seed);
        const system = boot(workload, seed);
        system.run(limitsAt(at, end));
        const snapshot = system.snapshot();
        expect(toEnd(system)).toEqual(end);
        system.restore(snapshot);
        expect(toEnd(system)).toEqual(end);
        expect(toEnd(System.from(snapshot, { paranoid: true }))).toEqual(end);
      }),
      property(4),
    );
  });

  it('can be taken back to any of several snapshots, in any order, again and again', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.array(place, { minLength: 2, maxLength: 5 }),
        fc.array(fc.record({ to: fc.nat(), next: place }), { maxLength: 6 }),
        (seed, places, moves) => {
          const end = endOf(workload, seed);
          const system = boot(workload, seed);
          const snapshots: SystemSnapshot[] = [system.snapshot()];
          for (const at of [...places].sort((a, b) => a.share - b.share)) {
            system.run(limitsAt(at, end));
            snapshots.push(system.snapshot());
          }
          for (const { to, next } of moves) {
            system.restore(snapshots[to % snapshots.length]!);
            system.run(limitsAt(next, end));
            snapshots.push(system.snapshot());
          }
          for (const snapshot of snapshots) {
            system.restore(snapshot);
            expect(toEnd(system)).toEqual(end);
          }
        },
      ),
      property(2),
    );
  });

  it('goes back and forth under the translating engine as under the reference', () => {
    fc.assert(
      fc.property(seeds, fc.array(place, { minLength: 2, maxLength: 3 }), (seed, places) => {
        const end = endOf(workload, seed);
        const system = boot(workload, seed, { engine: new JitEngine({ sampleEvery: 50, samples: 1, eager: true }) });
        const snapshots = [...places]
          .sort((a, b) => a.share - b.share)
          .map((at) => {
            system.run(limitsAt(at, end));
            return system.snapshot();
          });
        expect(toEnd(system)).toEqual(end);
        for (const snapshot of [...snapshots.reverse(), snapshots[0]!]) {
          system.restore(snapshot);
          expect(toEnd(system)).toEqual(end);
        }
      }),
      property(1),
    );
  });

  it('has pauses that do not show, however many', () => {
    const end = endOf(workload, 1);
    const system = boot(workload, 1);
    const step = Math.ceil(end.retired.reduce((sum, n) => sum + n, 0) / 300);
    let at = 0;
    while (system.run({ ...LIMITS, pauseInstructions: at }).reason === 'paused') {
      expect(system.machine.retired).toBe(at);
      at += step;
    }
    expect(toEnd(system)).toEqual(end);
  });
});

describe('a snapshot', () => {
  const workload = WORKLOADS[0]!;

  it('shares the bytes of pages that were not written in between', () => {
    const system = boot(workload, 1);
    system.run({ pauseNs: 100e6 });
    const first = system.snapshot().kernel.spaces;
    system.run({ pauseNs: 120e6 });
    const second = system.snapshot().kernel.spaces;
    let shared = 0;
    let copied = 0;
    for (const [id, { bytes }] of second) {
      const before = new Set(first.get(id)?.bytes);
      for (const page of bytes) {
        if (before.has(page)) shared++;
        else copied++;
      }
    }
    expect(copied).toBeGreaterThan(0);
    expect(shared).toBeGreaterThan(copied);
  });

  it('goes on with other faults as the run that had them from power-on', () => {
    const faults = [{ model: 'fail-stop', trigger: { at: 'instruction', core: 1, instruction: 150_000 } }] as const;
    const end = toEnd(boot(workload, 1, { faults }));
    const golden = boot(workload, 1, { faults: [] });
    golden.run({ pauseNs: 100e6 });
    const system = System.from(golden.snapshot(), { faults });
    expect(toEnd(system)).toEqual(end);
  });

  it('refuses faults that would have struck before', () => {
    const golden = boot(workload, 1, { faults: [] });
    golden.run({ pauseNs: 100e6 });
    const snapshot = golden.snapshot();
    const from = (
      trigger: { at: 'time'; core: number; ns: number } | { at: 'instruction'; core: number; instruction: number },
    ) => System.from(snapshot, { faults: [{ model: 'fail-stop', trigger }] });
    expect(() => from({ at: 'time', core: 0, ns: 90e6 })).toThrow(UsageError);
    expect(() => from({ at: 'instruction', core: 0, instruction: 10 })).toThrow(UsageError);
    expect(() => from({ at: 'time', core: 0, ns: 300e6 })).not.toThrow();
  });

  it('does not fit a system of another configuration', () => {
    const snapshot = boot(workload, 1).snapshot();
    expect(() => boot(workload, 2).restore(snapshot)).toThrow(InvariantError);
  });
});
