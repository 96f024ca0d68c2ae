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
  PT_GETREGS,
  PT_IO,
  PT_READ_I,
  PT_SETFPREGS,
  PT_SETREGS,
  PT_SETXMMREGS,
  PT_TRACE_ME,
  PT_WRITE_I,
} from '../../kernel-sim/abi/ptrace.ts';
import { decodeReg, encodeReg, type Reg } from '../../kernel-sim/abi/reg.ts';
import { SIGTRAP, signalName } from '../../kernel-sim/abi/signal.ts';
import { MAP_ANON, MAP_FIXED, MAP_PRIVATE } from '../../kernel-sim/abi/vmparam.ts';
import { exitCodeOf, isSignalled, stoppedStatus, termSignalOf } from '../../kernel-sim/abi/wait.ts';
import { bytesOf } from '../../kernel-sim/kern/kernel.ts';
import { type NativeContext, type NativeProgram, type NativeStep, SCRATCH_ADDR } from '../../kernel-sim/kern/native.ts';
import { adoptIdentity, giveUp } from '../../kernel-sim/kern/recovery.ts';
import type { FileData } from '../../kernel-sim/kern/state.ts';
import { readFileRange } from '../../kernel-sim/vfs/file-data.ts';
import { hostCredentials, lookupFile } from '../../kernel-sim/vfs/namei.ts';
import { type BreakAt, type Preparation, planPreparations, type RestartInputs, readInputs } from './plan.ts';

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
  | 'prepare'
  | 'injected-stack'
  | 'injected-regs'
  | 'injected-run'
  | 'injected-stop'
  | 'injected-result'
  | 'code-restored'
  | 'load'
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

const INT3 = 0xcc;
const SYS_MMAP = 477;
const SYS_BREAK = 17;
const PROT_RWX = 7;
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
      const { reg } = core.threads[0]!;
      say(
        c,
        s,
        'pr_status',
        `PR_STATUS of thread ${core.threads[0]!.tid}: eip 0x${hex(reg.r_eip)}, esp 0x${hex(reg.r_esp)}`,
      );
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
      return getRegs(s, 'entry-regs');
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
      const { core } = inputs(c, s);
      const preparations = planPreparations(core, c.k.vmspace(c.k.proc(pid(s.child)).vmspace));
      return prepareNext(c, { ...s, preparations });
    }
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
    case 'fpregs':
      return detach(c, s);
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
  const strings = [s.executable, ...s.args].map((text) => `${text}\0`);
  const text = bytesOf(strings.join(''));
  if (text.length + (strings.length + 1) * 4 > STRINGS_MAX)
    throw new UsageError({ what: 'the arguments are too long' });
  c.put(STRINGS_AT, text);
  const pointers: number[] = [];
  let at = SCRATCH_ADDR + STRINGS_AT;
  for (const each of strings) {
    pointers.push(at);
    at += each.length;
  }
  const vectorAt = (STRINGS_AT + text.length + 3) & ~3;
  const argv = c.put(vectorAt, words([...pointers.slice(1), 0]));
  const envv = argv + s.args.length * 4;
  return call('execve', [pointers[0]!, argv, envv], { ...s, phase: 'child-exec-failed' });
}

// ---- making the child do things ------------------------------------------------------------------------------------------

/** Begins the next preparation, or ends them: the code at the break address is put back. */
function prepareNext(c: NativeContext, s: RestartState): NativeStep {
  const [next] = s.preparations;
  if (!next) return ptrace(PT_WRITE_I, s.child, s.breakAddr, s.savedWord, { ...s, phase: 'code-restored' });
  const range = `0x${hex(next.start)}-0x${hex(next.end)}`;
  const what = { break: 'break(2) up to', grow: 'a store to grow the stack over', mmap: 'mmap(2) of' }[next.kind];
  say(c, s, 'map', `the child is made to do ${what} ${range}`);
  const code = next.kind === 'grow' ? TOUCH_CODE : SYSCALL_CODE;
  return ptrace(PT_WRITE_I, s.child, s.breakAddr, code, { ...s, phase: 'prepare' });
}

/**
 * One system call (or store) by the child itself: code at the break address, arguments below its stack as FreeBSD expects them (a dummy
 * return address, then the words), registers, run to the int3 behind it, look at the result.
 */
function inject(c: NativeContext, s: RestartState): NativeStep {
  const next = s.preparations[0]!;
  const base = s.regs!;
  const stack = (base.r_esp - 256) >>> 0;
  switch (s.phase) {
    case 'prepare':
      return writeMemory(c, s, stack, words([0, ...injectedArgs(next)]), 'injected-stack');
    case 'injected-stack': {
      const eax = next.kind === 'grow' ? next.start : next.kind === 'break' ? SYS_BREAK : SYS_MMAP;
      c.put(REGS_AT, encodeReg({ ...base, r_eax: eax, r_esp: stack, r_eip: s.breakAddr }));
      return ptrace(PT_SETREGS, s.child, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase: 'injected-regs' });
    }
    case 'injected-regs':
      return ptrace(PT_CONTINUE, s.child, 1, 0, { ...s, phase: 'injected-run' });
    case 'injected-run':
      return wait({ ...s, phase: 'injected-stop' });
    case 'injected-stop':
      expectTrap(c);
      return getRegs(s, 'injected-result');
    default: {
      const regs = decodeReg(c.get(REGS_AT, 76));
      if (next.kind !== 'grow' && regs.r_eflags & FLAG_CF) {
        throw new UsageError({ what: `the child cannot ${next.kind} 0x${hex(next.start)}: ${errnoName(regs.r_eax)}` });
      }
      return prepareNext(c, { ...s, preparations: s.preparations.slice(1) });
    }
  }
}

function injectedArgs(next: Preparation): number[] {
  switch (next.kind) {
    case 'grow':
      return [];
    case 'break':
      return [next.end];
    case 'mmap':
      return [next.start, next.end - next.start, PROT_RWX, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0, 0];
    default:
      return unreachable(next);
  }
}

// ---- restoring -----------------------------------------------------------------------------------------------------------

/** The next piece of the core's LOAD segments; after the last one the registers. */
function loadNext(c: NativeContext, s: RestartState): NativeStep {
  const { core } = inputs(c, s);
  const segment = core.segments[s.segment];
  if (!segment) return restoreRegisters(c, s, core.threads[0]!.reg);
  const { vaddr, data } = segment;
  if (s.offset === 0) say(c, s, 'load', `LOAD 0x${hex(vaddr)}, ${data.length} bytes`);
  const piece = data.subarray(s.offset, s.offset + CHUNK_BYTES);
  const end = s.offset + piece.length;
  const after = end >= data.length ? { segment: s.segment + 1, offset: 0 } : { offset: end };
  return writeMemory(c, { ...s, ...after }, vaddr + s.offset, piece, 'load');
}

function restoreRegisters(c: NativeContext, s: RestartState, saved: Reg): NativeStep {
  // PT_SETREGS refuses a change of the other bits; RF, for one, is set in a core that was written after a fault.
  const r_eflags = ((saved.r_eflags & PSL_USERCHANGE) | (s.regs!.r_eflags & ~PSL_USERCHANGE)) >>> 0;
  const reg = { ...saved, r_eflags };
  c.put(REGS_AT, encodeReg(reg));
  say(c, s, 'registers', `eip 0x${hex(reg.r_eip)}, esp 0x${hex(reg.r_esp)}, eax 0x${hex(reg.r_eax)}`);
  return ptrace(PT_SETREGS, s.child, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase: 'fpregs' });
}

function detach(c: NativeContext, s: RestartState): NativeStep {
  if (s.offset >= 0) {
    const { core } = inputs(c, s);
    // All of the FPU when the core has it, x87 alone from a 9.0 core.
    const { xstate, fpreg } = core.threads[0]!;
    c.put(CHUNK_AT, xstate ? xstate.subarray(0, SAVEXMM_SIZE) : fpreg);
    const request = xstate ? PT_SETXMMREGS : PT_SETFPREGS;
    return ptrace(request, s.child, SCRATCH_ADDR + CHUNK_AT, 0, { ...s, offset: -1 });
  }
  const target = s.lostPid || s.child;
  say(c, s, 'detach', 'the child goes on from where it was checkpointed');
  if (s.lostPid && !c.core.failed) adoptIdentity(c.k, pid(s.child), pid(s.lostPid));
  return ptrace(PT_DETACH, target, 1, 0, { ...s, phase: 'detached' });
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

const getRegs = (s: RestartState, phase: Phase): NativeStep =>
  ptrace(PT_GETREGS, s.child, SCRATCH_ADDR + REGS_AT, 0, { ...s, phase });

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
function say(c: NativeContext, s: RestartState, step: string, detail: string): void {
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
