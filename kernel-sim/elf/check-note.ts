import { assert } from '../../emu/base/errors.ts';
import { ByteView } from './byte-view.ts';
import { NOTE_VENDOR_COREBACK, NT_COREBACK_CHECK } from './coreback-note.ts';
import { crc32 } from './crc32.ts';
import type { Note, PlacedNote } from './notes.ts';

/*
 * The last note of a core that the kernel writes: two doublewords, the length of the file and the CRC-32 of all its bytes, those of the
 * CRC counted as zeros. By it a restart knows a checkpoint that was cut off or has a wrong bit.
 */
const LENGTH_AT = 0;
const CRC_AT = 4;
const CHECK_BYTES = 8;

/** Still without its contents, which depend on everything else. */
export const UNSEALED_CHECK: Note = {
  name: NOTE_VENDOR_COREBACK,
  type: NT_COREBACK_CHECK,
  desc: new Uint8Array(CHECK_BYTES),
};

/**
 * Fills in the length in the check note, whose descriptor ends at `end` in the first of a file's chunks. Gives the offset of the checksum,
 * which is still to be put there.
 */
export function writeLength(chunks: readonly Uint8Array[], end: number): number {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  viewOf(chunks[0]).setUint32(end - CHECK_BYTES + LENGTH_AT, length, true);
  return end - CHECK_BYTES + CRC_AT;
}

/** Fills in the checksum. Precondition: zeros are there, and all else is as it will be. */
export function writeChecksum(chunks: readonly Uint8Array[], checksumAt: number): void {
  const crc = chunks.reduce((before, chunk) => crc32(chunk, before), 0);
  viewOf(chunks[0]).setUint32(checksumAt, crc, true);
}

function viewOf(head: Uint8Array | undefined): DataView {
  assert(head, 'a file without a beginning');
  return new DataView(head.buffer, head.byteOffset, head.byteLength);
}

/** Errors: UsageError when the file is not as long as it was, or a byte has changed. */
export function verifyCheck(bytes: Uint8Array, { desc, descOffset }: PlacedNote): void {
  const view = new ByteView(bytes);
  if (desc.length !== CHECK_BYTES) view.fail(descOffset, `a check note of ${desc.length} bytes`, 'the file is damaged');
  const check = new DataView(desc.buffer, desc.byteOffset, CHECK_BYTES);
  const length = check.getUint32(LENGTH_AT, true);
  if (length !== bytes.length) {
    view.fail(bytes.length, `the file was ${length} bytes long and is ${bytes.length}`, 'it was cut off');
  }
  const crcAt = descOffset + CRC_AT;
  const zeros = new Uint8Array(4);
  const crc = crc32(bytes.subarray(crcAt + 4), crc32(zeros, crc32(bytes.subarray(0, crcAt))));
  const expected = check.getUint32(CRC_AT, true);
  if (crc !== expected) {
    const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;
    view.fail(descOffset, `the checksum is ${hex(crc)}, not ${hex(expected)}`, 'the file is damaged');
  }
}
