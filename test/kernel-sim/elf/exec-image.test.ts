import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { ET_CORE, ET_DYN, PF_R, PF_W, PF_X } from '../../../kernel-sim/abi/elf.ts';
import { isRejected, readExecutable, requireExecutable } from '../../../kernel-sim/elf/exec-image.ts';
import { type ProgramParts, sampleProgram } from '../../support/elf-samples.ts';

const RTLD = '/libexec/ld-elf.so.1';

function accepted(parts: ProgramParts, options = {}) {
  const image = readExecutable(sampleProgram(parts), options);
  if (isRejected(image)) throw new Error(image.reason);
  return image;
}

function reason(bytes: Uint8Array): string {
  const result = readExecutable(bytes);
  return isRejected(result) ? result.reason : 'accepted';
}

describe('readExecutable', () => {
  it('says where the segments, the text and the data are', () => {
    const image = accepted({ abiNote: 900044 });
    expect(image).toMatchObject({
      type: 'EXEC',
      entry: 0x401000,
      loadBase: 0,
      phnum: 3,
      osrel: 900044,
      brandedBy: 'note',
    });
    expect(image.loads).toEqual([
      { vaddr: 0x401000, memsz: 4096, filesz: 4096, offset: 0x1000, flags: PF_R | PF_X },
      { vaddr: 0x404000, memsz: 4096, filesz: 4096, offset: 0x2000, flags: PF_R | PF_W },
    ]);
    expect(image.text).toEqual({ vaddr: 0x401000, sizeBytes: 4096 });
    expect(image.data).toEqual({ vaddr: 0x404000, sizeBytes: 4096 });
  });

  it('takes the text for the data where there is no other segment', () => {
    const image = accepted({ loads: [{ p_vaddr: 0x401800, p_memsz: 0x1000 }] });
    expect(image.text).toEqual({ vaddr: 0x401000, sizeBytes: 0x2000 });
    expect(image.data).toEqual(image.text);
  });

  it('gives the address of the program headers if a segment covers them, otherwise 0', () => {
    expect(accepted({ loads: [{ p_vaddr: 0x400000, p_offset: 0 }] }).phdrVaddr).toBe(0x400034);
    expect(accepted({}).phdrVaddr).toBe(0);
  });

  it('asks for the brand in the order note, e_ident, interpreter, fallback', () => {
    expect(accepted({ ei_osabi: 0, abiNote: 900044, interp: RTLD }).brandedBy).toBe('note');
    expect(accepted({ ei_osabi: 9, interp: RTLD })).toMatchObject({ brandedBy: 'osabi', osrel: 0, interp: RTLD });
    expect(accepted({ ei_osabi: 0, interp: RTLD }).brandedBy).toBe('interp');
    expect(accepted({ ei_osabi: 0 }, { fallbackBrand: 9 }).brandedBy).toBe('fallback');
    expect(reason(sampleProgram({ ei_osabi: 0 }))).toMatch(/no FreeBSD brand/);
    expect(reason(sampleProgram({ ei_osabi: 3, interp: '/lib/ld-linux.so.2' }))).toMatch(/no FreeBSD brand/);
    const old = sampleProgram({ ei_osabi: 0 });
    old.set([0x46, 0x72, 0x65, 0x65, 0x42, 0x53, 0x44], 8);
    expect(readExecutable(old)).toMatchObject({ brandedBy: 'osabi' });
  });

  it('moves a shared object that is linked at 0, and no other', () => {
    expect(accepted({ e_type: ET_DYN, loads: [{ p_vaddr: 0 }] })).toMatchObject({
      type: 'DYN',
      loadBase: 0x01001000,
      text: { vaddr: 0x01001000 },
    });
    expect(accepted({ e_type: ET_DYN }).loadBase).toBe(0);
  });

  it('skips segments without memory', () => {
    const empty = { p_memsz: 0, data: new Uint8Array(0) };
    expect(accepted({ loads: [empty, {}] }).loads).toHaveLength(1);
  });

  it.each<[string, ProgramParts, RegExp]>([
    ['a core', { e_type: ET_CORE }, /e_type is 4/],
    ['filesz above memsz', { loads: [{ p_memsz: 100 }] }, /larger in the file/],
    [
      'a segment past the address space',
      { loads: [{ p_vaddr: 0xfffff000, p_memsz: 0x2000 }] },
      /past the address space/,
    ],
    ['nothing to load', { loads: [] }, /no segment/],
    ['an interpreter path that is too long', { interp: 'x'.repeat(1024) }, /interpreter/],
    ['program headers beyond the first page', { loads: Array.from({ length: 127 }, () => ({})) }, /first 4096 bytes/],
  ])('answers ENOEXEC for %s', (_, parts, message) => {
    expect(reason(sampleProgram(parts))).toMatch(message);
  });

  it('answers ENOEXEC for a segment past the end of the file and for what is not ELF', () => {
    expect(reason(sampleProgram().subarray(0, 0x2800))).toMatch(/segment 1 ends past the end of the file/);
    expect(readExecutable(new Uint8Array(3))).toMatchObject({ error: 'ENOEXEC' });
  });

  it('ignores lying section headers, as the kernel does', () => {
    const bytes = sampleProgram();
    bytes.fill(0xff, 32, 36);
    bytes.fill(0xff, 48, 50);
    expect(isRejected(readExecutable(bytes))).toBe(false);
  });
});

describe('requireExecutable', () => {
  it('throws the reason with the path', () => {
    const run = () => requireExecutable(new Uint8Array(3), 'guest/bin/x');
    expect(run).toThrow(UsageError);
    expect(run).toThrow(/^guest\/bin\/x: at byte 0x0: not an ELF file/);
  });
});
