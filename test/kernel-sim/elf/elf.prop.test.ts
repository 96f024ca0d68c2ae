import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { decodeFpreg, fpregFromSavexmm, savexmmFromFpreg } from '../../../kernel-sim/abi/fpreg.ts';
import { decodeReg, encodeReg } from '../../../kernel-sim/abi/reg.ts';
import { coreSizeBytes, readCore, writeCore } from '../../../kernel-sim/elf/core-file.ts';
import type { CoreImage } from '../../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../../kernel-sim/elf/elf32.ts';
import { isRejected, readExecutable } from '../../../kernel-sim/elf/exec-image.ts';
import { checkGenuineCore } from '../../../kernel-sim/elf/genuine-core.ts';
import { readNotes, writeNotes } from '../../../kernel-sim/elf/notes.ts';
import { readSymbols } from '../../../kernel-sim/elf/symbols.ts';
import { inspectElf } from '../../../src/report/inspect.ts';
import { coreArbitrary, sampleCore, sampleProc, sampleProgram, sampleThread } from '../../support/elf-samples.ts';
import { property } from '../../support/property.ts';

/** Runs `read`; a UsageError is a fine answer, any other exception fails the test. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** Damages `original`: cut, flipped bits, whole words replaced by telling values, or a piece moved elsewhere. */
function damaged(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const { length } = original;
  const headerish = fc.oneof(fc.nat(Math.min(length, 1200) - 1), fc.nat(length - 1));
  const cut = fc.nat(length).map((n) => original.slice(0, n));
  const flips = fc.array(fc.tuple(headerish, fc.nat(7)), { minLength: 1, maxLength: 8 }).map((places) => {
    const copy = Uint8Array.from(original);
    for (const [at, bit] of places) copy[at] ^= 1 << bit;
    return copy;
  });
  const telling = fc.constantFrom(0, 1, 3, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, length, length - 1);
  const words = fc.array(fc.tuple(headerish, telling), { minLength: 1, maxLength: 4 }).map((places) => {
    const copy = Uint8Array.from(original);
    const view = new DataView(copy.buffer);
    for (const [at, value] of places) view.setUint32(Math.min(at & ~3, length - 4), value, true);
    return copy;
  });
  const splice = fc.tuple(headerish, headerish, fc.nat(200)).map(([from, to, count]) => {
    const copy = Uint8Array.from(original);
    copy.copyWithin(to, from, from + count);
    return copy;
  });
  return fc.oneof(cut, flips, words, splice);
}

/** Memory is compared apart: vitest's toEqual takes 10 ms for a few pages. */
const withoutMemory = (core: CoreImage) => ({
  ...core,
  segments: core.segments.map(({ vaddr, flags, data }) => ({ vaddr, flags, length: data.length })),
});

const richCore = writeCore(
  sampleCore({
    layout: 'extended',
    threads: [sampleThread(100001, { segbases: { fsbase: 1, gsbase: 2 } }), sampleThread(100002)],
    segments: [{ vaddr: 0x1000, flags: 6, data: new Uint8Array(4096) }],
    procstat: {
      groups: [1, 2],
      umask: 18,
      auxv: [{ type: 3, value: 4 }],
      osrel: 900044,
      vmmap: { structsize: 1160, records: new Uint8Array(16) },
    },
    coreback: sampleProc,
  }),
);
const program = sampleProgram({ interp: '/libexec/ld-elf.so.1', abiNote: 900044 });

describe('what is written can be read', () => {
  it('gives the same core, genuine, of the size foretold, and the same bytes again', () => {
    fc.assert(
      fc.property(coreArbitrary, (core) => {
        const bytes = writeCore(core);
        expect(bytes.length).toBe(coreSizeBytes(core));
        const back = readCore(bytes);
        expect(withoutMemory(back)).toEqual(withoutMemory(core));
        expect(Buffer.compare(writeCore(back), bytes)).toBe(0);
        for (const [i, { data }] of core.segments.entries())
          expect(Buffer.compare(back.segments[i].data, data)).toBe(0);
        const deviations = checkGenuineCore(bytes, core.layout).filter((d) => !/thread id|unknown vendor/.test(d));
        expect(deviations).toEqual([]);
      }),
      property(100),
    );
  });

  it('gives the same notes', () => {
    const note = fc.record({
      name: fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
      type: fc.nat(0xffffffff),
      desc: fc.uint8Array({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(fc.array(note), (notes) => {
        expect(readNotes(writeNotes(notes)).map(({ name, type, desc }) => ({ name, type, desc }))).toEqual(notes);
      }),
      property(),
    );
  });

  it('gives the same registers, general and floating-point', () => {
    const bytes = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
    fc.assert(
      fc.property(bytes(76), bytes(512), bytes(512), (reg, xmm, other) => {
        expect(encodeReg(decodeReg(reg))).toEqual(reg);
        const fpreg = fpregFromSavexmm(xmm);
        expect(fpregFromSavexmm(savexmmFromFpreg(fpreg, other))).toEqual(fpreg);
        expect(savexmmFromFpreg(fpreg, xmm)).toEqual(xmm);
        expect(decodeFpreg(fpreg).st[7]).toEqual(xmm.subarray(32 + 7 * 16, 32 + 7 * 16 + 10));
      }),
      property(),
    );
  });
});

describe('a damaged file', () => {
  it('is refused by readCore with a UsageError, or read as a core that can be written again', () => {
    fc.assert(
      fc.property(damaged(richCore), (bytes) => {
        const core = readable(() => readCore(bytes));
        if (core) readCore(writeCore(core));
        checkGenuineCore(bytes, 'extended');
        readable(() => inspectElf(bytes, 'damaged.core'));
      }),
      property(600),
    );
  });

  it('is refused by exec with a reason, or has only segments that lie in the file', () => {
    fc.assert(
      fc.property(damaged(program), (bytes) => {
        const image = readExecutable(bytes);
        if (!isRejected(image)) {
          for (const { offset, filesz, memsz, vaddr } of image.loads) {
            expect(offset + filesz).toBeLessThanOrEqual(bytes.length);
            expect(filesz).toBeLessThanOrEqual(memsz);
            expect(vaddr + memsz).toBeLessThanOrEqual(0x100000000);
          }
        }
        readable(() => readSymbols(readElf(bytes)));
        readable(() => inspectElf(bytes, 'damaged'));
      }),
      property(600),
    );
  });

  it('costs no more than its size, whatever its headers claim', () => {
    // 65535 headers that all describe the same notes: the worst that a file of 2 MiB can ask for.
    const count = 0xfffe;
    const bytes = new Uint8Array(52 + count * 32 + 4096);
    bytes.set(richCore.subarray(0, 52));
    const view = new DataView(bytes.buffer);
    view.setUint16(44, count, true);
    for (let i = 0; i < count; i++) {
      view.setUint32(52 + i * 32, 4, true);
      view.setUint32(52 + i * 32 + 4, 52, true);
      view.setUint32(52 + i * 32 + 16, bytes.length - 52, true);
    }
    expect(() => readCore(bytes)).toThrow(/overlap/);
  });
});
