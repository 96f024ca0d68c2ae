import { spawnSync } from 'node:child_process';
import { cpuId } from '../../emu/base/brand.ts';
import { Prng } from '../../emu/base/prng.ts';
import { CoreState, CR0, CR2, DR, EFLAGS, EIP, EXIT_VECTOR, FLAG_RF, FLAG_TF } from '../../emu/core/core-state.ts';
import { type Engine, EXIT_BUDGET, VECTOR_BP, VECTOR_DB, VECTOR_PF } from '../../emu/core/engine.ts';
import { AddressSpace, PAGE_SHIFT, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';
import { basePages } from './base-pages.ts';
import { CaseGenerator } from './generate.ts';
import { CR0_LINUX, GDT, LDT, loadSegmentOf } from './machine.ts';
import { buildRunner } from './oracle.ts';
import {
  type Case,
  CODE_BASE,
  CODE_SIZE,
  caseSizeBytes,
  caseToHex,
  DATA_BASE,
  DATA_SIZE,
  INT3,
  MODE_RUN,
  writeCase,
} from './protocol.ts';
import { lengthsOfCode, sequenceRows } from './rows.ts';

/*
 * Silicon as the judge of debug registers: Linux sets them for a process under ptrace. Compared are the debug exceptions of a run,
 * one by one: EIP, DR6, flags, general registers.
 */

/** A case with breakpoints set, run to INT3 or a fault; `step`: with TF besides. */
interface DebugCase {
  readonly c: Case;
  /** DR0 .. DR3, DR7. */
  readonly dr: readonly number[];
  readonly dr7: number;
  readonly step: boolean;
}

interface DebugRun {
  readonly events: readonly DebugEvent[];
  /** The address of a page fault that ended it. */
  readonly pageFault: number | null;
}

/** One debug exception, or what ended the run: vector, EIP, EFLAGS, DR6's B0 .. B3 and BS, EAX .. EDI. */
type DebugEvent = readonly number[];

const SETUP_BYTES = 24;
const EVENT_WORDS = 13;
const EVENTS_MAX = 64;
const DR6_REASONS = 0x400f;
const SIGTRAP = 5;
const SI_KERNEL = 0x80;
/** DF. Status flags are compared elsewhere, TF and RF belong to the tracer. */
const FLAGS_COMPARED = 0x400;

const POP_SS = 0x17;
const EXECUTE = 0;
const WRITE = 1;
const READ_OR_WRITE = 3;
const LENGTH_FIELDS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 3 };

class DebugOracle {
  private readonly program = buildRunner('debug', '-m32 -O2 -std=gnu11 -static', [['gcc'], ['clang']]);

  run(cases: readonly DebugCase[]): DebugEvent[][] {
    const base = basePages();
    const input = new Uint8Array(cases.reduce((size, { c }) => size + SETUP_BYTES + caseSizeBytes(c), base.length));
    input.set(base);
    const view = new DataView(input.buffer);
    let at = base.length;
    for (const { c, dr, dr7, step } of cases) {
      [...dr, dr7, step ? 1 : 0].forEach((value, i) => {
        view.setUint32(at + 4 * i, value, true);
      });
      at = writeCase(view, at + SETUP_BYTES, c);
    }
    const { status, stdout, stderr } = spawnSync(this.program, [], { input, maxBuffer: 1 << 30 });
    if (status !== 0) throw new Error(`the debug runner failed: ${stderr}`);
    return readEvents(stdout);
  }
}

function readEvents(output: Uint8Array): DebugEvent[][] {
  const words = new Uint32Array(output.buffer.slice(output.byteOffset, output.byteOffset + output.byteLength));
  const runs: DebugEvent[][] = [];
  for (let at = 0; at < words.length; ) {
    const count = words[at++]!;
    const events: DebugEvent[] = [];
    for (let i = 0; i < count; i++, at += EVENT_WORDS) {
      const [signo, code, eip, eflags, dr6] = words.subarray(at, at + 5) as unknown as [
        number,
        number,
        number,
        number,
        number,
      ];
      const isTrap = signo === SIGTRAP;
      const vector = !isTrap ? -1 : code === SI_KERNEL ? VECTOR_BP : VECTOR_DB;
      events.push([vector, eip, eflags & FLAGS_COMPARED, dr6 & DR6_REASONS, ...words.subarray(at + 5, at + 13)]);
    }
    runs.push(events);
  }
  return runs;
}

/** Our machine under the same tracer: it goes on after each debug exception, with RF set where it was a fault. */
class DebugMachine {
  private readonly core = new CoreState(cpuId(0), { gdt: GDT, ldt: LDT });
  private readonly space = new AddressSpace();
  private readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
    for (let at = CODE_BASE; at < CODE_BASE + CODE_SIZE; at += 4096)
      this.space.mapPage(at >>> PAGE_SHIFT, PERM_R | PERM_X);
    for (let at = DATA_BASE; at < DATA_BASE + DATA_SIZE; at += 4096)
      this.space.mapPage(at >>> PAGE_SHIFT, PERM_R | PERM_W);
  }

  /** `slice`: in budgets of so many instructions. */
  run({ c, dr, dr7, step }: DebugCase, slice: number): DebugRun {
    const { core, space, engine } = this;
    const { i32 } = core;
    space.poke(CODE_BASE, new Uint8Array(CODE_SIZE).fill(INT3));
    space.poke(c.eip, c.code);
    space.poke(DATA_BASE, basePages());
    for (const { address, value } of c.patches) space.poke(address, new Uint8Array(Uint32Array.of(value).buffer));
    i32.set(c.regs);
    i32[EIP] = c.eip;
    i32[CR0] = CR0_LINUX;
    for (let i = 0; i < 6; i++) loadSegmentOf(i32, i, c.selectors[i]!);
    dr.forEach((address, i) => {
      i32[DR + i] = address;
    });
    i32[DR + 7] = dr7 | 0x400;
    i32[EFLAGS] = c.eflags;
    const events: DebugEvent[] = [];
    for (let left = 100_000; left > 0; ) {
      if (step) i32[EFLAGS] |= FLAG_TF;
      i32[DR + 6] = 0;
      let exit = engine.run(core, space, slice);
      left -= core.retired;
      while (exit === EXIT_BUDGET && left > 0) {
        exit = engine.run(core, space, slice);
        left -= core.retired;
      }
      if (step) i32[EFLAGS] &= ~FLAG_TF;
      const isTrap = i32[EXIT_VECTOR] === VECTOR_DB || i32[EXIT_VECTOR] === VECTOR_BP;
      const vector = isTrap ? i32[EXIT_VECTOR]! : -1;
      events.push([
        vector,
        i32[EIP]! >>> 0,
        i32[EFLAGS]! & FLAGS_COMPARED,
        i32[DR + 6]! & DR6_REASONS,
        ...new Uint32Array(i32.slice(0, 8).buffer),
      ]);
      if (vector !== VECTOR_DB || events.length === EVENTS_MAX) break;
      if (this.stoppedBefore(i32[EIP]!, dr, dr7, i32[DR + 6]!)) i32[EFLAGS] |= FLAG_RF;
    }
    return { events, pageFault: i32[EXIT_VECTOR] === VECTOR_PF ? i32[CR2]! >>> 0 : null };
  }

  /** Whether a debug exception was that of an instruction breakpoint, which Linux answers by setting RF. */
  private stoppedBefore(eip: number, dr: readonly number[], dr7: number, dr6: number): boolean {
    return dr.some(
      (address, i) => (dr6 & (1 << i)) !== 0 && ((dr7 >>> (16 + 4 * i)) & 3) === EXECUTE && address === eip >>> 0,
    );
  }
}

/** Draws sequences with one to four breakpoints where they may be met. */
class DebugCases {
  private readonly prng: Prng;
  private readonly generator: CaseGenerator;

  constructor(prng: Prng) {
    this.prng = prng;
    this.generator = new CaseGenerator(prng);
  }

  next(): DebugCase {
    const { prng } = this;
    const step = prng.below(4) === 0;
    const rows = sequenceRows.filter(({ mnemonic }) => mnemonic !== 'PUSHF');
    let c: Case;
    do c = this.generator.sequence(rows, prng.between(2, 12), prng.below(4) === 0);
    while (!c.selectors.slice(0, 4).every((selector, i) => selector === (i === 1 ? 0x23 : 0x2b)));
    c = { ...c, selectors: Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0, 0), mode: MODE_RUN };
    if (prng.below(6) === 0) c = this.withStackSegment(c);
    const dr = [0, 0, 0, 0];
    let dr7 = 0;
    for (let i = prng.between(1, 4); i > 0; i--) {
      const n = prng.below(4);
      const kind = [EXECUTE, WRITE, READ_OR_WRITE][prng.below(3)]!;
      const length = kind === EXECUTE ? 1 : [1, 2, 4][prng.below(3)]!;
      dr[n] = (kind === EXECUTE ? this.drawInstruction(c) : this.drawData(c) & -length) >>> 0;
      dr7 &= ~((3 << (2 * n)) | (0xf << (16 + 4 * n)));
      dr7 |= (prng.between(1, 3) << (2 * n)) | (((LENGTH_FIELDS[length]! << 2) | kind) << (16 + 4 * n));
    }
    return { c, dr, dr7: dr7 >>> 0, step };
  }

  private drawInstruction(c: Case): number {
    const lengths = lengthsOfCode(c.code);
    const index = this.prng.below(lengths.length + 1);
    const at = lengths.slice(0, index).reduce((sum, n) => sum + n, c.eip);
    return this.prng.below(8) === 0 ? at + 1 : at;
  }

  /** Near an operand, on the stack, or anywhere. */
  private drawData(c: Case): number {
    const { prng } = this;
    const kind = prng.below(4);
    if (kind === 0) return c.regs[4]! + prng.between(-16, 8);
    if (kind === 1 || c.patches.length === 0) return DATA_BASE + prng.below(0x2000);
    return c.patches[prng.below(c.patches.length)]!.address + prng.between(-3, 4);
  }

  /** With MOV SS or POP SS of a value in memory in front, which hold debug exceptions back. */
  private withStackSegment(c: Case): Case {
    const address = DATA_BASE + 4 * this.prng.below(0x400);
    const isPop = this.prng.below(2) === 0;
    const stack = (c.regs[4]! & ~3) >>> 0;
    if (isPop && (stack < DATA_BASE || stack >= DATA_BASE + 0x1ff0)) return c;
    const load = isPop ? [POP_SS] : [0x8e, 0x15, ...new Uint8Array(Uint32Array.of(address).buffer)];
    const regs = c.regs.slice();
    if (isPop) regs[4] = stack;
    const patch = { address: isPop ? stack : address, value: 0x2b };
    const patches = [...c.patches.filter((p) => p.address !== patch.address).slice(-198), patch];
    return { ...c, regs, patches, code: Uint8Array.from([...load, ...c.code]) };
  }
}

const PAGE_FAULT_ELSEWHERE = (address: number): boolean => address < CODE_BASE || address >= DATA_BASE + 0x1000_0000;

/** Differences that are right as they are. */
export const JUSTIFIED_DEBUG: readonly {
  readonly name: string;
  readonly reason: string;
  applies(debugCase: DebugCase, ours: DebugRun): boolean;
}[] = [
  {
    name: 'instruction breakpoint after MOV SS',
    reason:
      'SDM Vol. 3, Instruction-Breakpoint Exception Condition: suppressed on the instruction after MOV SS and POP SS; AMD stops there',
    applies: ({ c, dr, dr7 }) => {
      const shadowed = c.code[0] === POP_SS || (c.code[0] === 0x8e && c.code[1] === 0x15);
      const next = c.eip + lengthsOfCode(c.code)[0]!;
      return shadowed && dr.some((address, i) => address === next && ((dr7 >>> (16 + 4 * i)) & 3) === EXECUTE);
    },
  },
  {
    name: 'runner memory',
    reason: 'the address hits the runner itself, which only the real machine has',
    applies: (_, { pageFault }) => pageFault !== null && PAGE_FAULT_ELSEWHERE(pageFault),
  },
];

/** Where two runs part; null when they do not. */
function partOf(native: readonly DebugEvent[], ours: readonly DebugEvent[]): string | null {
  const show = (event: DebugEvent | undefined): string =>
    event === undefined ? 'nothing' : event.map((n) => (n >>> 0).toString(16)).join(' ');
  for (let i = 0; i < Math.max(native.length, ours.length); i++) {
    const [a, b] = [native[i], ours[i]];
    if (a === undefined || b === undefined || a.some((value, j) => value >>> 0 !== b[j]! >>> 0)) {
      return `event ${i}: real ${show(a)}, ours ${show(b)}`;
    }
  }
  return null;
}

function describeDebugCase({ c, dr, dr7, step }: DebugCase): string {
  const registers = dr.map((n) => n.toString(16)).join(' ');
  const code = `${Buffer.from(c.code).toString('hex')} at ${c.eip.toString(16)}`;
  return `DR0-3 ${registers} DR7 ${dr7.toString(16)}${step ? ' TF' : ''}, code ${code}, case ${caseToHex(c)}`;
}

interface DebugResult {
  readonly cases: number;
  readonly exceptions: number;
  readonly justified: number;
  /** One line each. */
  readonly differences: readonly string[];
}

/** Random cases on the real CPU and on ours, whole and in slices. */
export function compareDebugRegisters(count: number, seed: number, engine: Engine): DebugResult {
  const drawn = new DebugCases(Prng.seeded(seed, 0xdeb));
  const cases = Array.from({ length: count }, () => drawn.next());
  const native = new DebugOracle().run(cases);
  const machine = new DebugMachine(engine);
  const differences: string[] = [];
  let justified = 0;
  let exceptions = 0;
  cases.forEach((debugCase, i) => {
    exceptions += native[i]!.filter(([vector]) => vector === VECTOR_DB).length;
    for (const slice of [100_000, 3, 1]) {
      const ours = machine.run(debugCase, slice);
      const where = partOf(native[i]!, ours.events);
      if (where === null) continue;
      if (JUSTIFIED_DEBUG.some((known) => known.applies(debugCase, ours))) justified++;
      else differences.push(`${where}; case ${i} of seed ${seed}, slices of ${slice}: ${describeDebugCase(debugCase)}`);
      break;
    }
  });
  return { cases: count, exceptions, justified, differences };
}

/** Whether this machine and its kernel let debug registers be set: a write to DATA_BASE must be seen. */
export function hasDebugRegisters(): boolean {
  // mov [DATA_BASE], eax
  const code = Uint8Array.of(0xa3, 0, 0, 0, 0x20);
  const selectors = Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0, 0);
  const rest = { mode: MODE_RUN, steps: 1, patches: [], fx: null };
  const c = { regs: new Uint32Array(8), eip: CODE_BASE, eflags: 0x202, selectors, code, ...rest };
  try {
    const [events] = new DebugOracle().run([{ c, dr: [DATA_BASE, 0, 0, 0], dr7: 0xd0001, step: false }]);
    return events?.length === 2;
  } catch {
    return false;
  }
}
