/**
 * The process notes that FreeBSD cores have from 9.2 on: a doubleword `structsize`, then records of that structure.
 * Those with a small fixed layout are typed; the others stay raw. Source: FreeBSD 9.3 sys/elf_common.h, kern/imgact_elf.c.
 */
import { assert } from '../../emu/base/errors.ts';
import {
  NT_PROCSTAT_AUXV,
  NT_PROCSTAT_FILES,
  NT_PROCSTAT_GROUPS,
  NT_PROCSTAT_OSREL,
  NT_PROCSTAT_PROC,
  NT_PROCSTAT_PSSTRINGS,
  NT_PROCSTAT_RLIMIT,
  NT_PROCSTAT_UMASK,
  NT_PROCSTAT_VMMAP,
} from '../abi/elf.ts';
import { ByteView, byteString } from './byte-view.ts';
import type { Note, PlacedNote } from './notes.ts';

/** RLIM_NLIMITS of 9.x. */
export const RLIMIT_COUNT = 13;
export { KINFO_FILE_SIZE, KINFO_PROC_SIZE, KINFO_VMENTRY_SIZE } from '../abi/kinfo.ts';

/** A note that is not taken apart here: kinfo_proc, packed kinfo_file, packed kinfo_vmentry. */
export interface RawRecords {
  /** sizeof the structure as the writer knew it, in bytes. */
  readonly structsize: number;
  readonly records: Uint8Array;
}

export interface Rlimit {
  /** Soft and hard limit, in the unit of the resource; 2^63 - 1 means none. */
  readonly cur: bigint;
  readonly max: bigint;
}

export interface AuxvEntry {
  /** AT_ number, see AUXV_ROWS. */
  readonly type: number;
  readonly value: number;
}

/** The process-wide notes of a core. Absent ones were not in the file. */
export interface ProcstatNotes {
  readonly proc?: RawRecords;
  readonly files?: RawRecords;
  readonly vmmap?: RawRecords;
  /** Group ids, the effective one first. */
  readonly groups?: readonly number[];
  /** File creation mask, 16 bits. */
  readonly umask?: number;
  /** Indexed by RLIMIT_ number. */
  readonly rlimits?: readonly Rlimit[];
  /** __FreeBSD_version the program was built for (p_osrel). */
  readonly osrel?: number;
  /** Address of struct ps_strings. */
  readonly psStrings?: number;
  readonly auxv?: readonly AuxvEntry[];
}

interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(note: PlacedNote): T;
}

const raw: Codec<RawRecords> = {
  encode: ({ structsize, records }) => withSize(structsize, records),
  decode: (note) => {
    const { structsize, body } = split(note);
    return { structsize, records: body.bytes };
  },
};

/** A list of equal records whose size is fixed. */
function list<T>(
  size: number,
  put: (view: DataView, at: number, item: T) => void,
  get: (view: ByteView, at: number) => T,
): Codec<readonly T[]> {
  return {
    encode: (items) => {
      const body = new Uint8Array(items.length * size);
      const view = new DataView(body.buffer);
      items.forEach((item, i) => {
        put(view, i * size, item);
      });
      return withSize(size, body);
    },
    decode: (note) => {
      const body = expectSize(note, size);
      if (body.length % size !== 0)
        body.fail(body.length, `records of ${size} bytes, and ${body.length % size} bytes over`);
      return Array.from({ length: body.length / size }, (_, i) => get(body, i * size));
    },
  };
}

/** Exactly one record, in a list of one. */
function single<T>(codec: Codec<readonly T[]>): Codec<T> {
  return {
    encode: (value) => codec.encode([value]),
    decode: (note) => {
      const items = codec.decode(note);
      if (items.length !== 1)
        new ByteView(note.desc, note.descOffset).fail(4, `${items.length} records where one belongs`);
      return items[0];
    },
  };
}

const u16 = list<number>(
  2,
  (v, at, n) => v.setUint16(at, n, true),
  (v, at) => v.u16(at, 'a record'),
);
const u32 = list<number>(
  4,
  (v, at, n) => v.setUint32(at, n, true),
  (v, at) => v.u32(at, 'a record'),
);
const auxv = list<AuxvEntry>(
  8,
  (v, at, entry) => {
    v.setUint32(at, entry.type, true);
    v.setUint32(at + 4, entry.value, true);
  },
  (v, at) => ({ type: v.u32(at, 'a_type'), value: v.u32(at + 4, 'a_val') }),
);

/** The array of limits counts as one structure of 208 bytes. */
const rlimits: Codec<readonly Rlimit[]> = {
  encode: (limits) => {
    assert(limits.length === RLIMIT_COUNT, 'there are 13 resource limits');
    const body = new Uint8Array(limits.length * 16);
    const view = new DataView(body.buffer);
    limits.forEach(({ cur, max }, i) => {
      view.setBigUint64(i * 16, BigInt.asUintN(64, cur), true);
      view.setBigUint64(i * 16 + 8, BigInt.asUintN(64, max), true);
    });
    return withSize(body.length, body);
  },
  decode: (note) => {
    const body = expectSize(note, RLIMIT_COUNT * 16);
    if (body.length !== RLIMIT_COUNT * 16)
      body.fail(0, `limits of ${body.length} bytes`, `expected ${RLIMIT_COUNT} pairs of 8 bytes`);
    return Array.from({ length: RLIMIT_COUNT }, (_, i) => ({
      cur: body.u64(i * 16, 'rlim_cur'),
      max: body.u64(i * 16 + 8, 'rlim_max'),
    }));
  },
};

/** One row per note, in the order in which the kernel writes them. */
// biome-ignore format: one note per line
export const PROCSTAT_ROWS = [
  { type: NT_PROCSTAT_PROC, name: 'NT_PROCSTAT_PROC', key: 'proc', codec: raw, holds: 'process record (kinfo_proc)' },
  { type: NT_PROCSTAT_FILES, name: 'NT_PROCSTAT_FILES', key: 'files', codec: raw, holds: 'open files (kinfo_file)' },
  { type: NT_PROCSTAT_VMMAP, name: 'NT_PROCSTAT_VMMAP', key: 'vmmap', codec: raw, holds: 'memory map (kinfo_vmentry)' },
  { type: NT_PROCSTAT_GROUPS, name: 'NT_PROCSTAT_GROUPS', key: 'groups', codec: u32, holds: 'group ids' },
  { type: NT_PROCSTAT_UMASK, name: 'NT_PROCSTAT_UMASK', key: 'umask', codec: single(u16), holds: 'file creation mask' },
  { type: NT_PROCSTAT_RLIMIT, name: 'NT_PROCSTAT_RLIMIT', key: 'rlimits', codec: rlimits, holds: 'resource limits' },
  { type: NT_PROCSTAT_OSREL, name: 'NT_PROCSTAT_OSREL', key: 'osrel', codec: single(u32), holds: 'version the program was built for' },
  { type: NT_PROCSTAT_PSSTRINGS, name: 'NT_PROCSTAT_PSSTRINGS', key: 'psStrings', codec: single(u32), holds: 'address of ps_strings' },
  { type: NT_PROCSTAT_AUXV, name: 'NT_PROCSTAT_AUXV', key: 'auxv', codec: auxv, holds: 'auxiliary vector' },
] as const satisfies readonly { type: number; name: string; key: keyof ProcstatNotes; codec: unknown; holds: string }[];

/** The notes that are given, as (type, desc) in the kernel's order. */
export function encodeProcstat(notes: ProcstatNotes): Omit<Note, 'name'>[] {
  return PROCSTAT_ROWS.flatMap(({ type, key, codec }) => {
    const value = notes[key];
    return value === undefined ? [] : [{ type, desc: (codec as Codec<unknown>).encode(value) }];
  });
}

/**
 * The part of ProcstatNotes that one note carries, or undefined if its type is none of these.
 * Errors: UsageError if `structsize` or the number of bytes does not fit the type.
 */
export function decodeProcstat(note: PlacedNote): ProcstatNotes | undefined {
  const row = PROCSTAT_ROWS.find(({ type }) => type === note.type);
  return row && { [row.key]: (row.codec as Codec<unknown>).decode(note) };
}

/**
 * Cuts packed records (kinfo_file, kinfo_vmentry) apart: each begins with its own size. Views.
 * Errors: UsageError if a size is impossible. `fileOffset` is where `records` begin in the file.
 */
export function packedRecords(records: Uint8Array, fileOffset = 0): Uint8Array[] {
  const view = new ByteView(records, fileOffset);
  const out: Uint8Array[] = [];
  for (let at = 0; at < records.length; ) {
    const size = view.u32(at, 'the size of a packed record');
    if (size < 8) view.fail(at, `a packed record of ${size} bytes`, 'its first doubleword is its size');
    out.push(view.slice(at, size, 'a packed record'));
    at += size;
  }
  return out;
}

/** The fields of a kinfo_vmentry that readers of a core want. Addresses are linear, `end` is the first one after. */
export interface VmmapEntry {
  readonly start: number;
  readonly end: number;
  /** 1 read, 2 write, 4 execute: not PF_ order. */
  readonly protection: number;
  /** KVME_FLAG_ bits. */
  readonly flags: number;
  /** Of the mapped file; empty for anonymous memory. */
  readonly path: string;
  /** Byte of the file, or of the object, at `start`. */
  readonly offset: number;
}

/** Offsets in struct kinfo_vmentry. Source: FreeBSD 9.0 sys/user.h. */
const KVE = { start: 8, end: 16, offset: 24, flags: 44, protection: 56, path: 136 } as const;

/**
 * Reads NT_PROCSTAT_VMMAP's records; `fileOffset` is where they begin in the file.
 * Errors: UsageError if a record is too short or its size is impossible.
 */
export function decodeVmmap({ records }: RawRecords, fileOffset = 0): VmmapEntry[] {
  return packedRecords(records, fileOffset).map((record) => {
    const view = new ByteView(record, fileOffset + record.byteOffset - records.byteOffset);
    view.slice(0, KVE.path, 'struct kinfo_vmentry');
    return {
      start: Number(view.u64(KVE.start, 'kve_start')),
      end: Number(view.u64(KVE.end, 'kve_end')),
      protection: view.u32(KVE.protection, 'kve_protection'),
      flags: view.u32(KVE.flags, 'kve_flags'),
      path: byteString(record, KVE.path),
      offset: Number(view.u64(KVE.offset, 'kve_offset')),
    };
  });
}

function withSize(structsize: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + body.length);
  new DataView(out.buffer).setUint32(0, structsize, true);
  out.set(body, 4);
  return out;
}

function split(note: PlacedNote): { structsize: number; body: ByteView } {
  const structsize = new ByteView(note.desc, note.descOffset).u32(0, 'structsize');
  return { structsize, body: new ByteView(note.desc.subarray(4), note.descOffset + 4) };
}

function expectSize(note: PlacedNote, expected: number): ByteView {
  const { structsize, body } = split(note);
  if (structsize !== expected) {
    new ByteView(note.desc, note.descOffset).fail(0, `structsize is ${structsize}`, `FreeBSD/i386 9.x has ${expected}`);
  }
  return body;
}
