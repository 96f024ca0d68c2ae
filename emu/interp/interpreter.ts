import {
  type CoreState,
  CR0,
  EFLAGS,
  EIP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FLAG_RF,
  FLAG_TF,
  SEG_ACCESS,
  SEG_BASE,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_LIMIT,
  SEG_SS,
  SHADOW,
  SHADOW_SS,
} from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, EXIT_EXCEPTION, VECTOR_DB } from '../core/engine.ts';
import { ACCESS_BIG, ACCESS_CODE, ACCESS_EXPAND_DOWN, ACCESS_WRITABLE } from '../core/segments.ts';
import { IN_STRING, type Insn } from '../isa/insn.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { CodePages } from './code-cache.ts';
import { Cpu, CpuFault, isAlignmentChecked } from './cpu.ts';
import { anyBreakpoint, DR6_BS, reportDebugException, WatchedCpu } from './debug-registers.ts';
import { fetchAnywhere } from './fetch.ts';
import { HotLoop } from './hot-loop.ts';
import { warmUp } from './warm-up.ts';

/** CR0.EM and TS: MMX and SSE instructions fault. */
const CR0_EM_TS = 0xc;

/**
 * So many instructions at most run without a warm-up: it, and what V8 then compiles, takes longer than a program that ends before. V8 has
 * compiled nothing yet. (Above what the translating engine hands to the interpreter at once, below a slice of the machine.)
 */
const COLD_MAX = 4000;
/** The hot loop is one function for all interpreters, so one warm-up serves them all. It leaves no state behind. */
let warm = false;
/** Instructions that all interpreters have retired before it. */
let retiredCold = 0;

export interface InterpreterOptions {
  /** Whether common instructions may run predecoded (default) or each through its row's exec. */
  readonly fast?: boolean;
  /** Where a space's predecoded instructions are: its code cache unless an engine that has more of its own there says otherwise. */
  readonly cacheOf?: (space: AddressSpace) => CodePages;
}

/**
 * The reference engine. Each instruction is what its row's exec says; the hot loop does the common ones faster and to the same
 * effect. Source of what happens between instructions: Intel SDM Vol. 3, Interrupt and Exception Handling; Debugging.
 */
export class Interpreter implements Engine {
  readonly name = 'interpreter';
  readonly trialMin = 64;
  private readonly fast: boolean;
  private readonly cacheOf: (space: AddressSpace) => CodePages;
  private readonly cpu = new Cpu();
  private readonly hotLoop = new HotLoop(this.cpu);
  private watchedCpu: WatchedCpu | null = null;

  constructor(options: InterpreterOptions = {}) {
    this.fast = options.fast ?? true;
    this.cacheOf = options.cacheOf ?? cacheOf;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    if (this.fast && !warm && retiredCold + budget > COLD_MAX) {
      warm = true;
      warmUp(this);
    }
    const { hotLoop } = this;
    const watched = anyBreakpoint(core.i32) ? this.watched() : null;
    if (watched === null) core.i32[SHADOW] = 0;
    const cpu = watched ?? this.cpu;
    cpu.attach(core, space);
    const cache = this.cacheOf(space);
    const tscEnd = core.tscBase + budget;
    let left = budget;
    let fault: CpuFault | null = null;
    while (left > 0 && fault === null && cpu.exit === EXIT_BUDGET) {
      cpu.modeChanged = false;
      cpu.inhibitTrap = false;
      const full = fullSegments(core);
      if (this.fast && isPlain(core) && (cache.reliesOn & ~full) === 0) {
        left = hotLoop.run(cache, left, tscEnd, full);
        fault = hotLoop.fault;
        if (hotLoop.stopped) break;
      } else {
        cpu.tsc = tscEnd - left;
        fault = step(core, cpu, watched, cache);
        if (fault === null) left--;
      }
    }
    cpu.storeX87();
    core.retired = budget - left;
    if (!warm) retiredCold += core.retired;
    return fault === null ? cpu.exit : deliverFault(core, fault);
  }

  private watched(): WatchedCpu {
    this.watchedCpu ??= new WatchedCpu();
    return this.watchedCpu;
  }
}

/** One instruction with everything that belongs to it. After a fault EIP is at the instruction. `watched` is `cpu`, or null. */
function step(core: CoreState, cpu: Cpu, watched: WatchedCpu | null, cache: CodePages): CpuFault | null {
  const { i32 } = core;
  const before = i32[EFLAGS];
  const eip = i32[EIP];
  const shadow = i32[SHADOW];
  i32[SHADOW] = 0;
  if (watched !== null && !(before & FLAG_RF) && shadow === 0) {
    // Comes before all that fetching the instruction may raise.
    const breakpoints = watched.onInstruction();
    if (breakpoints !== 0) {
      reportDebugException(i32, breakpoints, 0);
      return INSTRUCTION_BREAKPOINT;
    }
  }
  let insn: Insn;
  try {
    const record = isFlatCode(core) ? cache.find(eip, fullSegments(core)) : -1;
    insn = record >= 0 ? cache.insnAt(record) : fetchAnywhere(cpu, eip);
    i32[EIP] = insn.next;
    // An IRET may set it again.
    i32[EFLAGS] = before & ~FLAG_RF;
    insn.row.exec(cpu, insn);
  } catch (fault) {
    if (!(fault instanceof CpuFault)) throw fault;
    i32[EIP] = eip;
    return fault;
  }
  let breakpoints = shadow & ~SHADOW_SS;
  if (watched !== null) {
    breakpoints |= watched.met;
    watched.met = 0;
    if (cpu.inhibitTrap) {
      i32[SHADOW] = SHADOW_SS | breakpoints;
      return null;
    }
    // Between two iterations the processor has RF set, so that an instruction breakpoint stops before the first one only.
    if (i32[EIP] === eip && isString(insn) && watched.onInstruction() !== 0) i32[EFLAGS] |= FLAG_RF;
  }
  // The trap belongs to the instruction that began with TF set; an INT goes to its handler first.
  const stepped = (before & FLAG_TF) !== 0 && !cpu.inhibitTrap;
  if ((stepped || breakpoints !== 0) && cpu.exit === EXIT_BUDGET) {
    reportDebugException(i32, breakpoints, stepped ? DR6_BS : 0);
    cpu.trap(VECTOR_DB);
  }
  return null;
}

/** The only fault among the debug exceptions. */
const INSTRUCTION_BREAKPOINT = new CpuFault();
INSTRUCTION_BREAKPOINT.vector = VECTOR_DB;

function isString(insn: Insn): boolean {
  return insn.rep !== 0 && insn.operands.some(({ kind }) => kind === IN_STRING);
}

function isFlat(i32: Int32Array, seg: number): boolean {
  return i32[SEG_BASE + seg] === 0 && i32[SEG_LIMIT + seg] === -1;
}

function isWritableData(access: number): boolean {
  return (access & (ACCESS_CODE | ACCESS_EXPAND_DOWN | ACCESS_WRITABLE)) === ACCESS_WRITABLE;
}

/** Whether CS is the flat 32-bit code segment. */
export function isFlatCode({ i32 }: CoreState): boolean {
  return isFlat(i32, SEG_CS) && (i32[SEG_ACCESS + SEG_CS] & ACCESS_BIG) !== 0;
}

/** FS (bit 4) and GS (bit 5) when all 4 GiB behind their base can be read and written. */
export function fullSegments({ i32 }: CoreState): number {
  let full = 0;
  for (let seg = SEG_FS; seg <= SEG_GS; seg++) {
    if (i32[SEG_LIMIT + seg] === -1 && isWritableData(i32[SEG_ACCESS + seg])) full |= 1 << seg;
  }
  return full;
}

/** Whether what the hot loop takes for granted holds: flat segments, nothing to watch between instructions. */
export function isPlain(core: CoreState): boolean {
  const { i32 } = core;
  if (i32[EFLAGS] & (FLAG_TF | FLAG_RF) || isAlignmentChecked(i32) || anyBreakpoint(i32)) return false;
  if (i32[CR0] & CR0_EM_TS) return false;
  if (!isFlatCode(core) || !(i32[SEG_ACCESS + SEG_SS] & ACCESS_BIG)) return false;
  for (const seg of FLAT_DATA) if (!isFlat(i32, seg) || !isWritableData(i32[SEG_ACCESS + seg])) return false;
  return true;
}
const FLAT_DATA = [SEG_ES, SEG_SS, SEG_DS] as const;

function cacheOf(space: AddressSpace): CodePages {
  if (space.codeCache instanceof CodePages) return space.codeCache;
  const cache = new CodePages(space);
  space.codeCache = cache;
  return cache;
}

/**
 * A fault is delivered with RF set, so that the instruction is not stopped twice by one breakpoint; the breakpoint's own fault
 * is not: its handler decides. Source: Intel SDM Vol. 3, Instruction-Breakpoint Exception Condition.
 */
function deliverFault(core: CoreState, { vector, errorCode }: CpuFault): EngineExit {
  core.i32[EXIT_VECTOR] = vector;
  core.i32[EXIT_ERROR_CODE] = errorCode;
  if (vector !== VECTOR_DB) core.i32[EFLAGS] |= FLAG_RF;
  return EXIT_EXCEPTION;
}
