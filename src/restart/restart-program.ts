import { UsageError, unreachable } from '../../emu/base/errors.ts';
import { FLAG_CF } from '../../emu/core/core-state.ts';
import { errnoName } from '../../kernel-sim/abi/errno.ts';
import { SAVEXMM_SIZE } from '../../kernel-sim/abi/fpreg.ts';
import { type Pid, pid } from '../../kernel-sim/abi/ids.ts';
import { words } from '../../kernel-sim/abi/layout.ts';
import {
  PIOD_WRITE_D,
  PSL_USERCHANGE,
  PT_CONTINUE,
  PT_DETACH,
  PT_GETLWPLIST,
  PT_GETREGS,
  PT_IO,
  PT_READ_I,
  PT_RESUME,
  PT_SETFPREGS,
  PT_SETREGS,
  PT_SETXMMREGS,
  PT_SUSPEND,
  PT_TRACE_ME,
  PT_WRITE_I,
} from '../../kernel-sim/abi/ptrace.ts';
import { decodeReg, encodeReg, type Reg } from '../../kernel-sim/abi/reg.ts';
import { SIGTRAP, signalName } from '../../kernel-sim/abi/signal.ts';
import { exitCodeOf, isSignalled, stoppedStatus, termSignalOf } from '../../kernel-sim/abi/wait.ts';
import { bytesOf } from '../../kernel-sim/kern/kernel.ts';
import { type NativeContext, type NativeProgram, type NativeStep, SCRATCH_ADDR } from '../../kernel-sim/kern/native.ts';
import { adoptIdentity, giveUp } from '../../kernel-sim/kern/recovery.ts';
import type { FileData } from '../../kernel-sim/kern/state.ts';
import { readFileRange } from '../../kernel-sim/vfs/file-data.ts';
import { pathOf } from '../../kernel-sim/vfs/memfs.ts';
import { hostCredentials, lookupFile } from '../../kernel-sim/vfs/namei.ts';
import { type BreakAt, linkerVariables, planSignals, planThreads, type RestartInputs, readInputs } from './plan.ts';
import { planMemory } from './plan-memory.ts';
import { INJECTED_DATA_MAX, type Preparation, type Word } from './preparation.ts';
import type { RestartStep } from './steps.ts';

/*
 * The paper's restart (section 3.2), step for step, as a native process: fork; the child asks to be traced and executes the program;
 * the parent plants INT3 at the entry point, lets the child run into it, puts the instruction back, has the child map what it lacks,
 * writes every PT_LOAD of the core, sets the registers, and detaches. All through system calls; the child is worked on by ptrace alone.
 */

export interface RestartOptions {
  /** Guest paths. */
  readonly executable: string;
  readonly core: string;
  readonly args: readonly string[];
  readonly breakAt?: BreakAt;
  /** The process that is to live on in the restored one, or 0: the restored one has a pid of its own. */
  readonly lostPid?: number;
}

type Phase =
  | 'start'
  | 'forked'
  | 'child-traced'
  | 'child-exec-failed'
  | 'exec-stop'
  | 'read-entry'
  | 'planted'
  | 'running-to-entry'
  | 'entry-stop'
  | 'entry-regs'
  | 'unplanted'
  | 'thread-list'
  | 'thread-held'
  | 'thread-released'
  | 'prepare'
  | 'injected-stack'
  | 'injected-regs'
  | 'injected-run'
  | 'injected-stop'
  | 'injected-result'
  | 'code-restored'
  | 'load'
  | 'thread-regs'
  | 'registers'
  | 'fpregs'
  | 'detached'
  | 'waited';

/** What the program remembers between two calls. JSON data. */
interface RestartState extends RestartOptions {
  readonly phase: Phase;
  readonly child: number;
  readonly breakAddr: number;
  /** The word at the break address, before INT3 was planted. */
  readonly savedWord: number;
  /** Registers at the break: what injected calls start from. */
  readonly regs: Reg | null;
  readonly preparations: readonly Preparation[];
  /** What 'kept' means in the arguments of the next ones. */
  readonly kept: number;
  /** The child's thread ids in the order of the core's threads, once it has them all; before that none. */
  readonly tids: readonly number[];
  /** Index of the one thread that runs when the child is continued; the others are held back. */
  readonly active: number;
  /** Index of the thread whose registers come next. */
  readonly thread: number;
  /** Segment and byte offset in it that come next. */
  readonly segment: number;
  readonly offset: number;
}

/** Layout of the scratch memory: a status word, an I/O descriptor, registers, strings; then the bytes on their way. */
const STATUS_AT = 0;
const IODESC_AT = 16;
const REGS_AT = 64;
const STRINGS_AT = 512;
const STRINGS_MAX = 0x8000;
const CHUNK_AT = 0x10000;
const CHUNK_BYTES = 0x10000;
/** What an injected call has below the child's stack pointer: a return address and up to 8 arguments, then its data. */
const INJECTED_ARGS_BYTES = 64;
const INJECTED_BYTES = INJECTED_ARGS_BYTES + 4 * INJECTED_DATA_MAX;
const THREADS_MAX = 1500;

const INT3 = 0xcc;
/** `int $0x80; int3`, as a little-endian word. */
const SYSCALL_CODE = 0xcccc80cd | 0;
/** `movb $0,(%eax); int3`. */
const TOUCH_CODE = 0xcc0000c6 | 0;

export const restartProgram: NativeProgram = (context, data) => {
  const s = withDefaults(data as RestartOptions & Partial<RestartState>);
  try {
    return advance(context, s);
  } catch (error) {
    if (error instanceof UsageError) return abandon(context, s, error.message);
    throw error;
  }
};

function withDefaults(data: RestartOptions & Partial<RestartState>): RestartState {
  return {
    phase: 'start',
    child: 0,
    breakAddr: 0,
    savedWord: 0,
    regs: null,
    preparations: [],
    kept: 0,
    tids: [],
    active: 0,
    thread: 0,
    segment: 0,
    offset: 0,
    ...data,
  };
}

function advance(c: NativeContext, s: RestartState): NativeStep {
  const failed = c.errno !== 0 && s.phase !== 'start';
  if (failed && s.phase !== 'child-exec-failed') {
    return abandon(c, s, `${s.phase}: ${errnoName(c.errno)}`);
  }
  switch (s.phase) {
    case 'start': {
      const { executable, core, breakAddr } = inputs(c, s);
      say(
        c,
        s,
        'read',
        `${s.executable}: entry 0x${hex(executable.entry)}; ${s.core}: ${core.segments.length} LOAD segments`,
      );
      for (const { tid, reg } of core.threads) {
        const where = `eip 0x${hex(reg.r_eip)}, esp 0x${hex(reg.r_esp)}`;
        say(c, s, 'pr_status', `PR_STATUS of thread ${tid}: ${where}`);
      }
      return call('fork', [], { ...s, breakAddr, phase: 'forked' });
    }
    case 'forked':
      if (c.eax === 0) return call('ptrace', [PT_TRACE_ME, 0, 0, 0], { ...s, phase: 'child-traced' });
      say(c, { ...s, child: c.eax }, 'fork', `child ${c.eax}`);
      return wait({ ...s, child: c.eax, phase: 'exec-stop' });
    case 'child-traced':
      return execChild(c, s);
    case 'child-exec-failed':
      return { kind: 'exit', code: 127 };
    case 'exec-stop':
      expectTrap(c);
      say(c, s, 'exec', `child has asked to be traced and executes ${s.executable}`);
      return ptrace(PT_READ_I, s.child, s.breakAddr, 0, { ...s, phase: 'read-entry' });
    case 'read-entry':
      say(c, s, 'int3', `0xCC in place of 0x${hex(c.eax & 0xff, 2)} at 0x${hex(s.breakAddr)}`);
      return ptrace(PT_WRITE_I, s.child, s.breakAddr, (c.eax & ~0xff) | INT3, {
        ...s,
        savedWord: c.eax,
        phase: 'planted',
      });
    case 'planted':
      return ptrace(PT_CONTINUE, s.child, 1, 0, { ...s, phase: 'running-to-entry' });
    case 'running-to-entry':
      return wait({ ...s, phase: 'entry-stop' });
    case 'entry-stop':
      expectTrap(c);
      return getRegs(s, s.child, 'entry-regs');
    case 'entry-regs': {
      const regs = decodeReg(c.get(REGS_AT, 76));
      if (regs.r_eip !== (s.breakAddr + 1) >>> 0) {
        throw new UsageError({ what: `the child stopped at 0x${hex(regs.r_eip)}, not at 0x${hex(s.breakAddr)}` });
      }
      say(c, s, 'sigtrap', `child stopped by SIGTRAP at 0x${hex(s.breakAddr)}`);
      return ptrace(PT_WRITE_I, s.child, s.breakAddr, s.savedWord, { ...s, regs, phase: 'unplanted' });
    }
    case 'unplanted': {
      say(c, s, 'unplant', 'the instruction is back');
      const given = inputs(c, s);
      const { core } = given;
      const memory = planMemory(given, c.k.vmspace(c.k.proc(pid(s.child)).vmspace), (vnode) => pathOf(c.k, vnode));
      // In a lost process these are the kernel's to keep.
      const signals = s.lostPid ? [] : planSignals(core);
      const tids = core.threads.length === 1 ? [s.child] : [];
      return prepareNext(c, {
        ...s,
        tids,
        preparations: [...memory.make, ...planThreads(core), ...signals, ...memory.finish],
      });
    }
    case 'thread-list': {
      const ids = c.get(CHUNK_AT, 4 * c.eax);
      return prepareNext(c, { ...s, tids: [...new Int32Array(ids.buffer)] });
    }
    case 'thread-held':
      return ptrace(PT_RESUME, s.tids[s.active]!, 0, 0, { ...s, phase: 'thread-released' });
    case 'thread-released':
      return prepareNext(c, s);
    case 'prepare':
    case 'injected-stack':
    case 'injected-regs':
    case 'injected-run':
    case 'injected-stop':
    case 'injected-result':
      return inject(c, s);
    case 'code-restored':
      return loadNext(c, { ...s, segment: 0, offset: 0 });
    case 'load':
      return loadNext(c, s);
    case 'thread-regs':
      return restoreRegisters(c, s);
    case 'registers':
      return restoreFpu(c, s);
    case 'fpregs':
      return restoreThread(c, { ...s, thread: s.thread + 1 });
    case 'detached':
      if (s.lostPid) return { kind: 'exit', code: 0 };
      return wait({ ...s, phase: 'waited' });
    case 'waited': {
      const status = statusOf(c);
      return { kind: 'exit', code: isSignalled(status) ? 128 + termSignalOf(status) : exitCodeOf(status) };
    }
    default:
      return unreachable(s.phase);
  }
}

function execChild(c: NativeContext, s: RestartState): NativeStep {
  const env = linkerVariables(inputs(c, s));
  const strings = [s.executable, ...s.args, ...env].map((text) => `${text}\0`);
  const text = bytesOf(strings.join(''));
  if (text.length + (strings.length + 2) * 4 > STRINGS_MAX)
    throw new UsageError({ what: 'the arguments are too long' });
  c.put(STRINGS_AT, text);
  const pointers: number[] = [];
  let at = SCRATCH_ADDR + STRINGS_AT;
  for (const each of strings) {
    pointers.push(at);
    at += each.length;
  }
  const vectorAt = (STRINGS_AT + text.length + 3) & ~3;
  const argc = s.args.length;
  const argv = c.put(vectorAt, words([...pointers.slice(1, 1 + argc), 0, ...pointers.slice(1 + argc), 0]));
  const envv = argv + (argc + 1) * 4;
  return call('execve', [pointers[0]!, argv, envv], { ...s, phase: 'child-exec-failed' });
}

// ---- making the child do things ------------------------------------------------------------------------------------------

/** Begins the next preparation, or ends them: the code at the break address is put back. */
function prepareNext(c: NativeContext, s: RestartState): NativeStep {
  const [next] = s.preparations;
  const thread = threadOf(next);
  // All threads are there when the first call that is another one's is due.
  if (s.tids.length === 0 && (!next || thread > 0))
    return ptrace(PT_GETLWPLIST, s.child, SCRATCH_ADDR + CHUNK_AT, THREADS_MAX, { ...s, phase: 'thread-list' });
  if (!next) return ptrace(PT_WRITE_I, s.child, s.breakAddr, s.savedWord, { ...s, phase: 'code-restored' });
  if (thread !== s.active)
    return ptrace(PT_SUSPEND, s.tids[s.active]!, 0, 0, { ...s, active: thread, phase: 'thread-held' });
  say(c, s, next.kind === 'call' ? next.step : 'map', `the child is made to do ${describe(next)}`);
  const code = next.kind === 'grow' ? TOUCH_CODE : SYSCALL_CODE;
  return ptrace(PT_WRITE_I, s.child, s.breakAddr, code, { ...s, phase: 'prepare' });
}

const threadOf = (next: Preparation | undefined): number => (next?.kind === 'call' ? next.thread : 0);

const describe = (next: Preparation): string =>
  next.kind === 'call' ? next.what : `a store to grow the stack over 0x${hex(next.start)}-0x${hex(next.end)}`;

/**
 * One system call (or store) by the child itself: code at the break address, arguments below its stack as FreeBSD expects them (a dummy
 * return address, then the words) with the call's data behind them, registers, run to the int3 behind it, look at the result.
 */
function inject(c: NativeContext, s: RestartState): NativeStep {
  const next = s.preparations[0]!;
  const base = s.regs!;
  const stack = (base.r_esp - INJECTED_BYTES) >>> 0;
  const target = s.tids[s.active] ?? s.child;
  switch (s.phase) {
    case 'prepare':
      return writeMemory(c, s, stack, injectedWords(next, stack, s.kept), 'injected-stack');
    case 'injected-stack': {
      const eax = next.kind === 'grow' ? next.start : next.number;
      c.put(REGS_AT, encodeReg({ ...base, r_eax: eax, r_esp: stack, r_eip: s.breakAddr }));
      return ptrace(PT_SETREGS, target, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase: 'injected-regs' });
    }
    case 'injected-regs':
      return ptrace(PT_CONTINUE, s.child, 1, 0, { ...s, phase: 'injected-run' });
    case 'injected-run':
      return wait({ ...s, phase: 'injected-stop' });
    case 'injected-stop':
      expectTrap(c);
      return getRegs(s, target, 'injected-result');
    default: {
      const regs = decodeReg(c.get(REGS_AT, 76));
      if (next.kind === 'call' && regs.r_eflags & FLAG_CF) {
        throw new UsageError({ what: `the child cannot do ${describe(next)}: ${errnoName(regs.r_eax)}` });
      }
      const kept = next.kind === 'call' && next.keep ? regs.r_eax : s.kept;
      return prepareNext(c, { ...s, kept, preparations: s.preparations.slice(1) });
    }
  }
}

/** What stands from the child's stack pointer upwards during an injected call. */
function injectedWords(next: Preparation, stack: number, kept: number): Uint8Array {
  if (next.kind === 'grow') return words([0]);
  const resolve = (word: Word): number => {
    if (word === 'kept') return kept;
    return typeof word === 'number' ? word : stack + INJECTED_ARGS_BYTES + word.at;
  };
  const args = [0, ...next.args.map(resolve)];
  const padding = new Array<number>(INJECTED_ARGS_BYTES / 4 - args.length).fill(0);
  return words([...args, ...padding, ...next.data.map(resolve)]);
}

// ---- restoring -----------------------------------------------------------------------------------------------------------

/** The next piece of the core's LOAD segments; after the last one the registers. */
function loadNext(c: NativeContext, s: RestartState): NativeStep {
  const { core } = inputs(c, s);
  const segment = core.segments[s.segment];
  if (!segment) return restoreThread(c, s);
  const { vaddr, data } = segment;
  if (s.offset === 0) say(c, s, 'load', `LOAD 0x${hex(vaddr)}, ${data.length} bytes`);
  const piece = data.subarray(s.offset, s.offset + CHUNK_BYTES);
  const end = s.offset + piece.length;
  const after = end >= data.length ? { segment: s.segment + 1, offset: 0 } : { offset: end };
  return writeMemory(c, { ...s, ...after }, vaddr + s.offset, piece, 'load');
}

/** The next thread's registers, or the end: the child goes on by itself. */
function restoreThread(c: NativeContext, s: RestartState): NativeStep {
  if (inputs(c, s).core.threads[s.thread]) return getRegs(s, s.tids[s.thread]!, 'thread-regs');
  say(c, s, 'detach', 'the child goes on from where it was checkpointed');
  if (s.lostPid && !c.core.failed) adoptIdentity(c.k, pid(s.child), pid(s.lostPid));
  return ptrace(PT_DETACH, s.lostPid || s.child, 1, 0, { ...s, phase: 'detached' });
}

function restoreRegisters(c: NativeContext, s: RestartState): NativeStep {
  const { reg: saved } = inputs(c, s).core.threads[s.thread]!;
  const now = decodeReg(c.get(REGS_AT, 76));
  // PT_SETREGS refuses a change of the other bits; RF, for one, is set in a core that was written after a fault.
  const r_eflags = ((saved.r_eflags & PSL_USERCHANGE) | (now.r_eflags & ~PSL_USERCHANGE)) >>> 0;
  const reg = { ...saved, r_eflags };
  c.put(REGS_AT, encodeReg(reg));
  say(c, s, 'registers', `eip 0x${hex(reg.r_eip)}, esp 0x${hex(reg.r_esp)}, eax 0x${hex(reg.r_eax)}`);
  return ptrace(PT_SETREGS, s.tids[s.thread]!, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase: 'registers' });
}

/** All of the FPU when the core has it, x87 alone from a 9.0 core. */
function restoreFpu(c: NativeContext, s: RestartState): NativeStep {
  const { xstate, fpreg } = inputs(c, s).core.threads[s.thread]!;
  c.put(CHUNK_AT, xstate ? xstate.subarray(0, SAVEXMM_SIZE) : fpreg);
  const request = xstate ? PT_SETXMMREGS : PT_SETFPREGS;
  return ptrace(request, s.tids[s.thread]!, SCRATCH_ADDR + CHUNK_AT, 0, { ...s, phase: 'fpregs' });
}

// ---- small things --------------------------------------------------------------------------------------------------------

/** What was made of a core file, by its contents, which never change: derived, and only so that each step need not read it all again. */
const inputsOfCore = new WeakMap<FileData, { program: FileData; breakAt: BreakAt; inputs: RestartInputs }>();

function inputs(c: NativeContext, s: RestartState): RestartInputs {
  const find = (path: string): FileData => {
    const vnode = lookupFile(c.k, hostCredentials(c.k), path);
    if (typeof vnode === 'number') throw new UsageError({ what: `cannot be read: ${errnoName(vnode)}`, path });
    return vnode.data;
  };
  const program = find(s.executable);
  const core = find(s.core);
  const breakAt = s.breakAt ?? 'entry';
  const known = inputsOfCore.get(core);
  if (known?.program === program && known.breakAt === breakAt) return known.inputs;
  const read = (path: string, data: FileData) => ({ path, bytes: readFileRange(data, 0, data.size) });
  const made = readInputs(read(s.executable, program), read(s.core, core), breakAt);
  inputsOfCore.set(core, { program, breakAt, inputs: made });
  return made;
}

const call = (name: string, args: readonly number[], data: RestartState): NativeStep => ({
  kind: 'call',
  name,
  args,
  data,
});

const ptrace = (request: number, target: number, addr: number, data: number, next: RestartState): NativeStep =>
  call('ptrace', [request, target, addr, data], next);

function wait(s: RestartState): NativeStep {
  return call('wait4', [s.child, SCRATCH_ADDR + STATUS_AT, 0, 0], s);
}

const getRegs = (s: RestartState, target: number, phase: Phase): NativeStep =>
  ptrace(PT_GETREGS, target, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase });

/** PT_IO: struct ptrace_io_desc in scratch memory, the bytes behind it. */
function writeMemory(c: NativeContext, s: RestartState, address: number, bytes: Uint8Array, phase: Phase): NativeStep {
  const from = c.put(CHUNK_AT, bytes);
  c.put(IODESC_AT, words([PIOD_WRITE_D, address, from, bytes.length]));
  return ptrace(PT_IO, s.child, SCRATCH_ADDR + IODESC_AT, 0, { ...s, phase });
}

const statusOf = (c: NativeContext): number => new DataView(c.get(STATUS_AT, 4).buffer).getInt32(0, true);

function expectTrap(c: NativeContext): void {
  const status = statusOf(c);
  if (status === stoppedStatus(SIGTRAP)) return;
  const how =
    (status & 0x7f) === 0x7f
      ? `was stopped by ${signalName(exitCodeOf(status))}`
      : isSignalled(status)
        ? `was killed by ${signalName(termSignalOf(status))}`
        : `exited with ${exitCodeOf(status)}`;
  throw new UsageError({ what: `the child ${how} instead of stopping by SIGTRAP` });
}

/** Begins a step, in which a fault may strike the core: then nothing more comes of it. */
function say(c: NativeContext, s: RestartState, step: RestartStep, detail: string): void {
  if (c.core.failed) return;
  c.k.emit({ kind: 'restart-step', pid: (s.lostPid || s.child || c.pid) as Pid, by: c.pid, step, detail });
  if (s.lostPid) c.k.faults.recoveryStep(c.core.id, s.lostPid, step);
}

/** Something went wrong: the lost process, if there is one, cannot be brought back. Traced children die with their tracer. */
function abandon(c: NativeContext, s: RestartState, why: string): NativeStep {
  say(c, s, 'failed', why);
  const recovery = s.lostPid ? c.k.state.recoveries.get(pid(s.lostPid)) : undefined;
  if (recovery) giveUp(c.k, recovery, why);
  return { kind: 'exit', code: 1 };
}

const hex = (n: number, width = 8): string => (n >>> 0).toString(16).padStart(width, '0');
