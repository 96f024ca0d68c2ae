import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_SIZE, PF_R, PF_W, PF_X } from '../../kernel-sim/abi/elf.ts';
import { writeCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { requireExecutable } from '../../kernel-sim/elf/exec-image.ts';
import { checkGenuineCore } from '../../kernel-sim/elf/genuine-core.ts';
import { readSymbols } from '../../kernel-sim/elf/symbols.ts';
import { inspectElf } from '../../src/report/inspect.ts';
import { sampleProc, sampleReg, sampleThread, u32le } from '../support/elf-samples.ts';
import { requireGdb, runTool } from '../support/tools.ts';

const SOURCE = `
static const struct { unsigned namesz, descsz, type; char name[8]; unsigned osreldate; } abi_note
    __attribute__((section(".note.tag"), used, aligned(4))) = { 8, 4, 1, "FreeBSD", 900044 };
int counter = 1;
__attribute__((noinline)) int leaf(int n) { __asm__ volatile("int3"); return counter + n; }
__attribute__((noinline)) int middle(int n) { return leaf(n + 1) + 1; }
void _start(void) { counter = middle(40); for (;;) __asm__ volatile("" ::: "memory"); }
`;
const CC = ['--target=i386-unknown-freebsd9.0', '-O1', '-g', '-gdwarf-4', '-fno-omit-frame-pointer', '-ffreestanding'];
const LINK = ['-nostdlib', '-static', '-fuse-ld=lld', '-Wl,--build-id=none'];

const STACK = 0xbfbfe000;
const PSSTRINGS = 0xbfbffff0;
let dir = '';

/** The process as it stands after int3 in leaf(41), with counter changed to 42, and a second thread in _start. */
function stoppedInLeaf(program: Uint8Array, layout: CoreImage['layout']): CoreImage {
  const symbols = readSymbols(readElf(program));
  const address = (name: string): number => symbols.find(name)?.address ?? Number.NaN;
  const image = requireExecutable(program, 'tiny');
  const text = image.loads.find(({ flags }) => (flags & PF_X) !== 0);
  const data = image.loads.find(({ flags }) => (flags & PF_W) !== 0);
  if (!text || !data) throw new Error('the linker made no text or no data');
  const wordAt = (at: number): number =>
    new DataView(program.buffer, program.byteOffset).getInt32(text.offset + at - text.vaddr, true);
  /** The address after the call to `callee` within `caller`. */
  const returnInto = (caller: string, callee: string): number => {
    for (let at = address(caller); at < address(caller) + 64; at++) {
      if (program[text.offset + at - text.vaddr] === 0xe8 && at + 5 + wordAt(at + 1) === address(callee)) return at + 5;
    }
    throw new Error(`${caller} does not call ${callee}`);
  };
  // Frames upwards: saved ebp, return address, argument.
  const stack = new Uint8Array(2 * PAGE_SIZE);
  const frames = [STACK + 0x100, STACK + 0x120, STACK + 0x140];
  stack.set(u32le(frames[1], returnInto('middle', 'leaf'), 41), 0x100);
  stack.set(u32le(frames[2], returnInto('_start', 'middle'), 40), 0x120);
  const dataPage = new Uint8Array(PAGE_SIZE);
  dataPage.set(u32le(42), address('counter') % PAGE_SIZE);
  const int3 = program.indexOf(0xcc, text.offset + address('leaf') - text.vaddr);
  const reg = {
    ...sampleReg,
    r_eip: text.vaddr + int3 + 1 - text.offset,
    r_ebp: frames[0],
    r_esp: frames[0],
    r_eax: 0x1234,
  };
  const fpreg = new Uint8Array(176);
  fpreg.set(u32le(0x127f), 0);
  return {
    layout,
    flavor: 'kernel',
    osreldate: 900044,
    psinfo: { fname: 'tiny', psargs: 'tiny' },
    threads: [
      sampleThread(100077, { cursig: 5, reg, fpreg, segbases: { fsbase: 0, gsbase: 0x28050000 } }),
      sampleThread(100078, {
        cursig: 5,
        reg: { ...sampleReg, r_eip: address('_start'), r_esp: frames[2] },
        fpreg,
        name: 'helper',
      }),
    ],
    segments: [
      { vaddr: address('counter') - (address('counter') % PAGE_SIZE), flags: PF_R | PF_W, data: dataPage },
      { vaddr: STACK, flags: PF_R | PF_W | PF_X, data: stack },
    ],
    procstat: {
      umask: 0o22,
      osrel: 900044,
      psStrings: PSSTRINGS,
      auxv: [
        { type: 3, value: image.phdrVaddr },
        { type: 4, value: 32 },
        { type: 5, value: image.phnum },
        { type: 6, value: PAGE_SIZE },
        { type: 7, value: 0 },
        { type: 9, value: image.entry },
        { type: 0, value: 0 },
      ],
    },
    coreback: sampleProc,
  };
}

beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'coreback-elf-'));
  writeFileSync(path.join(dir, 'tiny.c'), SOURCE);
  runTool('clang', [...CC, ...LINK, 'tiny.c', '-o', 'tiny'], dir);
  const program = readFileSync(path.join(dir, 'tiny'));
  writeFileSync(path.join(dir, 'strict.core'), writeCore(stoppedInLeaf(program, '9.0')));
  writeFileSync(path.join(dir, 'extended.core'), writeCore(stoppedInLeaf(program, 'extended')));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const bytesOf = (name: string): Uint8Array => readFileSync(path.join(dir, name));

describe('a program linked by lld for FreeBSD 9.0', () => {
  it('is taken by exec, with the version from its ABI note', () => {
    const program = bytesOf('tiny');
    const image = requireExecutable(program, 'tiny');
    expect(image).toMatchObject({ type: 'EXEC', brandedBy: 'note', osrel: 900044, phdrVaddr: 0x400034 });
    expect(readSymbols(readElf(program)).at(image.entry)).toMatchObject({ symbol: { name: '_start' }, offset: 0 });
  });

  it('has the addresses and sizes that readelf prints', () => {
    const program = bytesOf('tiny');
    const printed = [...runTool('readelf', ['-lW', 'tiny'], dir).matchAll(/^ {2}LOAD +(\S+) (\S+) \S+ (\S+) (\S+)/gm)];
    const loads = requireExecutable(program).loads.map((l) => [l.offset, l.vaddr, l.filesz, l.memsz]);
    expect(loads).toEqual(printed.map((row) => row.slice(1, 5).map(Number)));
  });
});

describe.each([
  { name: 'strict.core', layout: '9.0' as const },
  { name: 'extended.core', layout: 'extended' as const },
])('$name', ({ name, layout }) => {
  const isExtended = layout === 'extended';

  it('is genuine by our own rules', () => {
    expect(checkGenuineCore(bytesOf(name), layout)).toEqual([]);
    expect(inspectElf(bytesOf(name), name)).toMatch(/stopped by signal 5, SIGTRAP/);
  });

  it('is read by readelf without a warning, all notes by name', () => {
    const out = runTool('readelf', ['-hlnW', name], dir);
    expect(out).not.toMatch(/warning|error|corrupt/i);
    expect(out).toMatch(/CORE \(Core file\)/);
    expect(out).toMatch(/UNIX - FreeBSD/);
    const notes = [...out.matchAll(/^ {2}(\w+) +0x([0-9a-f]+)\t(\w+)/gm)].map(
      ([, vendor, size, type]) => `${vendor} ${type} ${Number.parseInt(size, 16)}`,
    );
    const thread = ['FreeBSD NT_PRSTATUS 104', 'FreeBSD NT_FPREGSET 176', 'FreeBSD NT_THRMISC 24'];
    const strict = ['FreeBSD NT_PRPSINFO 108', ...thread, ...thread];
    expect(notes.filter((n) => strict.includes(n))).toEqual(strict);
    if (!isExtended) expect(notes).toEqual(strict);
    else
      expect(out).toMatch(
        /NT_X86_SEGBASES[\s\S]*NT_PROCSTAT_UMASK[\s\S]*NT_PROCSTAT_OSREL[\s\S]*NT_PROCSTAT_PSSTRINGS[\s\S]*NT_PROCSTAT_AUXV[\s\S]*COREBACK/,
      );
  });

  it('has the sections that a FreeBSD binutils makes of it', () => {
    const out = runTool('i686-kfreebsd-gnu-objdump', ['-h', name], dir);
    expect(out).toMatch(/elf32-i386-freebsd/);
    for (const tid of [100077, 100078]) {
      expect(out).toMatch(new RegExp(`\\.reg/${tid} +0000004c`));
      expect(out).toMatch(new RegExp(`\\.reg2/${tid} +000000b0`));
      expect(out).toMatch(new RegExp(`\\.thrmisc/${tid} +00000018`));
    }
    expect(out).toMatch(/load1 +00001000 {2}00402000/);
  });

  it('is debugged by gdb: signal, threads, registers, backtrace, memory', () => {
    const commands = [
      'file tiny',
      `core-file ${name}`,
      'show osabi',
      'info threads',
      'info registers',
      'bt',
      'p counter',
      'info float',
    ];
    if (isExtended) commands.push('info auxv', 'p/x $gs_base');
    const out = runTool(requireGdb(), ['-nx', '-batch', ...commands.flatMap((c) => ['-ex', c])], dir);
    expect(out).not.toMatch(/warning|not a core dump/i);
    expect(out).toMatch(/terminated with signal SIGTRAP/);
    expect(out).toMatch(/currently "FreeBSD"/);
    expect(out).toMatch(/\* 1 +LWP 100077[\s\S]*2 +LWP 100078 "helper"/);
    expect(out).toMatch(/eax +0x1234/);
    expect(out).toMatch(/#0 .*leaf \(n=41\)[\s\S]*#1 .*middle \(n=40\)[\s\S]*#2 .*_start/);
    expect(out).toMatch(/\$1 = 42/);
    expect(out).toMatch(/Control Word: +0x127f/);
    if (isExtended) {
      expect(out).toMatch(/AT_PHDR .*0x400034/);
      expect(out).toMatch(/0x28050000/);
    }
  });

  it(`is debugged by lldb${isExtended ? ', which finds the symbols by itself' : ' once the program is placed'}`, () => {
    const place = isExtended ? [] : ['target modules load --file tiny --slide 0'];
    const commands = [
      `target create --core ${name} tiny`,
      ...place,
      'thread list',
      'register read eip eax',
      'bt',
      'target variable counter',
    ];
    const out = runTool('lldb', ['-x', '-b', ...commands.flatMap((c) => ['-o', c])], dir);
    expect(out).toMatch(/tid = 100077.*signal SIGTRAP/);
    expect(out).toMatch(/tid = 100078/);
    expect(out).toMatch(/eax = 0x00001234/);
    expect(out).toMatch(/frame #0: .*leaf[\s\S]*frame #1: .*middle[\s\S]*frame #2: .*_start/);
    expect(out).toMatch(/counter = 42/);
  });
});
