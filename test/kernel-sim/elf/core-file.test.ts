import { describe, expect, it } from 'vitest';
import { InvariantError, UsageError } from '../../../emu/base/errors.ts';
import { PAGE_SIZE, PF_R, PF_W, PF_X } from '../../../kernel-sim/abi/elf.ts';
import { coreChunks, coreSizeBytes, readCore, writeCore } from '../../../kernel-sim/elf/core-file.ts';
import { readElf } from '../../../kernel-sim/elf/elf32.ts';
import { checkGenuineCore } from '../../../kernel-sim/elf/genuine-core.ts';
import { readNotes } from '../../../kernel-sim/elf/notes.ts';
import { ascii, sampleCore, sampleProc, sampleReg, sampleThread, u32le } from '../../support/elf-samples.ts';

const twoThreads = [sampleThread(100002, { name: 'worker' }), sampleThread(100001)];
const wordAt = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

function notesOf(bytes: Uint8Array) {
  const { p_offset, p_filesz } = readElf(bytes).programHeaders[0];
  return readNotes(bytes.subarray(p_offset, p_offset + p_filesz), p_offset);
}

describe('a core in the 9.0 layout', () => {
  const bytes = writeCore(sampleCore({ threads: twoThreads, coreback: sampleProc, procstat: { umask: 0o22 } }));

  it('begins with the header that the kernel writes', () => {
    expect([...bytes.subarray(0, 16)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...bytes.subarray(16, 52)]).toEqual([
      ...[4, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...[52, 0, 32, 0, 3, 0, 40, 0, 0, 0, 0, 0],
    ]);
  });

  it('has one PT_NOTE without flags after the table, then the memory from the next page on', () => {
    const notesSize = 12 + 8 + 108 + 2 * (3 * 20 + 104 + 176 + 24);
    expect([...bytes.subarray(52, 84)]).toEqual([...new Uint8Array(u32le(4, 148, 0, 0, notesSize, 0, 0, 0))]);
    expect([...bytes.subarray(84, 116)]).toEqual([...u32le(1, 4096, 0x404000, 0, 4096, 4096, 6, 4096)]);
    expect([...bytes.subarray(116, 148)]).toEqual([...u32le(1, 8192, 0xbfbfe000, 0, 8192, 8192, 7, 4096)]);
    expect(bytes.subarray(148 + notesSize, 4096).every((b) => b === 0)).toBe(true);
    expect(bytes).toHaveLength(4096 + 3 * 4096);
    expect(bytes[4096]).toBe(0x11);
    expect(bytes[8192]).toBe(0x22);
  });

  it('has the notes 3, then 1, 2, 7 for each thread, and no others', () => {
    expect(notesOf(bytes).map(({ name, type, desc }) => [name, type, desc.length])).toEqual([
      ['FreeBSD', 3, 108],
      ...[1, 2].flatMap(() => [
        ['FreeBSD', 1, 104],
        ['FreeBSD', 2, 176],
        ['FreeBSD', 7, 24],
      ]),
    ]);
  });

  it('stores names and thread ids where sys/procfs.h has them', () => {
    const [psinfo, status, , misc] = notesOf(bytes);
    expect([...psinfo.desc.subarray(0, 8)]).toEqual([...u32le(1, 108)]);
    expect([...psinfo.desc.subarray(8, 13)]).toEqual([...ascii('tiny\0')]);
    expect([...psinfo.desc.subarray(25, 30)]).toEqual([...ascii('tiny\0')]);
    expect([...status.desc.subarray(0, 28)]).toEqual([...u32le(1, 104, 76, 176, 900044, 11, 100002)]);
    expect(wordAt(status.desc, 28 + 52)).toBe(0x401000);
    expect(wordAt(status.desc, 28 + 72)).toBe(0x1b);
    expect([...misc.desc.subarray(0, 7)]).toEqual([...ascii('worker\0')]);
  });

  it('is genuine', () => {
    expect(checkGenuineCore(bytes, '9.0')).toEqual([]);
  });
});

describe('a core in the extended layout', () => {
  const core = sampleCore({
    layout: 'extended',
    threads: [sampleThread(100001, { segbases: { fsbase: 0, gsbase: 0x28050000 }, xstate: new Uint8Array(576) })],
    procstat: {
      groups: [0, 5],
      umask: 0o22,
      rlimits: Array.from({ length: 13 }, () => ({ cur: 1n, max: 0x7fffffffffffffffn })),
      osrel: 900044,
      psStrings: 0xbfbffff0,
      auxv: [
        { type: 3, value: 0x400034 },
        { type: 0, value: 0 },
      ],
    },
    coreback: sampleProc,
  });
  const bytes = writeCore(core);

  it('comes back as it was written', () => {
    expect(readCore(bytes)).toEqual(core);
    expect(checkGenuineCore(bytes, 'extended')).toEqual([]);
  });

  it('puts the later notes after the thread and after all threads, the process notes with their structsize', () => {
    const notes = notesOf(bytes);
    expect(notes.map(({ type }) => type)).toEqual([3, 1, 2, 7, 0x202, 0x200, 11, 12, 13, 14, 15, 16, 1, 3]);
    expect(notes.at(-1)?.name).toBe('COREBACK');
    const structsizes = notes.slice(6, 12).map(({ desc }) => [wordAt(desc, 0), desc.length]);
    expect(structsizes).toEqual([
      [4, 12],
      [2, 6],
      [208, 212],
      [4, 8],
      [4, 8],
      [8, 20],
    ]);
  });

  it('marks the note segment readable and aligned to 4', () => {
    expect(readElf(bytes).programHeaders[0]).toMatchObject({ p_flags: PF_R, p_align: 4 });
  });

  it('is not a 9.0 core', () => {
    expect(checkGenuineCore(bytes, '9.0').join('\n')).toMatch(
      /p_flags is 4 instead of 0[\s\S]*does not belong in the 9.0 layout/,
    );
  });
});

describe('a gcore core', () => {
  it('has no signal, readable and writable segments, and leaves out what cannot be read', () => {
    const page = new Uint8Array(PAGE_SIZE);
    const core = readCore(
      writeCore(
        sampleCore({
          flavor: 'gcore',
          psinfo: { fname: 'tiny', psargs: 'tiny -n 3' },
          segments: [
            { vaddr: 0x1000, flags: PF_R | PF_X, data: page },
            { vaddr: 0x2000, flags: PF_W, data: page },
          ],
        }),
      ),
    );
    expect(core.flavor).toBe('gcore');
    expect(core.threads[0].cursig).toBe(0);
    expect(core.psinfo.psargs).toBe('tiny');
    expect(core.segments.map(({ vaddr, flags }) => [vaddr, flags])).toEqual([[0x1000, 7]]);
  });
});

describe('writeCore', () => {
  it('leaves out what FreeBSD does not fill in, and cuts names that are too long', () => {
    const reg = { ...sampleReg, r_isp: 1, r_trapno: 12, r_err: 7 };
    const core = readCore(
      writeCore(
        sampleCore({
          threads: [sampleThread(100001, { reg, name: 'n'.repeat(30) })],
          psinfo: { fname: 'f'.repeat(20), psargs: '' },
        }),
      ),
    );
    expect(core.threads[0].reg).toEqual(sampleReg);
    expect(core.threads[0].name).toBe('n'.repeat(19));
    expect(core.psinfo.fname).toBe('f'.repeat(16));
  });

  it('does not copy the memory of the process into its chunks, and knows the size before', () => {
    const core = sampleCore();
    const chunks = coreChunks(core);
    expect(chunks[1]).toBe(core.segments[0].data);
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(coreSizeBytes(core));
  });

  it.each([
    ['no thread', { threads: [] }],
    ['different signals', { threads: [sampleThread(1), sampleThread(2, { cursig: 9 })] }],
    ['an odd fpreg', { threads: [sampleThread(1, { fpreg: new Uint8Array(108) })] }],
    ['half a page', { segments: [{ vaddr: 0x1000, flags: 6, data: new Uint8Array(100) }] }],
    [
      'overlap',
      {
        segments: [
          { vaddr: 0x1000, flags: 6, data: new Uint8Array(8192) },
          { vaddr: 0x2000, flags: 6, data: new Uint8Array(4096) },
        ],
      },
    ],
  ])('does not write a core with %s', (_, more) => {
    expect(() => writeCore(sampleCore(more))).toThrow(InvariantError);
  });
});

describe('readCore', () => {
  const good = writeCore(sampleCore());
  const [psinfoNote, statusNote, fpNote] = notesOf(good);
  const patch = (at: number, ...words: number[]): Uint8Array => {
    const copy = Uint8Array.from(good);
    copy.set(u32le(...words), at);
    return copy;
  };

  it.each([
    ['a program', patch(16, 0x00030002), /type 2, not a core/, 16],
    ['a core without notes', patch(52, 0), /no NT_PRPSINFO/, 52],
    ['psinfo of another version', patch(psinfoNote.descOffset, 2), /pr_version is 2/, psinfoNote.descOffset],
    [
      'registers of another machine',
      patch(statusNote.descOffset + 8, 68),
      /pr_gregsetsz is 68/,
      statusNote.descOffset + 8,
    ],
    [
      'a note of another type in place of the registers',
      patch(statusNote.offset + 8, 99),
      /NT_FPREGSET before any/,
      fpNote.offset,
    ],
    ['a second register note for a thread', patch(fpNote.offset + 8, 7), /NT_THRMISC of 176 bytes/, fpNote.descOffset],
    [
      'a note that runs past its segment',
      patch(fpNote.offset + 4, 0xfffffff),
      /descriptor of note 2/,
      fpNote.descOffset,
    ],
    ['a segment without contents', patch(84 + 16, 0), /0x0 bytes in the file, 0x1000 in memory/, 100],
    ['a segment that is not whole pages', patch(84 + 8, 0x404004), /not whole pages/, 92],
    ['segments out of order', patch(84 + 8, 0xbfbff000), /overlaps/, 124],
  ])('refuses %s, naming the byte', (_, bytes, message, offset) => {
    try {
      readCore(bytes);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).message).toMatch(message);
      expect((error as UsageError).parts.offset).toBe(offset);
    }
  });

  it('refuses a damaged COREBACK note, naming the field', () => {
    const bytes = writeCore(sampleCore({ layout: 'extended', coreback: sampleProc }));
    const note = notesOf(bytes).at(-2);
    const text = String.fromCharCode(...(note?.desc ?? []));
    bytes.set(ascii('"pix":'), (note?.descOffset ?? 0) + text.indexOf('"pid":'));
    expect(() => readCore(bytes)).toThrow(/COREBACK note is not valid at pid/);
  });

  it('keeps notes of other vendors', () => {
    const extraNotes = [{ name: 'VENDOR', type: 7, desc: Uint8Array.of(1, 2, 3) }];
    expect(readCore(writeCore(sampleCore({ layout: 'extended', extraNotes }))).extraNotes).toEqual(extraNotes);
  });
});

describe('checkGenuineCore', () => {
  const good = writeCore(sampleCore({ threads: twoThreads }));
  const [psinfoNote, statusNote] = notesOf(good);

  it.each([
    ['another OS ABI', 7, 0, /ei_osabi is 0 instead of 9/],
    ['section headers', 46, 0, /e_shentsize is 0 instead of 40/],
    ['flags on the notes', 52 + 24, 4, /PT_NOTE: p_flags is 4 instead of 0/],
    ['a physical address', 84 + 12, 1, /program header 1: p_paddr is 1 instead of 0/],
    ['something between notes and memory', 4095, 1, /between the notes and the page boundary/],
    ['something after a name', psinfoNote.descOffset + 20, 1, /bytes after the text at 8/],
    ['a padding byte', psinfoNote.descOffset + 107, 1, /padding at 106 is not 0/],
    ['a filled trap number', statusNote.descOffset + 28 + 44, 12, /r_trapno is not 0/],
    ['one thread id twice', statusNote.descOffset + 24, 0xa1, /thread id 100001 occurs twice/],
  ])('reports %s', (_, at, value, message) => {
    const bytes = Uint8Array.from(good);
    bytes[at] = value;
    expect(checkGenuineCore(bytes, '9.0').join('\n')).toMatch(message);
  });

  it('reports arguments in psinfo, trailing bytes, and what is not a core', () => {
    expect(checkGenuineCore(writeCore(sampleCore({ psinfo: { fname: 'a', psargs: 'a b' } })), '9.0')).toEqual([
      'pr_psargs is not the command name',
    ]);
    const longer = new Uint8Array(good.length + 1);
    longer.set(good);
    expect(checkGenuineCore(longer, '9.0').join()).toMatch(/bytes instead of/);
    expect(checkGenuineCore(new Uint8Array(9), '9.0')).toHaveLength(1);
  });
});
