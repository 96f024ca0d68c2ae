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
import type { SystemConfig } from '../src/system.ts';
import { type BenchProgram, build, CPU_PROGRAMS, versionOf } from './programs.ts';
import { NATIVE, outputOf, QEMU, timeProgram } from './reference.ts';
import { bestRate, boot, FOREVER, roundInstructions, wholeRun } from './stretch.ts';
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
const STRETCHES = { warmUpSeconds: 1, stretchSeconds: 0.3, stretches: 5 };
const CHECK_ROUNDS = 3;

const machine = (engine: Engine): SystemConfig => ({
  cores: 1,
  engine,
  schedule: { kind: 'fixed', instructions: SLICE },
});

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
  const few = wholeRun(bytes, CHECK_ROUNDS, machine(new Interpreter()));
  const instructionsPerRound = roundInstructions(bytes, () => machine(new Interpreter()), CHECK_ROUNDS);
  const rates: Record<string, number | undefined> = {};
  const outputs = [few.output];
  for (const runner of [NATIVE, QEMU]) {
    const timing = timeProgram(runner, built.linux);
    rates[runner.name] = timing && timing.rounds / timing.seconds;
    outputs.push(outputOf(runner, built.linux, CHECK_ROUNDS) ?? few.output);
  }
  for (const name of ENGINES) {
    outputs.push(wholeRun(bytes, CHECK_ROUNDS, machine(MAKERS[name]!())).output);
    rates[name] = bestRate(boot(bytes, FOREVER, machine(MAKERS[name]!())), STRETCHES) / instructionsPerRound;
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
