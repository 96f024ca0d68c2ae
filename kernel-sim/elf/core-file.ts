/**
 * FreeBSD 9.0 i386 core files, both directions side by side.
 * Source: FreeBSD 9.0 kern/imgact_elf.c, sys/procfs.h, usr.bin/gcore; checked byte by byte in genuine-core.ts.
 */
import { assert } from '../../emu/base/errors.ts';
import {
  EHDR_SIZE,
  ELFOSABI_FREEBSD,
  ET_CORE,
  PAGE_SIZE,
  PF_R,
  PF_W,
  PHDR_SIZE,
  PT_LOAD,
  PT_NOTE,
} from '../abi/elf.ts';
import { FPREG_SIZE } from '../abi/fpreg.ts';
import { ByteView } from './byte-view.ts';
import { UNSEALED_CHECK, verifyCheck, writeChecksum, writeLength } from './check-note.ts';
import type { CoreImage, CoreSegment } from './core-image.ts';
import { coreNotes, NoteCollector } from './core-note-list.ts';
import { type ElfFile, type ElfSegment, encodeElfHead, readElf, segmentData } from './elf32.ts';
import { noteSizeBytes, readFileNotes, writeNotes } from './notes.ts';

const roundPage = (n: number): number => Math.ceil(n / PAGE_SIZE) * PAGE_SIZE;

/**
 * A core as pieces to be written one after the other: header, program headers, notes and zeros up to a page boundary,
 * then each segment's data as it was given. Nothing of the size of a segment is copied.
 * Preconditions: threads and segments as CoreImage says. A gcore core gets cursig 0, the command name as psargs, and
 * segments marked readable and writable; those that are not readable are left out.
 */
export function coreChunks(core: CoreImage): Uint8Array[] {
  const { chunks, checksumAt } = coreChunksWithoutChecksum(core);
  if (checksumAt !== undefined) writeChecksum(chunks, checksumAt);
  return chunks;
}

/** The same, but for its checksum: zeros are at `checksumAt` in the first chunk. A core that has none is complete. */
export function coreChunksWithoutChecksum(core: CoreImage): {
  readonly chunks: Uint8Array[];
  readonly checksumAt?: number;
} {
  const image = core.flavor === 'gcore' ? asGcore(core) : core;
  checkPreconditions(image);
  const notes = coreNotes(image);
  const noteBytes = writeNotes(notes);
  const notesAt = EHDR_SIZE + PHDR_SIZE * (image.segments.length + 1);
  const noteFlags = image.layout === '9.0' ? 0 : PF_R;
  const segments: ElfSegment[] = [
    {
      p_type: PT_NOTE,
      p_offset: notesAt,
      p_vaddr: 0,
      p_paddr: 0,
      p_memsz: 0,
      p_flags: noteFlags,
      p_align: noteFlags,
      data: noteBytes,
    },
  ];
  let offset = roundPage(notesAt + noteBytes.length);
  const head = new Uint8Array(offset);
  for (const { vaddr, flags, data } of image.segments) {
    segments.push({
      p_type: PT_LOAD,
      p_offset: offset,
      p_vaddr: vaddr,
      p_paddr: 0,
      p_memsz: data.length,
      p_flags: flags,
      p_align: PAGE_SIZE,
      data,
    });
    offset += data.length;
  }
  assert(offset <= 0xffffffff, 'a core is smaller than 4 GiB');
  head.set(encodeElfHead({ ei_osabi: ELFOSABI_FREEBSD, e_type: ET_CORE, e_entry: 0, segments }));
  head.set(noteBytes, notesAt);
  const chunks = [head, ...image.segments.map(({ data }) => data)];
  if (notes.at(-1) !== UNSEALED_CHECK) return { chunks };
  return { chunks, checksumAt: writeLength(chunks, notesAt + noteBytes.length) };
}

/** The whole file in one array. One pass; each byte of a segment is copied once. */
export function writeCore(core: CoreImage): Uint8Array {
  const chunks = coreChunks(core);
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Size of the file in bytes, without writing it: what RLIMIT_CORE is compared with. */
export function coreSizeBytes(core: CoreImage): number {
  const image = core.flavor === 'gcore' ? asGcore(core) : core;
  const notes = coreNotes(image).reduce((sum, note) => sum + noteSizeBytes(note), 0);
  const head = roundPage(EHDR_SIZE + PHDR_SIZE * (image.segments.length + 1) + notes);
  return image.segments.reduce((sum, { data }) => sum + data.length, head);
}

/**
 * Reads a core of FreeBSD/i386. Segment data and unknown notes are views of `bytes`.
 * `layout` is '9.0' if there are only notes of types 3, 1, 2, 7 in a PT_NOTE without flags. The file does not say who wrote it: `flavor` is 'gcore'
 * if no thread has a signal and every segment is readable and writable, which a kernel core may be as well.
 * Errors: UsageError with the byte offset: not an ELF core, notes missing, damaged or out of order, a wrong checksum, segments that
 * overlap, are not page-aligned, or have no contents.
 */
export function readCore(bytes: Uint8Array): CoreImage {
  const file = readElf(bytes);
  const view = new ByteView(bytes);
  if (file.header.e_type !== ET_CORE) {
    view.fail(16, `an ELF file of type ${file.header.e_type}, not a core`, 'e_type of a core is 4');
  }
  const notes = new NoteCollector(view);
  for (const note of readFileNotes(file)) notes.add(note);
  const found = notes.finish();
  if (notes.check) verifyCheck(bytes, notes.check);
  const notesMarked = file.programHeaders.some(({ p_type, p_flags }) => p_type === PT_NOTE && p_flags !== 0);
  const segments = readSegments(file, view);
  const isGcore =
    found.threads.every(({ cursig }) => cursig === 0) &&
    segments.every(({ flags }) => (flags & (PF_R | PF_W)) === (PF_R | PF_W));
  return { ...found, layout: notesMarked ? 'extended' : found.layout, flavor: isGcore ? 'gcore' : 'kernel', segments };
}

/** What usr.bin/gcore writes differently. */
function asGcore(core: CoreImage): CoreImage {
  return {
    ...core,
    psinfo: { fname: core.psinfo.fname, psargs: core.psinfo.fname },
    threads: core.threads.map((thread) => ({ ...thread, cursig: 0 })),
    segments: core.segments
      .filter(({ flags }) => (flags & PF_R) !== 0)
      .map((segment) => ({ ...segment, flags: segment.flags | PF_R | PF_W })),
  };
}

function checkPreconditions({ threads, segments }: CoreImage): void {
  assert(threads.length > 0, 'a core has at least one thread');
  for (const { fpreg, cursig } of threads) {
    assert(fpreg.length === FPREG_SIZE, 'fpreg is 176 bytes');
    assert(cursig === threads[0].cursig, 'every thread of a core has the same cursig');
  }
  let end = 0;
  for (const { vaddr, data } of segments) {
    assert(
      vaddr % PAGE_SIZE === 0 && data.length % PAGE_SIZE === 0 && data.length > 0,
      'a core segment is whole pages',
    );
    assert(vaddr >= end, 'core segments are in address order and do not overlap');
    end = vaddr + data.length;
  }
  assert(end <= 0x100000000, 'a core segment ends within the address space');
}

function readSegments(file: ElfFile, view: ByteView): CoreSegment[] {
  const segments: CoreSegment[] = [];
  let end = 0;
  file.programHeaders.forEach((ph, i) => {
    if (ph.p_type !== PT_LOAD) return;
    const at = file.header.e_phoff + i * PHDR_SIZE;
    const where = `segment ${i} at 0x${ph.p_vaddr.toString(16)}`;
    if (ph.p_filesz !== ph.p_memsz) {
      view.fail(
        at + 16,
        `${where}: 0x${ph.p_filesz.toString(16)} bytes in the file, 0x${ph.p_memsz.toString(16)} in memory`,
        'a FreeBSD core holds every byte of a segment',
      );
    }
    if (ph.p_vaddr % PAGE_SIZE !== 0 || ph.p_memsz % PAGE_SIZE !== 0 || ph.p_memsz === 0) {
      view.fail(at + 8, `${where} of 0x${ph.p_memsz.toString(16)} bytes is not whole pages`, 'pages are 4096 bytes');
    }
    if (ph.p_vaddr < end)
      view.fail(at + 8, `${where} overlaps the one before, or is out of order`, 'segments stand by address');
    end = ph.p_vaddr + ph.p_memsz;
    if (end > 0x100000000) view.fail(at + 8, `${where} ends past the address space`, 'the program header is wrong');
    segments.push({ vaddr: ph.p_vaddr, flags: ph.p_flags, data: segmentData(file, ph) });
  });
  return segments;
}
