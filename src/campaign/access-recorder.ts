import { type CoreState, EIP, SHADOW } from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import { Cpu, CpuFault } from '../../emu/interp/cpu.ts';
import { decodeFlat } from '../../emu/interp/fetch.ts';
import { Interpreter, isPlain } from '../../emu/interp/interpreter.ts';
import type { Insn } from '../../emu/isa/insn.ts';
import { ACCESS_COUNT, type RegisterAccess, registerAccess } from '../../emu/isa/register-access.ts';
import { type AddressSpace, type CodeCache, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE } from '../../emu/memory/address-space.ts';

/** What an interval does with a byte of memory first: reads it, or writes it. The flags are of RecordingCpu. */
const READ = 1;
/** A write was checked, but perhaps not made, or not in full. */
const CHECKED = 2;
const WRITTEN = 4;

export const UNTOUCHED = 0;
export const USED = 1;
export const OVERWRITTEN = 2;
/** What becomes of a byte that differs. */
export type Fate = typeof UNTOUCHED | typeof USED | typeof OVERWRITTEN;

/** A Cpu that notes what happens to each byte of memory first. */
class RecordingCpu extends Cpu {
  /** Flags of each byte of the pages touched, by page: of the space that runs. */
  pages = new Map<number, Uint8Array>();
  private lastPage = -1;
  private last: Uint8Array = new Uint8Array(0);

  record(pages: Map<number, Uint8Array>): void {
    this.pages = pages;
    this.lastPage = -1;
  }

  override checkRead(seg: number, offset: number, size: number, aligned = false): number {
    const linear = super.checkRead(seg, offset, size, aligned);
    this.note(linear, size, READ, WRITTEN);
    return linear;
  }

  override checkWrite(seg: number, offset: number, size: number, aligned = false): number {
    const linear = super.checkWrite(seg, offset, size, aligned);
    this.note(linear, size, CHECKED, READ);
    return linear;
  }

  override store(linear: number, size: number, value: number): void {
    super.store(linear, size, value);
    this.note(linear, size, WRITTEN, READ);
  }

  /** Sets a flag of each byte that has not got the other one. */
  note(linear: number, size: number, flag: number, unless: number): void {
    for (let at = linear; at < linear + size; at++) {
      const page = at >>> PAGE_SHIFT;
      if (page !== this.lastPage) this.turnTo(page);
      const offset = at & PAGE_MASK;
      if ((this.last[offset]! & unless) === 0) this.last[offset]! |= flag;
    }
  }

  private turnTo(page: number): void {
    let flags = this.pages.get(page);
    if (!flags) {
      flags = new Uint8Array(PAGE_SIZE);
      this.pages.set(page, flags);
    }
    this.lastPage = page;
    this.last = flags;
  }
}

/** Instructions of a core that are looked at one by one: by then most registers have been accessed. */
const STEPS_MAX = 2000;

/** What became of a core's registers first: bits of EAX .. EDI and EFLAGS, as ACCESS_COUNT has them. Bits in neither were not touched. */
export interface RegisterFates {
  readonly used: Int32Array;
  readonly overwritten: Int32Array;
}

class CoreRecord implements RegisterFates {
  readonly used = new Int32Array(ACCESS_COUNT);
  readonly overwritten = new Int32Array(ACCESS_COUNT);
  steps = 0;

  note({ reads, writes }: RegisterAccess): void {
    for (let n = 0; n < ACCESS_COUNT; n++) {
      this.used[n]! |= reads[n]! & ~this.overwritten[n]!;
      this.overwritten[n]! |= writes[n]! & ~this.used[n]!;
    }
    this.steps++;
  }

  /** All that is to be known is. */
  get isSettled(): boolean {
    return this.steps === STEPS_MAX || this.used.every((bits, n) => (bits | this.overwritten[n]!) === -1);
  }

  /** In what followed, these registers were accessed some time, in whatever order. */
  noteUnordered({ reads, writes }: RegisterAccess): void {
    for (let n = 0; n < ACCESS_COUNT; n++) this.used[n]! |= (reads[n]! | writes[n]!) & ~this.overwritten[n]!;
  }
}

/** The instructions of a space that were executed, decoded. */
class ExecutedCode implements CodeCache {
  readonly all: Insn[] = [];
  private readonly space: AddressSpace;
  /** By page, index in `all` and one more of the instruction that begins at each byte. */
  private readonly pages = new Map<number, Int32Array>();
  private lastPage = -1;
  private last: Int32Array = new Int32Array(0);

  constructor(space: AddressSpace) {
    this.space = space;
  }

  /** The instruction at an EIP in flat code; null when it cannot be fetched. */
  at(eip: number): Insn | null {
    const page = eip >>> PAGE_SHIFT;
    if (page !== this.lastPage) this.turnTo(page);
    const known = this.last[eip & PAGE_MASK]!;
    return known > 0 ? this.all[known - 1]! : this.decode(eip);
  }

  /** An instruction of the page before may reach into this one. */
  dropPage(page: number): void {
    this.pages.delete(page);
    this.pages.delete(page - 1);
    this.lastPage = -1;
  }

  private decode(eip: number): Insn | null {
    const insn = decodeFlat(this.space, eip);
    if (insn === null) return null;
    this.last[eip & PAGE_MASK] = this.all.push(insn);
    this.space.markCode(eip >>> PAGE_SHIFT);
    this.space.markCode((eip + insn.length - 1) >>> PAGE_SHIFT);
    return insn;
  }

  private turnTo(page: number): void {
    let indices = this.pages.get(page);
    if (!indices) {
      indices = new Int32Array(PAGE_SIZE);
      this.pages.set(page, indices);
    }
    this.lastPage = page;
    this.last = indices;
  }
}

/**
 * An engine that records which registers and bytes of memory a stretch of a run uses before it overwrites them. What leaves user mode, or
 * is not plain 32-bit code, ends the recording: then nothing is known of the stretch.
 */
export class AccessRecorder implements Engine {
  readonly name = 'interpreter, recorded';
  private readonly cpu = new RecordingCpu();
  private readonly interpreter = new Interpreter();
  private code = new Map<AddressSpace, ExecutedCode>();
  private memory = new Map<AddressSpace, Map<number, Uint8Array>>();
  private cores = new Map<number, CoreRecord>();
  private accesses = new Map<Insn, RegisterAccess>();
  private opaque = false;

  /** Forgets everything: what comes is a new stretch. */
  begin(): void {
    this.code = new Map();
    this.memory = new Map();
    this.cores = new Map();
    this.accesses = new Map();
    this.opaque = false;
  }

  /** True when nothing is known of the stretch. */
  get isOpaque(): boolean {
    return this.opaque;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    if (this.opaque) return this.interpreter.run(core, space, budget);
    const done = this.record(core, space, budget);
    core.retired = done;
    const { exit } = this.cpu;
    if (done === budget && exit === EXIT_BUDGET) return exit;
    this.opaque = true;
    if (exit !== EXIT_BUDGET) return exit;
    core.tscBase += done;
    const rest = this.interpreter.run(core, space, budget - done);
    core.tscBase -= done;
    core.retired += done;
    return rest;
  }

  /** Executes up to `budget` instructions, and stops before one that faults or is not followed. Returns how many. */
  private record(core: CoreState, space: AddressSpace, budget: number): number {
    const { cpu } = this;
    const { i32 } = core;
    const code = this.codeOf(space);
    const registers = this.recordOf(core.id);
    let settled = registers.isSettled;
    i32[SHADOW] = 0;
    cpu.attach(core, space);
    cpu.record(this.memoryOf(space));
    cpu.modeChanged = true;
    let done = 0;
    let eip = 0;
    try {
      while (done < budget && cpu.exit === EXIT_BUDGET) {
        if (cpu.modeChanged && !isPlain(core)) break;
        cpu.modeChanged = false;
        eip = i32[EIP]!;
        const insn = code.at(eip);
        if (insn === null) break;
        cpu.tsc = core.tscBase + done;
        i32[EIP] = insn.next;
        insn.row.exec(cpu, insn);
        done++;
        if (settled) continue;
        registers.note(this.accessOf(insn));
        settled = registers.isSettled;
      }
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      i32[EIP] = eip;
    }
    cpu.storeX87();
    return done;
  }

  /** Whether x87, MMX or SSE instructions ran. */
  get floats(): boolean {
    return [...this.code.values()].some(({ all }) => all.some(isFloat));
  }

  registersOf(core: number): RegisterFates {
    const record = this.recordOf(core);
    if (record.steps === STEPS_MAX)
      for (const { all } of this.code.values()) for (const insn of all) record.noteUnordered(this.accessOf(insn));
    const { used, overwritten } = record;
    return { used, overwritten };
  }

  /** What became of the memory of a space: 2 bits a byte, by page. Pages that are absent were not touched. */
  fatesIn(space: AddressSpace): Map<number, Uint8Array> {
    const pages = this.memoryOf(space);
    this.cpu.record(pages);
    // What is executed is read.
    for (const { eip, length } of this.code.get(space)?.all ?? []) this.cpu.note(eip >>> 0, length, READ, 0);
    return new Map([...pages].map(([page, flags]) => [page, packFates(flags)]));
  }

  private accessOf(insn: Insn): RegisterAccess {
    let access = this.accesses.get(insn);
    if (!access) {
      access = registerAccess(insn);
      this.accesses.set(insn, access);
    }
    return access;
  }

  private recordOf(core: number): CoreRecord {
    let record = this.cores.get(core);
    if (!record) {
      record = new CoreRecord();
      this.cores.set(core, record);
    }
    return record;
  }

  private memoryOf(space: AddressSpace): Map<number, Uint8Array> {
    let pages = this.memory.get(space);
    if (!pages) {
      pages = new Map();
      this.memory.set(space, pages);
    }
    return pages;
  }

  private codeOf(space: AddressSpace): ExecutedCode {
    let code = this.code.get(space);
    if (!code) {
      code = new ExecutedCode(space);
      this.code.set(space, code);
      space.codeCache = code;
    }
    return code;
  }
}

/** x87 and WAIT, and all that has an extension's name. */
const isFloat = ({ row: { opcode, extension } }: Insn): boolean =>
  extension !== undefined || (opcode >= 0xd8 && opcode <= 0xdf) || opcode === 0x9b;

function packFates(flags: Uint8Array): Uint8Array {
  const packed = new Uint8Array(PAGE_SIZE / 4);
  for (let at = 0; at < PAGE_SIZE; at++) {
    const seen = flags[at]!;
    if (seen !== 0) packed[at >> 2]! |= fateOf(seen) << (2 * (at & 3));
  }
  return packed;
}

const fateOf = (flags: number): Fate => (flags & READ || !(flags & WRITTEN) ? USED : OVERWRITTEN);

/** The fate of a byte of a page, by its offset. */
export const fateAt = (packed: Uint8Array, offset: number): Fate =>
  ((packed[offset >> 2]! >> (2 * (offset & 3))) & 3) as Fate;
