/**
 * Millions of instructions per second of the compute kernels, on the interpreter and on Unicorn, by the length of a slice:
 *   npx tsx bench/engines.ts
 * CPU time, the best of five stretches after a warm-up. Ratios to native execution: npm run bench.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Engine } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { UnicornEngine } from '../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../src/host/unicorn-koffi.ts';
import { System } from '../src/system.ts';
import { build, COMPUTE_PROGRAMS, SYSCALL_PROGRAMS } from './programs.ts';
import { NATIVE, timeProgram } from './reference.ts';

const STRETCH_MICROSECONDS = 300_000;
const PIECE = 500_000;
const SLICES = [1000, 10_000, 1_000_000];

function start(bytes: Uint8Array, rounds: number, engine: Engine, slice: number): System {
  const system = new System({ cores: 1, engine, schedule: { kind: 'fixed', instructions: slice } });
  system.install({ path: '/bin/bench', bytes });
  system.spawn({ path: '/bin/bench', args: ['bench', String(rounds)] });
  return system;
}

function mips(system: System): number {
  const from = system.machine.retired;
  const before = process.cpuUsage();
  for (;;) {
    system.run({ instructions: system.machine.retired + PIECE });
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= STRETCH_MICROSECONDS) return (system.machine.retired - from) / (user + kernel);
  }
}

function instructionsPerRound(bytes: Uint8Array): number {
  const [few, more] = [2, 4].map((rounds) => {
    const system = start(bytes, rounds, new Interpreter(), 10_000);
    system.run();
    return system.machine.retired;
  });
  return (more! - few!) / 2;
}

const library = loadUnicorn();
console.log(`${library.name}; node ${process.version}`);
const folder = mkdtempSync(path.join(tmpdir(), 'coreback-engines-'));
try {
  for (const program of [...COMPUTE_PROGRAMS, SYSCALL_PROGRAMS[0]!]) {
    const built = build(program, folder);
    if (typeof built === 'string') throw new Error(built);
    const bytes = readFileSync(built.guest);
    const native = timeProgram(NATIVE, built.linux);
    const nativeMips = native ? (instructionsPerRound(bytes) * native.rounds) / native.seconds / 1e6 : undefined;
    for (const engine of [new Interpreter(), new UnicornEngine(library)]) {
      const columns = SLICES.map((slice) => {
        const system = start(bytes, 1_000_000_000, engine, slice);
        mips(system);
        const best = Math.max(...Array.from({ length: 5 }, () => mips(system)));
        const ratio = nativeMips ? ` (native ${(nativeMips / best).toFixed(1)}x)` : '';
        return `${String(slice).padStart(9)}: ${best.toFixed(1).padStart(6)} MIPS${ratio}`;
      });
      console.log(`${program.name.padEnd(8)} ${engine.name.padEnd(12)} slices of ${columns.join(',')}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
