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
const PREFIXES = [0xf0, 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** LOCK before what does not allow it, and calls and jumps through far pointers in registers, which Unicorn does not survive. */
// biome-ignore format: one encoding each
const HAZARDS = [
  [0xf0, 0x38, 0x03], [0xf0, 0x39, 0x1f], [0xf0, 0x80, 0x3b, 1], [0xf0, 0x81, 0x3b, 1, 0, 0, 0], [0xf0, 0x83, 0x3b, 1],
  [0xf0, 0xa6], [0xf0, 0xf3, 0xa7], [0xf0, 0x0f, 0xa3, 0xc1], [0xf0, 0x0f, 0xab, 0xc1], [0x66, 0xf0, 0x0f, 0xb3, 0xc1],
  [0xf0, 0x0f, 0xbb, 0xc1], [0xf0, 0x0f, 0xba, 0xe9, 3], [0xff, 0xd8], [0xff, 0xeb], [0x2e, 0xff, 0xdf],
];

/** Page numbers of what a program has: two pages of code, two of data, two of stack. All may be written and run, as on FreeBSD/i386. */
const PAGES = [CODE, CODE + PAGE_SIZE, DATA, DATA + PAGE_SIZE, STACK_TOP - 2 * PAGE_SIZE, STACK_TOP - PAGE_SIZE];

/** One-byte opcodes with a ModR/M byte, and two-byte ones (0F ..), that seldom fault. */
// biome-ignore format: by opcode
const TAME = [
  0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29, 0x2a, 0x2b,
  0x30, 0x31, 0x32, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xd0, 0xd1, 0xd2, 0xd3, 0xfe,
];
// biome-ignore format: by opcode
const TAME_0F = [0xa3, 0xa5, 0xab, 0xad, 0xaf, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc0, 0xc1];
/** Without ModR/M: INC .. POP, flags, strings, XCHG, decimal arithmetic. */
// biome-ignore format: by opcode
const TAME_PLAIN = [
  0x27, 0x2f, 0x37, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x48, 0x4a, 0x4b, 0x50, 0x51, 0x58, 0x5a, 0x90, 0x91, 0x98, 0x99, 0x9c, 0x9e, 0x9f,
  0xa4, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xae, 0xd6, 0xf5, 0xf8, 0xf9, 0xfc,
];

/** Instructions that exist, mostly between registers, with short branches: runs are long, and much goes from one to the next. */
function drawTameCode(prng: Prng, bytes: Uint8Array): void {
  const pick = (opcodes: readonly number[]): number => opcodes[prng.below(opcodes.length)]!;
  // [esi], [edi], or registers without ESP.
  const modrm = (): number => {
    const reg = pick([0, 1, 2, 3, 5]) << 3;
    return prng.below(4) === 0 ? reg | pick([6, 7]) : 0xc0 | reg | pick([0, 1, 2, 3, 5]);
  };
  for (let at = 0; at < bytes.length - 8; ) {
    const kind = prng.below(16);
    if (prng.below(8) === 0) bytes[at++] = 0x66;
    if (kind < 6) bytes.set([pick(TAME), modrm()], at);
    else if (kind < 8) bytes.set([0x0f, pick([...TAME_0F, 0x40 + prng.below(16), 0x90 + prng.below(16)]), modrm()], at);
    else if (kind < 10) bytes.set([prng.below(4) === 0 ? pick([0xf2, 0xf3]) : 0x90, pick(TAME_PLAIN)], at);
    else if (kind < 12) bytes.set([pick([0x83, 0xc0, 0xc1]), modrm(), prng.below(256)], at);
    else if (kind < 14) bytes.set([pick([0x70 + prng.below(16), 0xe0, 0xe1, 0xe2, 0xe3]), prng.below(12)], at);
    else bytes.set([pick([0xf6, 0xf7]), 0xd0 | (prng.below(2) << 3) | pick([0, 1, 2, 3, 5])], at);
    at += kind < 6 || (kind >= 8 && kind < 10) || kind >= 12 ? 2 : 3;
  }
}

function drawCode(prng: Prng, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const kind = prng.below(16);
    if (kind === 0) {
      const hazard = HAZARDS[prng.below(HAZARDS.length)]!;
      bytes.set(hazard.slice(0, bytes.length - at), at);
      at += hazard.length;
      continue;
    }
    if (kind < 4) bytes[at++] = PREFIXES[prng.below(PREFIXES.length)]!;
    if (kind < 8) bytes[at++] = 0x0f;
    bytes[at++] = prng.below(256);
    // ModR/M: half of the time through a register that points to memory.
    bytes[at++] = prng.below(2) === 0 ? prng.below(256) : (prng.below(8) << 3) | [1, 2, 3, 6, 7][prng.below(5)]!;
  }
}

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
