import { PAGE_SIZE } from '../../kernel-sim/abi/elf.ts';
import { KINFO_PROC_SIZE, KVME_FLAG_NOCOREDUMP, kinfoProcLayout } from '../../kernel-sim/abi/kinfo.ts';
import { decode } from '../../kernel-sim/abi/layout.ts';
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
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { decodeVmmap } from '../../kernel-sim/elf/procstat-notes.ts';
import { bytesOf } from '../../kernel-sim/kern/kernel.ts';
import type { Vmspace, VnodeId } from '../../kernel-sim/kern/state.ts';
import type { RestartInputs } from './plan.ts';
import { call, DATA, type Preparation } from './preparation.ts';

const SYS_OPEN = 5;
const SYS_CLOSE = 6;
const SYS_BREAK = 17;
const SYS_MUNMAP = 73;
const SYS_MPROTECT = 74;
const SYS_MMAP = 477;

/**
 * Makes a child's map, as sysctl kern.proc.vmmap tells it, that of the core. What the core has no contents of, a library's code, is mapped
 * from its file again where the child has not the same of it already; all else is there to be written over.
 */
export function planMemory(
  { core, breakAddr }: RestartInputs,
  vm: Vmspace,
  pathOf: (vnode: VnodeId) => string,
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
  const childFiles = fileRanges(vm, pathOf);
  for (const entry of wanted.entries) {
    if (entry.file && entry.noCoredump) {
      for (const part of gapsIn(sameFile(childFiles, entry), entry)) {
        make.push(...mapFile(part, entry));
        has = [...has.flatMap((range) => gapsIn([part], range)), part];
      }
    }
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

/** A private mapping of a file; `offset`: byte of the file at `start`. */
interface FileRange extends Range {
  readonly file: { readonly path: string; readonly offset: number };
}

/** What a process has to have mapped. */
interface WantedRange extends Range {
  readonly noCoredump: boolean;
  readonly file: FileRange['file'] | null;
}

function fileRanges({ map }: Vmspace, pathOf: (vnode: VnodeId) => string): FileRange[] {
  return map.flatMap(({ start, end, prot, object }) =>
    object.kind === 'vnode' ? [{ start, end, prot, file: { path: pathOf(object.vnode), offset: object.offset } }] : [],
  );
}

/** Those that have each byte of `wanted`'s file where it has it. */
const sameFile = (ranges: readonly FileRange[], { start, file }: WantedRange): FileRange[] =>
  ranges.filter((r) => r.file.path === file?.path && r.file.offset - r.start === file.offset - start);

/** The calls that map a part of a file. */
function mapFile(part: Range, { start, file }: WantedRange): Preparation[] {
  const { path, offset } = file!;
  const text = bytesOf(path.padEnd(path.length + 4 - (path.length % 4), '\0'));
  const at = offset + (part.start - start);
  const args = [
    part.start,
    part.end - part.start,
    part.prot,
    MAP_PRIVATE | MAP_FIXED | MAP_NOCORE,
    'kept',
    at,
    0,
  ] as const;
  return [
    call('map', `open(2) of ${path}`, SYS_OPEN, [DATA, 0, 0], { data: [...new Uint32Array(text.buffer)], keep: true }),
    call('map', `mmap(2) of ${rangeName(part)}`, SYS_MMAP, args),
    call('map', `close(2) of ${path}`, SYS_CLOSE, ['kept']),
  ];
}

const rangeName = ({ start, end }: Range): string => `0x${hex(start)}-0x${hex(end)}`;
const hex = (n: number): string => n.toString(16).padStart(8, '0');
const inOrder = (ranges: readonly Range[]): Range[] => [...ranges].sort((a, b) => a.start - b.start);

/** The map of a process by its core. Not `complete`, in the 9.0 layout: the memory that has contents, as if anything could be done with it. */
function wantedMap({ procstat, segments }: CoreImage): {
  readonly complete: boolean;
  readonly entries: readonly WantedRange[];
} {
  if (!procstat?.vmmap) {
    const entries = segments.map(({ vaddr, data }) => {
      return { start: vaddr, end: vaddr + data.length, prot: PROT_ALL, noCoredump: false, file: null };
    });
    return { complete: false, entries };
  }
  // What lies above the stack is the kernel's.
  const own = decodeVmmap(procstat.vmmap).filter(({ end }) => end <= USRSTACK);
  const entries = own.map(({ start, end, protection, flags, path, offset }) => ({
    ...{ start, end, prot: protection & PROT_ALL, noCoredump: (flags & KVME_FLAG_NOCOREDUMP) !== 0 },
    file: path === '' ? null : { path, offset },
  }));
  return { complete: true, entries };
}

/** The break of the core's process; undefined in the 9.0 layout. */
function breakOf({ procstat }: CoreImage, vm: Vmspace): number | undefined {
  const proc = procstat?.proc;
  if (!proc || !procstat.vmmap || proc.records.length < KINFO_PROC_SIZE) return undefined;
  return pageCeil(vm.dataAddr) + decode(kinfoProcLayout, proc.records).ki_dsize * PAGE_SIZE;
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
