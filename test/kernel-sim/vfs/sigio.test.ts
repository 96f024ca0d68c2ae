import { describe, expect, it } from 'vitest';
import { ENOTTY, EPERM, ESRCH } from '../../../kernel-sim/abi/errno.ts';
import { F_GETFL, F_GETOWN, F_SETFL, F_SETOWN, O_ASYNC, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { words } from '../../../kernel-sim/abi/layout.ts';
import { SI_KERNEL } from '../../../kernel-sim/abi/siginfo.ts';
import { SIGIO } from '../../../kernel-sim/abi/signal.ts';
import * as ttycom from '../../../kernel-sim/abi/ttycom.ts';
import { exitProcess } from '../../../kernel-sim/kern/exit.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { at, runOne, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const HANDLER: Proc['sigacts'] = [
  ...new Array<null>(SIGIO).fill(null),
  { handler: 0x1000, flags: 0, mask: [0, 0, 0, 0] },
];

/** A process that has a handler for SIGIO. */
const caller = (k: Kernel, patch: Partial<Proc> = {}): Caller =>
  new Caller(k, addProcess(k, { sigacts: HANDLER, ...patch }), SYSCALLS);
/** How many SIGIO it has got since it was asked last. */
function told({ k, td }: Caller): number {
  const { sigqueue } = k.proc(td.pid);
  k.setProc(td.pid, { sigqueue: [] });
  expect(sigqueue.every(({ signo, code, pid }) => signo === SIGIO && code === SI_KERNEL && pid === 0)).toBe(true);
  expect(checkFileInvariants(k)).toEqual([]);
  return sigqueue.length;
}
function pipe(c: Caller): [number, number] {
  const result = c.call('pipe');
  if (result.kind !== 'return') throw new Error('no pipe');
  return [result.eax, result.edx!];
}
const watch = (c: Caller, fd: number, owner = c.td.pid as number): void => {
  c.ok('fcntl', fd, F_SETOWN, owner);
  c.ok('fcntl', fd, F_SETFL, O_ASYNC);
};

describe('SIGIO', () => {
  it('comes when bytes come into a pipe and when its other end closes, not before both owner and O_ASYNC are set', () => {
    const c = caller(fileKernel().k);
    const [read, write] = pipe(c);
    c.write(write, 'a');
    c.ok('fcntl', read, F_SETFL, O_ASYNC);
    c.write(write, 'b');
    expect([told(c), c.ok('fcntl', read, F_GETFL, 0) & O_ASYNC]).toEqual([0, O_ASYNC]);
    c.ok('fcntl', read, F_SETOWN, c.td.pid);
    expect(c.ok('fcntl', read, F_GETOWN, 0)).toBe(c.td.pid);
    c.write(write, 'c');
    expect(told(c)).toBe(1);
    expect([c.read(read, 10), told(c)]).toEqual(['abc', 0]);
    c.ok('close', write);
    expect(told(c)).toBe(1);
    c.ok('close', read);
    expect(c.k.state.sigios.size).toBe(0);
  });

  it('goes to all of a group that the setter may signal', () => {
    const { k } = fileKernel();
    const [a, b, other] = [caller(k, { uid: 7 }), caller(k, { uid: 7 }), caller(k, { uid: 8 })];
    for (const one of [a, b, other]) k.setProc(one.td.pid, { pgid: a.td.pid, sid: a.td.pid });
    const [read, write] = pipe(a);
    watch(a, read, -a.td.pid);
    expect(a.call('fcntl', read, F_GETOWN, 0)).toMatchObject({ eax: -a.td.pid });
    a.write(write, 'x');
    expect([a, b, other].map(told)).toEqual([1, 1, 0]);
  });

  it('cannot be had for those of another session or for nobody that exists, and ends with its owner', () => {
    const { k } = fileKernel();
    const [a, b, stranger] = [caller(k), caller(k), caller(k)];
    for (const one of [a, b]) k.setProc(one.td.pid, { sid: a.td.pid });
    const [read, write] = pipe(a);
    expect(a.errno('fcntl', read, F_SETOWN, stranger.td.pid)).toBe(EPERM);
    expect(a.errno('fcntl', read, F_SETOWN, -stranger.td.pid)).toBe(EPERM);
    expect([a.errno('fcntl', read, F_SETOWN, 77), a.errno('fcntl', read, F_SETOWN, -77)]).toEqual([ESRCH, ESRCH]);
    expect(a.errno('fcntl', a.ok('open', '/dev/null', O_RDWR, 0), F_SETOWN, a.td.pid)).toBe(ENOTTY);
    watch(a, read, b.td.pid);
    k.setThread(b.td.tid, { state: 'suspended' });
    exitProcess(k, b.td.pid, { code: 0 });
    expect(a.ok('fcntl', read, F_GETOWN, 0)).toBe(0);
    a.write(write, 'x');
    expect(told(a)).toBe(0);
  });

  it('tells of connections, of what they receive and of room, and is inherited by accepted ones', () => {
    const c = caller(fileKernel().k);
    c.ok('socketpair', 1, 1, 0, OUT);
    const [left, right] = [c.view(OUT, 8).getInt32(0, true), c.view(OUT, 8).getInt32(4, true)];
    watch(c, left);
    c.write(right, 'x');
    expect(told(c)).toBe(1);
    c.write(left, 'y');
    expect([told(c), c.read(right, 1), told(c)]).toEqual([0, 'y', 1]);
    c.ok('close', right);
    expect(told(c)).toBeGreaterThan(0);

    const [AF_INET, STREAM] = [2, 1];
    const name = (port: number): number => {
      const bytes = new Uint8Array(16);
      bytes.set([16, AF_INET, port >> 8, port & 0xff, 127, 0, 0, 1]);
      c.poke(OUT + 0x100, bytes);
      return OUT + 0x100;
    };
    const listener = c.ok('socket', AF_INET, STREAM, 0);
    c.ok('bind', listener, name(4000), 16);
    c.ok('listen', listener, 5);
    watch(c, listener);
    const client = c.ok('socket', AF_INET, STREAM, 0);
    c.ok('connect', client, name(4000), 16);
    expect(told(c)).toBe(1);
    const accepted = c.ok('accept', listener, 0, 0);
    expect(c.ok('fcntl', accepted, F_GETOWN, 0)).toBe(c.td.pid);
    c.write(client, 'x');
    expect(told(c)).toBe(1);
  });

  it('is asked for by ioctl as well, in the ways of old too', () => {
    const c = caller(fileKernel().k);
    c.k.setProc(c.td.pid, { pgid: c.td.pid, sid: c.td.pid });
    const word = (value: number): number => {
      c.poke(OUT, words([value]));
      return OUT;
    };
    const asked = (fd: number, command: number): number => {
      c.ok('ioctl', fd, command, OUT);
      return c.view(OUT, 4).getInt32(0, true);
    };
    const [read, write] = pipe(c);
    c.ok('ioctl', read, ttycom.FIOASYNC, word(1));
    c.ok('ioctl', read, ttycom.FIOSETOWN, word(c.td.pid));
    expect([asked(read, ttycom.FIOGETOWN), asked(read, ttycom.TIOCGPGRP)]).toEqual([c.td.pid, -c.td.pid]);
    c.ok('ioctl', read, ttycom.TIOCSPGRP, word(c.td.pid));
    expect(asked(read, ttycom.FIOGETOWN)).toBe(-c.td.pid);
    c.write(write, 'x');
    expect(told(c)).toBe(1);
    c.ok('ioctl', read, ttycom.FIOASYNC, word(0));
    c.write(write, 'x');
    expect(told(c)).toBe(0);
    const socket = c.ok('socket', 2, 1, 0);
    c.ok('ioctl', socket, ttycom.SIOCSPGRP, word(c.td.pid));
    expect(asked(socket, ttycom.SIOCGPGRP)).toBe(c.td.pid);
    expect(c.errno('ioctl', socket, ttycom.TIOCSPGRP, OUT)).toBe(ENOTTY);
  });

  it('tells of a FIFO: readers of bytes, writers of room', () => {
    const c = caller(fileKernel().k);
    c.ok('mkfifo', '/tmp/fifo', 0o600);
    const [reader, writer] = [c.ok('open', '/tmp/fifo', 4, 0), c.ok('open', '/tmp/fifo', 5, 0)];
    watch(c, writer);
    c.write(writer, 'x');
    expect(told(c)).toBe(0);
    c.read(reader, 1);
    expect(told(c)).toBe(1);
    watch(c, reader);
    c.write(writer, 'x');
    expect(told(c)).toBe(1);
  });

  it('tells of a line that was typed on a terminal, once it is complete', () => {
    const c = caller(fileKernel().k);
    const master = c.ok('posix_openpt', O_RDWR);
    const slave = c.ok('open', '/dev/pts/0', O_RDWR | 0x8000, 0);
    watch(c, slave);
    c.write(master, 'li');
    expect(told(c)).toBe(0);
    c.write(master, 'ne\n');
    expect(told(c)).toBe(1);
    c.ok('close', slave);
    expect(c.k.state.sigios.size).toBe(0);
  });

  it('reaches a handler in the middle of computing', () => {
    const [FDS, SEEN] = [SCRATCH + 0x20, SCRATCH + 0x30];
    const { log } = runOne((p) => {
      // mov dword [SEEN], 1; ret
      p.routine('handler', (h) => h.set(SEEN, 1).raw('c3'));
      p.sys('sigaction', SIGIO, p.words(p.address('handler'), 0, 0, 0, 0, 0), 0);
      p.sys('socketpair', 1, 1, 0, FDS)
        .sys('getpid')
        .store(SEEN + 4);
      p.sys('fcntl', at(FDS), F_SETOWN, at(SEEN + 4)).sys('fcntl', at(FDS), F_SETFL, O_ASYNC);
      p.sys('fork').ifZero((c) =>
        c
          .sleep(20e6)
          .sys('write', at(FDS + 4), 'x', 1)
          .sys('exit', 0),
      );
      p.awaitWord(SEEN).wait('w').load(SEEN).log('seen').exit(0);
    });
    expect(log).toMatchObject({ seen: 1, 'w.status': 0 });
  });
});
