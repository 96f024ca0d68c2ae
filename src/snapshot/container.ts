import { sha256 } from '@noble/hashes/sha2.js';
import { UsageError } from '../../emu/base/errors.ts';
import { sameValue } from '../../emu/base/same-value.ts';
import { bytesOf, latin1 } from '../../kernel-sim/kern/kernel.ts';
import { pack, unpack } from './plain-data.ts';

/*
 * One value of plain data as a file (docs/saved-state.md). Little-endian:
 *   0  8 bytes   COREBACK
 *   8  u32       VERSION
 *  12  4 bytes   kind: what the value is, ASCII
 *  16  u32       length of the text in bytes
 *  20  u32       number of blobs, then the length of each, u32
 *      text      JSON (plain-data.ts), then the blobs one after the other
 *      32 bytes  SHA-256 of everything before
 */

/** Goes up whenever an older file would be misread: another layout, or other meanings of what the kernel's records hold. */
export const SAVED_STATE_VERSION = 2;

const MAGIC = 'COREBACK';
const HEADER_BYTES = 24;
const HASH_BYTES = 32;

/** Four letters. */
export type Kind = 'SNAP' | 'RUN ';

export function encode(kind: Kind, value: unknown): Uint8Array {
  const { text, blobs } = pack(value);
  const blobBytes = blobs.reduce((sum, blob) => sum + blob.length, 0);
  const bytes = new Uint8Array(HEADER_BYTES + 4 * blobs.length + text.length + blobBytes + HASH_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(bytesOf(MAGIC));
  view.setUint32(8, SAVED_STATE_VERSION, true);
  bytes.set(bytesOf(kind), 12);
  view.setUint32(16, text.length, true);
  view.setUint32(20, blobs.length, true);
  let at = HEADER_BYTES;
  for (const blob of blobs) {
    view.setUint32(at, blob.length, true);
    at += 4;
  }
  for (const part of [bytesOf(text), ...blobs]) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.set(sha256(bytes.subarray(0, at)), at);
  return bytes;
}

/** The inverse of `encode`. Errors: UsageError with the byte offset for a file that is not whole, not ours, or of another version. */
export function decode(kind: Kind, bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (latin1(bytes.subarray(0, MAGIC.length)) !== MAGIC)
    throw new UsageError({
      what: 'is no saved state of coreback',
      offset: 0,
      hint: 'coreback run --save-state makes one',
    });
  if (bytes.length < HEADER_BYTES + HASH_BYTES) throw cut(bytes.length);
  const version = view.getUint32(8, true);
  if (version !== SAVED_STATE_VERSION) {
    const hint = 'save it again with this one';
    throw new UsageError({
      what: `was saved by another coreback: version ${version}, not ${SAVED_STATE_VERSION}`,
      offset: 8,
      hint,
    });
  }
  const found = latin1(bytes.subarray(12, 16));
  if (found !== kind) throw new UsageError({ what: `holds a '${found.trim()}', not a '${kind.trim()}'`, offset: 12 });
  const end = bytes.length - HASH_BYTES;
  const textLength = view.getUint32(16, true);
  const blobCount = view.getUint32(20, true);
  const textAt = HEADER_BYTES + 4 * blobCount;
  if (textAt + textLength > end) throw cut(bytes.length);
  const blobs: Uint8Array[] = [];
  let at = textAt + textLength;
  for (let n = 0; n < blobCount; n++) {
    const length = view.getUint32(HEADER_BYTES + 4 * n, true);
    if (at + length > end) throw cut(bytes.length);
    blobs.push(bytes.slice(at, at + length));
    at += length;
  }
  if (at !== end) throw new UsageError({ what: `has ${end - at} bytes too many`, offset: at });
  if (!sameValue(sha256(bytes.subarray(0, end)), bytes.slice(end)))
    throw new UsageError({ what: 'is damaged: its checksum is wrong', offset: end });
  return unpack({ text: latin1(bytes.subarray(textAt, textAt + textLength)), blobs });
}

const cut = (offset: number): UsageError => new UsageError({ what: 'is cut off', offset, hint: 'save it again' });
