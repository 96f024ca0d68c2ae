/**
 * What exec needs to know of a program file. The rules are the kernel's: a file that breaks one is the guest's trouble
 * and comes back as a value. Section headers are not looked at. Source: FreeBSD 9.0 kern/imgact_elf.c.
 */
import { UsageError } from '../../emu/base/errors.ts';
import {
  ELFOSABI_FREEBSD,
  ET_DYN,
  ET_EXEC,
  NOTE_VENDOR_FREEBSD,
  NT_FREEBSD_ABI_TAG,
  PAGE_SIZE,
  PF_X,
  PHDR_SIZE,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  PT_PHDR,
} from '../abi/elf.ts';
import { byteString } from './byte-view.ts';
import { type ElfHeader, type ProgramHeader, readElfHeader, readProgramHeaders } from './elf32.ts';
import { type PlacedNote, readNotes } from './notes.ts';

/** One PT_LOAD with memory. Addresses as in the file: add `loadBase`. */
export interface ExecLoad {
  readonly vaddr: number;
  readonly memsz: number;
  readonly filesz: number;
  readonly offset: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
}

/** Whole pages, with `loadBase` added. */
export interface ExecRange {
  readonly vaddr: number;
  readonly sizeBytes: number;
}

/** What exec maps of a file. Addresses as in the file: what is of type DYN may go anywhere. */
export interface LoadableImage {
  readonly type: 'EXEC' | 'DYN';
  /** e_entry. */
  readonly entry: number;
  readonly loads: readonly ExecLoad[];
}

/** A program. */
export interface ExecImage extends LoadableImage {
  /** To add to addresses: 0, or ET_DYN_LOAD_ADDR for a shared object linked at 0. */
  readonly loadBase: number;
  /** AT_PHDR without `loadBase`; 0 if the program headers are in no segment. */
  readonly phdrVaddr: number;
  readonly phnum: number;
  /** Path of the interpreter, if the program names one. */
  readonly interp?: string;
  readonly brand: 'FreeBSD';
  /** How the brand was recognized. */
  readonly brandedBy: 'note' | 'osabi' | 'interp' | 'fallback';
  /** __FreeBSD_version the program was built for, from its ABI note; 0 without one. */
  readonly osrel: number;
  /** vm_taddr, vm_tsize: the largest executable segment. */
  readonly text: ExecRange;
  /** vm_daddr, vm_dsize: the last other segment, or the text if there is none. brk and mmap start from it. */
  readonly data: ExecRange;
}

/** The errno by name, and why in words for reports. */
export interface ExecRejection {
  readonly error: 'ENOEXEC';
  readonly reason: string;
}

export interface ExecOptions {
  /** sysctl kern.elf32.fallback_brand: the OS ABI to take for a file without any brand. Default -1: none. */
  readonly fallbackBrand?: number;
}

/** Where the kernel puts a shared object that is linked at address 0. */
export const ET_DYN_LOAD_ADDR = 0x01001000;
export const MAXPATHLEN = 1024;
/** Interpreters by which the kernel recognizes FreeBSD's programs. Source: FreeBSD 9.0 sys/i386/i386/elf_machdep.c. */
const RTLD_PATHS: readonly string[] = ['/libexec/ld-elf.so.1', '/usr/libexec/ld-elf.so.1'];

/** True if `result` is a rejection. */
export const isRejected = (result: LoadableImage | ExecRejection): result is ExecRejection => 'error' in result;

/** Applies the kernel's rules to a program file. Never throws for a bad file. Copies nothing. */
export const readExecutable = (bytes: Uint8Array, options: ExecOptions = {}): ExecImage | ExecRejection =>
  orRejection(() => readImage(bytes, options));

/** The same for the interpreter that a program names: it needs no brand. */
export const readInterpreter = (bytes: Uint8Array): LoadableImage | ExecRejection =>
  orRejection(() => readLoadable(bytes));

function orRejection<T>(read: () => T): T | ExecRejection {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return { error: 'ENOEXEC', reason: error.message };
    throw error;
  }
}

/** The same for files that the user names. Errors: UsageError with path, offset where known, and reason. */
export function requireExecutable(bytes: Uint8Array, path?: string, options: ExecOptions = {}): ExecImage {
  try {
    return readImage(bytes, options);
  } catch (error) {
    throw error instanceof UsageError && path !== undefined ? error.in(path) : error;
  }
}

interface LoadableParts extends LoadableImage {
  readonly header: ElfHeader;
  readonly phdrs: readonly ProgramHeader[];
}

function readLoadable(bytes: Uint8Array): LoadableParts {
  const header = readElfHeader(bytes);
  const phdrs = readHeaders(bytes, header);
  const loads = readLoads(bytes, header, phdrs);
  return { type: header.e_type === ET_DYN ? 'DYN' : 'EXEC', entry: header.e_entry, loads, header, phdrs };
}

function readImage(bytes: Uint8Array, options: ExecOptions): ExecImage {
  const { type, entry, loads, header, phdrs } = readLoadable(bytes);
  const interp = readInterp(bytes, phdrs);
  const brand = findBrand(bytes, header, phdrs, interp, options.fallbackBrand ?? -1);
  const firstLoad = phdrs.find((ph) => ph.p_type === PT_LOAD);
  const loadBase = header.e_type === ET_DYN && firstLoad?.p_vaddr === 0 ? ET_DYN_LOAD_ADDR : 0;
  return {
    ...{ type, entry, loads, loadBase },
    phdrVaddr: findPhdrVaddr(header, phdrs),
    phnum: header.e_phnum,
    ...(interp ? { interp: interp.path } : {}),
    brand: 'FreeBSD',
    ...brand,
    ...splitTextData(loads, loadBase),
  };
}

/** The kernel maps only the first page of the file to look at headers. */
function readHeaders(bytes: Uint8Array, header: ElfHeader): ProgramHeader[] {
  if (header.e_type !== ET_EXEC && header.e_type !== ET_DYN) {
    reject(`e_type is ${header.e_type}`, 16, 'a program has 2, EXEC, or 3, DYN');
  }
  if (header.e_phentsize !== PHDR_SIZE) reject(`e_phentsize is ${header.e_phentsize}`, 42, 'expected 32');
  if (header.e_phoff % 4 !== 0) reject('the program headers are not 4-byte aligned', 28);
  if (header.e_phoff + header.e_phnum * PHDR_SIZE > PAGE_SIZE) {
    reject('the program headers are not within the first 4096 bytes', 28, 'the kernel looks no further');
  }
  return readProgramHeaders(bytes, header);
}

function readLoads(bytes: Uint8Array, header: ElfHeader, phdrs: readonly ProgramHeader[]): ExecLoad[] {
  const loads: ExecLoad[] = [];
  phdrs.forEach((ph, i) => {
    if (ph.p_type !== PT_LOAD || ph.p_memsz === 0) return;
    const at = header.e_phoff + i * PHDR_SIZE;
    if (ph.p_filesz > ph.p_memsz) reject(`segment ${i} is larger in the file than in memory`, at + 16);
    if (ph.p_offset + ph.p_filesz > bytes.length)
      reject(`segment ${i} ends past the end of the file`, at + 4, 'is the file complete?');
    if (ph.p_vaddr + ph.p_memsz > 0x100000000) reject(`segment ${i} ends past the address space`, at + 8);
    loads.push({
      vaddr: ph.p_vaddr,
      memsz: ph.p_memsz,
      filesz: ph.p_filesz,
      offset: ph.p_offset,
      flags: ph.p_flags & 7,
    });
  });
  if (loads.length === 0) reject('no segment to load', header.e_phoff, 'an object file or a library of another kind?');
  return loads;
}

interface Interp {
  readonly path: string;
  /** p_filesz: with the NUL. */
  readonly size: number;
}

function readInterp(bytes: Uint8Array, phdrs: readonly ProgramHeader[]): Interp | undefined {
  const ph = phdrs.find((p) => p.p_type === PT_INTERP);
  if (!ph) return undefined;
  if (ph.p_filesz > MAXPATHLEN || ph.p_offset + ph.p_filesz > Math.min(PAGE_SIZE, bytes.length)) {
    reject('the path of the interpreter is too long or not within the first 4096 bytes', ph.p_offset);
  }
  return { path: byteString(bytes, ph.p_offset, ph.p_filesz), size: ph.p_filesz };
}

/** The kernel asks in this order: ABI note, e_ident, interpreter, fallback. */
function findBrand(
  bytes: Uint8Array,
  header: ElfHeader,
  phdrs: readonly ProgramHeader[],
  interp: Interp | undefined,
  fallback: number,
): Pick<ExecImage, 'brandedBy' | 'osrel'> {
  const osrel = abiNote(bytes, phdrs);
  if (osrel !== undefined) return { brandedBy: 'note', osrel };
  if (header.ei_osabi === ELFOSABI_FREEBSD || byteString(bytes, 8, 8) === 'FreeBSD')
    return { brandedBy: 'osabi', osrel: 0 };
  if (interp && RTLD_PATHS.includes(interp.path) && interp.size === interp.path.length + 1)
    return { brandedBy: 'interp', osrel: 0 };
  if (fallback === ELFOSABI_FREEBSD) return { brandedBy: 'fallback', osrel: 0 };
  return reject(`no FreeBSD brand (EI_OSABI is ${header.ei_osabi})`, 7, 'link for FreeBSD, or add an ABI note');
}

/** The osreldate in the ABI note, if a note segment within the first page has one. A damaged note segment has none. */
function abiNote(bytes: Uint8Array, phdrs: readonly ProgramHeader[]): number | undefined {
  for (const ph of phdrs) {
    const end = ph.p_offset + ph.p_filesz;
    if (ph.p_type !== PT_NOTE || end > PAGE_SIZE || end > bytes.length) continue;
    const isTag = (n: PlacedNote) =>
      n.name === NOTE_VENDOR_FREEBSD && n.type === NT_FREEBSD_ABI_TAG && n.desc.length === 4;
    const note = notesOrNone(bytes.subarray(ph.p_offset, end)).find(isTag);
    if (note) return new DataView(note.desc.buffer, note.desc.byteOffset, 4).getUint32(0, true);
  }
  return undefined;
}

function notesOrNone(segment: Uint8Array): PlacedNote[] {
  try {
    return readNotes(segment);
  } catch (error) {
    if (error instanceof UsageError) return [];
    throw error;
  }
}

function findPhdrVaddr(header: ElfHeader, phdrs: readonly ProgramHeader[]): number {
  const own = phdrs.find((ph) => ph.p_type === PT_PHDR);
  if (own) return own.p_vaddr;
  const tableEnd = header.e_phoff + header.e_phnum * PHDR_SIZE;
  const around = phdrs.find((ph) => ph.p_type === PT_LOAD && ph.p_offset === 0 && tableEnd <= ph.p_filesz);
  return around ? around.p_vaddr + header.e_phoff : 0;
}

function splitTextData(loads: readonly ExecLoad[], loadBase: number): Pick<ExecImage, 'text' | 'data'> {
  let text: ExecRange = { vaddr: 0, sizeBytes: 0 };
  let data: ExecRange | undefined;
  for (const { vaddr, memsz, flags } of loads) {
    const start = loadBase + vaddr;
    const first = start - (start % PAGE_SIZE);
    const range = { vaddr: first, sizeBytes: Math.ceil((start + memsz) / PAGE_SIZE) * PAGE_SIZE - first };
    if ((flags & PF_X) !== 0 && range.sizeBytes > text.sizeBytes) text = range;
    else data = range;
  }
  return { text, data: data ?? text };
}

function reject(what: string, offset: number, hint?: string): never {
  throw new UsageError({ what, offset, hint });
}
