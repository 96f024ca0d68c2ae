import { describe, expect, it } from 'vitest';
import { UsageError } from '../../emu/base/errors.ts';
import { writeCore } from '../../kernel-sim/elf/core-file.ts';
import { inspectElf, inspectElfJson } from '../../src/report/inspect.ts';
import { ascii, sampleCore, sampleProc, sampleProgram, sampleThread, u32le } from '../support/elf-samples.ts';

/** One packed kinfo_vmentry. */
function vmentry(start: number, end: number, protection: number, path: string): Uint8Array {
  const record = new Uint8Array(Math.ceil((136 + path.length + 1) / 8) * 8);
  record.set(u32le(record.length), 0);
  record.set(u32le(start, 0, end, 0), 8);
  record.set(u32le(protection), 56);
  record.set(ascii(path), 136);
  return record;
}

const fpreg = new Uint8Array(176);
fpreg.set(u32le(0x127f, 7 << 11, 0x80)); // TOP is 7, physical register 7 in use: ST0
fpreg.set([0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f], 28); // 1.5

const rich = writeCore(
  sampleCore({
    layout: 'extended',
    threads: [
      sampleThread(100001, { fpreg, segbases: { fsbase: 0, gsbase: 0x28050000 } }),
      sampleThread(100002, { name: 'worker' }),
    ],
    procstat: {
      vmmap: { structsize: 1160, records: vmentry(0x401000, 0x402000, 5, '/bin/tiny') },
      umask: 0o22,
      rlimits: Array.from({ length: 13 }, (_, i) => ({ cur: BigInt(i), max: 0x7fffffffffffffffn })),
      auxv: [{ type: 9, value: 0x401000 }],
    },
    coreback: sampleProc,
  }),
);

describe('inspectElf', () => {
  const text = inspectElf(rich, 'tiny.core');

  it('begins with what kind of file it is and how the process stopped', () => {
    expect(text.split('\n').slice(0, 4)).toEqual([
      `tiny.core: ELF 32-bit, i386, CORE (memory and registers of a process), ${rich.length} bytes`,
      'Command "tiny", 2 threads, 12 KiB of memory; stopped by signal 11, SIGSEGV.',
      'Layout: extended, with notes that 9.0 does not know. Written by the kernel.',
      'Byte for byte in the extended layout.',
    ]);
  });

  it('names registers, flags, bases and floating-point values of each thread', () => {
    expect(text).toContain('Thread 100001 "tiny", the current one\n');
    expect(text).toContain('  fs   0x003b      gs   0x001b      eip  0x00401000  eflags  0x00000202\n  eflags   IF\n');
    expect(text).toContain('%gs 0x28050000');
    expect(text).toContain('control 0x127f  status 0x3800  tags 0x0080  st0 1.5\n');
    expect(text).toContain('Thread 100002 "worker"\n');
  });

  it('names notes, map entries, limits and the auxiliary vector', () => {
    expect(text).toMatch(/0x200 +8 +NT_X86_SEGBASES +where %fs and %gs begin/);
    expect(text).toMatch(/0x00401000 {2}0x00402000 {2}r-x {3}\/bin\/tiny/);
    expect(text).toMatch(/stack +3 +none/);
    expect(text).toMatch(/AT_ENTRY {2}0x00401000 {2}entry point of the program/);
    expect(text).toMatch(/umask +022/);
    expect(text).toMatch(/execPath +"\/bin\/tiny"/);
  });

  it('is printable ASCII, without trailing blanks, even where names are not', () => {
    const name = 'caf\xe9\x1b[31m';
    const odd = inspectElf(
      writeCore(sampleCore({ psinfo: { fname: name, psargs: name }, threads: [sampleThread(1, { name })] })),
      'x',
    );
    for (const t of [text, odd]) expect(t).toMatch(/^[\n\x20-\x7e]*$/);
    expect(odd).toContain('caf\\xe9\\x1b[31m');
    expect(text).not.toMatch(/ $/m);
  });

  it('says what FreeBSD would refuse in a program', () => {
    expect(inspectElf(sampleProgram({ abiNote: 900044 }), 'a')).toMatch(
      /FreeBSD 9.0 can run it.[\s\S]*__FreeBSD_version 900044/,
    );
    expect(inspectElf(sampleProgram({ ei_osabi: 3 }), 'a')).toMatch(/would not run it: .*no FreeBSD brand/);
  });

  it('shows the rest where a note cannot be read, and says what is wrong', () => {
    const bytes = writeCore(sampleCore());
    bytes[148 + 12 + 8] = 2; // pr_version of prpsinfo
    const damaged = inspectElf(bytes, 'x');
    expect(damaged).toMatch(/NT_PRSTATUS/);
    expect(damaged).toMatch(/Could not be read\n {2}- at byte 0xa8: pr_version is 2/);
  });

  it('names the byte of a record that cannot be', () => {
    const records = vmentry(0x401000, 0x402000, 5, '/bin/tiny');
    const core = sampleCore({
      layout: 'extended',
      procstat: { vmmap: { structsize: 1160, records: records.subarray(0, 80) } },
    });
    const bytes = writeCore(core);
    // Four notes of 128, 124, 196 and 44 bytes stand before it; then its header and structsize.
    const at = 148 + 128 + 124 + 196 + 44 + 20 + 4;
    expect(inspectElf(bytes, 'x')).toContain(`at byte 0x${at.toString(16)}: a packed record needs`);
  });

  it('puts the path into the error for what is not ELF', () => {
    expect(() => inspectElf(ascii('hello'), 'notes.txt')).toThrow(UsageError);
    expect(() => inspectElf(ascii('hello'), 'notes.txt')).toThrow(/^notes.txt: at byte 0x0: not an ELF file/);
  });
});

describe('inspectElfJson', () => {
  it('is JSON as it stands', () => {
    const report = inspectElfJson(rich, 'tiny.core');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.core).toMatchObject({ signal: { number: 11, name: 'SIGSEGV' }, layout: 'extended', deviations: [] });
    expect(report.core?.process.memoryMap).toEqual([
      { start: 0x401000, end: 0x402000, protection: 'r-x', path: '/bin/tiny' },
    ]);
  });
});
