import { describe, expect, it } from 'vitest';
import {
  EAX,
  EBX,
  ECX,
  EDX,
  EFLAGS,
  EIP,
  ESP,
  FXSAVE_BYTE_OFFSET,
  SEG_SELECTOR,
} from '../../../emu/core/core-state.ts';
import { bytesOf, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { regsOf } from '../../../kernel-sim/kern/regs.ts';
import { program, Run, SCRATCH, TEXT } from '../../support/guest-program.ts';

const PS_STRINGS = 0xbfbffff0;
const main = program((p) => p.exit(0));

/** The process before its first instruction: word and string readers of its memory. */
function started(args: string[], env: string[]) {
  const run = new Run({ main }, { cores: 2 });
  const pid = run.start('main', { args, env });
  const { kernel } = run.system;
  const p = kernel.findProc(pid)!;
  const regs = regsOf(kernel, p.threads[0]!);
  const word = (address: number): number => kernel.fuword(p.pid, address)!;
  const text = (address: number): string => kernel.copyinstr(p.pid, address, 1 << 18) as string;
  return { run, p, regs, word, text, kernel };
}

describe('the stack of a new program', () => {
  it('holds argc, argv, envp and auxv at esp, and ps_strings, trampoline, path and canary on top', () => {
    const { regs, word, text, kernel, p } = started(['main', 'one', ''], ['A=1', 'B=']);
    const esp = regs[ESP]! >>> 0;
    expect(esp % 4).toBe(0);
    expect(word(esp)).toBe(3);
    expect([0, 1, 2].map((n) => text(word(esp + 4 + 4 * n)))).toEqual(['main', 'one', '']);
    expect(word(esp + 16)).toBe(0);
    expect([0, 1].map((n) => text(word(esp + 20 + 4 * n)))).toEqual(['A=1', 'B=']);
    expect(word(esp + 28)).toBe(0);

    const auxv: [number, number][] = [];
    for (let at = esp + 32; auxv.at(-1)?.[0] !== 0; at += 8) auxv.push([word(at), word(at + 4)]);
    expect(auxv.map(([type]) => type)).toEqual([3, 4, 5, 6, 8, 9, 7, 15, 18, 16, 17, 19, 20, 21, 23, 0]);
    const aux = new Map(auxv);
    expect([4, 6, 7, 8, 9, 17, 18, 19, 21, 23].map((type) => aux.get(type))).toEqual([
      32,
      4096,
      0,
      0,
      TEXT,
      32,
      900044,
      2,
      8,
      7,
    ]);
    const path = PS_STRINGS - 64 - '/bin/main'.length - 1;
    expect(aux.get(15)).toBe(path);
    expect(text(path)).toBe('/bin/main');
    expect(aux.get(16)).toBe(path - 32);
    expect(aux.get(20)).toBe(path - 40);
    expect(word(path - 40)).toBe(4096);

    expect([0, 4, 8, 12].map((n) => word(PS_STRINGS + n))).toEqual([esp + 4, 3, esp + 20, 2]);
    // Strings are packed, below a spare page.
    const strings = kernel.copyin(p.pid, word(esp + 4), 17) as Uint8Array;
    expect(latin1(strings)).toBe('main\0one\0\0A=1\0B=\0');
    expect(word(esp + 4)).toBe(((path - 40 - 4096 - 17) & ~3) >>> 0);
  });

  it('comes with the registers of exec_setregs', () => {
    const { regs } = started(['main'], []);
    expect(regs[EIP]! >>> 0).toBe(TEXT);
    expect(regs[EBX]! >>> 0).toBe(PS_STRINGS);
    expect([EAX, ECX, EDX].map((r) => regs[r])).toEqual([0, 0, 0]);
    expect(regs[EFLAGS]).toBe(0x202);
    expect([0, 1, 2, 3, 4, 5].map((seg) => regs[SEG_SELECTOR + seg])).toEqual([0x3b, 0x33, 0x3b, 0x3b, 0x3b, 0x3b]);
    const fx = new DataView(regs.buffer, regs.byteOffset + FXSAVE_BYTE_OFFSET, 32);
    expect([fx.getUint16(0, true), fx.getUint16(2, true), fx.getUint8(4), fx.getUint32(24, true)]).toEqual([
      0x127f, 0, 0, 0x1f80,
    ]);
  });

  it('takes arguments and environment of up to 256 KiB together, however many they are', () => {
    const long = 'x'.repeat(120_000);
    const { word, regs, text } = started(['main', long], [long]);
    expect(text(word((regs[ESP]! >>> 0) + 8)).length).toBe(120_000);
    expect(started(new Array(60_000).fill('ab'), []).word(PS_STRINGS + 4)).toBe(60_000);
    expect(() => started(['main', long, long], [long])).toThrow(/E2BIG/);
  });
});

describe('execve', () => {
  function errors(build: (run: Run) => void, path: string, argv = true): number | undefined {
    const p = program((q) =>
      q
        .sys('execve', path, argv ? q.vector('x') : 0x10, q.vector())
        .log('errno')
        .exit(0),
    );
    const run = new Run({ p });
    build(run);
    const pid = run.start('p');
    run.go();
    return run.logOf(pid).errno;
  }
  const file =
    (path: string, text: string, mode = 0o755) =>
    (run: Run) =>
      run.system.install({ path, bytes: bytesOf(text), mode });

  it('fails with the reason, and the caller goes on', () => {
    expect(errors(() => {}, '/bin/none')).toBe(-2);
    expect(errors(() => {}, '/bin')).toBe(-13);
    expect(errors(() => {}, '/bin/p', false)).toBe(-14);
    expect(errors(file('/bin/data', 'no program'), '/bin/data')).toBe(-8);
    expect(errors(file('/bin/data', '\x7fELF'), '/bin/data')).toBe(-8);
    expect(errors(file('/bin/data', '#!/bin/p\n', 0o644), '/bin/data')).toBe(-13);
  });

  it('gives a script to its interpreter: the rest of the line as one argument, then the path, then the arguments', () => {
    const show = program((p) => {
      // argc, then the first byte of each argument.
      p.raw('8b0424').log('argc');
      for (const n of [1, 2, 3])
        p.raw(`8b4424${(4 + 4 * n).toString(16).padStart(2, '0')}`)
          .raw('8b00')
          .log(`arg ${n}`);
      p.exit(0);
    });
    const run = new Run({ show });
    run.system.install({ path: '/bin/script', bytes: bytesOf('#! /bin/show -a -b \t\nrest\n') });
    const pid = run.start('script', { args: ['script', 'one'] });
    run.go();
    const four = (text: string): number => new DataView(bytesOf(text).buffer).getInt32(0, true);
    expect(run.logOf(pid)).toEqual({ argc: 4, 'arg 1': four('-a -'), 'arg 2': four('/bin'), 'arg 3': four('one\0') });
  });

  it('refuses a script as interpreter, one without an interpreter, and one whose line has no end', () => {
    expect(
      errors((run) => {
        file('/bin/a', '#!/bin/b\n')(run);
        file('/bin/b', '#!/bin/p\n')(run);
      }, '/bin/a'),
    ).toBe(-8);
    expect(errors(file('/bin/a', '#! \n'), '/bin/a')).toBe(-8);
    expect(errors(file('/bin/a', '#!/bin/p'), '/bin/a')).toBe(-8);
    expect(errors(file('/bin/a', `#!/${'x'.repeat(1100)}\n`), '/bin/a')).toBe(-63);
    expect(errors(file('/bin/a', '#!/bin/none\n'), '/bin/a')).toBe(-2);
  });

  it('closes what is marked close-on-exec, and keeps the rest and ignored signals', () => {
    const run = new Run({
      first: program((p) => {
        p.sys('dup2', 1, 5)
          .sys('dup2', 1, 6)
          .sys('fcntl', 5, 2, 1)
          .sys('sigaction', 15, p.words(1, 0, 0, 0, 0, 0), 0);
        p.sys('execve', '/bin/second', p.vector('second'), p.vector());
      }),
      second: program((p) => {
        p.sys('fcntl', 5, 1, 0).log('5').sys('fcntl', 6, 1, 0).log('6');
        p.sys('sigaction', 15, 0, SCRATCH).load(SCRATCH).log('SIGTERM').exit(0);
      }),
    });
    const pid = run.start('first');
    run.go();
    expect(run.logOf(pid, 'second')).toEqual({ 5: -9, 6: 0, SIGTERM: 1 });
  });
});
