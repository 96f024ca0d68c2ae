import { describe, expect, it } from 'vitest';
import { type StraceArg, type StraceRecord, straceLine } from '../../../src/report/strace.ts';
import { recordStrace } from '../../../src/report/strace-recorder.ts';
import type { GuestProgram } from '../../support/guest-program.ts';
import { program, Run, SCRATCH } from '../../support/guest-program.ts';

/** The lines of a run, and the run. */
function traced(build: (p: GuestProgram) => void): { lines: string[]; run: Run } {
  const run = new Run({ prog: program(build) });
  const lines: string[] = [];
  recordStrace(run.system, (record) => lines.push(straceLine(record)));
  run.start('prog');
  run.go(20e9, 100_000);
  return { lines, run };
}

/** What is left of lines without time and place. */
const calls = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^.*? prog {2}/, ''));

const callOf = (name: string, ...args: StraceArg[]): StraceRecord => ({
  ...{ kind: 'call', ns: 1_234_567_890, core: 1, pid: 12, tid: 100012, comm: 'prog' },
  ...{ name, args, returns: undefined, resumed: false, end: { kind: 'return', eax: 0 } },
});
const arg = (kind: StraceArg['kind'], value: number, text: string | null = null, cut = false): StraceArg => {
  return { kind, value, text, cut };
};
const shown = (...args: StraceArg[]): string => /f\((.*)\) =/.exec(straceLine(callOf('f', ...args)))![1]!;

describe('a trace of system calls', () => {
  it('has one line for each call, with paths, buffers, flags and results', () => {
    const { lines } = traced((p) => {
      p.sys('write', 1, p.text('a "b"\n\x1b\xff'), 8);
      p.sys('open', p.text('/tmp/new'), 0x601, 0o644);
      p.sys('write', 3, p.text('0123456789'.repeat(4)), 40);
      p.sys('lseek', 3, -30, -1, 2);
      p.sys('close', 3);
      p.sys('open', p.text('/tmp/new'), 0);
      p.sys('read', 3, SCRATCH, 4);
      p.sys('open', p.text('/none'), 2);
      p.sys('mmap', 0, 4096, 3, 0x1002, -1, 0, 0);
      p.sys('pipe');
      p.sys('sigaction', 2, 0, 0);
      p.sys('openat', -100, p.text('/'), 0x20000);
      p.sys('write', 1, 0x70000000, 5);
      p.sys('write', 1, p.text(''), 0);
      p.sys(600);
      p.sys('exit', 3);
    });
    expect(calls(lines)).toEqual([
      'write(1, "a \\"b\\"\\n\\x1b\\xff", 8) = 8',
      'open("/tmp/new", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3',
      'write(3, "01234567890123456789012345678901"..., 40) = 40',
      'lseek(3, -30, SEEK_END) = 10',
      'close(3) = 0',
      'open("/tmp/new", O_RDONLY) = 3',
      'read(3, "0123", 4) = 4',
      'open("/none", O_RDWR) = -1 ENOENT',
      expect.stringMatching(
        /^mmap\(0x0, 4096, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANON, -1, 0\) = 0x[1-9a-f][0-9a-f]+$/,
      ),
      'pipe() = 4, 5',
      'sigaction(SIGINT, 0x0, 0x0) = 0',
      'openat(AT_FDCWD, "/", O_RDONLY|O_DIRECTORY) = 6',
      'write(1, 0x70000000, 5) = -1 EFAULT',
      'write(1, "", 0) = 0',
      'syscall 600() = -1 ENOSYS',
      '--- SIGSYS code 65537 addr 0x0: default action ---',
      '+++ killed by SIGSYS +++',
    ]);
    expect(lines[0]).toMatch(/^ {3}0\.\d{9} core0 pid \d+\/\d+ prog {2}write\(/);
    expect(lines.at(-1)).toMatch(/core0 pid \d+ prog {2}\+\+\+/);
  });

  it('tells of a sleep when it begins and when it ends, and of exit before the end of the process', () => {
    const { lines } = traced((p) => p.sleep(1e9).sys('exit', 3));
    expect(calls(lines)).toEqual([
      expect.stringMatching(/^nanosleep\(0x[0-9a-f]+, 0x0\) <unfinished \.\.\.>$/),
      expect.stringMatching(/^<\.\.\. resumed> nanosleep\(0x[0-9a-f]+, 0x0\) = 0$/),
      'exit(3) = ?',
      '+++ exited with 3 +++',
    ]);
    expect(lines.map((line) => line.slice(0, 8))).toEqual(['   0.000', '   1.000', '   1.000', '   1.000']);
  });

  it('reads only pages that are resident, and makes none so', () => {
    // There is room for the stack here, but nobody has touched it; with a bad descriptor write(2) does not either.
    const build = (p: GuestProgram): void => void p.sys('write', 9, 0xbfb00000, 4).spin();
    const { lines, run } = traced(build);
    expect(calls(lines)).toEqual(['write(9, 0xbfb00000, 4) = -1 EBADF']);
    const plain = new Run({ prog: program(build) });
    plain.start('prog');
    plain.go(20e9, 100_000);
    const pagesOf = ({ system }: Run) => [...system.kernel.spaces.values()].map((space) => space.residentPages());
    expect(pagesOf(run)).toEqual(pagesOf(plain));
    expect(run.system.isAt(plain.system.snapshot())).toBe(true);
  });

  it.each([
    ['what nobody has named', arg('prot', 0x83), 'PROT_READ|PROT_WRITE|0x80'],
    ['no protection', arg('prot', 0), 'PROT_NONE'],
    ['an open mode of 3 and the sign bit', arg('open-flags', -0x80000000 | 3), '0x3|0x80000000'],
    ['a negative number', arg('int', -5), '-5'],
    ['a number of bytes', arg('size', -1), '4294967295'],
    ['an address', arg('in', -1), '0xffffffff'],
    ['an unknown signal', arg('signo', 99), 'SIG99'],
    ['an unknown request', arg('ptrace', 99), 'request 99'],
    ['an unknown command', arg('fcntl', -3), '-3'],
    ['an unknown end to seek from', arg('whence', 7), '7'],
    ['text that steers terminals', arg('str', 1, '\x9b[2J\u0085\x7f\\'), '"\\x9b[2J\\x85\\x7f\\\\"'],
    ['text that is cut', arg('str', 1, 'ab', true), '"ab"...'],
    ['a mode', arg('mode', 0o4755), '04755'],
  ])('writes %s', (_what, given, expected) => {
    expect(shown(given)).toBe(expected);
  });

  it('leaves out the padding, and a mode that open(2) does not look at', () => {
    expect(shown(arg('fd', 3), arg('pad', 7), arg('off', -1))).toBe('3, -1');
    expect(shown(arg('open-flags', 0), arg('mode', 0xdead))).toBe('O_RDONLY');
  });

  it('never lets the name of a process steer a terminal', () => {
    expect(straceLine({ ...callOf('f'), comm: '\x1b[2J\n' })).toBe(
      '   1.234567890 core1 pid 12/100012 \\x1b[2J\\x0a  f() = 0',
    );
  });
});
