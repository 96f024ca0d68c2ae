/*
 * Random bytes as code, on the interpreter and on Unicorn in lockstep. In a process of its own (`runRandomCode` starts it), for
 * some instructions that do not exist make Unicorn abort the process unless they are kept from it (emu/unicorn/guard.ts).
 *   tsx test/engines/random-code.ts FROM TO SEED
 */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../emu/base/prng.ts';
import { EFLAGS, EIP, EXIT_VECTOR, FLAG_DF } from '../../emu/core/core-state.ts';
import { EXIT_BUDGET, EXIT_EXCEPTION } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { LockstepEngine } from '../../emu/lockstep/lockstep-engine.ts';
import { PAGE_SHIFT, PAGE_SIZE, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { CODE, DATA, Guest, STACK_TOP } from '../emu/guest-code.ts';
import { drawCode, drawTameCode } from './draw-code.ts';
import { describeDivergence, JUSTIFIED, JUSTIFIED_DISPUTES } from './justified.ts';

interface RandomCodeResult {
  readonly programs: number;
  readonly instructions: number;
  /** How often each vector ended a run. */
  readonly vectors: Readonly<Record<string, number>>;
  readonly justified: number;
  /** One line each. */
  readonly differences: readonly string[];
}

/** Places in a program at which it is started, one after the other. */
const STARTS = 12;
const INSTRUCTIONS_MAX = 300;
/** Page numbers of what a program has: two pages of code, two of data, two of stack. All may be written and run, as on FreeBSD/i386. */
const PAGES = [CODE, CODE + PAGE_SIZE, DATA, DATA + PAGE_SIZE, STACK_TOP - 2 * PAGE_SIZE, STACK_TOP - PAGE_SIZE];

class Programs {
  private readonly unicorn = new UnicornEngine(loadUnicorn());
  private readonly lockstep = new LockstepEngine(new Interpreter(), this.unicorn, Number.MAX_SAFE_INTEGER);
  private readonly guest = new Guest(new Uint8Array(0), { engine: this.lockstep, codeWritable: true });
  private readonly vectors: Record<string, number> = {};
  private readonly differences: string[] = [];
  private justified = 0;
  private programs = 0;

  constructor() {
    const { space } = this.guest;
    for (const address of PAGES) {
      const page = address >>> PAGE_SHIFT;
      if (space.isResident(page)) space.protectPage(page, PERM_R | PERM_W | PERM_X);
      else space.mapPage(page, PERM_R | PERM_W | PERM_X);
    }
  }

  run(seed: number, program: number): void {
    const { guest, lockstep } = this;
    const prng = Prng.seeded(seed, program);
    const isTame = prng.below(3) === 0;
    this.programs++;
    for (const address of PAGES) {
      const bytes = new Uint8Array(PAGE_SIZE);
      if (isTame) drawTameCode(prng, bytes);
      else drawCode(prng, bytes);
      guest.space.poke(address >>> 0, bytes);
    }
    for (let i = 0; i < STARTS; i++) {
      this.start(prng);
      for (const divergence of lockstep.divergences.splice(0)) {
        if (JUSTIFIED.some((known) => known.applies(divergence))) this.justified++;
        else this.differences.push(`program ${program} of seed ${seed}, start ${i}: ${describeDivergence(divergence)}`);
      }
      for (const dispute of this.unicorn.disputes.splice(0)) {
        const { eip, vector, judged } = dispute;
        if (JUSTIFIED_DISPUTES.some((known) => known.applies(dispute))) {
          this.justified++;
          continue;
        }
        const where = `program ${program} of seed ${seed}, start ${i}, at ${(eip >>> 0).toString(16)}`;
        this.differences.push(`${where}: Unicorn raises ${vector}, the interpreter ${judged}`);
      }
    }
  }

  /** Registers point into the program's pages; it goes on until it faults. */
  private start(prng: Prng): void {
    const { guest } = this;
    guest.reset(false);
    const draw = (): number => PAGES[prng.below(PAGES.length)]! + prng.below(PAGE_SIZE);
    for (let i = 0; i < 8; i++) guest.r[i] = prng.below(8) === 0 ? prng.next() : draw();
    guest.r[EIP] = draw();
    guest.r[EFLAGS] = 0x202 | (prng.next() & (0x8d5 | FLAG_DF));
    for (let left = INSTRUCTIONS_MAX; left > 0; ) {
      const exit = guest.run(prng.between(1, 60));
      left -= guest.core.retired;
      if (exit === EXIT_BUDGET) continue;
      const vector = exit === EXIT_EXCEPTION ? String(guest.r[EXIT_VECTOR]) : 'syscall';
      this.vectors[vector] = (this.vectors[vector] ?? 0) + 1;
      return;
    }
  }

  get result(): RandomCodeResult {
    const { programs, vectors, justified, differences, lockstep } = this;
    return { programs, instructions: lockstep.instructions, vectors, justified, differences };
  }
}

const SOURCE = fileURLToPath(import.meta.url);

/** Runs programs FROM up to TO in another process. Throws when that dies: with the program that killed it. */
export function runRandomCode(from: number, to: number, seed: number): RandomCodeResult {
  const child = spawnSync(process.execPath, ['--import', 'tsx', SOURCE, String(from), String(to), String(seed)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const lines = child.stdout.trimEnd().split('\n');
  if (child.status !== 0) {
    throw new Error(
      `random code killed the process (${child.signal ?? child.status}): ${lines.at(-1)}\n${child.stderr}`,
    );
  }
  return JSON.parse(lines.at(-1)!) as RandomCodeResult;
}

if (process.argv[1] === SOURCE) {
  const [from, to, seed] = process.argv.slice(2).map(Number) as [number, number, number];
  const programs = new Programs();
  for (let program = from; program < to; program++) {
    // At once: it shall be known when the process dies.
    writeSync(1, `program ${program} of seed ${seed}\n`);
    programs.run(seed, program);
  }
  writeSync(1, `${JSON.stringify(programs.result)}\n`);
}
