/** A process of its own that measures snapshots of a system in memory. Prints one line of JSON. */
import { readFileSync } from 'node:fs';
import { System, type SystemSnapshot } from '../src/system.ts';

export interface SnapshotRow {
  readonly program: string;
  readonly pages: number;
  /** Host µs of the first snapshot, which copies every page, and of one after a millisecond of virtual time (median). */
  readonly firstUs: number;
  readonly nextUs: number;
  /** Pages that the latter copied (median). */
  readonly copiedPages: number;
  /** Host µs of a restore in the system that has gone on for a millisecond, and of one into a system that has nothing yet (median). */
  readonly backUs: number;
  readonly freshUs: number;
  /** A run of `instructions` without snapshots and with 100: CPU ms (best of several), and how many times longer. */
  readonly instructions: number;
  readonly plainMs: number;
  readonly withSnapshotsMs: number;
}

const PROGRAMS: readonly (readonly string[])[] = [
  ['count', '1000000', '5'],
  ['matrix', '512', '1000'],
  ['matrix', '1280', '1000'],
];
const BIN = new URL('../guest/bin/', import.meta.url);
/** By now the largest of them has filled its memory. */
const FILLED_NS = 1_500_000_000;
const STEP_NS = 1_000_000;
const SAMPLES = 31;
const INSTRUCTIONS = 50_000_000;
const SNAPSHOTS = 100;
const RUNS = 3;

function boot(args: readonly string[]): System {
  const system = new System({ cores: 2, consoleIsTty: false });
  const path = `/bin/${args[0]}`;
  system.install({ path, bytes: readFileSync(new URL(args[0]!, BIN)) });
  system.spawn({ path, args });
  system.run({ untilNs: FILLED_NS });
  return system;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function micros(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1000;
}

const pagesOf = ({ kernel }: SystemSnapshot): Uint8Array[] => [...kernel.spaces.values()].flatMap(({ bytes }) => bytes);

/** CPU ms of the next INSTRUCTIONS, cut in pieces; `each` after every piece. */
function runMs(system: System, each: () => void): number {
  const start = system.machine.retired;
  const before = process.cpuUsage();
  for (let n = 1; n <= SNAPSHOTS; n++) {
    system.run({ pauseInstructions: start + (n * INSTRUCTIONS) / SNAPSHOTS });
    each();
  }
  const { user, system: kernel } = process.cpuUsage(before);
  return (user + kernel) / 1000;
}

function measure(args: readonly string[]): SnapshotRow {
  const system = boot(args);
  const firstUs = micros(() => system.snapshot());
  const start = system.snapshot();
  const next: number[] = [];
  const copied: number[] = [];
  const back: number[] = [];
  for (let n = 0; n < SAMPLES; n++) {
    system.run({ pauseNs: system.machine.nowNs + STEP_NS });
    let snapshot = start;
    next.push(micros(() => (snapshot = system.snapshot())));
    const before = new Set(pagesOf(start));
    copied.push(pagesOf(snapshot).filter((bytes) => !before.has(bytes)).length);
    back.push(micros(() => system.restore(start)));
  }
  const fresh = Array.from({ length: 5 }, () => {
    const other = new System({ cores: 2, consoleIsTty: false });
    const taken = micros(() => other.restore(start));
    for (const space of other.kernel.spaces.values()) space.dispose();
    return taken;
  });
  const plain: number[] = [];
  const kept: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    plain.push(runMs(system, () => {}));
    const snapshots: SystemSnapshot[] = [];
    kept.push(runMs(system, () => snapshots.push(system.snapshot())));
  }
  return {
    program: args.slice(0, 2).join(' '),
    pages: pagesOf(start).length,
    firstUs,
    nextUs: median(next),
    copiedPages: median(copied),
    backUs: median(back),
    freshUs: median(fresh),
    instructions: INSTRUCTIONS,
    plainMs: Math.min(...plain),
    withSnapshotsMs: Math.min(...kept),
  };
}

console.log(JSON.stringify(PROGRAMS.map(measure)));
