import { UsageError } from '../../emu/base/errors.ts';
import { AT_ENTRY, PAGE_SIZE } from '../../kernel-sim/abi/elf.ts';
import { KINFO_PROC_SIZE, KVME_FLAG_NOCOREDUMP, kinfoProcLayout } from '../../kernel-sim/abi/kinfo.ts';
import { decode } from '../../kernel-sim/abi/layout.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import {
  MAP_ANON,
  MAP_FIXED,
  MAP_NOCORE,
  MAP_PRIVATE,
  MAXSSIZ,
  PROT_ALL,
  PROT_NONE,
  pageCeil,
  USRSTACK,
} from '../../kernel-sim/abi/vmparam.ts';
import { readCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { type ExecImage, requireExecutable } from '../../kernel-sim/elf/exec-image.ts';
import { decodeVmmap } from '../../kernel-sim/elf/procstat-notes.ts';
import { findSymbol } from '../../kernel-sim/elf/symbols.ts';
import type { Vmspace } from '../../kernel-sim/kern/state.ts';

/** Where the new process is stopped to be given its old contents: the entry point, or `main` for static programs on request. */
export type BreakAt = 'entry' | 'main';

export interface RestartInputs {
  readonly executable: ExecImage;
  readonly core: CoreImage;
  /** Address of the planted INT3. */
  readonly breakAddr: number;
}

/** Reads both files. Errors: UsageError that names the file and what is wrong with it. */
export function readInputs(
  executable: { path: string; bytes: Uint8Array },
  core: { path: string; bytes: Uint8Array },
  breakAt: BreakAt,
): RestartInputs {
  const image = requireExecutable(executable.bytes, executable.path);
  let coreImage: CoreImage;
  try {
    coreImage = readCore(core.bytes);
  } catch (error) {
    throw error instanceof UsageError ? error.in(core.path) : error;
  }
  const entry = coreImage.procstat?.auxv?.find(({ type }) => type === AT_ENTRY)?.value;
  if (entry !== undefined && entry !== image.entry + image.loadBase) {
    const what = `was written by another program: ${coreImage.psinfo.fname}, whose entry point is 0x${entry.toString(16)}`;
    throw new UsageError({
      what,
      path: core.path,
      hint: `that of ${executable.path} is 0x${(image.entry + image.loadBase).toString(16)}`,
    });
  }
  return { executable: image, core: coreImage, breakAddr: findBreak(image, executable, breakAt) };
}

function findBreak(image: ExecImage, executable: { path: string; bytes: Uint8Array }, breakAt: BreakAt): number {
  if (breakAt === 'entry') return image.entry + image.loadBase;
  const main = findSymbol(readElf(executable.bytes), 'main');
  if (!main) {
    const hint = 'it may be stripped; break at the entry point instead';
    throw new UsageError({ what: 'has no symbol main', path: executable.path, hint });
  }
  return main.address + image.loadBase;
}

/** What the child has to be made to do before the core's contents fit into it. */
export type Preparation =
  /** A store at `start`: the stack grows down to it. */
  { readonly kind: 'grow'; readonly start: number; readonly end: number } | InjectedCall;

/** A system call that the child makes itself. */
export interface InjectedCall {
  readonly kind: 'call';
  readonly step: 'map' | 'threads' | 'signals';
  /** In words, for the log. */
  readonly what: string;
  readonly number: number;
  readonly args: readonly Word[];
  /** What is put into memory for the time of the call; at most INJECTED_DATA_MAX. */
  readonly data: readonly Word[];
  /** Which of the core's threads makes it. */
  readonly thread: number;
}

/** A doubleword, or the address of the byte `at` of the call's data. */
export type Word = number | { readonly at: number };

export const INJECTED_DATA_MAX = 40;

const SYS_BREAK = 17;
const SYS_SIGALTSTACK = 53;
const SYS_MUNMAP = 73;
const SYS_MPROTECT = 74;
const SYS_SYSARCH = 165;
const SYS_SIGPROCMASK = 340;
const SYS_SIGACTION = 416;
const SYS_THR_NEW = 455;
const SYS_MMAP = 477;
const I386_SET_LDT = 1;
const I386_SET_FSBASE = 8;
const I386_SET_GSBASE = 10;
const THR_SUSPENDED = 1;
const SIG_SETMASK = 3;
const SS_DISABLE = 4;
const DATA: Word = { at: 0 };
/** Descriptors that one call sets. */
const LDT_PIECE = 16;

function call(
  step: InjectedCall['step'],
  what: string,
  number: number,
  args: InjectedCall['args'],
  more: Partial<Pick<InjectedCall, 'data' | 'thread'>> = {},
): InjectedCall {
  return { kind: 'call', step, what, number, args, data: [], thread: 0, ...more };
}

/** Makes a child's map, as sysctl kern.proc.vmmap tells it, that of the core. */
export function planMemory(
  { core, breakAddr }: RestartInputs,
  vm: Vmspace,
): { make: Preparation[]; finish: Preparation[] } {
  const wanted = wantedMap(core);
  const make: Preparation[] = [];
  // What the child has, as the plan goes on.
  let has: Range[] = vm.map.map(({ start, end, prot }) => ({ start, end, prot }));
  let breakEnd = pageCeil(vm.dataAddr) + vm.dataSize;
  const setBreak = (end: number): void => {
    make.push(call('map', `break(2) to 0x${hex(end)}`, SYS_BREAK, [end]));
    has =
      end < breakEnd
        ? has.flatMap((range) => gapsIn([{ start: end, end: breakEnd }], range))
        : [...has, { start: breakEnd, end, prot: PROT_ALL }];
    breakEnd = end;
  };
  const dataEnd = breakOf(core, vm);
  if (dataEnd !== undefined && dataEnd !== pageCeil(breakEnd)) setBreak(dataEnd);
  for (const entry of wanted.entries) {
    for (const gap of gapsIn(inOrder(has), entry)) {
      const { start, end, prot } = gap;
      if (end === vm.stackLow && start >= USRSTACK - MAXSSIZ) {
        make.push({ kind: 'grow', start, end });
        has.push({ ...gap, prot: vm.map.find((each) => each.start === vm.stackLow)!.prot });
      } else if (dataEnd === undefined && start === breakEnd) setBreak(end);
      else {
        const flags = MAP_PRIVATE | MAP_ANON | MAP_FIXED | (entry.noCoredump ? MAP_NOCORE : 0);
        make.push(call('map', `mmap(2) of ${rangeName(gap)}`, SYS_MMAP, [start, end - start, prot, flags, -1, 0, 0]));
        has.push(gap);
      }
    }
  }
  if (!wanted.complete) return { make, finish: [] };
  const isStack = ({ end }: Range): boolean => end > USRSTACK - MAXSSIZ;
  const hasBreak = ({ start, end }: Range): boolean => start <= breakAddr && breakAddr < end;
  const finish: Preparation[] = [];
  for (const range of inOrder(has)) {
    for (const entry of wanted.entries) {
      const common = {
        start: Math.max(range.start, entry.start),
        end: Math.min(range.end, entry.end),
        prot: entry.prot,
      };
      if (common.start >= common.end || entry.prot === range.prot || (entry.prot === PROT_NONE && hasBreak(common)))
        continue;
      const args = [common.start, common.end - common.start, entry.prot];
      finish.push(call('map', `mprotect(2) of ${rangeName(common)}`, SYS_MPROTECT, args));
    }
    for (const gap of gapsIn(wanted.entries, range)) {
      if (isStack(gap) || hasBreak(gap)) continue;
      finish.push(call('map', `munmap(2) of ${rangeName(gap)}`, SYS_MUNMAP, [gap.start, gap.end - gap.start]));
    }
  }
  return { make, finish };
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly prot: number;
}

const rangeName = ({ start, end }: Range): string => `0x${hex(start)}-0x${hex(end)}`;
const hex = (n: number): string => n.toString(16).padStart(8, '0');
const inOrder = (ranges: readonly Range[]): Range[] => [...ranges].sort((a, b) => a.start - b.start);

/** The map of a process by its core. Not `complete`, in the 9.0 layout: the memory that has contents, as if anything could be done with it. */
function wantedMap({ procstat, segments }: CoreImage): {
  readonly complete: boolean;
  readonly entries: readonly (Range & { readonly noCoredump: boolean })[];
} {
  if (!procstat?.vmmap) {
    const entries = segments.map(({ vaddr, data }) => {
      return { start: vaddr, end: vaddr + data.length, prot: PROT_ALL, noCoredump: false };
    });
    return { complete: false, entries };
  }
  // What lies above the stack is the kernel's.
  const own = decodeVmmap(procstat.vmmap).filter(({ end }) => end <= USRSTACK);
  const entries = own.map(({ start, end, protection, flags }) => {
    return { start, end, prot: protection & PROT_ALL, noCoredump: (flags & KVME_FLAG_NOCOREDUMP) !== 0 };
  });
  return { complete: true, entries };
}

/** The break of the core's process; undefined in the 9.0 layout. */
function breakOf({ procstat }: CoreImage, vm: Vmspace): number | undefined {
  const proc = procstat?.proc;
  if (!proc || !procstat.vmmap || proc.records.length < KINFO_PROC_SIZE) return undefined;
  return pageCeil(vm.dataAddr) + decode(kinfoProcLayout, proc.records).ki_dsize * PAGE_SIZE;
}

/** Segments for thread-local storage, and threads: held back from the first, each with its %gs base. */
export function planThreads(core: CoreImage): Preparation[] {
  const plan: Preparation[] = [];
  const ldt = core.signals?.ldt ?? [];
  for (let at = 0; at < ldt.length; at += 2 * LDT_PIECE) {
    const descriptors = ldt.slice(at, at + 2 * LDT_PIECE);
    // struct i386_ldt_args {start, descs, num}, and what descs points at.
    const data = [at / 2, { at: 12 }, descriptors.length / 2, ...descriptors];
    plan.push(call('threads', `i386_set_ldt(2) from slot ${at / 2}`, SYS_SYSARCH, [I386_SET_LDT, DATA], { data }));
  }
  core.threads.forEach(({ segbases }, thread) => {
    const tlsBase = segbases?.gsbase ?? 0;
    if (thread > 0) {
      const param = [0, 0, 0, 0, tlsBase, 0, 0, 0, THR_SUSPENDED, 0, 0, 0, 0];
      plan.push(call('threads', 'thr_new(2), suspended', SYS_THR_NEW, [DATA, 4 * param.length], { data: param }));
    } else if (tlsBase !== 0) plan.push(setBase('gs', I386_SET_GSBASE, tlsBase, thread));
  });
  core.threads.forEach(({ segbases }, thread) => {
    if (segbases?.fsbase) plan.push(setBase('fs', I386_SET_FSBASE, segbases.fsbase, thread));
  });
  return plan;
}

const setBase = (segment: string, op: number, base: number, thread: number): InjectedCall =>
  call('threads', `sysarch(2): %${segment} base 0x${base.toString(16)}`, SYS_SYSARCH, [op, DATA], {
    data: [base],
    thread,
  });

/** Signal actions of the process, and mask and stack of each thread. */
export function planSignals(core: CoreImage): Preparation[] {
  const { actions = [], threads = [] } = core.signals ?? {};
  const plan: Preparation[] = actions.map(({ signo, handler, flags, mask }) =>
    call('signals', `sigaction(2) of ${signalName(signo)}`, SYS_SIGACTION, [signo, DATA, 0], {
      data: [handler, flags, ...mask],
    }),
  );
  core.threads.forEach(({ tid }, thread) => {
    const own = threads.find((each) => each.tid === tid);
    if (!own) return;
    const { sp, size, flags } = own.sigstack;
    if (!(flags & SS_DISABLE))
      plan.push(call('signals', 'sigaltstack(2)', SYS_SIGALTSTACK, [DATA, 0], { data: [sp, size, 0], thread }));
    if (own.sigmask.some((word) => word !== 0))
      plan.push(
        call('signals', 'sigprocmask(2)', SYS_SIGPROCMASK, [SIG_SETMASK, DATA, 0], { data: [...own.sigmask], thread }),
      );
  });
  return plan;
}

/** The parts of a range that no entry covers. The entries are in order of addresses. */
function gapsIn(entries: readonly Pick<Range, 'start' | 'end'>[], range: Range): Range[] {
  const gaps: Range[] = [];
  const { end, prot } = range;
  let at = range.start;
  for (const entry of entries) {
    if (entry.end <= at) continue;
    if (entry.start >= end) break;
    if (entry.start > at) gaps.push({ start: at, end: entry.start, prot });
    at = entry.end;
  }
  if (at < end) gaps.push({ start: at, end, prot });
  return gaps;
}
