/**
 * Symbol look-up in .symtab, for scenarios and reports that name functions. exec does not use it.
 * Source: System V ABI, Sections and Symbol Table; FreeBSD 9.0 sys/elf32.h.
 */
import {
  SHDR_SIZE,
  SHN_UNDEF,
  SHT_STRTAB,
  SHT_SYMTAB,
  STT_FILE,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  SYM_SIZE,
} from '../abi/elf.ts';
import { ByteView, byteString } from './byte-view.ts';
import type { ElfFile } from './elf32.ts';

/** Elf32_Shdr. */
export interface SectionHeader {
  readonly sh_name: number;
  readonly sh_type: number;
  readonly sh_flags: number;
  readonly sh_addr: number;
  readonly sh_offset: number;
  readonly sh_size: number;
  readonly sh_link: number;
  readonly sh_info: number;
  readonly sh_addralign: number;
  readonly sh_entsize: number;
}

export interface ElfSymbol {
  readonly name: string;
  /** st_value: a linear address in an executable. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly kind: 'function' | 'object' | 'none' | 'other';
  /** STB_ number: 0 local, 1 global, 2 weak. */
  readonly binding: number;
}

/** The defined symbols of a file, and the two ways to look them up. */
export interface SymbolTable {
  /** By ascending address, then in file order. */
  readonly symbols: readonly ElfSymbol[];
  /** By name; a global symbol hides a local one. */
  find(name: string): ElfSymbol | undefined;
  /**
   * The symbol that covers `address`, and how far into it: by size, or, if its size is 0, up to the next symbol.
   * Functions are preferred to other kinds at the same address.
   */
  at(address: number): { readonly symbol: ElfSymbol; readonly offset: number } | undefined;
}

const SECTION_FIELDS = [
  'sh_name',
  'sh_type',
  'sh_flags',
  'sh_addr',
  'sh_offset',
  'sh_size',
  'sh_link',
  'sh_info',
  'sh_addralign',
  'sh_entsize',
] as const;

/** No symbol name is longer; keeps the work on a lying table proportional to its size. */
const SYMBOL_NAME_MAX = 4096;

/** Reads the section header table; empty if there is none. Errors: UsageError if it does not fit in the file. */
export function readSections({ bytes, header }: ElfFile): SectionHeader[] {
  if (header.e_shoff === 0 || header.e_shnum === 0) return [];
  const view = new ByteView(bytes);
  if (header.e_shentsize !== SHDR_SIZE) {
    view.fail(46, `section headers of ${header.e_shentsize} bytes`, `expected e_shentsize ${SHDR_SIZE}`);
  }
  view.slice(header.e_shoff, header.e_shnum * SHDR_SIZE, `a table of ${header.e_shnum} section headers`);
  return Array.from({ length: header.e_shnum }, (_, i) => {
    const at = header.e_shoff + i * SHDR_SIZE;
    const words = SECTION_FIELDS.map((field, w) => [field, view.u32(at + w * 4, field)] as const);
    return Object.fromEntries(words) as Record<(typeof SECTION_FIELDS)[number], number>;
  });
}

/**
 * Reads .symtab with its string table. A stripped file gives an empty table.
 * Errors: UsageError if the tables do not fit in the file or into each other. Keep the result: reading costs O(n log n).
 */
export function readSymbols(file: ElfFile): SymbolTable {
  const sections = readSections(file);
  const index = sections.findIndex(({ sh_type }) => sh_type === SHT_SYMTAB);
  return symbolTable(index < 0 ? [] : readSymtab(file, sections, index));
}

/** One look-up by name, for a file that is asked once. Same errors as `readSymbols`. */
export function findSymbol(file: ElfFile, name: string): ElfSymbol | undefined {
  return readSymbols(file).find(name);
}

function readSymtab(file: ElfFile, sections: readonly SectionHeader[], index: number): ElfSymbol[] {
  const view = new ByteView(file.bytes);
  const symtab = sections[index];
  const strtab = sections[symtab.sh_link];
  const headerAt = file.header.e_shoff + index * SHDR_SIZE;
  if (strtab?.sh_type !== SHT_STRTAB)
    view.fail(headerAt + 24, '.symtab names no string table', 'the section headers are damaged');
  const syms = new ByteView(view.slice(symtab.sh_offset, symtab.sh_size, 'the symbol table'), symtab.sh_offset);
  const names = view.slice(strtab.sh_offset, strtab.sh_size, 'the string table of .symtab');
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at + SYM_SIZE <= syms.length; at += SYM_SIZE) {
    const nameAt = syms.u32(at, 'st_name');
    const info = syms.u8(at + 12, 'st_info');
    const isDefined = syms.u16(at + 14, 'st_shndx') !== SHN_UNDEF;
    if (!isDefined || nameAt === 0 || (info & 15) === STT_SECTION || (info & 15) === STT_FILE) continue;
    if (nameAt >= names.length)
      syms.fail(at, `a symbol's name at ${nameAt} is outside the string table`, 'the symbol table is damaged');
    symbols.push({
      name: byteString(names, nameAt, Math.min(SYMBOL_NAME_MAX, names.length - nameAt)),
      address: syms.u32(at + 4, 'st_value'),
      sizeBytes: syms.u32(at + 8, 'st_size'),
      kind: symbolKind(info & 15),
      binding: info >> 4,
    });
  }
  return symbols;
}

function symbolKind(type: number): ElfSymbol['kind'] {
  if (type === STT_FUNC) return 'function';
  if (type === STT_OBJECT) return 'object';
  return type === STT_NOTYPE ? 'none' : 'other';
}

const KIND_RANK = { function: 0, object: 1, none: 2, other: 3 };

function symbolTable(unsorted: readonly ElfSymbol[]): SymbolTable {
  const symbols = [...unsorted].sort((a, b) => a.address - b.address);
  const byName = new Map<string, ElfSymbol>();
  for (const symbol of unsorted) {
    const before = byName.get(symbol.name);
    if (!before || (before.binding === 0 && symbol.binding !== 0)) byName.set(symbol.name, symbol);
  }
  // One entry per address, the best symbol there; 'other' (thread-local and the like) has no address of its own.
  const starts: ElfSymbol[] = [];
  for (const symbol of symbols) {
    if (symbol.kind === 'other') continue;
    const last = starts.at(-1);
    if (last?.address !== symbol.address) starts.push(symbol);
    else if (KIND_RANK[symbol.kind] < KIND_RANK[last.kind]) starts[starts.length - 1] = symbol;
  }
  return {
    symbols,
    find: (name) => byName.get(name),
    at: (address) => {
      const i = lastAtOrBelow(starts, address);
      if (i < 0) return undefined;
      const offset = address - starts[i].address;
      const size = starts[i].sizeBytes || (starts[i + 1]?.address ?? 0x100000000) - starts[i].address;
      return offset < size ? { symbol: starts[i], offset } : undefined;
    },
  };
}

/** Index of the last symbol whose address is at most `address`, or -1. */
function lastAtOrBelow(starts: readonly ElfSymbol[], address: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
