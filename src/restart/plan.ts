import { UsageError } from '../../emu/base/errors.ts';
import { AT_ENTRY } from '../../kernel-sim/abi/elf.ts';
import { MAXSSIZ, pageCeil, USRSTACK } from '../../kernel-sim/abi/vmparam.ts';
import { readCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { type ExecImage, requireExecutable } from '../../kernel-sim/elf/exec-image.ts';
import { findSymbol } from '../../kernel-sim/elf/symbols.ts';
import type { VmEntry, Vmspace } from '../../kernel-sim/kern/state.ts';

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
  if (coreImage.threads.length !== 1) {
    const what = `holds ${coreImage.threads.length} threads; only a process with one can be restarted`;
    throw new UsageError({ what, path: core.path });
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

/** What the child has to be made to do before a segment of the core fits into its memory. */
export type Preparation =
  /** break(2) up to `end`: the heap continues the data segment. */
  | { readonly kind: 'break'; readonly start: number; readonly end: number }
  /** A store at `start`: the stack grows down to it. */
  | { readonly kind: 'grow'; readonly start: number; readonly end: number }
  /** mmap(2) of anonymous memory at just this place. */
  | { readonly kind: 'mmap'; readonly start: number; readonly end: number };

/** Compares the core's segments with the child's map (what sysctl kern.proc.vmmap tells), in address order. */
export function planPreparations(core: CoreImage, vm: Vmspace): Preparation[] {
  const plan: Preparation[] = [];
  let breakEnd = pageCeil(vm.dataAddr) + vm.dataSize;
  for (const { vaddr, data } of core.segments) {
    for (const gap of gapsIn(vm.map, vaddr, vaddr + data.length)) {
      if (gap.end === vm.stackLow && gap.start >= USRSTACK - MAXSSIZ) plan.push({ kind: 'grow', ...gap });
      else if (gap.start === breakEnd) {
        plan.push({ kind: 'break', ...gap });
        breakEnd = gap.end;
      } else plan.push({ kind: 'mmap', ...gap });
    }
  }
  return plan;
}

/** The parts of [start, end) that no entry covers. */
function gapsIn(map: readonly VmEntry[], start: number, end: number): { start: number; end: number }[] {
  const gaps: { start: number; end: number }[] = [];
  let at = start;
  for (const entry of map) {
    if (entry.end <= at) continue;
    if (entry.start >= end) break;
    if (entry.start > at) gaps.push({ start: at, end: entry.start });
    at = entry.end;
  }
  if (at < end) gaps.push({ start: at, end });
  return gaps;
}
