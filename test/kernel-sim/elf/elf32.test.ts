import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { PF_R, PF_X, PT_LOAD } from '../../../kernel-sim/abi/elf.ts';
import { readElf, segmentData, writeElf } from '../../../kernel-sim/elf/elf32.ts';
import { findSymbol, readSections, readSymbols } from '../../../kernel-sim/elf/symbols.ts';
import { ascii, sampleProgram, u32le } from '../../support/elf-samples.ts';

function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

function usageError(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A program followed by .strtab and .symtab with the given symbols, and three section headers. */
function withSymbols(
  rows: readonly { name: string; value: number; size: number; info: number; shndx?: number }[],
): Uint8Array {
  const program = sampleProgram();
  const names = ascii(`\0${rows.map(({ name }) => `${name}\0`).join('')}`);
  const syms = new Uint8Array(16 * (rows.length + 1));
  let nameAt = 1;
  rows.forEach(({ name, value, size, info, shndx = 1 }, i) => {
    syms.set(u32le(nameAt, value, size, info | (shndx << 16)), 16 * (i + 1));
    nameAt += name.length + 1;
  });
  const strtabAt = program.length;
  const symtabAt = strtabAt + names.length;
  const tableAt = symtabAt + syms.length;
  const table = new Uint8Array(120);
  table.set(u32le(0, 2, 0, 0, symtabAt, syms.length, 2, 0, 4, 16), 40);
  table.set(u32le(0, 3, 0, 0, strtabAt, names.length, 0, 0, 1, 0), 80);
  const file = new Uint8Array(tableAt + table.length);
  file.set(program);
  file.set(names, strtabAt);
  file.set(syms, symtabAt);
  file.set(table, tableAt);
  file.set(u32le(tableAt), 32);
  file.set([3, 0], 48);
  return file;
}

describe('readElf', () => {
  it('gives back what writeElf was given', () => {
    const data = Uint8Array.of(1, 2, 3);
    const segment = {
      p_type: PT_LOAD,
      p_offset: 0x100,
      p_vaddr: 5,
      p_paddr: 6,
      p_memsz: 7,
      p_flags: PF_R | PF_X,
      p_align: 8,
      data,
    };
    const file = readElf(writeElf({ ei_osabi: 9, e_type: 2, e_entry: 0xdeadbeef, segments: [segment] }));
    expect(file.header).toMatchObject({
      ei_osabi: 9,
      e_type: 2,
      e_machine: 3,
      e_entry: 0xdeadbeef,
      e_phoff: 52,
      e_phnum: 1,
      e_shentsize: 40,
    });
    const { data: _, ...phdr } = segment;
    expect(file.programHeaders).toEqual([{ ...phdr, p_filesz: 3 }]);
    expect([...segmentData(file, file.programHeaders[0])]).toEqual([1, 2, 3]);
  });

  it.each([
    ['an empty file', new Uint8Array(0), /not an ELF file/, 0],
    ['text', ascii('#!/bin/sh\n'), /not an ELF file/, 0],
    ['64-bit', patched(sampleProgram(), 4, 2), /64-bit/, 4],
    ['an unknown class', patched(sampleProgram(), 4, 9), /class 9/, 4],
    ['big-endian', patched(sampleProgram(), 5, 2), /big-endian/, 5],
    ['another version', patched(sampleProgram(), 6, 0), /version 0/, 6],
    ['another machine', patched(sampleProgram(), 18, 62), /machine 62/, 18],
    ['a header cut short', sampleProgram().subarray(0, 51), /ELF header needs 52 bytes/, 0],
    ['program headers of another size', patched(sampleProgram(), 42, 56), /program headers of 56 bytes/, 42],
    [
      'a table past the end',
      patched(sampleProgram(), 28, 0xff, 0xff, 0xff, 0xff),
      /a table of 2 program headers/,
      0xffffffff,
    ],
    ['65535 program headers', patched(sampleProgram(), 44, 0xff, 0xff), /a table of 65535 program headers/, 52],
    [
      'a segment past the end',
      patched(sampleProgram(), 52 + 16, 0, 0, 0, 0x7f),
      /segment 0 ends at byte 0x7f001000/,
      56,
    ],
  ])('refuses %s, naming the byte', (_, bytes, message, offset) => {
    const error = usageError(() => readElf(bytes));
    expect(error.message).toMatch(message);
    expect(error.parts.offset).toBe(offset);
    expect(error.parts.hint).toBeTruthy();
  });
});

describe('readSymbols', () => {
  const FUNC = 0x12;
  const file = readElf(
    withSymbols([
      { name: 'main', value: 0x401010, size: 0x20, info: FUNC },
      { name: '_start', value: 0x401000, size: 0, info: FUNC },
      { name: 'counter', value: 0x404000, size: 4, info: 0x11 },
      { name: 'elsewhere', value: 0, size: 0, info: 0x10, shndx: 0 },
      { name: 'label', value: 0x401010, size: 0, info: 0 },
    ]),
  );

  it('finds a symbol by name, and not an undefined one', () => {
    expect(findSymbol(file, 'main')).toMatchObject({
      address: 0x401010,
      sizeBytes: 0x20,
      kind: 'function',
      binding: 1,
    });
    expect(findSymbol(file, 'counter')?.kind).toBe('object');
    expect(findSymbol(file, 'elsewhere')).toBeUndefined();
  });

  it('finds the name for an address, preferring functions, and up to the next symbol where the size is unknown', () => {
    const table = readSymbols(file);
    expect(table.at(0x401014)).toMatchObject({ symbol: { name: 'main' }, offset: 4 });
    expect(table.at(0x40100f)).toMatchObject({ symbol: { name: '_start' }, offset: 15 });
    expect(table.at(0x401030)).toBeUndefined();
    expect(table.at(0x400fff)).toBeUndefined();
  });

  it('is empty for a stripped file', () => {
    const stripped = readElf(sampleProgram());
    expect(readSections(stripped)).toEqual([]);
    expect(readSymbols(stripped).symbols).toEqual([]);
  });

  it('refuses a section table past the end and a name outside the string table', () => {
    expect(
      usageError(() =>
        readSymbols(readElf(patched(sampleProgram(), 32, 0, 0, 0, 1, 0, 0, 0, 0, 52, 0, 32, 0, 2, 0, 40, 0, 9))),
      ).message,
    ).toMatch(/section headers/);
    const bad = withSymbols([{ name: 'f', value: 1, size: 1, info: FUNC }]);
    const symtabAt = bad.length - 120 - 16;
    expect(usageError(() => readSymbols(readElf(patched(bad, symtabAt, 0xff, 0xff)))).message).toMatch(
      /outside the string table/,
    );
  });
});
