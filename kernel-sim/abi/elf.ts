/**
 * Numbers of the ELF32 format, with FreeBSD's spelling. No behaviour.
 * Source: FreeBSD 9.0 sys/elf_common.h, sys/elf32.h, machine/elf.h; System V ABI, Intel386 supplement.
 */
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;
export const EI_OSABI = 7;
export const EI_ABIVERSION = 8;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;
export const ELFOSABI_FREEBSD = 9;

export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;
export const EM_386 = 3;

/** sizeof(Elf32_Ehdr), (Elf32_Phdr), (Elf32_Shdr), (Elf32_Sym). */
export const EHDR_SIZE = 52;
export const PHDR_SIZE = 32;
export const SHDR_SIZE = 40;
export const SYM_SIZE = 16;

export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_NOBITS = 8;
export const SHN_UNDEF = 0;

export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;
export const STT_TLS = 6;

/** Vendor name of FreeBSD's own notes, in executables and cores. */
export const NOTE_VENDOR_FREEBSD = 'FreeBSD';
/** Note type in an executable whose descriptor is the __FreeBSD_version it was built for. */
export const NT_FREEBSD_ABI_TAG = 1;

/** __FreeBSD_version of 9.0-RELEASE. */
export const OSRELDATE_9_0 = 900044;
export const PAGE_SIZE = 4096;

/** Core notes. 3, 1, 2, 7 are what 9.0 writes; 8 to 16 came with 9.2, 0x200 and 0x202 later. */
export const NT_PRSTATUS = 1;
export const NT_FPREGSET = 2;
export const NT_PRPSINFO = 3;
export const NT_THRMISC = 7;
export const NT_PROCSTAT_PROC = 8;
export const NT_PROCSTAT_FILES = 9;
export const NT_PROCSTAT_VMMAP = 10;
export const NT_PROCSTAT_GROUPS = 11;
export const NT_PROCSTAT_UMASK = 12;
export const NT_PROCSTAT_RLIMIT = 13;
export const NT_PROCSTAT_OSREL = 14;
export const NT_PROCSTAT_PSSTRINGS = 15;
export const NT_PROCSTAT_AUXV = 16;
export const NT_X86_SEGBASES = 0x200;
export const NT_X86_XSTATE = 0x202;

// Auxiliary vector. Source: FreeBSD 9.0 machine/elf.h (i386).
export const AT_NULL = 0;
export const AT_PHDR = 3;
export const AT_PHENT = 4;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_BASE = 7;
export const AT_FLAGS = 8;
export const AT_ENTRY = 9;
export const AT_EXECPATH = 15;
export const AT_CANARY = 16;
export const AT_CANARYLEN = 17;
export const AT_OSRELDATE = 18;
export const AT_NCPUS = 19;
export const AT_PAGESIZES = 20;
export const AT_PAGESIZESLEN = 21;
export const AT_STACKPROT = 23;
/** Entries for which there is room on a new stack. */
export const AT_COUNT = 24;

/** One auxiliary vector entry's number and its name without AT_. Source: FreeBSD 9.0 machine/elf.h (i386). */
// biome-ignore format: one entry per line
export const AUXV_ROWS = [
  { type: AT_NULL, name: 'NULL', format: 'dec', meaning: 'end of the vector' },
  { type: 1, name: 'IGNORE', format: 'hex', meaning: 'ignored' },
  { type: 2, name: 'EXECFD', format: 'dec', meaning: 'descriptor of the program file' },
  { type: AT_PHDR, name: 'PHDR', format: 'hex', meaning: 'address of the program headers' },
  { type: AT_PHENT, name: 'PHENT', format: 'dec', meaning: 'size of one program header' },
  { type: AT_PHNUM, name: 'PHNUM', format: 'dec', meaning: 'number of program headers' },
  { type: AT_PAGESZ, name: 'PAGESZ', format: 'dec', meaning: 'page size in bytes' },
  { type: AT_BASE, name: 'BASE', format: 'hex', meaning: 'where the interpreter is loaded; 0 if static' },
  { type: AT_FLAGS, name: 'FLAGS', format: 'hex', meaning: 'flags' },
  { type: AT_ENTRY, name: 'ENTRY', format: 'hex', meaning: 'entry point of the program' },
  { type: 11, name: 'UID', format: 'dec', meaning: 'real user id' },
  { type: 12, name: 'EUID', format: 'dec', meaning: 'effective user id' },
  { type: 13, name: 'GID', format: 'dec', meaning: 'real group id' },
  { type: 14, name: 'EGID', format: 'dec', meaning: 'effective group id' },
  { type: AT_EXECPATH, name: 'EXECPATH', format: 'hex', meaning: 'address of the path of the program' },
  { type: AT_CANARY, name: 'CANARY', format: 'hex', meaning: 'address of random bytes for the stack protector' },
  { type: AT_CANARYLEN, name: 'CANARYLEN', format: 'dec', meaning: 'how many random bytes' },
  { type: AT_OSRELDATE, name: 'OSRELDATE', format: 'dec', meaning: 'kernel version' },
  { type: AT_NCPUS, name: 'NCPUS', format: 'dec', meaning: 'number of CPUs' },
  { type: AT_PAGESIZES, name: 'PAGESIZES', format: 'hex', meaning: 'address of the list of page sizes' },
  { type: AT_PAGESIZESLEN, name: 'PAGESIZESLEN', format: 'dec', meaning: 'size of that list in bytes' },
  { type: 22, name: 'TIMEKEEP', format: 'hex', meaning: 'address of shared time data (9.2 and later)' },
  { type: AT_STACKPROT, name: 'STACKPROT', format: 'hex', meaning: 'protection of the stack' },
] as const;
