/** `coreback inspect`: everything that an ELF file or a core says, as data and in words. */
import { UsageError } from '../../emu/base/errors.ts';
import {
  AUXV_ROWS,
  ET_CORE,
  ET_DYN,
  ET_EXEC,
  NOTE_VENDOR_FREEBSD,
  NT_PROCSTAT_FILES,
  NT_PROCSTAT_VMMAP,
  PF_R,
  PF_W,
  PF_X,
} from '../../kernel-sim/abi/elf.ts';
import { decodeFpreg } from '../../kernel-sim/abi/fpreg.ts';
import type { Reg } from '../../kernel-sim/abi/reg.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import { readCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage, CoreLayout, CoreThread } from '../../kernel-sim/elf/core-image.ts';
import type { Segbases } from '../../kernel-sim/elf/core-notes.ts';
import type { CorebackProc } from '../../kernel-sim/elf/coreback-note.ts';
import { type ElfFile, type ElfHeader, readElf } from '../../kernel-sim/elf/elf32.ts';
import { type ExecImage, type ExecRejection, readExecutable } from '../../kernel-sim/elf/exec-image.ts';
import { checkGenuineCore } from '../../kernel-sim/elf/genuine-core.ts';
import { type PlacedNote, readFileNotes } from '../../kernel-sim/elf/notes.ts';
import { decodeVmmap, packedRecords, type RawRecords } from '../../kernel-sim/elf/procstat-notes.ts';
import { readSymbols, type SymbolTable } from '../../kernel-sim/elf/symbols.ts';
import { backtrace, coreMemory, type Frame } from './backtrace.ts';
import { fileType, noteType, osAbiName, protection, rlimitName, rlimitValue, segmentType } from './elf-names.ts';
import { renderElfReport } from './inspect-text.ts';

/** Only JSON values: numbers, strings, lists, objects. Addresses and sizes are numbers, in bytes. */
export interface ElfReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly kind: 'core' | 'program' | 'other';
  readonly header: ElfHeader & { readonly typeName: string; readonly typeMeaning: string; readonly osAbiName: string };
  readonly segments: readonly SegmentReport[];
  readonly notes: readonly NoteReport[];
  /** For a program: what exec makes of it, or why it refuses. */
  readonly program?: ExecImage | ExecRejection;
  readonly symbols?: { readonly count: number; readonly functions: number; readonly entry?: string };
  readonly core?: CoreReport;
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
}

export interface SegmentReport {
  readonly index: number;
  readonly typeName: string;
  readonly holds: string;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly protection: string;
  readonly align: number;
}

export interface NoteReport {
  readonly offset: number;
  readonly vendor: string;
  readonly type: number;
  readonly typeName: string;
  readonly sizeBytes: number;
  readonly holds: string;
}

export interface ThreadReport {
  readonly tid: number;
  readonly name: string;
  readonly registers: Reg;
  readonly segbases?: Segbases;
  readonly xstateBytes?: number;
  readonly fpu: {
    readonly cw: number;
    readonly sw: number;
    readonly tw: number;
    /** Registers in use, ST0 first, to the nearest double ('Infinity', 'NaN' in words). */
    readonly st: readonly { readonly index: number; readonly value: string }[];
  };
  /** Only when the program was given, too. */
  readonly backtrace?: readonly Frame[];
}

export interface CoreReport {
  readonly layout: CoreLayout;
  readonly writtenBy: 'kernel' | 'gcore';
  readonly osreldate: number;
  readonly fname: string;
  readonly psargs: string;
  readonly signal: { readonly number: number; readonly name: string } | null;
  readonly threads: readonly ThreadReport[];
  readonly memoryBytes: number;
  readonly process: {
    readonly groups?: readonly number[];
    readonly umask?: number;
    readonly osrel?: number;
    readonly psStrings?: number;
    readonly rlimits?: readonly { readonly name: string; readonly cur: string; readonly max: string }[];
    readonly auxv?: readonly AuxvReport[];
    /** Number of records in NT_PROCSTAT_FILES. */
    readonly openFiles?: number;
    readonly memoryMap?: readonly MapReport[];
  };
  readonly coreback?: CorebackProc;
  /** Differences from what FreeBSD writes; see `checkGenuineCore`. */
  readonly deviations: readonly string[];
}

export interface MapReport {
  readonly start: number;
  readonly end: number;
  readonly protection: string;
  readonly path: string;
}

export interface AuxvReport {
  readonly type: number;
  readonly name: string;
  readonly value: number;
  readonly format: 'dec' | 'hex';
  readonly meaning: string;
}

export interface InspectOptions {
  /** For a core: the program that was running. Its symbols and text give every thread a backtrace. */
  readonly program?: { readonly bytes: Uint8Array; readonly path: string };
}

/**
 * What the file says, in aligned ASCII lines ending with a newline.
 * Errors: UsageError, with the path, if it is not an i386 ELF file or its headers lie. Trouble further in is told in the text.
 */
export function inspectElf(bytes: Uint8Array, path: string, options: InspectOptions = {}): string {
  return renderElfReport(inspectElfJson(bytes, path, options));
}

/** The same as an object that JSON.stringify takes as it is. Same errors. */
export function inspectElfJson(bytes: Uint8Array, path: string, options: InspectOptions = {}): ElfReport {
  const problems: string[] = [];
  const attempt: Attempt = (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
      return undefined;
    }
  };
  const file = openElf(bytes, path);
  const { header } = file;
  const isCore = header.e_type === ET_CORE;
  const isProgram = header.e_type === ET_EXEC || header.e_type === ET_DYN;
  const notes = attempt(() => readFileNotes(file)) ?? [];
  const running = options.program && openElf(options.program.bytes, options.program.path);
  const core = isCore ? attempt(() => reportCore(readCore(bytes), bytes, attempt, notes, running)) : undefined;
  const symbols = isProgram ? attempt(() => readSymbols(file)) : undefined;
  const type = fileType(header.e_type);
  return {
    path,
    sizeBytes: bytes.length,
    kind: isCore ? 'core' : isProgram ? 'program' : 'other',
    header: { ...header, typeName: type.name, typeMeaning: type.holds, osAbiName: osAbiName(header.ei_osabi) },
    segments: reportSegments(file),
    notes: notes.map((note) => reportNote(note, isCore)),
    ...(isProgram ? { program: readExecutable(bytes) } : {}),
    ...(symbols ? { symbols: reportSymbols(symbols, header.e_entry) } : {}),
    ...(core ? { core } : {}),
    problems,
  };
}

/** The result of `read`, or undefined after noting down its UsageError. */
type Attempt = <T>(read: () => T) => T | undefined;

function openElf(bytes: Uint8Array, path: string): ElfFile {
  try {
    return readElf(bytes);
  } catch (error) {
    throw error instanceof UsageError ? error.in(path) : error;
  }
}

function reportSegments({ programHeaders }: ElfFile): SegmentReport[] {
  return programHeaders.map((ph, index) => {
    const { name, holds } = segmentType(ph.p_type);
    return {
      index,
      typeName: name,
      holds,
      offset: ph.p_offset,
      vaddr: ph.p_vaddr,
      filesz: ph.p_filesz,
      memsz: ph.p_memsz,
      protection: protection(ph.p_flags),
      align: ph.p_align,
    };
  });
}

function reportNote({ name: vendor, type, desc, offset }: PlacedNote, isCore: boolean): NoteReport {
  const row = noteType(vendor, type, isCore);
  return { offset, vendor, type, typeName: row.name, sizeBytes: desc.length, holds: row.holds };
}

function reportSymbols({ symbols, at }: SymbolTable, entryAddress: number): NonNullable<ElfReport['symbols']> {
  const entry = at(entryAddress)?.symbol.name;
  return {
    count: symbols.length,
    functions: symbols.filter(({ kind }) => kind === 'function').length,
    ...(entry === undefined ? {} : { entry }),
  };
}

function reportCore(
  core: CoreImage,
  bytes: Uint8Array,
  attempt: Attempt,
  notes: readonly PlacedNote[],
  program: ElfFile | undefined,
): CoreReport {
  const { groups, umask, osrel, psStrings, rlimits, auxv, files, vmmap } = core.procstat ?? {};
  const recordsAt = (type: number): number =>
    4 + (notes.find((n) => n.name === NOTE_VENDOR_FREEBSD && n.type === type)?.descOffset ?? 0);
  const openFiles = files && attempt(() => packedRecords(files.records, recordsAt(NT_PROCSTAT_FILES)).length);
  const memoryMap = vmmap && attempt(() => reportMap(vmmap, recordsAt(NT_PROCSTAT_VMMAP)));
  const { cursig } = core.threads[0];
  const symbols = program && attempt(() => readSymbols(program));
  const read = program && coreMemory(core, program);
  return {
    layout: core.layout,
    writtenBy: core.flavor,
    osreldate: core.osreldate,
    fname: core.psinfo.fname,
    psargs: core.psinfo.psargs,
    signal: cursig === 0 ? null : { number: cursig, name: signalName(cursig) },
    threads: core.threads.map((thread) => ({
      ...reportThread(thread),
      ...(read && symbols ? { backtrace: backtrace(thread.reg, read, symbols) } : {}),
    })),
    memoryBytes: core.segments.reduce((sum, { data }) => sum + data.length, 0),
    process: {
      ...(groups ? { groups } : {}),
      ...(umask === undefined ? {} : { umask }),
      ...(osrel === undefined ? {} : { osrel }),
      ...(psStrings === undefined ? {} : { psStrings }),
      ...(rlimits
        ? {
            rlimits: rlimits.map(({ cur, max }, i) => ({
              name: rlimitName(i),
              cur: rlimitValue(cur),
              max: rlimitValue(max),
            })),
          }
        : {}),
      ...(openFiles === undefined ? {} : { openFiles }),
      ...(memoryMap ? { memoryMap } : {}),
      ...(auxv ? { auxv: auxv.map(({ type, value }) => reportAuxv(type, value)) } : {}),
    },
    ...(core.coreback ? { coreback: core.coreback } : {}),
    deviations: checkGenuineCore(bytes, core.layout),
  };
}

function reportMap(vmmap: RawRecords, fileOffset: number): MapReport[] {
  return decodeVmmap(vmmap, fileOffset).map(({ start, end, protection: p, path }) => {
    // KVME_PROT_ counts read, write, execute from bit 0; PF_ counts them from bit 2 down.
    const flags = (p & 1 ? PF_R : 0) | (p & 2 ? PF_W : 0) | (p & 4 ? PF_X : 0);
    return { start, end, protection: protection(flags), path };
  });
}

function reportAuxv(type: number, value: number): AuxvReport {
  const row = AUXV_ROWS.find((r) => r.type === type);
  return {
    type,
    value,
    name: row ? `AT_${row.name}` : `AT_${type}`,
    format: row?.format ?? 'hex',
    meaning: row?.meaning ?? 'unknown',
  };
}

function reportThread({ tid, name, reg, fpreg, segbases, xstate }: CoreThread): ThreadReport {
  const { cw, sw, tw, st } = decodeFpreg(fpreg);
  const top = (sw >>> 11) & 7;
  const inUse = st.flatMap((bytes, index) => {
    // The tag word is the abridged one: a bit per physical register. ST0 is physical register `top`.
    const isUsed = ((tw >>> ((top + index) & 7)) & 1) === 1;
    return isUsed ? [{ index, value: String(nearestDouble(bytes)) }] : [];
  });
  return {
    tid,
    name,
    registers: reg,
    ...(segbases ? { segbases } : {}),
    ...(xstate ? { xstateBytes: xstate.length } : {}),
    fpu: { cw, sw, tw, st: inUse },
  };
}

/** An 80-bit extended value, to be read by people: the nearest double. */
function nearestDouble(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 10);
  const significand = view.getBigUint64(0, true);
  const signAndExponent = view.getUint16(8, true);
  const sign = signAndExponent & 0x8000 ? -1 : 1;
  const exponent = signAndExponent & 0x7fff;
  if (exponent === 0x7fff) return BigInt.asUintN(63, significand) === 0n ? sign * Infinity : Number.NaN;
  return sign * Number(significand) * 2 ** (exponent - 16383 - 63);
}
