import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { readCore, writeCore } from '../../../kernel-sim/elf/core-file.ts';
import { crc32 } from '../../../kernel-sim/elf/crc32.ts';
import { sampleCore, sampleProc } from '../../support/elf-samples.ts';
import { property } from '../../support/property.ts';

/** Of any bytes: the CRC that gzip puts at the end of its file, before the length. */
const gzipCrc = (bytes: Uint8Array): number => gzipSync(bytes).readUInt32LE(gzipSync(bytes).length - 8);

describe('CRC-32', () => {
  it('is that of gzip, in one piece and in several', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        expect(crc32(bytes)).toBe(gzipCrc(bytes));
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(gzipCrc(bytes));
      }),
      property(),
    );
  });
});

describe('a core with a checksum', () => {
  const bytes = writeCore(sampleCore({ layout: 'extended', coreback: sampleProc }));

  it('is read as it was written', () => {
    expect(writeCore(readCore(bytes))).toEqual(bytes);
  });

  it('is refused when any bit of it is wrong, but for the name of the check itself', () => {
    const name = Buffer.from(bytes).lastIndexOf('COREBACK');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        // A check that is not known as one checks nothing; type and vendor are 16 bytes.
        fc.pre(at < name - 12 || at >= name + 12);
        const wrong = bytes.slice();
        wrong[at] = wrong[at]! ^ (1 << bit);
        expect(() => readCore(wrong)).toThrow(UsageError);
      }),
      property(500),
    );
  });

  it('is refused when it is cut off anywhere', () => {
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => readCore(bytes.subarray(0, length))).toThrow(UsageError);
    }
    const whole = new Uint8Array(bytes.length + 4096);
    whole.set(bytes);
    expect(() => readCore(whole)).toThrow(/bytes long/);
  });

  it('says what is wrong', () => {
    const wrong = bytes.slice();
    wrong[bytes.length - 1] = wrong[bytes.length - 1]! ^ 1;
    expect(() => readCore(wrong)).toThrow(/the checksum is 0x[0-9a-f]{8}, not 0x[0-9a-f]{8} \(the file is damaged\)/);
  });
});
