/**
 * Note segments: a sequence of (namesz, descsz, type, name, desc), name and desc each padded with zeros to 4 bytes.
 * The sizes in the header are the unpadded ones. Source: System V ABI, Note Section; FreeBSD 9.0 sys/elf_common.h.
 */
import { ByteView, byteString, putByteString } from './byte-view.ts';

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
