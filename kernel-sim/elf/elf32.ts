/**
 * ELF32 little-endian i386 files: header and program headers, both directions side by side. Field names are FreeBSD's.
 * Source: FreeBSD 9.0 sys/elf32.h; System V ABI, Object Files.
 */
import { assert } from '../../emu/base/errors.ts';
import {
  EHDR_SIZE,
  EI_ABIVERSION,
  EI_CLASS,
  EI_DATA,
  EI_OSABI,
  EI_VERSION,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EM_386,
  EV_CURRENT,
  PHDR_SIZE,
  SHDR_SIZE,
} from '../abi/elf.ts';
import { ByteView } from './byte-view.ts';

/** Elf32_Ehdr. The bytes of e_ident that vary have names of their own. */
export interface ElfHeader {
  readonly ei_osabi: number;
  readonly ei_abiversion: number;
  readonly e_type: number;
  readonly e_machine: number;
  readonly e_version: number;
  readonly e_entry: number;
  readonly e_phoff: number;
  readonly e_shoff: number;
  readonly e_flags: number;
  readonly e_ehsize: number;
  readonly e_phentsize: number;
  readonly e_phnum: number;
  readonly e_shentsize: number;
  readonly e_shnum: number;
  readonly e_shstrndx: number;
}

/** Elf32_Phdr: unsigned 32-bit numbers; offsets and sizes in bytes. */
export interface ProgramHeader {
  readonly p_type: number;
  readonly p_offset: number;
  readonly p_vaddr: number;
  readonly p_paddr: number;
  readonly p_filesz: number;
  readonly p_memsz: number;
  readonly p_flags: number;
  readonly p_align: number;
}

/** A file as read: its bytes are kept, not copied. */
export interface ElfFile {
  readonly header: ElfHeader;
  readonly programHeaders: readonly ProgramHeader[];
  readonly bytes: Uint8Array;
}

/** What `writeElf` needs: p_filesz is the size of `data`; an offset says where it goes. */
export interface ElfSegment extends Omit<ProgramHeader, 'p_filesz'> {
  readonly data: Uint8Array;
}

export interface ElfImage {
  readonly ei_osabi: number;
  readonly ei_abiversion?: number;
  readonly e_type: number;
  readonly e_entry: number;
  readonly segments: readonly ElfSegment[];
}

/**
 * Reads the header alone. The file must be ELF, 32-bit, little-endian, current version, for i386.
 * Errors: UsageError with the offset of the byte that is wrong.
 */
export function readElfHeader(bytes: Uint8Array): ElfHeader {
  const view = new ByteView(bytes);
  const isElf = bytes.length >= 4 && view.u32(0, 'ELF magic') === 0x464c457f;
  if (!isElf) view.fail(0, 'not an ELF file', 'expected an i386 executable or core: 7f 45 4c 46 first');
  const elfClass = view.u8(EI_CLASS, 'ELF class');
  if (elfClass === ELFCLASS64)
    view.fail(EI_CLASS, 'a 64-bit ELF file', 'build for i386: --target=i386-unknown-freebsd9.0');
  if (elfClass !== ELFCLASS32) view.fail(EI_CLASS, `unknown ELF class ${elfClass}`, 'expected 1, 32-bit');
  const data = view.u8(EI_DATA, 'ELF byte order');
  if (data === ELFDATA2MSB) view.fail(EI_DATA, 'a big-endian ELF file', 'i386 is little-endian');
  if (data !== ELFDATA2LSB) view.fail(EI_DATA, `unknown ELF byte order ${data}`, 'expected 1, little-endian');
  const identVersion = view.u8(EI_VERSION, 'ELF version');
  if (identVersion !== EV_CURRENT) view.fail(EI_VERSION, `unknown ELF version ${identVersion}`, 'expected 1');
  view.slice(0, EHDR_SIZE, 'the ELF header');

  const header: ElfHeader = {
    ei_osabi: view.u8(EI_OSABI, 'e_ident'),
    ei_abiversion: view.u8(EI_ABIVERSION, 'e_ident'),
    e_type: view.u16(16, 'e_type'),
    e_machine: view.u16(18, 'e_machine'),
    e_version: view.u32(20, 'e_version'),
    e_entry: view.u32(24, 'e_entry'),
    e_phoff: view.u32(28, 'e_phoff'),
    e_shoff: view.u32(32, 'e_shoff'),
    e_flags: view.u32(36, 'e_flags'),
    e_ehsize: view.u16(40, 'e_ehsize'),
    e_phentsize: view.u16(42, 'e_phentsize'),
    e_phnum: view.u16(44, 'e_phnum'),
    e_shentsize: view.u16(46, 'e_shentsize'),
    e_shnum: view.u16(48, 'e_shnum'),
    e_shstrndx: view.u16(50, 'e_shstrndx'),
  };
  if (header.e_machine !== EM_386) {
    view.fail(18, `an ELF file for machine ${header.e_machine}`, 'expected 3, Intel 80386');
  }
  if (header.e_version !== EV_CURRENT) view.fail(20, `unknown e_version ${header.e_version}`, 'expected 1');
  return header;
}

/**
 * Reads the program header table. Errors: UsageError if an entry is not 32 bytes or the table does not fit in the file.
 * Does not look at what the headers describe.
 */
export function readProgramHeaders(bytes: Uint8Array, header: ElfHeader): ProgramHeader[] {
  if (header.e_phnum === 0) return [];
  const view = new ByteView(bytes);
  if (header.e_phentsize !== PHDR_SIZE) {
    view.fail(42, `program headers of ${header.e_phentsize} bytes`, `expected e_phentsize ${PHDR_SIZE}`);
  }
  view.slice(header.e_phoff, header.e_phnum * PHDR_SIZE, `a table of ${header.e_phnum} program headers`);
  return Array.from({ length: header.e_phnum }, (_, i) => {
    const at = header.e_phoff + i * PHDR_SIZE;
    return {
      p_type: view.u32(at, 'p_type'),
      p_offset: view.u32(at + 4, 'p_offset'),
      p_vaddr: view.u32(at + 8, 'p_vaddr'),
      p_paddr: view.u32(at + 12, 'p_paddr'),
      p_filesz: view.u32(at + 16, 'p_filesz'),
      p_memsz: view.u32(at + 20, 'p_memsz'),
      p_flags: view.u32(at + 24, 'p_flags'),
      p_align: view.u32(at + 28, 'p_align'),
    };
  });
}

/**
 * Reads header and program headers and checks that every segment lies in the file.
 * Errors: UsageError with byte offset and hint. Cost: proportional to the number of headers, nothing is copied.
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const header = readElfHeader(bytes);
  const programHeaders = readProgramHeaders(bytes, header);
  const view = new ByteView(bytes);
  programHeaders.forEach((ph, i) => {
    if (ph.p_filesz === 0 || ph.p_offset + ph.p_filesz <= bytes.length) return;
    view.fail(
      header.e_phoff + i * PHDR_SIZE + 4,
      `segment ${i} ends at byte 0x${(ph.p_offset + ph.p_filesz).toString(16)}, past the end of the file (0x${bytes.length.toString(16)})`,
      'the file was cut short, or the program header is wrong',
    );
  });
  return { header, programHeaders, bytes };
}

/** The bytes of a segment, as a view. Precondition: `file` came from `readElf`. */
export function segmentData(file: ElfFile, ph: ProgramHeader): Uint8Array {
  return ph.p_filesz === 0 ? new Uint8Array(0) : file.bytes.subarray(ph.p_offset, ph.p_offset + ph.p_filesz);
}

/**
 * Writes an i386 file without sections: header, program headers right after it, each segment's data at its p_offset,
 * zero bytes between. e_shentsize is 40 although there are no sections: FreeBSD's cores have it so.
 * The file is `sizeBytes` long, or as long as its contents. Copies each segment once.
 */
export function writeElf(image: ElfImage, sizeBytes = 0): Uint8Array {
  const tableEnd = EHDR_SIZE + image.segments.length * PHDR_SIZE;
  const size = image.segments.reduce(
    (end, s) => (s.data.length === 0 ? end : Math.max(end, s.p_offset + s.data.length)),
    Math.max(tableEnd, sizeBytes),
  );
  assert(size <= 0xffffffff, 'an ELF32 file is smaller than 4 GiB');
  const out = new Uint8Array(size);
  for (const s of image.segments) {
    if (s.data.length > 0) out.set(s.data, s.p_offset);
  }
  out.set(encodeElfHead(image)); // last: a segment may begin at offset 0 and so cover the headers
  return out;
}

/** The header and program header table of `image`, 52 + 32 n bytes: what stands before any segment's data. */
export function encodeElfHead(image: ElfImage): Uint8Array {
  const { segments } = image;
  assert(segments.length < 0xffff, 'e_phnum holds fewer than 65535 segments');
  const out = new Uint8Array(EHDR_SIZE + segments.length * PHDR_SIZE);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS32, ELFDATA2LSB, EV_CURRENT, image.ei_osabi, image.ei_abiversion ?? 0]);
  view.setUint16(16, image.e_type, true);
  view.setUint16(18, EM_386, true);
  view.setUint32(20, EV_CURRENT, true);
  view.setUint32(24, image.e_entry, true);
  view.setUint32(28, segments.length > 0 ? EHDR_SIZE : 0, true);
  view.setUint16(40, EHDR_SIZE, true);
  view.setUint16(42, PHDR_SIZE, true);
  view.setUint16(44, segments.length, true);
  view.setUint16(46, SHDR_SIZE, true);
  segments.forEach((s, i) => {
    const words = [s.p_type, s.p_offset, s.p_vaddr, s.p_paddr, s.data.length, s.p_memsz, s.p_flags, s.p_align];
    const at = EHDR_SIZE + i * PHDR_SIZE;
    for (let w = 0; w < words.length; w++) view.setUint32(at + w * 4, words[w], true);
  });
  return out;
}
