/**
 * What slices cost: npx tsx bench/slices.ts [--only REGEX] [--engines jit,interpreter]
 * The same instructions on one core in slices of 1,000,000, and on four cores that take turns every 10,000 and every 1,000: CPU time of
 * the whole machine per instruction, as a ratio to the first. All in one process, which takes turns between them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Engine } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { JitEngine } from '../emu/jit/jit-engine.ts';
import { System } from '../src/system.ts';
import { build, CPU_PROGRAMS } from './programs.ts';
import { geometricMean, short, table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    engines: { type: 'string', default: 'jit,interpreter' },
  },
});

const MAKERS: Record<string, () => Engine> = { jit: () => new JitEngine(), interpreter: () => new Interpreter() };
const FOREVER = 1_000_000_000;
const WARM_UP_SECONDS = 0.8;
const STRETCH_SECONDS = 0.1;
const STRETCHES = 8;

interface Machine {
  readonly cores: number;
  readonly slice: number;
}
const BASE: Machine = { cores: 1, slice: 1_000_000 };
const MACHINES: readonly Machine[] = [
  BASE,
  { cores: 1, slice: 10_000 },
  { cores: 4, slice: 10_000 },
  { cores: 4, slice: 1000 },
];

/** As many copies of the program as there are cores. */
function boot(bytes: Uint8Array, engine: Engine, { cores, slice }: Machine): System {
  const system = new System({ cores, engine, schedule: { kind: 'fixed', instructions: slice } });
  system.install({ path: '/bin/bench', bytes });
  for (let n = 0; n < cores; n++) system.spawn({ path: '/bin/bench', args: ['bench', String(FOREVER)] });
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

const folder = mkdtempSync(path.join(tmpdir(), 'coreback-slices-'));
try {
  const wanted = new RegExp(options.only);
  const names = options.engines.split(',');
  const rows: { name: string; ratios: number[][] }[] = [];
  for (const program of CPU_PROGRAMS.filter(({ name }) => wanted.test(name))) {
    const built = build(program, folder);
    if (typeof built === 'string') throw new Error(built);
    const bytes = readFileSync(built.guest);
    const ratios = names.map((name) => {
      const systems = MACHINES.map((machine) => boot(bytes, MAKERS[name]!(), machine));
      for (const system of systems) cost(system, WARM_UP_SECONDS);
      const best = systems.map(() => Number.POSITIVE_INFINITY);
      for (let n = 0; n < STRETCHES; n++) {
        systems.forEach((system, which) => {
          best[which] = Math.min(best[which]!, cost(system, STRETCH_SECONDS));
        });
      }
      return best.map((value) => value / best[0]!);
    });
    rows.push({ name: program.name, ratios });
    process.stderr.write(`${program.name} done\n`);
  }
  const columns = names.flatMap((_, e) => MACHINES.slice(1).map((_, m) => (ratios: number[][]) => ratios[e]![m + 1]!));
  const heads = names.flatMap((name) => MACHINES.slice(1).map(({ cores, slice }) => `${name} ${cores} x ${slice}`));
  const lines = rows.map(({ name, ratios }) => [name, ...columns.map((column) => `${short(column(ratios))}x`)]);
  const means = columns.map((column) => `${short(geometricMean(rows.map(({ ratios }) => column(ratios))))}x`);
  console.log('CPU time per instruction, in units of that on one core in slices of 1,000,000');
  console.log(table([['', ...heads], ...lines, ['geometric mean', ...means]]));
} finally {
  rmSync(folder, { recursive: true });
}
