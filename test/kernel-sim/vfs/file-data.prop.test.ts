import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../kernel-sim/elf/crc32.ts';
import type { FileData } from '../../../kernel-sim/kern/state.ts';
import {
  checkFileData,
  EMPTY_FILE,
  FILE_CHUNK,
  fileDataOfPieces,
  readFileRange,
  resizeFile,
  writeFileRange,
} from '../../../kernel-sim/vfs/file-data.ts';
import { property } from '../../support/property.ts';

/** Offsets near chunk borders are the interesting ones. */
const offset = fc.oneof(
  fc.nat(3 * FILE_CHUNK),
  fc.tuple(fc.nat(3), fc.integer({ min: -2, max: 2 })).map(([chunk, by]) => Math.max(0, chunk * FILE_CHUNK + by)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 8 }),
  fc.tuple(fc.integer({ min: 1, max: 255 }), fc.nat(2 * FILE_CHUNK)).map(([byte, n]) => new Uint8Array(n).fill(byte)),
);
const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), offset, bytes }),
  fc.record({ kind: fc.constant('resize' as const), size: offset }),
  fc.record({ kind: fc.constant('read' as const), offset, length: offset }),
);

/** The same on a plain array. */
function resizePlain(plain: Uint8Array, size: number): Uint8Array {
  const next = new Uint8Array(size);
  next.set(plain.subarray(0, size));
  return next;
}

/** A file whose checksum nobody has worked out yet, and all its bytes. */
const unsettled = fc
  .tuple(fc.integer({ min: 4, max: 2 * FILE_CHUNK }), fc.nat(255), fc.nat())
  .map(([size, byte, where]) => {
    const bytes = new Uint8Array(size).fill(byte);
    const at = where % (size - 3);
    bytes.fill(0, at, at + 4);
    // The second half of each page is left out: it must be zeros.
    const pieces = [];
    for (let from = 0; from < size; from += 4096) {
      const [start, end] = [Math.min(from + 2048, size), Math.min(from + 4096, size)];
      bytes.fill(0, start, end);
      pieces.push({ at: from, bytes: bytes.subarray(from, start) });
    }
    const plain = bytes.slice();
    new DataView(plain.buffer).setUint32(at, crc32(bytes), true);
    return { data: fileDataOfPieces(size, pieces, at), plain };
  });
const beginning = fc.oneof(fc.constant({ data: EMPTY_FILE, plain: new Uint8Array(0) }), unsettled);

const whole = (data: FileData): Buffer => Buffer.from(readFileRange(data, 0, data.size));

describe('the bytes of a file', () => {
  it('are those of a plain array after any writes and truncations', () => {
    fc.assert(
      fc.property(beginning, fc.array(step, { maxLength: 12 }), (begun, steps) => {
        let data: FileData = begun.data;
        let plain: Uint8Array = begun.plain;
        expect(checkFileData(data)).toEqual([]);
        for (const s of steps) {
          const before = data;
          const snapshot = whole(before);
          if (s.kind === 'write') {
            data = writeFileRange(data, s.offset, s.bytes);
            if (s.bytes.length > 0) plain = resizePlain(plain, Math.max(plain.length, s.offset + s.bytes.length));
            plain.set(s.bytes, s.bytes.length > 0 ? s.offset : 0);
          } else if (s.kind === 'resize') {
            data = resizeFile(data, s.size);
            plain = resizePlain(plain, s.size);
          } else {
            const read = Buffer.from(readFileRange(data, s.offset, s.length));
            expect(read.equals(plain.subarray(s.offset, s.offset + s.length))).toBe(true);
          }
          expect(whole(data).equals(plain)).toBe(true);
          expect(whole(before).equals(snapshot)).toBe(true);
          expect(checkFileData(data)).toEqual([]);
        }
      }),
      property(100),
    );
  });

  it('copy only the chunks that a write touches', () => {
    const data = writeFileRange(EMPTY_FILE, 0, new Uint8Array(4 * FILE_CHUNK).fill(1));
    const next = writeFileRange(data, 2 * FILE_CHUNK + 5, Uint8Array.of(2));
    expect(next.chunks.map((chunk, i) => chunk === data.chunks[i])).toEqual([true, true, false, true]);
  });

  it('take no room where there is a hole', () => {
    const data = writeFileRange(resizeFile(EMPTY_FILE, 1 << 28), 1 << 27, Uint8Array.of(7));
    expect(data.size).toBe(1 << 28);
    expect(data.allocated).toBe(1);
    expect([...readFileRange(data, (1 << 27) - 1, 3)]).toEqual([0, 7, 0]);
  });
});
