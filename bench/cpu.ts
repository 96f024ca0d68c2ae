/**
 * How fast each engine is, beside the processor itself and qemu-i386: npm run bench:cpu
 *   --only REGEX     workloads by name
 *   --engines LIST   of jit, interpreter, unicorn (all)
 * CPU time, all in one run on one host; the best of several stretches after a warm-up. Ratios are times in units of native time.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Engine } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { JitEngine } from '../emu/jit/jit-engine.ts';
import { UnicornEngine } from '../emu/unicorn/unicorn-engine.ts';
import { useBranchHints } from '../src/host/branch-hints.ts';
import { loadUnicorn } from '../src/host/unicorn-koffi.ts';
import { System } from '../src/system.ts';
import { type BenchProgram, build, CPU_PROGRAMS, versionOf } from './programs.ts';
import { NATIVE, outputOf, QEMU, timeProgram } from './reference.ts';
import { geometricMean, short, table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    engines: { type: 'string', default: 'jit,interpreter,unicorn' },
  },
});

const MAKERS: Record<string, () => Engine> = {
  jit: () => new JitEngine(),
  interpreter: () => new Interpreter(),
  unicorn: () => new UnicornEngine(loadUnicorn()),
};
const ENGINES = options.engines.split(',');

const SLICE = 10_000;
const WARM_UP_SECONDS = 1;
const STRETCH_SECONDS = 0.3;
const STRETCHES = 5;
const CHECK_ROUNDS = 3;
const FOREVER = 1_000_000_000;

function boot(bytes: Uint8Array, rounds: number, engine: Engine): System {
  const system = new System({ cores: 1, engine, schedule: { kind: 'fixed', instructions: SLICE } });
  system.install({ path: '/bin/bench', bytes });
  system.spawn({ path: '/bin/bench', args: ['bench', String(rounds)] });
  return system;
}

/** Instructions per CPU second in the next `seconds`, looked at about every 20 ms. */
function rate(system: System, seconds: number): number {
  const from = system.machine.retired;
  const before = process.cpuUsage();
  let piece = 200_000;
  for (;;) {
    const start = performance.now();
    system.run({ instructions: system.machine.retired + piece });
    if (performance.now() - start < 10) piece *= 2;
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= seconds * 1e6) return ((system.machine.retired - from) * 1e6) / (user + kernel);
  }
}

function outputOn(bytes: Uint8Array, rounds: number, engine: Engine): { output: string; instructions: number } {
  const system = boot(bytes, rounds, engine);
  system.run();
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  return { output: output.trim(), instructions: system.machine.retired };
}

interface Row {
  readonly program: string;
  /** Rounds a second: native, qemu and the engines. */
  readonly rates: Readonly<Record<string, number | undefined>>;
  readonly instructionsPerRound: number;
  readonly sameOutput: boolean;
}

function measure(program: BenchProgram, folder: string): Row {
  const built = build(program, folder);
  if (typeof built === 'string') throw new Error(built);
  const bytes = readFileSync(built.guest);
  const few = outputOn(bytes, CHECK_ROUNDS, new Interpreter());
  const more = outputOn(bytes, CHECK_ROUNDS + 2, new Interpreter());
  const instructionsPerRound = (more.instructions - few.instructions) / 2;
  const rates: Record<string, number | undefined> = {};
  const outputs = [few.output];
  for (const runner of [NATIVE, QEMU]) {
    const timing = timeProgram(runner, built.linux);
    rates[runner.name] = timing && timing.rounds / timing.seconds;
    outputs.push(outputOf(runner, built.linux, CHECK_ROUNDS) ?? few.output);
  }
  for (const name of ENGINES) {
    outputs.push(outputOn(bytes, CHECK_ROUNDS, MAKERS[name]!()).output);
    const system = boot(bytes, FOREVER, MAKERS[name]!());
    rate(system, WARM_UP_SECONDS);
    const best = Math.max(...Array.from({ length: STRETCHES }, () => rate(system, STRETCH_SECONDS)));
    rates[name] = best / instructionsPerRound;
  }
  return {
    program: program.name,
    rates,
    instructionsPerRound,
    sameOutput: outputs.every((output) => output === few.output),
  };
}

useBranchHints();
const folder = mkdtempSync(path.join(tmpdir(), 'coreback-cpu-'));
try {
  console.log(`${cpus()[0]?.model ?? 'processor'}; node ${process.version}; load ${loadavg()[0]!.toFixed(1)}`);
  console.log(versionOf('qemu-i386') ?? 'qemu-i386 is not here');
  const wanted = new RegExp(options.only);
  const rows = CPU_PROGRAMS.filter(({ name }) => wanted.test(name)).map((program) => {
    const row = measure(program, folder);
    process.stderr.write(`${row.program} done\n`);
    return row;
  });
  const columns = ['qemu-i386', ...ENGINES];
  const ratio = ({ rates }: Row, column: string): number | undefined =>
    rates.native && rates[column] ? rates.native / rates[column]! : undefined;
  const lines = rows.map((row) => [
    row.program,
    short((row.rates.native ?? 0) * row.instructionsPerRound * 1e-6),
    ...columns.map((column) => {
      const times = ratio(row, column);
      return times === undefined ? 'not here' : `${short(times)}x`;
    }),
    row.sameOutput ? 'same' : 'DIFFERENT',
  ]);
  const means = columns.map((column) => {
    const known = rows.flatMap((row) => ratio(row, column) ?? []);
    return known.length === 0 ? '' : `${short(geometricMean(known))}x`;
  });
  lines.push(['geometric mean', '', ...means, '']);
  console.log(table([['', 'native MIPS', ...columns, 'output'], ...lines]));
} finally {
  rmSync(folder, { recursive: true });
}
