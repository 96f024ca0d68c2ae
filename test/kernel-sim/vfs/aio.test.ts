import { describe, expect, it } from 'vitest';
import { EAGAIN, EBADF, EFAULT, EINVAL, EIO, EOPNOTSUPP } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { words } from '../../../kernel-sim/abi/layout.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, addThread, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const [LIO_NOP, LIO_WRITE, LIO_READ, LIO_NOWAIT, LIO_WAIT] = [0, 1, 2, 0, 1];
const [SIGEV_SIGNAL, SIGEV_KEVENT, SIGUSR1, SI_ASYNCIO, O_SYNC] = [1, 3, 30, 0x10004, 0x80];
const [FIRST, SECOND, DATA] = [OUT, OUT + 0x100, OUT + 0x1000];

function setup() {
  const { k } = fileKernel();
  const c = new Caller(k, addProcess(k), SYSCALLS);
  const fd = c.ok('open', '/tmp/file', O_CREAT | O_RDWR, 0o644);
  c.write(fd, 'some bytes');
  c.poke(DATA, bytesOf('DATA'));
  /** A struct aiocb at an address, which it gives. */
  const aiocb = (
    at: number,
    block: { fd?: number; offset?: number; buf?: number; size?: number; op?: number; sig?: number[] },
  ) => {
    const { offset = 0, buf = DATA, size = 4, op = 0, sig = [0, 0, 0, 0] } = block;
    c.poke(at, words([block.fd ?? fd, offset, 0, buf, size, 0, 0, 0, op, 0, -1, 0, 0, ...sig]));
    return at;
  };
  const text = (): string => {
    c.ok('lseek', fd, 0, 0);
    return c.read(fd, 100);
  };
  return { k, c, fd, aiocb, text };
}

describe('asynchronous transfers of files', () => {
  it('are complete at once, and tell what came of them once', () => {
    const { c, aiocb, text } = setup();
    expect(c.ok('aio_write', aiocb(FIRST, { offset: 5 }))).toBe(0);
    expect(c.ok('aio_read', aiocb(SECOND, { buf: DATA + 64, offset: 8, size: 100 }))).toBe(0);
    expect(text()).toBe('some DATAs');
    expect(c.text(DATA + 64, 2)).toBe('As');
    expect([c.ok('aio_error', FIRST), c.ok('aio_return', FIRST), c.ok('aio_return', SECOND)]).toEqual([0, 4, 2]);
    expect([...new Int32Array(c.bytes(SECOND + 40, 8).slice().buffer)]).toEqual([2, 0]);
    expect([c.errno('aio_error', FIRST), c.errno('aio_return', FIRST)]).toEqual([EINVAL, EINVAL]);
  });

  it('that fail say so in aio_error and aio_return, not before', () => {
    const { c, aiocb } = setup();
    expect(c.ok('aio_read', aiocb(FIRST, { buf: WILD }))).toBe(0);
    expect([c.ok('aio_error', FIRST), c.errno('aio_return', FIRST)]).toEqual([EFAULT, EFAULT]);
  });

  it('are refused where nothing can be begun', () => {
    const { c, aiocb } = setup();
    expect(c.errno('aio_read', WILD)).toBe(EFAULT);
    expect(c.errno('aio_read', aiocb(FIRST, { fd: 77 }))).toBe(EBADF);
    expect(c.errno('aio_read', aiocb(FIRST, { fd: c.ok('open', '/dev/zero', 0, 0) }))).toBe(EOPNOTSUPP);
    expect(c.errno('aio_write', aiocb(FIRST, { fd: c.ok('open', '/tmp/file', 0, 0) }))).toBe(EBADF);
    expect(c.errno('aio_read', aiocb(FIRST, { sig: [SIGEV_KEVENT, 0, 0, 0] }))).toBe(EOPNOTSUPP);
    expect(c.errno('aio_read', aiocb(FIRST, { sig: [SIGEV_SIGNAL, 200, 0, 0] }))).toBe(EINVAL);
    expect(c.errno('aio_fsync', 0, aiocb(FIRST, {}))).toBe(EINVAL);
  });

  it('send a signal with their value when it is wanted', () => {
    const { c, k, aiocb } = setup();
    c.ok('aio_fsync', O_SYNC, aiocb(FIRST, { sig: [SIGEV_SIGNAL, SIGUSR1, 42, 0] }));
    const [info] = k.proc(c.td.pid).sigqueue;
    expect(info).toMatchObject({ signo: SIGUSR1, code: SI_ASYNCIO, value: 42 });
  });

  it('come in lists, of which one that is refused makes EIO; nothing is left to wait for or to cancel', () => {
    const { c, fd, aiocb, text } = setup();
    const list = (...blocks: number[]): number => c.put(words(blocks));
    aiocb(FIRST, { op: LIO_WRITE });
    aiocb(SECOND, { op: LIO_READ, offset: 2, buf: DATA + 64 });
    aiocb(SECOND + 0x100, { op: LIO_NOP });
    expect(c.ok('lio_listio', LIO_WAIT, list(FIRST, 0, SECOND, SECOND + 0x100), 4, 0)).toBe(0);
    expect([text(), c.text(DATA + 64, 4)]).toEqual(['DATA bytes', 'TA b']);
    expect([c.ok('aio_suspend', list(FIRST), 1, 0), c.ok('aio_cancel', fd, 0)]).toEqual([0, 3]);
    aiocb(SECOND, { op: 9 });
    expect(c.errno('lio_listio', LIO_NOWAIT, list(FIRST, SECOND), 2, 0)).toBe(EIO);
    expect(c.errno('lio_listio', 2, list(FIRST), 1, 0)).toBe(EINVAL);
    expect(c.errno('lio_listio', LIO_WAIT, WILD, 1, 0)).toBe(EFAULT);
  });
});

describe('aio_waitcomplete', () => {
  const FOUND = OUT + 0x2000;
  const found = (c: Caller): number => c.view(FOUND, 4).getUint32(0, true);

  it('gives transfers in the order in which they were complete, and their errors', () => {
    const { c, aiocb } = setup();
    c.ok('aio_write', aiocb(SECOND, {}));
    c.ok('aio_read', aiocb(FIRST, { buf: WILD }));
    expect([c.ok('aio_waitcomplete', FOUND, 0), found(c)]).toEqual([4, SECOND]);
    expect([c.errno('aio_waitcomplete', FOUND, 0), found(c)]).toEqual([EFAULT, FIRST]);
    expect(c.errno('aio_return', FIRST)).toBe(EINVAL);
  });

  it('waits for a transfer that another thread begins, or until its time is over', () => {
    const { k, c, aiocb } = setup();
    const other = new Caller(k, addThread(k, c.td.pid), SYSCALLS);
    expect(c.call('aio_waitcomplete', FOUND, 0).kind).toBe('sleep');
    expect(found(c)).toBe(0);
    other.ok('aio_write', aiocb(FIRST, {}));
    expect([c.awake, c.resume(), found(c)]).toEqual([true, { kind: 'return', eax: 4 }, FIRST]);
    c.poke(FOUND + 8, words([0, 0]));
    expect(c.call('aio_waitcomplete', FOUND, FOUND + 8)).toMatchObject({ kind: 'sleep', deadlineNs: k.now() + 1e6 });
    expect(c.resume('timeout')).toMatchObject({ errno: EAGAIN });
    c.poke(FOUND + 8, words([0, -1]));
    expect(c.errno('aio_waitcomplete', FOUND, FOUND + 8)).toBe(EINVAL);
  });
});
