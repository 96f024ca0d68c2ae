import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import * as fcntl from '../../../kernel-sim/abi/fcntl.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { installFile, listDir, pathOf, readFile, vnodeAt, writeFile } from '../../../kernel-sim/vfs/memfs.ts';
import { hostCredentials, namei } from '../../../kernel-sim/vfs/namei.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fcntl;

let k: Kernel;
let root: Caller;
let user: Caller;

beforeEach(() => {
  ({ k } = fileKernel());
  root = new Caller(k, addProcess(k), fileSyscalls);
  user = new Caller(k, addProcess(k, { uid: 1001, gid: 1001 }), fileSyscalls);
});

afterEach(() => {
  expect(checkFileInvariants(k)).toEqual([]);
});

const make = (path: string, text = ''): void => {
  expect(installFile(k, path, bytesOf(text), 0o644)).toBe(0);
};

describe('a path', () => {
  it('is walked through ., .., repeated slashes and symbolic links', () => {
    make('/usr/lib/a', 'A');
    root.ok('symlink', '/usr', '/u');
    root.ok('symlink', '../lib/./a', '/usr/lib/b');
    for (const path of ['/usr/lib/a', '//usr///lib//a', '/usr/../usr/./lib/a', '/../../usr/lib/a', '/u/lib/b'])
      expect(root.ok('stat', path, OUT)).toBe(0);
  });

  it('is relative to the working directory, or to a directory descriptor', () => {
    make('/usr/lib/a', 'A');
    root.ok('chdir', '/usr');
    expect(root.ok('access', 'lib/a', fcntl.R_OK)).toBe(0);
    const fd = root.ok('open', 'lib', O_RDONLY | fcntl.O_DIRECTORY, 0);
    expect(root.ok('fstatat', fd, 'a', OUT, 0)).toBe(0);
    expect(root.ok('openat', fd, '/usr/lib/a', O_RDONLY, 0)).toBe(4);
    expect(root.errno('openat', 77, 'a', O_RDONLY, 0)).toBe(errno.EBADF);
    expect(root.errno('openat', 4, 'a', O_RDONLY, 0)).toBe(errno.ENOTDIR);
  });

  it('has trouble in the words of the system', () => {
    make('/tmp/f');
    root.ok('symlink', 'loop', '/tmp/loop');
    root.ok('symlink', '/tmp/f', '/tmp/link');
    const cases: [string, number][] = [
      ['', errno.ENOENT],
      ['/tmp/none', errno.ENOENT],
      ['/none/f', errno.ENOENT],
      ['/tmp/f/x', errno.ENOTDIR],
      ['/tmp/f/', errno.ENOTDIR],
      ['/tmp/link/', errno.ENOTDIR],
      ['/tmp/loop', errno.ELOOP],
      [`/${'n'.repeat(256)}`, errno.ENAMETOOLONG],
      ['/./'.repeat(400), errno.ENAMETOOLONG],
    ];
    for (const [path, expected] of cases) expect([path, root.errno('stat', path, OUT)]).toEqual([path, expected]);
    expect(root.errno('stat', WILD, OUT)).toBe(errno.EFAULT);
    expect(root.errno('stat', '/tmp', WILD)).toBe(errno.EFAULT);
  });

  it('may have 32 links in it and not 33', () => {
    make('/tmp/l0');
    for (let i = 1; i <= 33; i++) root.ok('symlink', `l${i - 1}`, `/tmp/l${i}`);
    expect(root.ok('stat', '/tmp/l32', OUT)).toBe(0);
    expect(root.errno('stat', '/tmp/l33', OUT)).toBe(errno.ELOOP);
  });

  it('that grows beyond PATH_MAX by its links is too long', () => {
    root.ok('symlink', 'x/'.repeat(500), '/tmp/long');
    expect(root.errno('stat', `/tmp/long/${'y/'.repeat(100)}`, OUT)).toBe(errno.ENAMETOOLONG);
  });

  it('needs the right to search each directory', () => {
    make('/root/secret');
    root.ok('chmod', '/root', 0o700);
    expect(user.errno('stat', '/root/secret', OUT)).toBe(errno.EACCES);
    root.ok('chmod', '/root', 0o711);
    expect(user.ok('stat', '/root/secret', OUT)).toBe(0);
  });

  it('leads nowhere from a directory that is removed', () => {
    root.ok('mkdir', '/tmp/d', 0o755);
    root.ok('chdir', '/tmp/d');
    root.ok('rmdir', '/tmp/d');
    expect(root.ok('stat', '.', OUT)).toBe(0);
    expect(root.errno('stat', '..', OUT)).toBe(errno.ENOENT);
    expect(root.errno('open', 'new', O_CREAT | O_RDWR, 0o644)).toBe(errno.ENOENT);
    expect(root.errno('__getcwd', OUT, 1024)).toBe(errno.ENOENT);
    root.ok('chdir', '/');
  });
});

describe('open', () => {
  it('creates with the mode that umask leaves, and not when O_EXCL finds something', () => {
    user.ok('umask', 0o027);
    user.ok('open', '/tmp/new', O_CREAT | O_EXCL | O_WRONLY, 0o1777);
    user.ok('stat', '/tmp/new', OUT);
    expect(user.view(OUT, 96).getUint16(8, true)).toBe(0o100750);
    expect(user.view(OUT, 96).getUint32(12, true)).toBe(1001);
    expect(user.errno('open', '/tmp/new', O_CREAT | O_EXCL | O_WRONLY, 0o644)).toBe(errno.EEXIST);
    root.ok('symlink', 'nowhere', '/tmp/dangling');
    expect(root.errno('open', '/tmp/dangling', O_CREAT | O_EXCL | O_WRONLY, 0o644)).toBe(errno.EEXIST);
    root.ok('open', '/tmp/dangling', O_CREAT | O_WRONLY, 0o644);
    expect(readFile(k, '/tmp/nowhere')).toEqual(new Uint8Array(0));
  });

  it('truncates, appends, and refuses what the permissions refuse', () => {
    make('/tmp/a', 'hello');
    const fd = root.ok('open', '/tmp/a', O_WRONLY | fcntl.O_APPEND, 0);
    root.write(fd, ' world');
    expect(readFile(k, '/tmp/a')).toEqual(bytesOf('hello world'));
    expect(root.errno('read', fd, OUT, 1)).toBe(errno.EBADF);
    root.ok('open', '/tmp/a', O_WRONLY | fcntl.O_TRUNC, 0);
    expect(readFile(k, '/tmp/a')).toEqual(bytesOf(''));
    expect(user.errno('open', '/tmp/a', O_WRONLY, 0)).toBe(errno.EACCES);
    const readOnly = user.ok('open', '/tmp/a', O_RDONLY, 0);
    expect(user.errno('write', readOnly, 'x', 1)).toBe(errno.EBADF);
    expect(user.errno('open', '/etc/new', O_CREAT | O_WRONLY, 0o644)).toBe(errno.EACCES);
  });

  it('tells directories, links and running programs apart', () => {
    make('/bin/prog', 'ELF');
    root.ok('symlink', '/bin/prog', '/tmp/l');
    expect(root.errno('open', '/tmp', O_RDWR, 0)).toBe(errno.EISDIR);
    expect(root.errno('open', '/bin/prog', O_RDONLY | fcntl.O_DIRECTORY, 0)).toBe(errno.ENOTDIR);
    expect(root.errno('open', '/tmp/l', O_RDONLY | fcntl.O_NOFOLLOW, 0)).toBe(errno.EMLINK);
    expect(root.errno('open', '/tmp/l', 3, 0)).toBe(errno.EINVAL);
    expect(root.errno('open', '/tmp/new/', O_CREAT | O_WRONLY, 0o644)).toBe(errno.ENOENT);
    k.setProc(user.td.pid, { textVnode: vnodeAt(k, '/bin/prog')! });
    expect(root.errno('open', '/bin/prog', O_WRONLY, 0)).toBe(errno.ETXTBSY);
  });

  it('takes the lowest free descriptor, and stops at the limit without creating a file', () => {
    make('/tmp/a');
    for (const expected of [3, 4, 5]) expect(root.ok('open', '/tmp/a', O_RDONLY, 0)).toBe(expected);
    root.ok('close', 4);
    expect(root.ok('open', '/tmp/a', O_RDONLY, 0)).toBe(4);
    while (root.call('dup', 3).kind === 'return');
    expect(root.errno('dup', 3)).toBe(errno.EMFILE);
    expect(root.errno('open', '/tmp/new', O_CREAT | O_RDWR, 0o644)).toBe(errno.EMFILE);
    expect(listDir(k, '/tmp')).toEqual(['a']);
    expect(k.proc(root.td.pid).fds.length).toBe(11095);
  });
});

describe('names', () => {
  it('are linked, unlinked, and keep an open file alive', () => {
    const bytesBefore = k.state.counters.fileBytes;
    make('/tmp/a', 'hello');
    root.ok('link', '/tmp/a', '/tmp/b');
    root.ok('stat', '/tmp/b', OUT);
    expect(root.view(OUT, 96).getUint16(10, true)).toBe(2);
    const fd = root.ok('open', '/tmp/a', O_RDWR, 0);
    root.ok('unlink', '/tmp/a');
    root.ok('unlink', '/tmp/b');
    expect(root.read(fd, 10)).toBe('hello');
    const before = k.state.vnodes.size;
    root.ok('close', fd);
    expect(k.state.vnodes.size).toBe(before - 1);
    expect(k.state.counters.fileBytes).toBe(bytesBefore);
    expect(root.errno('unlink', '/tmp')).toBe(errno.EPERM);
    expect(root.errno('link', '/tmp', '/tmp/c')).toBe(errno.EPERM);
  });

  it('of directories are made and removed', () => {
    root.ok('mkdir', '/tmp/d/', 0o777);
    expect(root.errno('mkdir', '/tmp/d', 0o777)).toBe(errno.EEXIST);
    make('/tmp/d/f');
    expect(root.errno('rmdir', '/tmp/d')).toBe(errno.ENOTEMPTY);
    expect(root.errno('rmdir', '/tmp/d/.')).toBe(errno.EINVAL);
    expect(root.errno('rmdir', '/tmp/d/..')).toBe(errno.ENOTEMPTY);
    expect(root.errno('rmdir', '/tmp/d/f')).toBe(errno.ENOTDIR);
    expect(root.errno('rmdir', '/')).toBe(errno.EBUSY);
    root.ok('unlinkat', fcntl.AT_FDCWD, '/tmp/d/f', 0);
    root.ok('unlinkat', fcntl.AT_FDCWD, '/tmp/d', fcntl.AT_REMOVEDIR);
    expect(listDir(k, '/tmp')).toEqual([]);
  });

  it('in a sticky directory can be taken away by their owners only', () => {
    make('/tmp/a');
    expect(user.errno('unlink', '/tmp/a')).toBe(errno.EPERM);
    expect(user.errno('rename', '/tmp/a', '/tmp/b')).toBe(errno.EPERM);
    root.ok('chown', '/tmp/a', 1001, -1);
    user.ok('rename', '/tmp/a', '/tmp/b');
    user.ok('unlink', '/tmp/b');
  });

  it('give links as they are to lstat and readlink', () => {
    root.ok('symlink', 'some/where', '/tmp/l');
    root.ok('lstat', '/tmp/l', OUT);
    expect(root.view(OUT, 96).getUint16(8, true)).toBe(0o120755);
    expect(root.view(OUT, 96).getUint32(48, true)).toBe(10);
    expect(root.ok('readlink', '/tmp/l', OUT, 4)).toBe(4);
    expect(root.text(OUT, 4)).toBe('some');
    expect(root.errno('readlink', '/tmp', OUT, 4)).toBe(errno.EINVAL);
    expect(root.errno('readlink', '/etc/malloc.conf', OUT, 4)).toBe(errno.ENOENT);
  });

  it('tell the working directory', () => {
    root.ok('mkdir', '/tmp/d', 0o755);
    root.ok('chdir', '/tmp/d');
    root.ok('__getcwd', OUT, 7);
    expect(root.text(OUT, 7)).toBe('/tmp/d\0');
    expect(root.errno('__getcwd', OUT, 6)).toBe(errno.ERANGE);
    root.ok('rename', '/tmp/d', '/etc/e');
    root.ok('__getcwd', OUT, 1024);
    expect(root.text(OUT, 7)).toBe('/etc/e\0');
    root.ok('chdir', '/');
    root.ok('__getcwd', OUT, 2);
    expect(root.text(OUT, 2)).toBe('/\0');
  });
});

describe('rename', () => {
  it('replaces a file, or an empty directory, at once', () => {
    make('/tmp/a', 'A');
    make('/tmp/b', 'B');
    root.ok('rename', '/tmp/a', '/tmp/b');
    expect(listDir(k, '/tmp')).toEqual(['b']);
    expect(readFile(k, '/tmp/b')).toEqual(bytesOf('A'));
    root.ok('mkdir', '/tmp/d', 0o755);
    root.ok('mkdir', '/etc/e', 0o755);
    make('/tmp/d/f');
    root.ok('rename', '/tmp/d', '/etc/e');
    expect(listDir(k, '/etc/e')).toEqual(['f']);
    expect(pathOf(k, vnodeAt(k, '/etc/e/../e/f')!)).toBe('/etc/e/f');
  });

  it('refuses what would break the tree', () => {
    make('/tmp/f');
    root.ok('mkdir', '/tmp/d', 0o755);
    root.ok('mkdir', '/tmp/d/sub', 0o755);
    expect(root.errno('rename', '/tmp/d', '/tmp/d/sub/x')).toBe(errno.EINVAL);
    expect(root.errno('rename', '/tmp/d', '/tmp/d/x')).toBe(errno.EINVAL);
    expect(root.errno('rename', '/tmp/d', '/tmp/f')).toBe(errno.ENOTDIR);
    expect(root.errno('rename', '/tmp/f', '/tmp/d')).toBe(errno.EISDIR);
    expect(root.errno('rename', '/tmp/d/sub', '/tmp/d')).toBe(errno.ENOTEMPTY);
    expect(root.errno('rename', '/tmp/d/.', '/tmp/x')).toBe(errno.EINVAL);
    expect(root.errno('rename', '/', '/tmp/x')).toBe(errno.EINVAL);
    expect(root.errno('rename', '/tmp/none', '/tmp/x')).toBe(errno.ENOENT);
    root.ok('link', '/tmp/f', '/tmp/g');
    root.ok('rename', '/tmp/f', '/tmp/g');
    expect(listDir(k, '/tmp')).toEqual(['d', 'f', 'g']);
  });
});

describe('getdirentries', () => {
  const names = (c: Caller, size: number): string[] => {
    const found: string[] = [];
    for (let at = 0; at < size; ) {
      const view = c.view(OUT + at, 8);
      found.push(c.text(OUT + at + 8, view.getUint8(7)));
      expect(view.getUint16(4, true) % 4).toBe(0);
      at += view.getUint16(4, true);
    }
    return found;
  };

  it('gives every name once, however small the buffer, though names come and go', () => {
    for (const name of ['a', 'bb', 'ccc', 'dddd', 'eeeee']) make(`/tmp/d/${name}`);
    const fd = root.ok('open', '/tmp/d', O_RDONLY, 0);
    const seen: string[] = [];
    for (;;) {
      const size = root.ok('getdirentries', fd, OUT, 24, OUT + 4096);
      if (size === 0) break;
      const now = names(root, size);
      seen.push(...now);
      for (const name of now) if (name !== '.' && name !== '..') root.ok('unlink', `/tmp/d/${name}`);
    }
    expect(seen).toEqual(['.', '..', 'a', 'bb', 'ccc', 'dddd', 'eeeee']);
    root.ok('rmdir', '/tmp/d');
    expect(root.errno('getdents', fd, OUT, 512)).toBe(errno.ENOENT);
  });

  it('tells kinds and inode numbers, and needs room for one entry', () => {
    const fd = root.ok('open', '/dev', O_RDONLY, 0);
    expect(root.errno('getdents', fd, OUT, 11)).toBe(errno.EINVAL);
    const size = root.ok('getdents', fd, OUT, 512);
    expect(names(root, size)).toEqual([
      '.',
      '..',
      'null',
      'zero',
      'console',
      'tty',
      'ptmx',
      'random',
      'urandom',
      'pts',
    ]);
    expect(root.view(OUT + 24, 8).getUint8(6)).toBe(2);
    expect(root.view(OUT + 24, 8).getUint32(0, true)).toBe(vnodeAt(k, '/dev/null'));
    root.call('lseek', fd, 0, fcntl.SEEK_SET);
    expect(names(root, root.ok('getdents', fd, OUT, 12))).toEqual(['.']);
    expect(root.errno('getdents', 0, OUT, 512)).toBe(errno.EINVAL);
  });
});

describe('the host', () => {
  it('replaces files as a whole', () => {
    make('/var/checkpoint/c', 'old');
    const fd = root.ok('open', '/var/checkpoint/c', O_RDONLY, 0);
    expect(writeFile(k, '/var/checkpoint/c', bytesOf('new one'), 0o600)).toBe(0);
    expect(root.read(fd, 100)).toBe('old');
    expect(readFile(k, '/var/checkpoint/c')).toEqual(bytesOf('new one'));
    expect(writeFile(k, '/none/c', bytesOf(''), 0o600)).toBe(errno.ENOENT);
    expect(writeFile(k, '/var', bytesOf(''), 0o600)).toBe(errno.EISDIR);
    expect(listDir(k, '/var/checkpoint')).toEqual(['c']);
  });

  it('keeps the old file when the disk is full', () => {
    const small = fileKernel({ diskBytes: 1000 }).k;
    expect(writeFile(small, '/tmp/a', new Uint8Array(600), 0o600)).toBe(0);
    expect(writeFile(small, '/tmp/a', new Uint8Array(500).fill(1), 0o600)).toBe(errno.ENOSPC);
    expect(readFile(small, '/tmp/a')).toEqual(new Uint8Array(600));
    expect(listDir(small, '/tmp')).toEqual(['a']);
    expect(checkFileInvariants(small)).toEqual([]);
  });

  it('finds paths with its own rights', () => {
    make('/root/x');
    const found = namei(k, hostCredentials(k), 'root/x', { follow: true });
    expect(found).toMatchObject({ name: 'x', slash: false });
    expect(pathOf(k, 999)).toBe('');
  });
});
