/**
 * Note segments: a sequence of (namesz, descsz, type, name, desc), name and desc each padded with zeros to 4 bytes.
 * The sizes in the header are the unpadded ones. Source: System V ABI, Note Section; FreeBSD 9.0 sys/elf_common.h.
 */
import { PT_NOTE } from '../abi/elf.ts';
import { ByteView, byteString, putByteString } from './byte-view.ts';
import { type ElfFile, segmentData } from './elf32.ts';

/** A note: `name` is the vendor without its NUL, `desc` the descriptor without padding. */
export interface Note {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** A note as found in a file. `offset` is the byte of its header, `descOffset` of its descriptor, in the file. */
export interface PlacedNote extends Note {
  readonly offset: number;
  readonly descOffset: number;
}

const NOTE_HEADER_SIZE = 12;
const pad4 = (n: number): number => Math.ceil(n / 4) * 4;

/**
 * Splits a note segment. `segment` is its bytes, `fileOffset` where it begins in the file (for error messages).
 * Descriptors are views. The last descriptor may come without padding.
 * Errors: UsageError if a header, a name or a descriptor runs past the segment.
 */
export function readNotes(segment: Uint8Array, fileOffset = 0): PlacedNote[] {
  const view = new ByteView(segment, fileOffset);
  const notes: PlacedNote[] = [];
  for (let at = 0; at < segment.length; ) {
    const namesz = view.u32(at, 'a note header');
    const descsz = view.u32(at + 4, 'a note header');
    const type = view.u32(at + 8, 'a note header');
    const nameAt = at + NOTE_HEADER_SIZE;
    const name = byteString(view.slice(nameAt, namesz, `the name of note ${notes.length}`));
    const descAt = nameAt + pad4(namesz);
    const desc = view.slice(descAt, descsz, `the descriptor of note ${notes.length}`);
    notes.push({ name, type, desc, offset: fileOffset + at, descOffset: fileOffset + descAt });
    at = descAt + pad4(descsz);
  }
  return notes;
}

/**
 * The notes of all note segments of a file, in file order.
 * Errors: UsageError as in `readNotes`, or if the segments together are larger than the file, so that no header can ask
 * for more work than the file is long.
 */
export function readFileNotes(file: ElfFile): PlacedNote[] {
  const segments = file.programHeaders.filter(({ p_type }) => p_type === PT_NOTE);
  const total = segments.reduce((sum, { p_filesz }) => sum + p_filesz, 0);
  if (total > file.bytes.length) {
    new ByteView(file.bytes).fail(file.header.e_phoff, 'note segments overlap', 'the program headers are damaged');
  }
  return segments.flatMap((ph) => readNotes(segmentData(file, ph), ph.p_offset));
}

/** Bytes that `note` takes, with header and padding. */
export function noteSizeBytes(note: Note): number {
  return NOTE_HEADER_SIZE + pad4(note.name.length + 1) + pad4(note.desc.length);
}

/** Joins notes into a segment. Each name gets its NUL; the result's length is a multiple of 4. */
export function writeNotes(notes: readonly Note[]): Uint8Array {
  const out = new Uint8Array(notes.reduce((sum, note) => sum + noteSizeBytes(note), 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const note of notes) {
    const namesz = note.name.length + 1;
    view.setUint32(at, namesz, true);
    view.setUint32(at + 4, note.desc.length, true);
    view.setUint32(at + 8, note.type, true);
    putByteString(out, at + NOTE_HEADER_SIZE, namesz, note.name);
    out.set(note.desc, at + NOTE_HEADER_SIZE + pad4(namesz));
    at += noteSizeBytes(note);
  }
  return out;
}
