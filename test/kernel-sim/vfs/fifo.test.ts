import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { selectSyscalls } from '../../../kernel-sim/sys/select.ts';
import { closeAllDescriptors } from '../../../kernel-sim/vfs/filedesc.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const [O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK, O_EXEC] = [0, 1, 2, 4, 0x40000];
const [IN, HUP] = [1, 0x10];
let a: Caller;
let b: Caller;

beforeEach(() => {
  const { k } = fileKernel();
  [a, b] = [0, 0].map(() => new Caller(k, addProcess(k), [...fileSyscalls, ...selectSyscalls])) as [Caller, Caller];
  a.ok('mkfifo', '/tmp/f', 0o644);
});

const poll = (c: Caller, fd: number): number => {
  c.poke(OUT, new Uint8Array(Int32Array.of(fd, IN).buffer));
  c.ok('poll', OUT, 1, 0);
  return c.view(OUT, 8).getUint16(6, true);
};

describe('a FIFO', () => {
  it('has its openers wait for each other, and carries bytes one way', () => {
    expect(a.call('open', '/tmp/f', O_RDONLY, 0)).toMatchObject({ kind: 'sleep', wmesg: 'fifoor' });
    const w = b.ok('open', '/tmp/f', O_WRONLY, 0);
    const opened = a.resume();
    const r = opened.kind === 'return' ? opened.eax : -1;
    b.write(w, 'through');
    expect(a.read(r, 3)).toBe('thr');
    expect(a.errno('write', r, OUT, 1)).toBe(errno.EBADF);
    b.ok('close', w);
    expect(a.read(r, 9)).toBe('ough');
    expect(a.read(r, 9)).toBe('');
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('gives a reader its bytes even if the writer is gone before it runs', () => {
    expect(b.call('open', '/tmp/f', O_WRONLY, 0)).toMatchObject({ kind: 'sleep', wmesg: 'fifoow' });
    const r = a.ok('open', '/tmp/f', O_RDONLY, 0);
    const w = b.resume();
    b.write(w.kind === 'return' ? w.eax : -1, 'x');
    closeAllDescriptors(b.k, b.td.pid);
    expect(a.read(r, 9)).toBe('x');
    a.ok('close', r);
    expect(a.k.state.pipes.size).toBe(0);
    expect(a.call('open', '/tmp/f', O_RDONLY, 0)).toMatchObject({ kind: 'sleep' });
    b.ok('close', b.ok('open', '/tmp/f', O_WRONLY, 0));
    expect(a.resume()).toMatchObject({ kind: 'return' });
  });

  it('does not wait with O_NONBLOCK or for both directions, and breaks', () => {
    expect(a.errno('open', '/tmp/f', O_WRONLY | O_NONBLOCK, 0)).toBe(errno.ENXIO);
    expect(a.k.state.pipes.size).toBe(0);
    const r = a.ok('open', '/tmp/f', O_RDONLY | O_NONBLOCK, 0);
    expect(a.read(r, 1)).toBe('');
    expect(poll(a, r)).toBe(0);
    const both = b.ok('open', '/tmp/f', O_RDWR, 0);
    expect(a.errno('read', r, OUT, 1)).toBe(errno.EAGAIN);
    b.write(both, 'self');
    expect(poll(a, r)).toBe(IN);
    expect(b.read(both, 4)).toBe('self');
    const w = b.ok('open', '/tmp/f', O_WRONLY, 0);
    b.ok('close', both);
    a.ok('close', r);
    expect(b.write(w, 'x')).toEqual({ kind: 'error', errno: errno.EPIPE });
    expect(b.k.proc(b.td.pid).sigqueue.map(({ signo }) => signo)).toEqual([13]);
    const again = a.ok('open', '/tmp/f', O_RDONLY, 0);
    b.ok('close', w);
    expect(poll(a, again)).toBe(IN | HUP);
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('leaves nothing of an open that a signal or the end of the process cuts short', () => {
    a.call('open', '/tmp/f', O_RDONLY, 0);
    expect(a.resume('signal')).toEqual({ kind: 'error', errno: errno.EINTR });
    a.call('open', '/tmp/f', O_RDONLY, 0);
    closeAllDescriptors(a.k, a.td.pid);
    expect(a.k.state.pipes.size).toBe(0);
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('has no end for who opens it to execute it', () => {
    a.ok('chmod', '/tmp/f', 0o755);
    const fd = a.ok('open', '/tmp/f', O_RDONLY | O_EXEC, 0);
    expect(checkFileInvariants(a.k)).toEqual([]);
    expect(a.k.state.pipes.size).toBe(0);
    expect(a.errno('read', fd, OUT, 1)).toBe(errno.EBADF);
    expect(a.errno('write', fd, OUT, 1)).toBe(errno.EBADF);
    expect(a.errno('lseek', fd, 0, 0, 0)).toBe(errno.ESPIPE);
    expect(b.call('open', '/tmp/f', O_RDONLY, 0)).toMatchObject({ kind: 'sleep' });
    a.ok('close', fd);
  });

  it('is a file with a name like others', () => {
    a.ok('stat', '/tmp/f', OUT);
    expect(a.view(OUT, 96).getUint16(8, true)).toBe(0o010644);
    const r = a.ok('open', '/tmp/f', O_RDONLY | O_NONBLOCK, 0);
    a.ok('fchmod', r, 0o600);
    a.ok('unlink', '/tmp/f');
    a.ok('fstat', r, OUT);
    expect(a.view(OUT, 96).getUint16(8, true)).toBe(0o010600);
    expect(a.errno('lseek', r, 0, 0)).toBe(errno.ESPIPE);
    expect(a.errno('mkfifo', '/tmp', 0o600)).toBe(errno.EEXIST);
    expect(a.errno('mknod', '/tmp/n', 0o020600, 0)).toBe(errno.EINVAL);
    a.ok('mknod', '/tmp/n', 0o010600, 0);
  });
});
