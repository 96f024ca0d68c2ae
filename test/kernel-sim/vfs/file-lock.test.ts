import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import type { SyscallResult } from '../../../kernel-sim/kern/syscall-result.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { closeAllDescriptors, forkDescriptors } from '../../../kernel-sim/vfs/filedesc.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const [GETLK, SETLK, SETLKW] = [11, 12, 13];
const [READ, UNLOCK, WRITE] = [1, 2, 3];
const [SH, EX, NB, UN] = [1, 2, 4, 8];
const O_RDWR_CREAT = 0x202;
const error = (code: number) => ({ kind: 'error', errno: code });
const done = { kind: 'return', eax: 0 };

let callers: Caller[];
let a: Caller;
let b: Caller;

beforeEach(() => {
  const { k } = fileKernel();
  callers = [0, 0, 0].map(() => new Caller(k, addProcess(k), fileSyscalls));
  [a, b] = callers as [Caller, Caller];
  for (const c of callers) expect(c.ok('open', '/tmp/f', O_RDWR_CREAT, 0o644)).toBe(3);
});

function fcntl(
  c: Caller,
  command: number,
  type: number,
  start: number,
  length: number,
  fd = 3,
  whence = 0,
): SyscallResult {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(start), true);
  view.setBigInt64(8, BigInt(length), true);
  view.setInt16(20, type, true);
  view.setInt16(22, whence, true);
  c.poke(OUT, bytes);
  return c.call('fcntl', fd, command, OUT);
}

/** F_GETLK for an exclusive lock: type, start, length and owner of what is in the way. */
function inTheWay(c: Caller, start: number, length: number) {
  expect(fcntl(c, GETLK, WRITE, start, length)).toEqual(done);
  const view = c.view(OUT, 28);
  const type = view.getInt16(20, true);
  return type === UNLOCK
    ? null
    : {
        type,
        start: Number(view.getBigInt64(0, true)),
        length: Number(view.getBigInt64(8, true)),
        pid: view.getInt32(16, true),
      };
}

describe('locks of fcntl(2)', () => {
  it('are shared or exclusive, on ranges', () => {
    expect(fcntl(a, SETLK, READ, 0, 10)).toEqual(done);
    expect(fcntl(b, SETLK, READ, 5, 10)).toEqual(done);
    expect(fcntl(b, SETLK, WRITE, 0, 5)).toEqual(error(errno.EAGAIN));
    expect(fcntl(b, SETLK, WRITE, 10, 0)).toEqual(done);
    expect(inTheWay(a, 12, 1)).toEqual({ type: WRITE, start: 10, length: 0, pid: b.td.pid });
    expect(inTheWay(b, 0, 1)).toEqual({ type: READ, start: 0, length: 10, pid: a.td.pid });
    expect(fcntl(a, SETLK, UNLOCK, 2, 3)).toEqual(done);
    expect([inTheWay(b, 2, 3), inTheWay(b, 1, 1)]).toEqual([null, { type: READ, start: 0, length: 2, pid: a.td.pid }]);
    expect(fcntl(a, SETLK, READ, -1, 1)).toEqual(error(errno.EINVAL));
    expect(fcntl(a, SETLK, 7, 0, 1)).toEqual(error(errno.EINVAL));
    expect(fcntl(a, SETLK, READ, 20, -5)).toEqual(error(errno.EAGAIN));
    expect(a.errno('fcntl', 3, SETLK, 0x70000000)).toBe(errno.EFAULT);
    expect(fcntl(a, SETLK, WRITE, 0, 1, 0)).toEqual(done);
    const readOnly = a.ok('open', '/tmp/f', 0, 0);
    expect(fcntl(a, SETLK, WRITE, 0, 1, readOnly)).toEqual(error(errno.EBADF));
  });

  it('are waited for, and a circle of waiters is refused', () => {
    expect(fcntl(a, SETLK, WRITE, 0, 1)).toEqual(done);
    expect(fcntl(b, SETLK, WRITE, 1, 1)).toEqual(done);
    expect(fcntl(b, SETLKW, READ, 0, 1)).toMatchObject({ kind: 'sleep', wmesg: 'lockf' });
    expect(fcntl(a, SETLKW, WRITE, 0, 2)).toEqual(error(errno.EDEADLK));
    expect(fcntl(a, SETLK, UNLOCK, 0, 1)).toEqual(done);
    expect(b.resume()).toEqual(done);
    expect(fcntl(a, SETLKW, WRITE, 0, 2)).toMatchObject({ kind: 'sleep' });
    expect(a.resume('signal')).toEqual({ kind: 'restart' });
  });

  it('end when their process closes any descriptor of the file, and are not inherited', () => {
    const second = a.ok('open', '/tmp/f', 0, 0);
    fcntl(a, SETLK, WRITE, 0, 0);
    closeAllDescriptors(a.k, b.td.pid);
    const c = callers[2]!;
    expect(fcntl(c, SETLKW, WRITE, 0, 0)).toMatchObject({ kind: 'sleep' });
    a.ok('close', second);
    expect(c.resume()).toEqual(done);
    expect(inTheWay(a, 0, 1)?.pid).toBe(c.td.pid);
    closeAllDescriptors(a.k, c.td.pid);
    expect(a.k.state.fileLocks.size).toBe(0);
  });
});

describe('locks of flock(2)', () => {
  it('belong to the open file, and stand in the way of those of fcntl(2)', () => {
    a.ok('flock', 3, EX);
    expect(b.errno('flock', 3, SH | NB)).toBe(errno.EAGAIN);
    expect(fcntl(b, SETLK, READ, 0, 1)).toEqual(error(errno.EAGAIN));
    expect(inTheWay(b, 0, 1)).toEqual({ type: WRITE, start: 0, length: 0, pid: -1 });
    closeAllDescriptors(a.k, b.td.pid);
    a.k.setProc(b.td.pid, { fds: forkDescriptors(a.k, a.k.proc(a.td.pid)) });
    // The child has the same open file: its lock, too.
    b.ok('flock', 3, SH);
    a.ok('close', 3);
    expect(a.k.state.fileLocks.size).toBe(1);
    expect(callers[2]!.call('flock', 3, EX)).toMatchObject({ kind: 'sleep' });
    b.ok('flock', 3, UN);
    expect(callers[2]!.resume()).toEqual(done);
    expect(b.errno('flock', 1, 0)).toBe(errno.EBADF);
  });

  it('two that both want more do not wait for each other', () => {
    a.ok('flock', 3, SH);
    b.ok('flock', 3, SH);
    expect(a.call('flock', 3, EX)).toMatchObject({ kind: 'sleep' });
    expect(b.call('flock', 3, EX)).toEqual(done);
    expect(a.resume()).toMatchObject({ kind: 'sleep' });
    closeAllDescriptors(a.k, b.td.pid);
    expect(a.resume()).toEqual(done);
  });

  it('come with open(2)', () => {
    const [SHLOCK, EXLOCK, NONBLOCK] = [0x10, 0x20, 4];
    const held = a.ok('open', '/tmp/f', EXLOCK, 0);
    expect(b.errno('open', '/tmp/f', SHLOCK | NONBLOCK, 0)).toBe(errno.EAGAIN);
    expect(b.k.proc(b.td.pid).fds.length).toBe(4);
    expect(b.call('open', '/tmp/f', SHLOCK, 0)).toMatchObject({ kind: 'sleep' });
    a.ok('close', held);
    expect(b.resume()).toEqual({ kind: 'return', eax: 4 });
    expect(a.call('open', '/tmp/f', EXLOCK, 0)).toMatchObject({ kind: 'sleep' });
    expect(a.resume('signal')).toEqual(error(errno.EINTR));
    expect(checkFileInvariants(a.k)).toEqual([]);
  });
});

describe('any locks', () => {
  const step = fc.record({
    who: fc.nat(2),
    type: fc.constantFrom(READ, WRITE, UNLOCK),
    start: fc.nat(9),
    length: fc.integer({ min: 0, max: 5 }),
  });

  it('are those that a table of bytes says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { k } = fileKernel();
        const all = [0, 0, 0].map(() => new Caller(k, addProcess(k), fileSyscalls));
        for (const c of all) c.ok('open', '/tmp/f', O_RDWR_CREAT, 0o644);
        /** By byte (the last stands for all that follow) and process: READ, WRITE or 0. */
        const model = Array.from({ length: 16 }, () => [0, 0, 0]);
        for (const { who, type, start, length } of steps) {
          const bytes = model.slice(start, length === 0 ? undefined : start + length);
          const blocked = bytes.some((byte) =>
            byte.some(
              (held, other) => other !== who && (type === WRITE ? held !== 0 : type === READ && held === WRITE),
            ),
          );
          expect(fcntl(all[who]!, SETLK, type, start, length)).toEqual(blocked ? error(errno.EAGAIN) : done);
          if (!blocked) for (const byte of bytes) byte[who] = type === UNLOCK ? 0 : type;
          expect(checkFileInvariants(k)).toEqual([]);
        }
        for (const [at, byte] of model.entries())
          for (const [who, c] of all.entries()) {
            const blocked = byte.some((held, other) => other !== who && held !== 0);
            expect(inTheWay(c, at, 1) !== null).toBe(blocked);
          }
        for (const space of k.spaces.values()) space.dispose();
      }),
      property(60),
    );
  });
});
