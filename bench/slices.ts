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
import type { System } from '../src/system.ts';
import { build, CPU_PROGRAMS } from './programs.ts';
import { SLICE_MACHINES, type SliceMachine, type SliceRow, slicesText } from './slice-rows.ts';
import { boot, FOREVER, rate } from './stretch.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    engines: { type: 'string', default: 'jit,interpreter' },
    json: { type: 'boolean', default: false },
  },
});

const MAKERS: Record<string, () => Engine> = { jit: () => new JitEngine(), interpreter: () => new Interpreter() };
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

function start(bytes: Uint8Array, made: Engine, { cores, copies, slice, turnByTurn }: SliceMachine): System {
  const engine = turnByTurn ? withoutTrials(made) : made;
  return boot(bytes, FOREVER, { cores, engine, schedule: { kind: 'fixed', instructions: slice } }, copies);
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
      const systems = SLICE_MACHINES.map((machine) => start(bytes, MAKERS[engine]!(), machine));
      for (const system of systems) rate(system, WARM_UP_SECONDS);
      const best = systems.map(() => 0);
      for (let n = 0; n < STRETCHES; n++) {
        systems.forEach((system, which) => {
          best[which] = Math.max(best[which]!, rate(system, STRETCH_SECONDS));
        });
      }
      rows.push({ program: program.name, engine, ratios: best.map((value) => best[0]! / value) });
    }
    process.stderr.write(`${program.name} done\n`);
  }
  console.log(options.json ? JSON.stringify(rows) : slicesText(rows));
} finally {
  rmSync(folder, { recursive: true });
}
