/**
 * Says how a core differs from what a FreeBSD 9.0 kernel would have written, byte by byte. Debuggers accept several
 * variants that no kernel writes, so that their silence proves little. Source: FreeBSD 9.0 kern/imgact_elf.c, sys/procfs.h.
 */
import { UsageError } from '../../emu/base/errors.ts';
import {
  EHDR_SIZE,
  ELFOSABI_FREEBSD,
  ET_CORE,
  NOTE_VENDOR_FREEBSD,
  NT_FPREGSET,
  NT_PRPSINFO,
  NT_PRSTATUS,
  NT_THRMISC,
  NT_X86_SEGBASES,
  NT_X86_XSTATE,
  PAGE_SIZE,
  PF_R,
  PHDR_SIZE,
  PT_LOAD,
  PT_NOTE,
  SHDR_SIZE,
} from '../abi/elf.ts';
import { FPREG_SIZE } from '../abi/fpreg.ts';
import { readCore } from './core-file.ts';
import type { CoreImage, CoreLayout } from './core-image.ts';
import {
  FNAME_SIZE,
  PRPSINFO_SIZE,
  PRSTATUS_SIZE,
  PSARGS_SIZE,
  SEGBASES_SIZE,
  THRMISC_SIZE,
  TNAME_SIZE,
} from './core-notes.ts';
import { NOTE_VENDOR_COREBACK } from './coreback-note.ts';
import { type ElfFile, readElf, segmentData } from './elf32.ts';
import { noteSizeBytes, type PlacedNote, readNotes } from './notes.ts';
import { PROCSTAT_ROWS } from './procstat-notes.ts';

type Report = (what: string) => void;

/**
 * Every deviation of `bytes` from the layout, one sentence each; empty if there is none.
 * 'extended' allows NT_X86_XSTATE and NT_X86_SEGBASES after a thread's notes, NT_PROCSTAT_* after all threads in the
 * order of their numbers, then notes of other vendors. Never throws: an unreadable core is one deviation.
 */
export function checkGenuineCore(bytes: Uint8Array, layout: CoreLayout): string[] {
  const found: string[] = [];
  const report: Report = (what) => found.push(what);
  try {
    const file = readElf(bytes);
    checkHeader(file, report);
    const notes = checkNoteHeader(file, layout, report);
    checkNoteOrder(notes, layout, report);
    checkNoteBytes(bytes, notes, report);
    checkSegments(file, report);
    checkContents(readCore(bytes), report);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    report(error.message);
  }
  return found;
}

function checkHeader({ header, bytes, programHeaders }: ElfFile, report: Report): void {
  const expected = {
    ei_osabi: ELFOSABI_FREEBSD,
    ei_abiversion: 0,
    e_type: ET_CORE,
    e_entry: 0,
    e_phoff: EHDR_SIZE,
    e_shoff: 0,
    e_flags: 0,
    e_ehsize: EHDR_SIZE,
    e_phentsize: PHDR_SIZE,
    e_phnum: programHeaders.length,
    e_shentsize: SHDR_SIZE,
    e_shnum: 0,
    e_shstrndx: 0,
  };
  compare('ELF header', header, expected, report);
  if (!isZero(bytes.subarray(9, 16))) report('ELF header: the rest of e_ident is not 0');
}

function checkNoteHeader(file: ElfFile, layout: CoreLayout, report: Report): PlacedNote[] {
  const [ph, ...rest] = file.programHeaders;
  if (ph?.p_type !== PT_NOTE) {
    report('program header 0 is not PT_NOTE');
    return [];
  }
  if (rest.some(({ p_type }) => p_type !== PT_LOAD)) report('a program header after the first is not PT_LOAD');
  const readAndAlign = layout === '9.0' ? 0 : PF_R;
  const expected = {
    p_offset: EHDR_SIZE + PHDR_SIZE * file.programHeaders.length,
    p_vaddr: 0,
    p_paddr: 0,
    p_memsz: 0,
    p_flags: readAndAlign,
    p_align: readAndAlign,
  };
  compare('PT_NOTE', ph, expected, report);
  const end = ph.p_offset + ph.p_filesz;
  const gap = file.bytes.subarray(end, roundPage(end));
  if (gap.length !== roundPage(end) - end) report('the file ends before the page boundary after the notes');
  if (!isZero(gap)) report('bytes between the notes and the page boundary are not 0');
  return readNotes(segmentData(file, ph), ph.p_offset);
}

const THREAD_NOTES = [NT_PRSTATUS, NT_FPREGSET, NT_THRMISC];
const SIZES = new Map([
  [NT_PRPSINFO, PRPSINFO_SIZE],
  [NT_PRSTATUS, PRSTATUS_SIZE],
  [NT_FPREGSET, FPREG_SIZE],
  [NT_THRMISC, THRMISC_SIZE],
  [NT_X86_SEGBASES, SEGBASES_SIZE],
]);

/** Order: PRPSINFO; per thread 1, 2, 7, then 0x202 and 0x200; process notes by number; other vendors. */
function checkNoteOrder(notes: readonly PlacedNote[], layout: CoreLayout, report: Report): void {
  let i = 0;
  const freebsd = (at: number): number => (notes[at]?.name === NOTE_VENDOR_FREEBSD ? notes[at].type : -1);
  if (freebsd(i) === NT_PRPSINFO) i++;
  else report('the first note is not NT_PRPSINFO');
  let threads = 0;
  for (; freebsd(i) === NT_PRSTATUS; threads++) {
    for (const type of THREAD_NOTES) {
      if (freebsd(i) === type) i++;
      else report(`thread ${threads}: note type ${type} is missing or out of order`);
    }
    if (layout === '9.0') continue;
    for (const type of [NT_X86_XSTATE, NT_X86_SEGBASES]) if (freebsd(i) === type) i++;
  }
  if (threads === 0) report('no thread');
  if (layout === 'extended') {
    for (const { type } of PROCSTAT_ROWS) if (freebsd(i) === type) i++;
    while (i < notes.length && notes[i].name !== NOTE_VENDOR_FREEBSD) i++;
    const foreign = notes.filter((n) => n.name !== NOTE_VENDOR_FREEBSD && n.name !== NOTE_VENDOR_COREBACK);
    for (const { name } of foreign) report(`a note of the unknown vendor "${name}"`);
  }
  for (; i < notes.length; i++) {
    report(
      `note ${i} ("${notes[i].name}", type ${notes[i].type}) does not belong in the ${layout} layout, or not there`,
    );
  }
}

function checkNoteBytes(bytes: Uint8Array, notes: readonly PlacedNote[], report: Report): void {
  notes.forEach((note, i) => {
    const expected = note.name === NOTE_VENDOR_FREEBSD ? SIZES.get(note.type) : undefined;
    if (expected !== undefined && note.desc.length !== expected) {
      report(`note ${i} (type ${note.type}) has ${note.desc.length} bytes instead of ${expected}`);
    }
    const nameEnd = note.offset + 12 + note.name.length;
    const descEnd = note.descOffset + note.desc.length;
    const padding = [
      bytes.subarray(nameEnd, note.descOffset),
      bytes.subarray(descEnd, note.offset + noteSizeBytes(note)),
    ];
    if (!padding.every(isZero)) report(`note ${i} (type ${note.type}) has padding that is not 0`);
    if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(note.offset, true) !== note.name.length + 1) {
      report(`note ${i} (type ${note.type}): namesz does not count exactly the name and its NUL`);
    }
    if (note.name === NOTE_VENDOR_FREEBSD) checkTails(note, i, report);
  });
}

/** Text fields of a note as [offset, size]; everything after a field's NUL is 0, and so is what follows the last. */
const TEXT_FIELDS = new Map([
  [
    NT_PRPSINFO,
    [
      [8, FNAME_SIZE],
      [8 + FNAME_SIZE, PSARGS_SIZE],
    ],
  ],
  [NT_THRMISC, [[0, TNAME_SIZE]]],
]);

function checkTails({ type, desc }: PlacedNote, i: number, report: Report): void {
  let end = 0;
  for (const [at, size] of TEXT_FIELDS.get(type) ?? []) {
    end = at + size;
    const field = desc.subarray(at, end);
    const nul = field.indexOf(0);
    if (nul < 0) report(`note ${i} (type ${type}): the text at ${at} has no NUL`);
    else if (!isZero(field.subarray(nul))) report(`note ${i} (type ${type}): bytes after the text at ${at} are not 0`);
  }
  if (end > 0 && !isZero(desc.subarray(end))) report(`note ${i} (type ${type}): the padding at ${end} is not 0`);
}

function checkSegments({ programHeaders, bytes }: ElfFile, report: Report): void {
  const [note, ...loads] = programHeaders;
  let offset = note ? roundPage(note.p_offset + note.p_filesz) : 0;
  loads.forEach((ph, i) => {
    const expected = { p_offset: offset, p_paddr: 0, p_memsz: ph.p_filesz, p_align: PAGE_SIZE };
    compare(`program header ${i + 1}`, ph, expected, report);
    if (ph.p_flags === 0 || ph.p_flags > 7) report(`program header ${i + 1}: p_flags ${ph.p_flags} is no protection`);
    offset += ph.p_filesz;
  });
  if (offset !== bytes.length) report(`the file has ${bytes.length} bytes instead of ${offset}`);
}

function checkContents(core: CoreImage, report: Report): void {
  if (core.psinfo.psargs !== core.psinfo.fname) report('pr_psargs is not the command name');
  const tids = new Set<number>();
  for (const { tid, reg, cursig } of core.threads) {
    if (tids.has(tid)) report(`thread id ${tid} occurs twice`);
    tids.add(tid);
    if (tid < 1) report(`thread id ${tid} is not positive`);
    if (cursig > 128) report(`pr_cursig ${cursig} is no signal`);
    for (const field of ['r_isp', 'r_trapno', 'r_err'] as const) {
      if (reg[field] !== 0) report(`thread ${tid}: ${field} is not 0`);
    }
  }
}

const roundPage = (n: number): number => Math.ceil(n / PAGE_SIZE) * PAGE_SIZE;
const isZero = (bytes: Uint8Array): boolean => bytes.every((b) => b === 0);

function compare<T extends object>(
  where: string,
  found: T,
  expected: Partial<Record<keyof T, number>>,
  report: Report,
): void {
  for (const key of Object.keys(expected) as (keyof T)[]) {
    if (found[key] !== expected[key])
      report(`${where}: ${String(key)} is ${String(found[key])} instead of ${expected[key]}`);
  }
}
