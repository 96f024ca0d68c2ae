/** Small ELF files and cores for tests, and arbitraries that make many of them. */
import fc from 'fast-check';
import {
  ELFOSABI_FREEBSD,
  ET_EXEC,
  PAGE_SIZE,
  PF_R,
  PF_W,
  PF_X,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
} from '../../kernel-sim/abi/elf.ts';
import { REG_FIELDS, type Reg, ZERO_REG } from '../../kernel-sim/abi/reg.ts';
import type { CoreImage, CoreSegment, CoreThread } from '../../kernel-sim/elf/core-image.ts';
import type { CorebackProc } from '../../kernel-sim/elf/coreback-note.ts';
import { type ElfSegment, writeElf } from '../../kernel-sim/elf/elf32.ts';
import { writeNotes } from '../../kernel-sim/elf/notes.ts';
import type { ProcstatNotes } from '../../kernel-sim/elf/procstat-notes.ts';

export const u32le = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

export const sampleReg: Reg = {
  ...ZERO_REG,
  r_eip: 0x401000,
  r_esp: 0xbfbfe000,
  r_eflags: 0x202,
  r_cs: 0x33,
  r_ss: 0x3b,
  r_ds: 0x3b,
  r_es: 0x3b,
  r_fs: 0x3b,
  r_gs: 0x1b,
};

export function sampleThread(tid = 100001, more: Partial<CoreThread> = {}): CoreThread {
  return { tid, cursig: 11, reg: sampleReg, fpreg: new Uint8Array(176), name: 'tiny', ...more };
}

export const sampleProc: CorebackProc = {
  version: 1,
  pid: 42,
  ppid: 1,
  pgid: 42,
  sid: 1,
  name: 'tiny',
  args: ['tiny', '-n', '3'],
  execPath: '/bin/tiny',
  nice: 0,
  priorityClass: 3,
  affinity: [0, 1],
  cpusetId: 1,
  virtualNs: 1_000_000,
  instructions: 100_000,
  seq: 0,
};

/** One thread and two segments in the strict 9.0 layout, unless changed. */
export function sampleCore(more: Partial<CoreImage> = {}): CoreImage {
  return {
    layout: '9.0',
    flavor: 'kernel',
    osreldate: 900044,
    psinfo: { fname: 'tiny', psargs: 'tiny' },
    threads: [sampleThread()],
    segments: [
      { vaddr: 0x404000, flags: PF_R | PF_W, data: new Uint8Array(PAGE_SIZE).fill(0x11) },
      { vaddr: 0xbfbfe000, flags: PF_R | PF_W | PF_X, data: new Uint8Array(2 * PAGE_SIZE).fill(0x22) },
    ],
    ...more,
  };
}

export interface ProgramParts {
  readonly ei_osabi?: number;
  readonly e_type?: number;
  readonly interp?: string;
  /** osreldate for an ABI note. */
  readonly abiNote?: number;
  readonly loads?: readonly Partial<ElfSegment>[];
}

/** A program of one page of code and, unless `loads` says otherwise, one of data; no sections. */
export function sampleProgram(parts: ProgramParts = {}): Uint8Array {
  const load = (p_vaddr: number, p_flags: number, p_offset: number, memsz = PAGE_SIZE): ElfSegment => ({
    p_type: PT_LOAD,
    p_offset,
    p_vaddr,
    p_paddr: p_vaddr,
    p_memsz: memsz,
    p_flags,
    p_align: PAGE_SIZE,
    data: new Uint8Array(PAGE_SIZE).fill(0x90),
  });
  const small = (p_type: number, p_offset: number, data: Uint8Array): ElfSegment => ({
    p_type,
    p_offset,
    p_vaddr: 0,
    p_paddr: 0,
    p_memsz: data.length,
    p_flags: PF_R,
    p_align: 4,
    data,
  });
  const segments: ElfSegment[] = (
    parts.loads ?? [{}, { p_vaddr: 0x404000, p_offset: 0x2000, p_flags: PF_R | PF_W }]
  ).map((more) => ({ ...load(0x401000, PF_R | PF_X, 0x1000), ...more }));
  if (parts.interp !== undefined) segments.push(small(PT_INTERP, 0x200, ascii(`${parts.interp}\0`)));
  if (parts.abiNote !== undefined) {
    const desc = u32le(parts.abiNote);
    segments.push(small(PT_NOTE, 0x300, writeNotes([{ name: 'FreeBSD', type: 1, desc }])));
  }
  return writeElf({
    ei_osabi: parts.ei_osabi ?? ELFOSABI_FREEBSD,
    e_type: parts.e_type ?? ET_EXEC,
    e_entry: 0x401000,
    segments,
  });
}

const u32 = fc.nat({ max: 0xffffffff });
const byteText = (max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: max }).map((codes) => String.fromCharCode(...codes));
const blob = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

/** Drops the keys whose value is undefined, as exactOptionalPropertyTypes wants it. */
function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

/** What a core keeps of the registers: r_isp, r_trapno and r_err are 0. */
export const regArbitrary: fc.Arbitrary<Reg> = fc
  .array(u32, { minLength: REG_FIELDS.length, maxLength: REG_FIELDS.length })
  .map((words) => {
    const reg = Object.fromEntries(REG_FIELDS.map((field, i) => [field, words[i]])) as Reg;
    return { ...reg, r_isp: 0, r_trapno: 0, r_err: 0 };
  });

const procArbitrary: fc.Arbitrary<CorebackProc> = fc
  .record({
    name: fc.string({ unit: 'binary' }),
    args: fc.array(fc.string({ unit: 'binary' })),
    nice: fc.integer({ min: -20, max: 20 }).map((n) => n + 0),
    seq: fc.nat(),
    virtualNs: fc.maxSafeNat(),
  })
  .map((some) => ({ ...sampleProc, ...some }));

const u63 = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
const rawRecords = fc.record({ structsize: u32, records: fc.uint8Array({ maxLength: 40 }) });

const procstatArbitrary: fc.Arbitrary<ProcstatNotes> = fc
  .record({
    proc: some(rawRecords),
    files: some(rawRecords),
    vmmap: some(rawRecords),
    groups: some(fc.array(u32, { maxLength: 16 })),
    umask: some(fc.nat(0o777)),
    rlimits: some(fc.array(fc.record({ cur: u63, max: u63 }), { minLength: 13, maxLength: 13 })),
    osrel: some(u32),
    psStrings: some(u32),
    auxv: some(fc.array(fc.record({ type: u32, value: u32 }), { maxLength: 20 })),
  })
  .map((value) => compact<ProcstatNotes>(value));

function threadsArbitrary(cursig: number, extended: boolean): fc.Arbitrary<CoreThread[]> {
  const thread = fc
    .record({
      tid: u32,
      cursig: fc.constant(cursig),
      reg: regArbitrary,
      fpreg: blob(176),
      name: byteText(19),
      segbases: extended ? some(fc.record({ fsbase: u32, gsbase: u32 })) : fc.constant(undefined),
      xstate: extended ? some(blob(576)) : fc.constant(undefined),
    })
    .map((value) => compact<CoreThread>(value));
  return fc.array(thread, { minLength: 1, maxLength: 4 });
}

/** Ascending, whole pages, not overlapping. */
const segmentsArbitrary: fc.Arbitrary<CoreSegment[]> = fc
  .array(
    fc.record({
      gap: fc.nat(1000),
      pages: fc.integer({ min: 1, max: 3 }),
      flags: fc.integer({ min: 1, max: 7 }),
      fill: fc.nat(255),
    }),
    { maxLength: 5 },
  )
  .map((rows) => {
    let at = PAGE_SIZE;
    return rows.map(({ gap, pages, flags, fill }) => {
      const vaddr = at + gap * PAGE_SIZE;
      at = vaddr + pages * PAGE_SIZE;
      return { vaddr, flags, data: new Uint8Array(pages * PAGE_SIZE).fill(fill) };
    });
  });

/** Cores by a kernel, with a signal, in both layouts. */
export const coreArbitrary: fc.Arbitrary<CoreImage> = fc
  .record({
    layout: fc.constantFrom('9.0' as const, 'extended' as const),
    cursig: fc.integer({ min: 1, max: 128 }),
    fname: byteText(16),
  })
  .chain(({ layout, cursig, fname }) => {
    const extended = layout === 'extended';
    return fc
      .record({
        layout: fc.constant(layout),
        flavor: fc.constant('kernel' as const),
        osreldate: u32,
        psinfo: fc.constant({ fname, psargs: fname }),
        threads: threadsArbitrary(cursig, extended),
        segments: segmentsArbitrary,
        procstat: extended ? some(procstatArbitrary.filter((p) => Object.keys(p).length > 0)) : fc.constant(undefined),
        coreback: extended ? some(procArbitrary) : fc.constant(undefined),
        extraNotes: extended
          ? some(
              fc.array(fc.record({ name: fc.constant('VENDOR'), type: u32, desc: fc.uint8Array({ maxLength: 9 }) }), {
                minLength: 1,
                maxLength: 3,
              }),
            )
          : fc.constant(undefined),
      })
      .map((value) => compact<CoreImage>(value));
  });
