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
import { System } from '../src/system.ts';
import { build, SYSCALL_PROGRAMS } from './programs.ts';
import { NATIVE, outputOf, timeProgram } from './reference.ts';
import { type SyscallCost, syscallTable } from './syscall-table.ts';

const WARM_UP_SECONDS = 1;
const STRETCH_SECONDS = 0.3;
const STRETCHES = 5;
const PIECE = 50_000;
const CHECK_ROUNDS = 3;
/** More rounds than any measurement lasts. */
const FOREVER = 100_000_000;

function boot(bytes: Uint8Array, rounds: number, engine: Engine): System {
  const system = new System({ cores: 1, consoleIsTty: false, engine });
  system.install({ path: '/bin/bench', bytes });
  system.spawn({ path: '/bin/bench', args: ['bench', String(rounds)] });
  return system;
}

/** Instructions per second of CPU time in the next `seconds` of it. */
function rate(system: System, seconds: number): number {
  const from = system.machine.retired;
  const before = process.cpuUsage();
  for (;;) {
    system.run({ instructions: system.machine.retired + PIECE });
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= seconds * 1e6) return ((system.machine.retired - from) * 1e6) / (user + kernel);
  }
}

/** A whole run: its instructions and what it printed. */
function whole(bytes: Uint8Array, rounds: number): { instructions: number; output: string } {
  const system = boot(bytes, rounds, new Interpreter());
  system.run();
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  return { instructions: system.machine.retired, output: output.trim() };
}

/** Ns of CPU time for one of the `perRound` things that a round does. */
function cost(bytes: Uint8Array, perRound: number, engine: Engine): number {
  const instructions = (whole(bytes, CHECK_ROUNDS + 2).instructions - whole(bytes, CHECK_ROUNDS).instructions) / 2;
  const system = boot(bytes, FOREVER, engine);
  rate(system, WARM_UP_SECONDS);
  const best = Math.max(...Array.from({ length: STRETCHES }, () => rate(system, STRETCH_SECONDS)));
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
      sameOutput: output === undefined || output === whole(bytes, CHECK_ROUNDS).output,
    };
  });
  console.log(process.argv.includes('--json') ? JSON.stringify(rows) : syscallTable(rows));
} finally {
  rmSync(dir, { recursive: true });
}
