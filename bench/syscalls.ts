/**
 * What system calls cost, on the interpreter and on the translating engine, beside the same C program on this Linux kernel:
 *   npx tsx bench/syscalls.ts [--json]
 * CPU time, the best of several stretches after a warm-up.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Engine } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { JitEngine } from '../emu/jit/jit-engine.ts';
import type { SystemConfig } from '../src/system.ts';
import { build, SYSCALL_PROGRAMS } from './programs.ts';
import { NATIVE, outputOf, timeProgram } from './reference.ts';
import { bestRate, boot, FOREVER, roundInstructions, wholeRun } from './stretch.ts';
import { type SyscallCost, syscallTable } from './syscall-table.ts';

const STRETCHES = { warmUpSeconds: 1, stretchSeconds: 0.3, stretches: 5 };
const CHECK_ROUNDS = 3;

const machine = (engine: Engine): SystemConfig => ({ cores: 1, consoleIsTty: false, engine });

/** Ns of CPU time for one of the `perRound` things that a round does. */
function cost(bytes: Uint8Array, perRound: number, engine: Engine): number {
  const instructions = roundInstructions(bytes, () => machine(new Interpreter()), CHECK_ROUNDS);
  const best = bestRate(boot(bytes, FOREVER, machine(engine)), STRETCHES);
  return (1e9 * instructions) / (best * perRound);
}

const dir = mkdtempSync(path.join(tmpdir(), 'coreback-syscalls-'));
try {
  const rows = SYSCALL_PROGRAMS.map((program): SyscallCost => {
    const { name, what, perRound } = program;
    const built = build(program, dir);
    if (typeof built === 'string') return { name, what, missing: built };
    const bytes = readFileSync(built.guest);
    const native = timeProgram(NATIVE, built.linux);
    const output = outputOf(NATIVE, built.linux, CHECK_ROUNDS);
    return {
      ...{
        name,
        what,
        interpreterNs: cost(bytes, perRound, new Interpreter()),
        jitNs: cost(bytes, perRound, new JitEngine()),
      },
      ...(native ? { nativeNs: (native.seconds * 1e9) / (native.rounds * perRound) } : {}),
      sameOutput: output === undefined || output === wholeRun(bytes, CHECK_ROUNDS, machine(new Interpreter())).output,
    };
  });
  console.log(process.argv.includes('--json') ? JSON.stringify(rows) : syscallTable(rows));
} finally {
  rmSync(dir, { recursive: true });
}
