import { cpuId } from '../../emu/base/brand.ts';
import { Prng } from '../../emu/base/prng.ts';
import {
  CoreState,
  CR0,
  CR2,
  DR,
  EFLAGS,
  EIP,
  ESP,
  EXIT_VECTOR,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
  SEG_BASE,
  SEG_FS,
  SEG_GS,
  SEG_LIMIT,
} from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, EXIT_EXCEPTION, VECTOR_PF } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { JitEngine, type JitOptions } from '../../emu/jit/jit-engine.ts';
import { coreDifferences, type Difference } from '../../emu/lockstep/difference.ts';
import {
  AddressSpace,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERM_R,
  PERM_W,
  PERM_X,
  type SpaceSnapshot,
} from '../../emu/memory/address-space.ts';
import { basePages, INTERESTING } from '../silicon/base-pages.ts';
import { CR0_LINUX, GDT, LDT, loadSegmentOf } from '../silicon/machine.ts';
import { CODE_BASE, CODE_SIZE, DATA_BASE, DATA_RW_SIZE, DATA_SIZE, INT3 } from '../silicon/protocol.ts';
import { type Comparison, placeIn } from './compare-runs.ts';
import { ProgramDrawer, type RandomProgram, SELECTORS_AT_START } from './draw-program.ts';
import type { PieceStart } from './trail.ts';

/*
 * Random programs on both engines, slice by slice, with all that a kernel does to memory and cores between two slices.
 */

export type RandomKind = 'blocks' | 'self-modifying';

const RWX = PERM_R | PERM_W | PERM_X;
const SLICES_MAX = 150;
/** Slices are of 1 to this many instructions; short ones as often as long ones. */
const SLICE_MAX = 2 ** 11;
const PROCESSES_MAX = 4;
const PAGES_MAX = 12;
const USER_PAGES = 0xbfc00;

/** One engine's half: its cores and the memory of its processes. */
interface Side {
  readonly engine: Engine;
  readonly cores: readonly CoreState[];
  readonly spaces: AddressSpace[];
}

/** What is done to both sides between two slices. */
type Act = (side: Side) => void;

/** One random case: programs, processes with them in memory, and two cores. All that happens follows from seed, number and kind. */
export class RandomCase {
  private readonly prng: Prng;
  private readonly kind: RandomKind;
  readonly jit: JitEngine;
  private readonly sides: readonly [Side, Side];
  private readonly programs: readonly RandomProgram[];
  /** The process that each core runs. */
  private readonly processOf = [0, 0];
  private readonly isStarted = [false, false];
  private readonly planted: { readonly process: number; readonly address: number; readonly byte: number }[] = [];
  private kept: { readonly process: number; readonly memory: readonly SpaceSnapshot[] } | null = null;
  instructions = 0;
  slices = 0;

  constructor(
    seed: number,
    number: number,
    kind: RandomKind,
    newJit = (options: JitOptions) => new JitEngine(options),
  ) {
    this.prng = Prng.seeded(seed, 2 * number + (kind === 'blocks' ? 0 : 1));
    this.kind = kind;
    const { prng } = this;
    this.jit = newJit(
      prng.below(4) === 0 ? { sampleEvery: 5, samples: 2 } : { sampleEvery: 1, samples: 1, eager: true },
    );
    const side = (engine: Engine): Side => ({
      engine,
      cores: [0, 1].map((n) => new CoreState(cpuId(n), { gdt: GDT, ldt: LDT })),
      spaces: [],
    });
    this.sides = [side(new Interpreter()), side(this.jit)];
    const drawer = new ProgramDrawer(prng, kind === 'self-modifying');
    this.programs = [drawer.draw(), drawer.draw()];
    this.both(({ spaces }) => spaces.push(this.newSpace(0)));
  }

  /** Runs until both sides differ (and says how), or to the end. `until`: stops before this slice and gives what it begins with. */
  run(until = Number.POSITIVE_INFINITY): Difference[] | PieceStart | null {
    const { prng } = this;
    const slices = prng.between(10, SLICES_MAX);
    for (; this.slices < slices; this.slices++) {
      const core = prng.below(4) === 0 ? 1 : 0;
      if (!this.isStarted[core]) this.start(core);
      if (prng.below(this.kind === 'blocks' ? 12 : 4) === 0) this.event(core);
      const budget = 1 + prng.below(2 ** prng.below(Math.log2(SLICE_MAX)));
      if (this.slices === until) return this.pieceStart(core, budget);
      const found = this.slice(core, budget);
      if (found.length > 0) return found;
    }
    return null;
  }

  dispose(): void {
    this.both(({ spaces }) => {
      for (const space of spaces) space.dispose();
    });
  }

  private both(act: Act): void {
    for (const side of this.sides) act(side);
  }

  private pieceStart(core: number, budget: number): PieceStart {
    const [{ cores, spaces }] = this.sides;
    return { core: cores[core]!, memory: spaces[this.processOf[core]!]!.snapshot(), budget };
  }

  private slice(core: number, budget: number): Difference[] {
    const process = this.processOf[core]!;
    const exits = this.sides.map(({ engine, cores, spaces }) => {
      const exit = engine.run(cores[core]!, spaces[process]!, budget);
      cores[core]!.tscBase += cores[core]!.retired;
      return exit;
    }) as [EngineExit, EngineExit];
    const [a, b] = this.sides.map(({ cores }) => cores[core]!) as [CoreState, CoreState];
    this.instructions += a.retired;
    const found = blockDifferences(a, exits[0], b, exits[1]);
    found.push(...spaceDifferences(this.sides[0].spaces[process]!, this.sides[1].spaces[process]!));
    if (found.length === 0 && exits[0] !== EXIT_BUDGET) this.afterExit(core, exits[0]);
    return found;
  }

  /** As a kernel would: a page for a page fault, or on to another instruction. */
  private afterExit(core: number, exit: EngineExit): void {
    const { prng } = this;
    const [{ cores, spaces }] = this.sides;
    const state = cores[core]!;
    const process = this.processOf[core]!;
    const page = state.i32[CR2]! >>> PAGE_SHIFT;
    const isPageFault = exit === EXIT_EXCEPTION && state.i32[EXIT_VECTOR] === VECTOR_PF;
    const canHave = page < USER_PAGES && spaces[process]!.residentPages().length < PAGES_MAX;
    if (isPageFault && canHave && prng.below(2) === 0) {
      const perm = prng.below(2) === 0 ? RWX : PERM_R | PERM_W;
      this.both((side) => {
        const space = side.spaces[process]!;
        if (space.isResident(page)) space.protectPage(page, perm | PERM_X);
        else space.mapPage(page, perm);
      });
    } else if (prng.below(5) < 2) {
      const place = this.drawPlace();
      this.both((side) => {
        side.cores[core]!.i32[EIP] = place;
      });
    } else this.isStarted[core] = false;
  }

  private drawPlace(): number {
    const { places } = this.pick(this.programs);
    return this.pick(places) | 0;
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.prng.below(values.length)]!;
  }

  /** A space with the programs, data and a page that may only be read. */
  private newSpace(first: number): AddressSpace {
    const space = new AddressSpace();
    const map = (from: number, sizeBytes: number, perm: number): void => {
      for (let at = from; at < from + sizeBytes; at += PAGE_SIZE) space.mapPage(at >>> PAGE_SHIFT, perm);
    };
    map(CODE_BASE, CODE_SIZE, this.kind === 'blocks' ? PERM_R | PERM_X : RWX);
    map(DATA_BASE, DATA_RW_SIZE, PERM_R | PERM_W);
    map(DATA_BASE + DATA_RW_SIZE, DATA_SIZE - DATA_RW_SIZE, PERM_R);
    space.poke(CODE_BASE, new Uint8Array(CODE_SIZE).fill(INT3));
    space.poke(DATA_BASE, basePages());
    // The first may lie over the other one.
    for (const n of [1 - first, first]) {
      const { address, code, patches } = this.programs[n]!;
      space.poke(address, code);
      for (const patch of patches) space.poke(patch.address, new Uint8Array(Uint32Array.of(patch.value).buffer));
    }
    return space;
  }

  /** Registers as a case of the silicon tests has them, flat segments, and FS and GS of 4 GiB from somewhere on. */
  private start(core: number): void {
    const { prng } = this;
    const program = this.pick(this.programs);
    const value = (): number => {
      const kind = prng.below(4);
      if (kind === 0) return this.pick(INTERESTING);
      if (kind === 1) return prng.next();
      return DATA_BASE + prng.below(DATA_RW_SIZE);
    };
    const block = new CoreState(cpuId(core), { gdt: GDT, ldt: LDT });
    const { i32 } = block;
    for (let reg = 0; reg < 8; reg++) i32[reg] = value();
    if (prng.below(10) !== 0) i32[ESP] = DATA_BASE + 4 * prng.between(0x40, 0x700);
    i32[EIP] = prng.below(3) === 0 ? this.drawPlace() : program.address;
    i32[EFLAGS] =
      0x202 | (prng.next() & (prng.below(20) === 0 ? 0x244cd5 : prng.below(4) === 0 ? 0xcd5 : 0x8d5) & ~FLAG_TF);
    i32[CR0] = CR0_LINUX;
    i32[DR + 6] = 0xffff0ff0 | 0;
    i32[DR + 7] = 0x400;
    SELECTORS_AT_START.forEach((selector, segment) => {
      loadSegmentOf(i32, segment, selector);
    });
    for (const segment of [SEG_FS, SEG_GS]) {
      if (prng.below(8) !== 0) i32[SEG_LIMIT + segment] = -1;
      if (prng.below(2) === 0) i32[SEG_BASE + segment] = i32[SEG_BASE + segment]! + prng.between(-64, 64);
    }
    block.u8.set(program.fx, FXSAVE_BYTE_OFFSET);
    this.both(({ cores }) => cores[core]!.load(block.u8));
    this.isStarted[core] = true;
  }

  /** Something happens to the process of a core, or to the core. */
  private event(core: number): void {
    const { prng } = this;
    const process = this.processOf[core]!;
    const space = (side: Side): AddressSpace => side.spaces[process]!;
    const resident = this.sides[0].spaces[process]!.residentPages();
    const codePage = (CODE_BASE >>> PAGE_SHIFT) + prng.below(CODE_SIZE >>> PAGE_SHIFT);
    switch (prng.below(15)) {
      case 0:
      case 1: {
        this.write(process);
        break;
      }
      case 2:
      case 3:
        this.plantOrRemove(process);
        break;
      case 4: {
        // mprotect(2) of code.
        const perm = this.pick([PERM_R, PERM_R | PERM_X, RWX, RWX, 0]);
        this.both((side) => space(side).protectPage(codePage, perm));
        break;
      }
      case 5: {
        const page = this.pick(resident);
        const perm = this.pick([PERM_R, PERM_R | PERM_W, RWX, RWX, 0]);
        this.both((side) => space(side).protectPage(page, perm));
        break;
      }
      case 6: {
        // munmap(2) and mmap(2): a page of the other process's program, or nothing.
        const fresh = this.newSpace(prng.below(2));
        const bytes = fresh.peek(codePage << PAGE_SHIFT, PAGE_SIZE);
        fresh.dispose();
        const isMapped = prng.below(4) !== 0;
        this.both((side) => {
          space(side).unmapPage(codePage);
          if (!isMapped) return;
          space(side).mapPage(codePage, RWX);
          space(side).poke(codePage << PAGE_SHIFT, bytes);
        });
        break;
      }
      case 7:
        // fork(2): the other core runs the child.
        if (this.sides[0].spaces.length < PROCESSES_MAX) {
          this.both((side) => side.spaces.push(space(side).clone()));
          this.processOf[1 - core] = this.sides[0].spaces.length - 1;
        } else this.processOf[1 - core] = prng.below(PROCESSES_MAX);
        break;
      case 8: {
        // execve(2).
        const first = prng.below(2);
        this.both((side) => {
          space(side).dispose();
          side.spaces[process] = this.newSpace(first);
        });
        this.processOf.forEach((one, n) => {
          if (one === process) this.isStarted[n] = false;
        });
        this.start(core);
        break;
      }
      case 9:
        this.both((side) => space(side).clearDirty());
        break;
      case 10:
        // A snapshot; back to it another time.
        if (this.kept === null) this.kept = { process, memory: this.sides.map((side) => space(side).snapshot()) };
        else {
          const { process: keptOf, memory } = this.kept;
          this.sides.forEach(({ spaces }, n) => {
            spaces[keptOf]!.restore(memory[n]!);
          });
          this.kept = null;
        }
        break;
      case 11:
        this.both(({ cores }) => {
          cores[core]!.i32[EFLAGS] = cores[core]!.i32[EFLAGS]! ^ FLAG_TF;
        });
        break;
      case 12:
        this.breakpoint(core);
        break;
      case 13: {
        const base = prng.below(4) === 0 ? prng.next() : DATA_BASE + prng.below(DATA_RW_SIZE);
        const segment = this.pick([SEG_FS, SEG_GS]);
        this.both(({ cores }) => {
          cores[core]!.i32[SEG_BASE + segment] = base;
        });
        break;
      }
      default: {
        // Rounding and masks of both units.
        const control = prng.next();
        const mxcsr = 0x1f80 | (prng.next() & (prng.below(3) === 0 ? 0xffff : 0x603f));
        const isX87 = prng.below(2) === 0;
        this.both(({ cores }) => {
          const view = new DataView(cores[core]!.u8.buffer, FXSAVE_BYTE_OFFSET);
          if (isX87) view.setUint16(0, 0x40 | (control & 0x1f3f), true);
          else view.setUint32(24, mxcsr, true);
        });
      }
    }
  }

  /** read(2) into code, or into a table that code uses. */
  private write(process: number): void {
    const { prng } = this;
    const other = this.pick(this.programs);
    const from = prng.below(other.code.length);
    const bytes =
      prng.below(3) === 0
        ? Uint8Array.from({ length: prng.between(1, 8) }, () => prng.below(256))
        : other.code.slice(from, from + prng.between(1, 40));
    const at = this.drawPlace() + prng.between(0, 5);
    this.poke(process, at, bytes);
  }

  /** INT3 of a debugger over an instruction, or the byte back that it has kept. */
  private plantOrRemove(process: number): void {
    const [old] = this.planted;
    if (old !== undefined && this.prng.below(2) === 0) {
      this.planted.shift();
      this.poke(old.process, old.address, Uint8Array.of(old.byte));
      return;
    }
    const address = this.drawPlace();
    const [{ spaces }] = this.sides;
    this.planted.push({ process, address, byte: spaces[process]!.u8[address]! });
    this.poke(process, address, Uint8Array.of(INT3));
  }

  private poke(process: number, address: number, bytes: Uint8Array): void {
    const [{ spaces }] = this.sides;
    const space = spaces[process]!;
    const last = (address + bytes.length - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last; page++) if (!space.isResident(page)) return;
    this.both((side) => side.spaces[process]!.poke(address, bytes));
  }

  /** Sets or clears a debug register: on an instruction, or on data that is written, or read or written. */
  private breakpoint(core: number): void {
    const { prng } = this;
    const n = prng.below(4);
    const kind = this.pick([0, 1, 3]);
    const length = kind === 0 ? 0 : this.pick([0, 1, 3]);
    const address = kind === 0 ? this.drawPlace() : DATA_BASE + prng.below(DATA_RW_SIZE);
    const isOn = prng.below(2) === 0;
    this.both(({ cores }) => {
      const { i32 } = cores[core]!;
      i32[DR + n] = address;
      const field = (kind | (length << 2)) << (16 + 4 * n);
      i32[DR + 7] = isOn ? (i32[DR + 7]! & ~(0xf << (16 + 4 * n))) | field | (1 << (2 * n)) : 0x400;
    });
  }
}

/** What of two cores is not alike, to the last word of their blocks. */
function blockDifferences(a: CoreState, exitA: EngineExit, b: CoreState, exitB: EngineExit): Difference[] {
  if (exitA === exitB && a.retired === b.retired && Buffer.compare(a.u8, b.u8) === 0) return [];
  const found = coreDifferences(a, exitA, b, exitB);
  if (found.length > 0) return found;
  const word = a.i32.findIndex((value, i) => value !== b.i32[i]);
  return [{ what: `doubleword ${word} of the core's block`, first: String(a.i32[word]), second: String(b.i32[word]) }];
}

function spaceDifferences(a: AddressSpace, b: AddressSpace): Difference[] {
  const pages = a.residentPages();
  const show = (space: AddressSpace, page: number): string =>
    `permissions ${space.permOf(page)}, ${space.isDirty(page) ? 'dirty' : 'clean'}`;
  for (const page of pages) {
    const at = page * PAGE_SIZE;
    if (a.permOf(page) !== b.permOf(page) || a.isDirty(page) !== b.isDirty(page))
      return [{ what: `page ${at.toString(16)}`, first: show(a, page), second: show(b, page) }];
    for (let i = at / 4; i < (at + PAGE_SIZE) / 4; i++) {
      if (a.i32[i] === b.i32[i]) continue;
      const [first, second] = [a, b].map(({ i32 }) => `0x${(i32[i]! >>> 0).toString(16)}`) as [string, string];
      return [{ what: `memory at 0x${(i * 4).toString(16)}`, first, second }];
    }
  }
  const residentB = b.residentPages().length;
  return residentB === pages.length
    ? []
    : [{ what: 'resident pages', first: String(pages.length), second: String(residentB) }];
}

/** Runs a case; one that differs is run again up to the slice that shows it, and that by itself. */
export function compareOnCase(...which: ConstructorParameters<typeof RandomCase>): Comparison {
  const one = new RandomCase(...which);
  const found = one.run();
  const { instructions, slices, jit } = one;
  one.dispose();
  const differences: string[] = [];
  if (Array.isArray(found)) {
    const again = new RandomCase(...which);
    const start = again.run(slices) as PieceStart;
    const what = found.map((x) => `${x.what} ${x.first}, translated ${x.second}`).join('; ');
    const from = (start.core.i32[EIP]! >>> 0).toString(16);
    const place = placeIn(start, again.jit, '') ?? `${what} (only in these ${start.budget} instructions)`;
    differences.push(`slice ${slices}, which begins at ${from}: ${place}`);
    again.dispose();
  }
  return { instructions, comparisons: slices, translated: jit.statistics.translated, differences };
}
