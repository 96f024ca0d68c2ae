import { type CoreState, EAX, EFLAGS, EIP, SEG_ACCESS, SEG_BASE, SEG_CS } from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import { ACCESS_BIG } from '../../emu/core/segments.ts';
import { decodeFlat } from '../../emu/interp/fetch.ts';
import { ACCESS_COUNT, type RegisterAccess, registerAccess } from '../../emu/isa/register-access.ts';
import type { AddressSpace } from '../../emu/memory/address-space.ts';

/*
 * Pruning by definition and use. A bit that flips in a register changes nothing until something reads it. So all flips of one bit between
 * two accesses of it have the same result: that of the flip just before the second one; and none at all when the second access overwrites
 * the bit without reading it, or never comes. A point is "just after the core has retired n instructions", before the kernel hears of it.
 */

/** Flips of each bit in `mask` of one register, at `weight` points after another access of it: all have one result. */
export interface FlipClass {
  /** Index of the register: EAX .. EDI, or ACCESS_EFLAGS. */
  readonly register: number;
  /** The bits; each is a class of its own. */
  readonly mask: number;
  /** Points in each. */
  readonly weight: number;
  /** Whether something may read the bit. If not, the flip is masked. */
  readonly used: boolean;
  /** The last point: it stands for the others. */
  readonly core: number;
  readonly instruction: number;
  /** The thread, and the ordinals (from 1) of the last of its points before the class and of the class's last. */
  readonly thread: number;
  readonly after: number;
  readonly upTo: number;
}

/** What hears of each class, in the order in which they end. The object is reused: copy what is to be kept. */
export type ClassSink = (flips: Readonly<FlipClass>) => void;
/** What hears of each point: the ordinal counts the thread's points, from 1. */
export type PointSink = (core: number, instruction: number, thread: number, ordinal: number) => void;

const ALL = -1;

/** The points and the last accesses of one thread. */
class ThreadTrace {
  readonly thread: number;
  points = 0;
  core = 0;
  instruction = 0;
  /** EAX .. EDI, EIP, EFLAGS as the thread's last instruction left them. */
  readonly left = new Int32Array(EFLAGS + 1);
  /** For each bit of each register: how many points there were when it was last accessed. */
  private readonly lastAccess = new Float64Array(ACCESS_COUNT * 32);
  private readonly sink: ClassSink;

  constructor(thread: number, sink: ClassSink) {
    this.thread = thread;
    this.sink = sink;
  }

  /** The bits are accessed now: the classes that were open end at the last point. */
  access(register: number, mask: number, used: boolean): void {
    const { lastAccess, points } = this;
    const base = register * 32;
    let rest = mask;
    while (rest !== 0) {
      const since = lastAccess[base + 31 - Math.clz32(rest & -rest)]!;
      let group = 0;
      for (let bits = rest; bits !== 0; bits &= bits - 1) {
        const bit = 31 - Math.clz32(bits & -bits);
        if (lastAccess[base + bit] !== since) continue;
        group |= 1 << bit;
        lastAccess[base + bit] = points;
      }
      if (points > since) this.report(register, group, used, since);
      rest &= ~group;
    }
  }

  private report(register: number, mask: number, used: boolean, after: number): void {
    const { thread, core, instruction, points } = this;
    this.sink({ register, mask, weight: points - after, used, core, instruction, thread, after, upTo: points });
  }

  accessAll(used: boolean): void {
    for (let register = 0; register < ACCESS_COUNT; register++) this.access(register, ALL, used);
  }

  instructionDone({ reads, writes }: RegisterAccess): void {
    for (let register = 0; register < ACCESS_COUNT; register++) {
      if (reads[register] !== 0) this.access(register, reads[register]!, true);
      if (writes[register] !== 0) this.access(register, writes[register]!, false);
    }
  }
}

/** Access of an instruction that could not be decoded: all of it. */
const EVERYTHING: RegisterAccess = {
  reads: new Int32Array(ACCESS_COUNT).fill(ALL),
  writes: new Int32Array(ACCESS_COUNT),
};

interface Decoded {
  readonly bytes: Uint8Array;
  readonly access: RegisterAccess;
}

/**
 * An engine that runs another one instruction by instruction and reports the classes of register flips. Threads keep theirs when they
 * change cores. Every trap, and everything else the kernel does to a thread, counts as a use of all its registers.
 */
export class RegisterTracer implements Engine {
  readonly name: string;
  private readonly engine: Engine;
  private readonly threadOn: (core: number) => number;
  private readonly sink: ClassSink;
  private readonly onPoint: PointSink | null;
  private readonly threads = new Map<number, ThreadTrace>();
  private readonly retired: number[] = [];
  private readonly decoded = new WeakMap<AddressSpace, Map<number, Decoded>>();

  /** `threadOn`: id of the thread that a core runs now. */
  constructor(engine: Engine, threadOn: (core: number) => number, sink: ClassSink, onPoint: PointSink | null = null) {
    this.name = `${engine.name}, traced`;
    this.engine = engine;
    this.threadOn = threadOn;
    this.sink = sink;
    this.onPoint = onPoint;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const trace = this.threadTrace(this.threadOn(core.id));
    if (trace.points > 0 && kernelChanged(core, trace)) trace.accessAll(true);
    const { tscBase } = core;
    let done = 0;
    let exit: EngineExit = EXIT_BUDGET;
    while (done < budget && exit === EXIT_BUDGET) {
      const access = isFlatCode(core) ? this.accessAt(space, core.i32[EIP]!) : EVERYTHING;
      core.tscBase = tscBase + done;
      exit = this.engine.run(core, space, 1);
      if (core.retired === 0) continue;
      done++;
      trace.instructionDone(access);
      this.point(core.id, trace);
    }
    if (exit !== EXIT_BUDGET) trace.accessAll(true);
    trace.left.set(core.i32.subarray(EAX, EFLAGS + 1));
    core.tscBase = tscBase;
    core.retired = done;
    return exit;
  }

  /** The kernel may have read registers of any thread. */
  kernelRead(): void {
    for (const trace of this.threads.values()) trace.accessAll(true);
  }

  /** The run is over: what is open now will not be read. */
  finish(): void {
    for (const trace of this.threads.values()) trace.accessAll(false);
  }

  private point(core: number, trace: ThreadTrace): void {
    const instruction = (this.retired[core] ?? 0) + 1;
    this.retired[core] = instruction;
    // A class lies on one core, so that a space of some cores has whole classes.
    if (trace.points > 0 && trace.core !== core) trace.accessAll(true);
    trace.points++;
    trace.core = core;
    trace.instruction = instruction;
    this.onPoint?.(core, instruction, trace.thread, trace.points);
  }

  private threadTrace(thread: number): ThreadTrace {
    let trace = this.threads.get(thread);
    if (!trace) {
      trace = new ThreadTrace(thread, this.sink);
      this.threads.set(thread, trace);
    }
    return trace;
  }

  private accessAt(space: AddressSpace, eip: number): RegisterAccess {
    let cache = this.decoded.get(space);
    if (!cache) {
      cache = new Map();
      this.decoded.set(space, cache);
    }
    const at = eip >>> 0;
    const known = cache.get(at);
    if (known && isAt(space.u8, at, known.bytes)) return known.access;
    const insn = decodeFlat(space, eip);
    if (insn === null) return EVERYTHING;
    const access = registerAccess(insn);
    cache.set(at, { bytes: space.u8.slice(at, at + insn.length), access });
    return access;
  }
}

/** Whether EIP is a linear address of 32-bit code, as it is unless the program has made segments of its own. */
function isFlatCode({ i32 }: CoreState): boolean {
  return i32[SEG_BASE + SEG_CS] === 0 && (i32[SEG_ACCESS + SEG_CS]! & ACCESS_BIG) !== 0;
}

function kernelChanged({ i32 }: CoreState, { left }: ThreadTrace): boolean {
  for (let index = EAX; index <= EFLAGS; index++) if (i32[index] !== left[index]) return true;
  return false;
}

function isAt(memory: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let n = 0; n < bytes.length; n++) if (memory[at + n] !== bytes[n]) return false;
  return true;
}

/** Names of the traced registers, by index. */
export const TRACED_REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eflags'] as const;
