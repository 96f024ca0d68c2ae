/**
 * What slices cost: npx tsx bench/slices.ts [--only REGEX] [--engines jit,interpreter] [--json]
 * The same instructions on one core in slices of 1,000,000 (one process, and four), and on four cores that take turns every 10,000 and every 1,000, on trial
 * and as if they shared a space: CPU time of the whole machine per instruction, as a ratio to the first. All in one process, which takes turns between them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Engine } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { JitEngine } from '../emu/jit/jit-engine.ts';
import { useBranchHints } from '../src/host/branch-hints.ts';
import { System } from '../src/system.ts';
import { build, CPU_PROGRAMS } from './programs.ts';
import { SLICE_MACHINES, type SliceMachine, type SliceRow, slicesText } from './slice-rows.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    engines: { type: 'string', default: 'jit,interpreter' },
    json: { type: 'boolean', default: false },
  },
});

const MAKERS: Record<string, () => Engine> = { jit: () => new JitEngine(), interpreter: () => new Interpreter() };
const FOREVER = 1_000_000_000;
const WARM_UP_SECONDS = 0.8;
const STRETCH_SECONDS = 0.1;
const STRETCHES = 8;

/** The engine without what lets the machine take back what it has done. */
function withoutTrials(engine: Engine): Engine {
  const { name, takeTurn, settle } = engine;
  const run = engine.run.bind(engine);
  return takeTurn && settle
    ? { name, run, takeTurn: takeTurn.bind(engine), settle: settle.bind(engine) }
    : { name, run };
}

function boot(bytes: Uint8Array, made: Engine, { cores, copies, slice, turnByTurn }: SliceMachine): System {
  const engine = turnByTurn ? withoutTrials(made) : made;
  const system = new System({ cores, engine, schedule: { kind: 'fixed', instructions: slice } });
  system.install({ path: '/bin/bench', bytes });
  for (let n = 0; n < copies; n++) system.spawn({ path: '/bin/bench', args: ['bench', String(FOREVER)] });
  return system;
}

/** CPU microseconds per million instructions. */
function cost(system: System, seconds: number): number {
  const from = system.machine.retired;
  const before = process.cpuUsage();
  for (;;) {
    system.run({ pauseNs: system.machine.nowNs + 10e6 });
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= seconds * 1e6) return ((user + kernel) * 1e6) / (system.machine.retired - from);
  }
}

useBranchHints();
const folder = mkdtempSync(path.join(tmpdir(), 'coreback-slices-'));
try {
  const wanted = new RegExp(options.only);
  const rows: SliceRow[] = [];
  for (const program of CPU_PROGRAMS.filter(({ name }) => wanted.test(name))) {
    const built = build(program, folder);
    if (typeof built === 'string') throw new Error(built);
    const bytes = readFileSync(built.guest);
    for (const engine of options.engines.split(',')) {
      const systems = SLICE_MACHINES.map((machine) => boot(bytes, MAKERS[engine]!(), machine));
      for (const system of systems) cost(system, WARM_UP_SECONDS);
      const best = systems.map(() => Number.POSITIVE_INFINITY);
      for (let n = 0; n < STRETCHES; n++) {
        systems.forEach((system, which) => {
          best[which] = Math.min(best[which]!, cost(system, STRETCH_SECONDS));
        });
      }
      rows.push({ program: program.name, engine, ratios: best.map((value) => value / best[0]!) });
    }
    process.stderr.write(`${program.name} done\n`);
  }
  console.log(options.json ? JSON.stringify(rows) : slicesText(rows));
} finally {
  rmSync(folder, { recursive: true });
}
