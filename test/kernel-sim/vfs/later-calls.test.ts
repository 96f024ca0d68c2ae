import { describe, expect, it } from 'vitest';
import { EACCES, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, EPERM } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { words } from '../../../kernel-sim/abi/layout.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { mountFolder } from '../../../kernel-sim/vfs/mount.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const [AT_FDCWD, NOFOLLOW, NOW, OMIT] = [-100, 0x200, -1, -2];
const OPEN = O_RDWR | O_CREAT;

function prepared(patch = {}) {
  const { k } = fileKernel({ bootTimeSec: 1_000_000 });
  const c = new Caller(k, addProcess(k, patch), fileSyscalls);
  const root = new Caller(k, addProcess(k), fileSyscalls);
  const fd = root.ok('open', '/tmp/file', OPEN, 0o640);
  root.write(fd, 'twelve bytes');
  root.ok('symlink', 'file', '/tmp/link');
  return { k, c, fd, root };
}

describe('stat in the layout of 12.0', () => {
  it('says what that of 9.0 says', () => {
    const { root: c, fd } = prepared();
    c.ok('utimes', '/tmp/file', c.put(words([7, 8, 9, 10])));
    c.ok('fstat', fd, OUT);
    const old = c.view(OUT, 96);
    for (const ino64 of [
      () => c.ok('ino64_fstat', fd, OUT),
      () => c.ok('ino64_fstatat', AT_FDCWD, '/tmp/link', OUT, 0),
    ]) {
      ino64();
      const st = c.view(OUT, 208);
      const u64 = (at: number): number => Number(st.getBigUint64(at, true));
      expect([u64(0), u64(8), u64(16)]).toEqual([
        old.getUint32(0, true),
        old.getUint32(4, true),
        old.getUint16(10, true),
      ]);
      expect([st.getUint16(24, true), st.getUint32(28, true), st.getUint32(32, true)]).toEqual([0o100640, 0, 0]);
      expect([52, 56, 64, 68].map((at) => st.getInt32(at, true))).toEqual([7, 8000, 9, 10_000]);
      expect([u64(96), u64(104), st.getUint32(112, true)]).toEqual([12, 1, 32768]);
    }
    c.ok('ino64_fstatat', AT_FDCWD, '/tmp/link', OUT, NOFOLLOW);
    expect(c.view(OUT, 208).getUint16(24, true)).toBe(0o120755);
    expect(c.errno('ino64_fstatat', AT_FDCWD, '/tmp/link', OUT, 1)).toBe(EINVAL);
  });
});

describe('directories in the layout of 12.0', () => {
  it('have the same entries, with the place of the next one; a second reading goes on there', () => {
    const { root: c } = prepared();
    const fd = c.ok('open', '/tmp', 0, 0);
    const seen: [string, number, number][] = [];
    for (;;) {
      const size = c.ok('ino64_getdirentries', fd, OUT, 64, OUT + 0x1000);
      if (size === 0) break;
      for (let at = OUT; at < OUT + size; ) {
        const d = c.view(at, 24);
        seen.push([c.text(at + 24, d.getUint16(20, true)), d.getUint8(18), Number(d.getBigInt64(8, true))]);
        expect(d.getUint16(16, true) % 8).toBe(0);
        at += d.getUint16(16, true);
      }
    }
    expect(seen).toEqual([
      ['.', 4, 1],
      ['..', 4, 2],
      ['file', 8, 3],
      ['link', 10, 4],
    ]);
    expect(Number(c.view(OUT + 0x1000, 8).getBigInt64(0, true))).toBe(4);
    expect(c.errno('ino64_getdirentries', c.ok('open', '/tmp', 0, 0), OUT, 8, 0)).toBe(EINVAL);
  });
});

describe('statfs', () => {
  it.each([
    ['statfs', 'fstatfs', 'getfsstat', 472, 88, 0x20030518],
    ['ino64_statfs', 'ino64_fstatfs', 'ino64_getfsstat', 2344, 1024, 0x20140518],
  ])("%s tells of the root's file system", (byPath, byFd, all, size, nameBytes, version) => {
    const { root: c, fd, k } = prepared();
    c.ok(byPath, '/tmp/link', OUT);
    const fs = c.bytes(OUT, size);
    const view = new DataView(fs.buffer);
    expect(view.getUint32(0, true)).toBe(version);
    const [bsize, blocks, free] = [16, 32, 40].map((at) => Number(view.getBigUint64(at, true)));
    expect(bsize! * blocks!).toBe(k.config.diskBytes);
    expect(free).toBeLessThan(blocks!);
    expect(c.text(OUT + 280, 6)).toBe('tmpfs\0');
    expect(c.text(OUT + 296 + nameBytes, 2)).toBe('/\0');
    c.ok(byFd, fd, OUT);
    expect(c.bytes(OUT, size)).toEqual(fs);
    expect(c.ok(all, 0, 0, 2)).toBe(2);
    expect(c.ok(all, OUT, size - 1, 2)).toBe(0);
    expect(c.ok(all, OUT, 3 * size, 2)).toBe(2);
    expect(c.bytes(OUT, size)).toEqual(fs);
    expect(c.errno(all, OUT, size, 9)).toBe(EINVAL);
    expect(c.errno(byPath, '/none', OUT)).toBe(ENOENT);
    expect(c.errno(byFd, fd, WILD)).toBe(14);
  });

  it.each([
    ['statfs', 'fstatfs', 'getfsstat', 472, 88],
    ['ino64_statfs', 'ino64_fstatfs', 'ino64_getfsstat', 2344, 1024],
  ])('%s tells of every folder of the host that is mounted', (byPath, byFd, all, size, nameBytes) => {
    const { root: c, k } = prepared();
    k.hostFolders = { list: () => [], read: () => new Uint8Array(0) };
    expect(mountFolder(k, { host: '/home/me/data', guest: '/data', readOnly: true })).toBe(0);
    expect(mountFolder(k, { host: '/home/me/more', guest: '/data2', readOnly: false })).toBe(0);
    /** Type, flags, what is mounted, where. */
    const told = (n = 0): unknown[] => {
      const at = OUT + n * size;
      const text = (offset: number, length: number): string => c.text(at + offset, length).replace(/\0.*$/s, '');
      const flags = c.view(at, size).getUint32(8, true);
      return [text(280, 16), flags & 1, text(296, nameBytes), text(296 + nameBytes, nameBytes)];
    };
    const [ROOT, DATA, DATA2, DEV] = [
      ['tmpfs', 0, 'tmpfs', '/'],
      ['nullfs', 1, '/home/me/data', '/data'],
      ['nullfs', 0, '/home/me/more', '/data2'],
      ['devfs', 0, 'devfs', '/dev'],
    ];
    expect(c.ok(all, 0, 0, 2)).toBe(4);
    expect([c.ok(all, OUT, 10 * size, 2), ...[0, 1, 2, 3].map(told)]).toEqual([4, ROOT, DATA, DATA2, DEV]);
    expect(c.ok(all, OUT, 2 * size + 1, 2)).toBe(2);
    expect([c.ok(byPath, '/data', OUT), told()]).toEqual([0, DATA]);
    const made = c.ok('open', '/data2/file', O_RDWR | 0x200, 0o600);
    expect([c.ok(byFd, made, OUT), told()]).toEqual([0, DATA2]);
    expect([c.ok(byPath, '/tmp', OUT), told()]).toEqual([0, ROOT]);
  });
});

describe('times', () => {
  const timesOf = (c: Caller, path: string): number[] => {
    c.ok('lstat', path, OUT);
    return [24, 28, 32, 36].map((at) => c.view(OUT, 96).getInt32(at, true));
  };

  it('utimensat sets nanoseconds, keeps a time, or sets it to now; links themselves on request', () => {
    const { root: c, k } = prepared();
    c.ok('utimensat', AT_FDCWD, '/tmp/link', c.put(words([5, 123, 6, 456])), 0);
    expect(timesOf(c, '/tmp/file')).toEqual([5, 123, 6, 456]);
    k.clockNs = 3_000_000_007;
    c.ok('utimensat', AT_FDCWD, '/tmp/file', c.put(words([0, OMIT, 0, NOW])), 0);
    expect(timesOf(c, '/tmp/file')).toEqual([5, 123, 1_000_003, 7]);
    c.ok('utimensat', AT_FDCWD, '/tmp/link', c.put(words([1, 2, 3, 4])), NOFOLLOW);
    expect(timesOf(c, '/tmp/link')).toEqual([1, 2, 3, 4]);
    c.ok('lutimes', '/tmp/link', c.put(words([8, 1, 9, 1])));
    expect(timesOf(c, '/tmp/link')).toEqual([8, 1000, 9, 1000]);
    const dir = c.ok('open', '/tmp', 0, 0);
    c.ok('futimesat', dir, 'file', c.put(words([1, 1, 1, 1])));
    expect(timesOf(c, '/tmp/file')).toEqual([1, 1000, 1, 1000]);
    expect(c.errno('utimensat', AT_FDCWD, '/tmp/file', c.put(words([0, 1_000_000_000, 0, 0])), 0)).toBe(EINVAL);
    expect(c.errno('utimensat', AT_FDCWD, '/tmp/file', 0, 1)).toBe(EINVAL);
  });

  it('futimens lets a stranger who may write set them to now, and to nothing else', () => {
    const { c, root } = prepared({ uid: 7, gid: 7 });
    root.ok('chmod', '/tmp/file', 0o666);
    const fd = c.ok('open', '/tmp/file', O_RDWR, 0);
    expect(c.ok('futimens', fd, 0)).toBe(0);
    expect(c.ok('futimens', fd, c.put(words([0, NOW, 0, NOW])))).toBe(0);
    expect(c.errno('futimens', fd, c.put(words([0, OMIT, 0, NOW])))).toBe(EPERM);
    root.ok('chmod', '/tmp/file', 0o644);
    expect(c.errno('futimens', fd, 0)).toBe(EACCES);
  });
});

describe('flags, and what never comes back', () => {
  it('there are no flags but none', () => {
    const { root: c, fd } = prepared();
    expect([c.ok('chflags', '/tmp/file', 0), c.ok('fchflags', fd, 0), c.ok('lchflags', '/tmp/link', 0)]).toEqual([
      0, 0, 0,
    ]);
    expect(c.errno('chflags', '/tmp/file', 2)).toBe(EOPNOTSUPP);
    expect(c.errno('chflagsat', AT_FDCWD, '/tmp/link', 2, NOFOLLOW)).toBe(EOPNOTSUPP);
    expect(c.errno('lchflags', '/tmp/none', 0)).toBe(ENOENT);
  });

  it('lchmod changes the link, undelete brings nothing back', () => {
    const { root: c } = prepared();
    c.ok('lchmod', '/tmp/link', 0o700);
    c.ok('lstat', '/tmp/link', OUT);
    expect(c.view(OUT, 96).getUint16(8, true)).toBe(0o120700);
    expect([c.errno('undelete', '/tmp/file'), c.errno('undelete', '/tmp/none')]).toEqual([EEXIST, ENOENT]);
  });
});
