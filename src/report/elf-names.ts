/** Words for the numbers in ELF files and cores. Names are FreeBSD's; explanations are for readers new to the format. */
import * as elf from '../../kernel-sim/abi/elf.ts';
import { COREBACK_NOTE_ROWS, NOTE_VENDOR_COREBACK } from '../../kernel-sim/elf/coreback-note.ts';
import { PROCSTAT_ROWS } from '../../kernel-sim/elf/procstat-notes.ts';

export interface NamedNumber {
  readonly type: number;
  readonly name: string;
  readonly holds: string;
}

// biome-ignore format: one number per line
const FILE_TYPES: readonly NamedNumber[] = [
  { type: 1, name: 'REL', holds: 'object file, not linked' },
  { type: elf.ET_EXEC, name: 'EXEC', holds: 'program at fixed addresses' },
  { type: elf.ET_DYN, name: 'DYN', holds: 'shared object or position-independent program' },
  { type: elf.ET_CORE, name: 'CORE', holds: 'memory and registers of a process' },
];

// biome-ignore format: one number per line
const SEGMENT_TYPES: readonly NamedNumber[] = [
  { type: elf.PT_NULL, name: 'NULL', holds: 'unused' },
  { type: elf.PT_LOAD, name: 'LOAD', holds: 'memory' },
  { type: elf.PT_DYNAMIC, name: 'DYNAMIC', holds: 'data for the dynamic linker' },
  { type: elf.PT_INTERP, name: 'INTERP', holds: 'path of the dynamic linker' },
  { type: elf.PT_NOTE, name: 'NOTE', holds: 'notes' },
  { type: elf.PT_PHDR, name: 'PHDR', holds: 'this table' },
  { type: elf.PT_TLS, name: 'TLS', holds: 'initial thread-local data' },
  { type: 0x6474e550, name: 'GNU_EH_FRAME', holds: 'unwind index' },
  { type: elf.PT_GNU_STACK, name: 'GNU_STACK', holds: 'wanted stack protection (9.0 ignores it)' },
  { type: 0x6474e552, name: 'GNU_RELRO', holds: 'read-only after relocation' },
];

// biome-ignore format: one number per line
const CORE_NOTES: readonly NamedNumber[] = [
  { type: elf.NT_PRPSINFO, name: 'NT_PRPSINFO', holds: 'command name' },
  { type: elf.NT_PRSTATUS, name: 'NT_PRSTATUS', holds: 'thread id, signal, general registers' },
  { type: elf.NT_FPREGSET, name: 'NT_FPREGSET', holds: 'floating-point registers' },
  { type: elf.NT_THRMISC, name: 'NT_THRMISC', holds: 'thread name' },
  ...PROCSTAT_ROWS,
  { type: elf.NT_X86_SEGBASES, name: 'NT_X86_SEGBASES', holds: 'where %fs and %gs begin' },
  { type: elf.NT_X86_XSTATE, name: 'NT_X86_XSTATE', holds: 'floating-point and vector registers (XSAVE image)' },
];

const EXEC_NOTES: readonly NamedNumber[] = [
  { type: elf.NT_FREEBSD_ABI_TAG, name: 'NT_FREEBSD_ABI_TAG', holds: 'FreeBSD version the program was built for' },
];

const find = (rows: readonly NamedNumber[], type: number): NamedNumber =>
  rows.find((row) => row.type === type) ?? { type, name: hex(type, 0), holds: 'unknown' };

export const fileType = (type: number): NamedNumber => find(FILE_TYPES, type);
export const segmentType = (type: number): NamedNumber => find(SEGMENT_TYPES, type);

export function noteType(vendor: string, type: number, isCore: boolean): NamedNumber {
  if (vendor === NOTE_VENDOR_COREBACK) return find(COREBACK_NOTE_ROWS, type);
  if (vendor === elf.NOTE_VENDOR_FREEBSD) return find(isCore ? CORE_NOTES : EXEC_NOTES, type);
  return { type, name: hex(type, 0), holds: 'a note of another vendor, skipped' };
}

export function osAbiName(osabi: number): string {
  return { 0: 'System V', 3: 'Linux', 9: 'FreeBSD' }[osabi] ?? 'unknown';
}

/** 'rw-' and the like. */
export function protection(flags: number): string {
  return `${flags & elf.PF_R ? 'r' : '-'}${flags & elf.PF_W ? 'w' : '-'}${flags & elf.PF_X ? 'x' : '-'}`;
}

/** `0x` and at least `digits` hexadecimal digits. */
export function hex(n: number | bigint, digits = 8): string {
  return `0x${n.toString(16).padStart(digits, '0')}`;
}

const EFLAGS_BITS: readonly (readonly [number, string])[] = [
  [0, 'CF'],
  [2, 'PF'],
  [4, 'AF'],
  [6, 'ZF'],
  [7, 'SF'],
  [8, 'TF'],
  [9, 'IF'],
  [10, 'DF'],
  [11, 'OF'],
];

/** The set flags by name, lowest bit first. */
export function eflagsNames(eflags: number): string {
  return EFLAGS_BITS.flatMap(([bit, name]) => ((eflags >>> bit) & 1 ? [name] : [])).join(' ');
}

/** Text with anything but printable ASCII shown as \xNN. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (c) => {
    const code = c.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

const RLIMIT_NAMES = [
  'cpu time',
  'file size',
  'data',
  'stack',
  'core',
  'resident',
  'locked',
  'processes',
  'descriptors',
  'socket buffers',
  'virtual memory',
  'terminals',
  'swap',
];

export const rlimitName = (i: number): string => RLIMIT_NAMES[i] ?? `limit ${i}`;
const RLIM_INFINITY = 0x7fffffffffffffffn;
export const rlimitValue = (value: bigint): string => (value >= RLIM_INFINITY ? 'none' : value.toString());
