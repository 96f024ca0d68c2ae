import { describe, expect, it } from 'vitest';
import { EAGAIN, ENOTTY } from '../../../kernel-sim/abi/errno.ts';
import { F_SETFL, O_NONBLOCK } from '../../../kernel-sim/abi/fcntl.ts';
import { SIGINT } from '../../../kernel-sim/abi/signal.ts';
import { FIONREAD, TIOCGETA } from '../../../kernel-sim/abi/ttycom.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { ok, RESTART } from '../../../kernel-sim/kern/syscall-result.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { CONSOLE, controlTerminal } from '../../../kernel-sim/tty/tty.ts';
import { closeConsoleInput, feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT } from '../../support/kernel.ts';

const setup = (consoleIsTty = true) => {
  const { k, events } = fileKernel({ consoleIsTty });
  const c = new Caller(k, addProcess(k), fileSyscalls);
  return { k, events, c, type: (text: string) => feedConsole(k, bytesOf(text)) };
};

describe('the console as a terminal', () => {
  it('gives one line a read, and the rest of a line that was too long', () => {
    const { c, type } = setup();
    type('first line\nsecond\n');
    expect(c.read(0, 5)).toBe('first');
    expect(c.read(0, 100)).toBe(' line\n');
    expect(c.read(0, 100)).toBe('second\n');
  });

  it('lets a reader wait for the end of the line', () => {
    const { c, type } = setup();
    expect(c.call('read', 0, OUT, 100)).toMatchObject({ kind: 'sleep', wchan: 'ttyin:console', wmesg: 'ttyin' });
    type('ab');
    expect(c.awake).toBe(false);
    type('c\r');
    expect(c.awake).toBe(true);
    expect(c.resume()).toEqual(ok(4));
    expect(c.text(OUT, 4)).toBe('abc\n');
    c.call('read', 0, OUT, 100);
    expect(c.resume('signal')).toEqual(RESTART);
    c.ok('fcntl', 0, F_SETFL, O_NONBLOCK);
    expect(c.errno('read', 0, OUT, 100)).toBe(EAGAIN);
  });

  it('edits the line that is being typed', () => {
    const { c, type } = setup();
    type('gone\x15hallo\x7f\x7f\x7f\x08ello\n\x7f\x15x\n');
    expect(c.read(0, 100)).toBe('hello\n');
    expect(c.read(0, 100)).toBe('x\n');
  });

  it('ends at ^D, once, and for good when the host closes it', () => {
    const { k, c, type } = setup();
    type('half\x04\x04rest');
    expect(c.read(0, 100)).toBe('half');
    expect(c.read(0, 100)).toBe('');
    expect(c.call('read', 0, OUT, 100)).toMatchObject({ kind: 'sleep' });
    closeConsoleInput(k);
    expect(c.resume()).toEqual(ok(4));
    expect(c.read(0, 100)).toBe('');
    expect(c.read(0, 100)).toBe('');
  });

  it('answers TIOCGETA with 44 bytes of cooked modes', () => {
    const { c } = setup();
    c.poke(OUT, new Uint8Array(48).fill(0xee));
    expect(c.ok('ioctl', 1, TIOCGETA, OUT)).toBe(0);
    const v = c.view(OUT, 48);
    expect(v.getUint32(12, true) & 0x100).toBe(0x100);
    expect(v.getUint32(40, true)).toBe(9600);
    expect(v.getUint32(44, true)).toBe(0xeeeeeeee);
  });

  it('sends SIGINT to the foreground group of the session that it controls, and throws away what was typed', () => {
    const { k, c, type, events } = setup();
    const signals = () => events.filter((e) => e.kind === 'signal');
    type('abc\x03');
    expect(signals()).toEqual([]);
    controlTerminal(k, c.td.pid, CONSOLE);
    const other = addProcess(k, { pgid: c.td.pid, sid: c.td.pid, controlTerminal: true });
    addProcess(k, { pgid: c.td.pid, sid: c.td.pid });
    type('\x03x\n');
    expect(signals()).toMatchObject([
      { pid: c.td.pid, signo: SIGINT },
      { pid: other.pid, signo: SIGINT },
    ]);
    expect(c.read(0, 100)).toBe('x\n');
  });

  it('shows what is typed, as its modes say', () => {
    const { type, events } = setup();
    const echoed = (text: string): string => {
      const before = events.length;
      type(text);
      return events
        .slice(before)
        .map((e) => (e.kind === 'echo' ? e.text : ''))
        .join('');
    };
    expect(echoed('ab\x7f\t\x7f')).toBe('ab\b \b\t\b\b\b\b\b\b\b');
    expect(echoed('\x16\x01\x03')).toBe('^\b^A^C');
    expect(echoed('\x04\r')).toBe('^D\b\b\r\n');
  });
});

describe('the console as a plain stream', () => {
  it('gives what there is, counts it, and is no terminal', () => {
    const { k, c, type } = setup(false);
    type('a\x03b\r');
    c.ok('ioctl', 0, FIONREAD, OUT);
    expect(c.view(OUT, 4).getUint32(0, true)).toBe(4);
    expect(c.read(0, 100)).toBe('a\x03b\r');
    expect(c.errno('ioctl', 0, TIOCGETA, OUT)).toBe(ENOTTY);
    closeConsoleInput(k);
    expect(c.read(0, 100)).toBe('');
  });
});

describe('writing to the console', () => {
  it('emits what was written, in one event a call, bytes as they are', () => {
    const { c, events } = setup();
    c.poke(MEMORY, Uint8Array.of(0xff, 0, 0x41));
    c.poke(OUT, new Uint8Array(Uint32Array.of(MEMORY, 2, MEMORY + 2, 1).buffer));
    expect(c.ok('writev', 1, OUT, 2)).toBe(3);
    expect(events.filter((e) => e.kind === 'output')).toMatchObject([{ pid: c.td.pid, text: '\u00ff\0A' }]);
    expect(c.ok('write', 1, MEMORY, 0)).toBe(0);
    expect(events.filter((e) => e.kind === 'output')).toHaveLength(1);
  });
});
