import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { readNotes, writeNotes } from '../../../kernel-sim/elf/notes.ts';
import { u32le } from '../../support/elf-samples.ts';

describe('writeNotes', () => {
  it('pads name and descriptor to 4 bytes and keeps unpadded sizes in the header', () => {
    const bytes = writeNotes([{ name: 'COREBACK', type: 1, desc: Uint8Array.of(1, 2, 3, 4, 5) }]);
    expect(bytes).toHaveLength(12 + 12 + 8);
    expect([...bytes.subarray(0, 12)]).toEqual([9, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0]);
    expect(String.fromCharCode(...bytes.subarray(12, 24))).toBe('COREBACK\0\0\0\0');
    expect([...bytes.subarray(24)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
  });
});

describe('readNotes', () => {
  it('says where each note and its descriptor stand in the file', () => {
    const bytes = writeNotes([
      { name: 'A', type: 1, desc: Uint8Array.of(1) },
      { name: '', type: 2, desc: new Uint8Array(0) },
    ]);
    expect(readNotes(bytes, 0x100)).toMatchObject([
      { name: 'A', type: 1, offset: 0x100, descOffset: 0x110 },
      { name: '', type: 2, offset: 0x114, descOffset: 0x124 },
    ]);
  });

  it('takes a last descriptor without padding', () => {
    const bytes = writeNotes([{ name: 'A', type: 1, desc: Uint8Array.of(1) }]);
    expect(readNotes(bytes.subarray(0, bytes.length - 3))).toHaveLength(1);
  });

  it.each([
    ['a header cut short', Uint8Array.of(1, 2), /note header/],
    ['a name past the segment', u32le(0xffffffff, 0, 1), /name of note 0/],
    ['a descriptor past the segment', u32le(4, 0xfffffff0, 1, 0), /descriptor of note 0/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readNotes(bytes)).toThrow(UsageError);
    expect(() => readNotes(bytes)).toThrow(message);
  });
});
