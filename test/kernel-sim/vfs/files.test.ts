import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import * as fcntl from '../../../kernel-sim/abi/fcntl.ts';
import { FIONREAD, TIOCGETA } from '../../../kernel-sim/abi/ttycom.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { closeAllDescriptors, closeOnExec, forkDescriptors } from '../../../kernel-sim/vfs/filedesc.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { installFile, readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT, WILD } from '../../support/kernel.ts';

const { O_CREAT, O_RDONLY, O_RDWR, SEEK_CUR, SEEK_END, SEEK_SET } = fcntl;

let k: Kernel;
let c: Caller;
let fd: number;

beforeEach(() => {
  ({ k } = fileKernel({ diskBytes: 4 << 20 }));
  c = new Caller(k, addProcess(k), fileSyscalls);
  installFile(k, '/tmp/f', bytesOf('0123456789'), 0o644);
  fd = c.ok('open', '/tmp/f', O_RDWR, 0);
});

afterEach(() => {
  expect(checkFileInvariants(k)).toEqual([]);
});

const iovec = (...pairs: number[]): number => {
  c.poke(MEMORY + 4096, new Uint8Array(Uint32Array.from(pairs).buffer));
  return MEMORY + 4096;
};

describe('reading and writing', () => {
  it('goes through a vector of buffers', () => {
    expect(c.ok('readv', fd, iovec(OUT, 2, OUT + 100, 0, OUT + 200, 5), 3)).toBe(7);
    expect(c.text(OUT, 2) + c.text(OUT + 200, 5)).toBe('0123456');
    expect(c.ok('writev', fd, iovec(OUT + 200, 3, OUT, 2), 2)).toBe(5);
    expect(readFile(k, '/tmp/f')).toEqual(bytesOf('012345623401'));
    expect(c.errno('readv', fd, OUT, 1025)).toBe(errno.EINVAL);
    expect(c.errno('readv', fd, OUT, -1)).toBe(errno.EINVAL);
    expect(c.errno('writev', fd, WILD, 1)).toBe(errno.EFAULT);
    expect(c.errno('writev', fd, iovec(OUT, 0x7fffffff, OUT, 1), 2)).toBe(errno.EINVAL);
    expect(c.ok('writev', fd, OUT, 0)).toBe(0);
  });

  it('takes place where pread and pwrite say, and leaves the offset alone', () => {
    expect(c.ok('pread', fd, OUT, 3, 4)).toBe(3);
    expect(c.text(OUT, 3)).toBe('456');
    expect(c.ok('freebsd6_pwrite', fd, OUT, 2, 0, 12)).toBe(2);
    expect(readFile(k, '/tmp/f')).toEqual(bytesOf('0123456789\0\x0045'));
    expect(c.read(fd, 2)).toBe('01');
    expect(c.errno('pread', fd, OUT, 3, -1)).toBe(errno.EINVAL);
    const [read] = pipe();
    expect(c.errno('pread', read!, OUT, 1, 0)).toBe(errno.ESPIPE);
  });

  it('changes nothing when the buffer ends in a hole of the memory, or the file would be too large', () => {
    const end = MEMORY + 64 * 4096;
    expect(c.errno('write', fd, end - 8, 16)).toBe(errno.EFAULT);
    expect(c.errno('write', fd, 0xffffff00, 0x200)).toBe(errno.EFAULT);
    expect(c.errno('write', fd, OUT, 0x80000000)).toBe(errno.EINVAL);
    expect(c.errno('pwrite', fd, OUT, 1, 1 << 28)).toBe(errno.EFBIG);
    expect(c.errno('pwrite', fd, OUT, 0x7fffffff, 0)).toBe(errno.EFBIG);
    expect(readFile(k, '/tmp/f')).toEqual(bytesOf('0123456789'));
    expect(c.read(fd, 2)).toBe('01');
  });

  it('meets a full disk with ENOSPC, and gets room back from a file that is gone', () => {
    const before = k.state.counters.fileBytes;
    const big = c.ok('open', '/tmp/big', O_RDWR | O_CREAT, 0o644);
    while (c.call('write', big, MEMORY, 65536).kind === 'return');
    expect(c.errno('write', big, MEMORY, 65536)).toBe(errno.ENOSPC);
    c.ok('ftruncate', big, 0);
    expect(c.ok('write', big, MEMORY, 65536)).toBe(65536);
    c.ok('unlink', '/tmp/big');
    c.ok('close', big);
    expect(k.state.counters.fileBytes).toBe(before);
  });

  it('finds nothing in /dev/null and zeros in /dev/zero', () => {
    const nul = c.ok('open', '/dev/null', O_RDWR, 0);
    expect(c.ok('read', nul, OUT, 10)).toBe(0);
    expect(c.ok('write', nul, WILD, 10)).toBe(10);
    const zero = c.ok('open', '/dev/zero', O_RDWR, 0);
    c.poke(OUT, bytesOf('xxxx'));
    expect(c.read(zero, 3)).toBe('\0\0\0');
    expect(c.text(OUT, 4)).toBe('\0\0\0x');
  });
});

describe('lseek', () => {
  it('answers in edx:eax', () => {
    expect(c.call('lseek', fd, 0x100000005, SEEK_SET)).toEqual({ kind: 'return', eax: 5, edx: 1 });
    expect(c.ok('read', fd, OUT, 10)).toBe(0);
    expect(c.errno('write', fd, OUT, 1)).toBe(errno.EFBIG);
    expect(c.call('freebsd6_lseek', fd, 0, -3, SEEK_END)).toEqual({ kind: 'return', eax: 7, edx: 0 });
    expect(c.read(fd, 10)).toBe('789');
    expect(c.call('lseek', fd, -2, SEEK_CUR)).toEqual({ kind: 'return', eax: 8, edx: 0 });
    expect(c.errno('lseek', fd, -9, SEEK_CUR)).toBe(errno.EINVAL);
    expect(c.errno('lseek', fd, 2 ** 63, SEEK_SET)).toBe(errno.EOVERFLOW);
    expect(c.errno('lseek', fd, 0, 9)).toBe(errno.EINVAL);
    expect(c.errno('lseek', pipe()[0]!, 0, SEEK_SET)).toBe(errno.ESPIPE);
  });
});

describe('stat', () => {
  it('fills 96 bytes as FreeBSD 9.0 lays them out', () => {
    k.clockNs = 3_000_000_007;
    c.ok('pwrite', fd, OUT, 1, 99_999);
    c.poke(OUT, new Uint8Array(100).fill(0xee));
    c.ok('fstat', fd, OUT);
    const v = c.view(OUT, 100);
    expect(v.getUint16(8, true)).toBe(0o100644);
    expect(v.getUint16(10, true)).toBe(1);
    expect(v.getUint32(32, true)).toBe(k.config.bootTimeSec + 3);
    expect(v.getUint32(36, true)).toBe(7);
    expect(v.getBigInt64(48, true)).toBe(100_000n);
    // Ten bytes of the first chunk and 34464 of the second are stored; the rest is a hole.
    expect(v.getBigInt64(56, true)).toBe(68n);
    expect(v.getUint32(64, true)).toBe(32768);
    expect(v.getUint32(80, true)).toBe(k.config.bootTimeSec);
    expect(v.getUint32(96, true)).toBe(0xeeeeeeee);
  });

  it('tells a pipe and what waits in it', () => {
    const [read, write] = pipe();
    c.write(write!, 'abc');
    c.ok('fstat', read!, OUT);
    expect(c.view(OUT, 96).getUint16(8, true)).toBe(0o010000);
    expect(c.view(OUT, 96).getUint32(48, true)).toBe(3);
    c.ok('ioctl', read!, FIONREAD, OUT);
    expect(c.view(OUT, 4).getUint32(0, true)).toBe(3);
    expect(c.errno('ioctl', read!, TIOCGETA, OUT)).toBe(errno.ENOTTY);
  });
});

describe('utimes', () => {
  it('sets times before and after power-on, and back to now', () => {
    c.poke(OUT, new Uint8Array(Int32Array.of(1, 500_000, 1_400_000_000, 0).buffer));
    c.ok('utimes', '/tmp/f', OUT);
    c.ok('fstat', fd, OUT);
    const v = c.view(OUT, 96);
    expect([24, 28, 32, 36].map((at) => v.getInt32(at, true))).toEqual([1, 500_000_000, 1_400_000_000, 0]);
    k.clockNs = 5_000_000_000;
    c.ok('futimes', fd, 0);
    c.ok('fstat', fd, OUT);
    expect(c.view(OUT, 96).getInt32(24, true)).toBe(k.config.bootTimeSec + 5);
    c.poke(OUT, new Uint8Array(Int32Array.of(1, 1_000_000, 1, 0).buffer));
    expect(c.errno('futimes', fd, OUT)).toBe(errno.EINVAL);
  });
});

describe('truncate', () => {
  it('cuts and extends', () => {
    c.ok('truncate', '/tmp/f', 3);
    c.ok('ftruncate', fd, 5);
    expect(readFile(k, '/tmp/f')).toEqual(bytesOf('012\0\0'));
    expect(c.errno('ftruncate', fd, -1)).toBe(errno.EINVAL);
    expect(c.errno('truncate', '/tmp', 0)).toBe(errno.EISDIR);
    expect(c.errno('ftruncate', fd, 2 ** 40)).toBe(errno.EFBIG);
    expect(c.errno('ftruncate', c.ok('open', '/tmp/f', O_RDONLY, 0), 0)).toBe(errno.EINVAL);
  });
});

describe('descriptors', () => {
  it('made by dup share the offset and the status flags', () => {
    const copy = c.ok('dup', fd);
    expect(c.read(fd, 4)).toBe('0123');
    expect(c.read(copy, 4)).toBe('4567');
    c.ok('fcntl', copy, fcntl.F_SETFL, fcntl.O_APPEND | fcntl.O_NONBLOCK);
    expect(c.ok('fcntl', fd, fcntl.F_GETFL, 0)).toBe(O_RDWR | fcntl.O_APPEND | fcntl.O_NONBLOCK);
    c.ok('close', fd);
    expect(c.read(copy, 4)).toBe('89');
  });

  it('are moved by dup2, which closes what was there', () => {
    expect(c.ok('dup2', fd, 9)).toBe(9);
    expect(c.ok('dup2', 1, 9)).toBe(9);
    expect(c.ok('dup2', fd, fd)).toBe(fd);
    expect(c.errno('dup2', 44, 9)).toBe(errno.EBADF);
    expect(c.errno('dup2', fd, -1)).toBe(errno.EBADF);
    expect(c.errno('dup2', fd, 11095)).toBe(errno.EBADF);
    expect(c.ok('fcntl', fd, fcntl.F_DUPFD, 6)).toBe(6);
    expect(c.errno('fcntl', fd, fcntl.F_DUPFD, -1)).toBe(errno.EINVAL);
    expect(c.ok('fcntl', fd, fcntl.F_DUPFD_CLOEXEC, 6)).toBe(7);
    expect(c.ok('fcntl', 7, fcntl.F_GETFD, 0)).toBe(1);
    expect(c.ok('fcntl', fd, fcntl.F_DUP2FD_CLOEXEC, 8)).toBe(8);
    expect(c.ok('fcntl', 8, fcntl.F_GETFD, 0)).toBe(1);
    c.ok('closefrom', 6);
    expect(c.errno('close', 6)).toBe(errno.EBADF);
  });

  it('are refused when they are not descriptors', () => {
    for (const bad of [-1, 12, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(c.errno('read', bad, OUT, 1)).toBe(errno.EBADF);
      expect(c.errno('close', bad)).toBe(errno.EBADF);
      expect(c.errno('fcntl', bad, fcntl.F_GETFD, 0)).toBe(errno.EBADF);
      expect(c.errno('fstat', bad, OUT)).toBe(errno.EBADF);
    }
  });

  it('are inherited, closed by exec where marked, and closed by exit', () => {
    const marked = c.ok('open', '/tmp/f', O_RDONLY | fcntl.O_CLOEXEC, 0);
    const before = k.state.files.size;
    const child = new Caller(k, addProcess(k), fileSyscalls);
    closeAllDescriptors(k, child.td.pid);
    k.setProc(child.td.pid, { fds: forkDescriptors(k, k.proc(c.td.pid)) });
    expect(checkFileInvariants(k)).toEqual([]);
    expect(c.read(fd, 4)).toBe('0123');
    expect(child.read(fd, 4)).toBe('4567');
    closeOnExec(k, child.td.pid);
    expect(child.errno('close', marked)).toBe(errno.EBADF);
    expect(k.state.files.size).toBe(before);
    closeAllDescriptors(k, c.td.pid);
    expect(child.read(fd, 4)).toBe('89');
    closeAllDescriptors(k, child.td.pid);
    expect(k.state.files.size).toBe(0);
  });
});

function pipe(): [number, number] {
  const result = c.call('pipe');
  if (result.kind !== 'return') throw new Error('pipe failed');
  return [result.eax, result.edx!];
}
