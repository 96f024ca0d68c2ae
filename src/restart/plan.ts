import { UsageError } from '../../emu/base/errors.ts';
import { AT_ENTRY } from '../../kernel-sim/abi/elf.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import { PS_STRINGS } from '../../kernel-sim/abi/vmparam.ts';
import { byteString } from '../../kernel-sim/elf/byte-view.ts';
import { readCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { type ExecImage, requireExecutable } from '../../kernel-sim/elf/exec-image.ts';
import { findSymbol } from '../../kernel-sim/elf/symbols.ts';
import { call, DATA, type InjectedCall, type Preparation } from './preparation.ts';

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

const SYS_SIGALTSTACK = 53;
const SYS_SYSARCH = 165;
const SYS_SIGPROCMASK = 340;
const SYS_SIGACTION = 416;
const SYS_THR_NEW = 455;
const I386_SET_LDT = 1;
const I386_SET_FSBASE = 8;
const I386_SET_GSBASE = 10;
const THR_SUSPENDED = 1;
const SIG_SETMASK = 3;
const SS_DISABLE = 4;
/** Descriptors that one call sets. */
const LDT_PIECE = 16;

const ENVIRONMENT_MAX = 10_000;
const STRING_MAX = 4096;

/**
 * The variables for the run-time linker in the environment that the core's process began with, so that the libraries are found again. None
 * for a program without an interpreter, or where the process has written over them.
 */
export function linkerVariables({ executable, core }: RestartInputs): string[] {
  if (executable.interp === undefined) return [];
  const at = (address: number, length: number): Uint8Array | undefined => {
    const segment = core.segments.find(({ vaddr, data }) => vaddr <= address && address < vaddr + data.length);
    return segment?.data.subarray(address - segment.vaddr, address - segment.vaddr + length);
  };
  const word = (address: number): number => {
    const bytes = at(address, 4);
    return bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) : 0;
  };
  const strings = core.procstat?.psStrings ?? PS_STRINGS;
  // struct ps_strings: argv, argc, envp, envc.
  const [first, count] = [word(strings + 8), word(strings + 12)];
  const found: string[] = [];
  for (let n = 0; n < Math.min(count, ENVIRONMENT_MAX); n++) {
    const bytes = at(word(first + 4 * n), STRING_MAX);
    if (bytes) found.push(byteString(bytes, 0));
  }
  return found.filter((text) => text.startsWith('LD_'));
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
