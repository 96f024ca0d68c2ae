import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  EXDEV,
} from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { S_IFIFO } from '../../../kernel-sim/abi/stat.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import type { HostEntry } from '../../../kernel-sim/vfs/host-folder.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { mountFolder } from '../../../kernel-sim/vfs/mount.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const mtime = { sec: 0, nsec: 0 };
const FILE: HostEntry = { name: 'file', mode: 0o644, mtime, what: { type: 'reg', sizeBytes: 1 } };
const FOLDER: HostEntry = { name: 'folder', mode: 0o755, mtime, what: { type: 'dir' } };

let k: Kernel;
let root: Caller;
let user: Caller;

/** /a and /b are folders of the host, /ro is one that cannot be changed; each has `file` and an empty `folder`. */
beforeEach(() => {
  ({ k } = fileKernel());
  k.hostFolders = { list: ({ path }) => (path === '' ? [FILE, FOLDER] : []), read: () => new Uint8Array(1) };
  for (const [guest, readOnly] of [['/a', false] as const, ['/b', false] as const, ['/ro', true] as const])
    expect(mountFolder(k, { host: `/home${guest}`, guest, readOnly })).toBe(0);
  root = new Caller(k, addProcess(k), fileSyscalls);
  user = new Caller(k, addProcess(k, { uid: 1001, gid: 1001 }), fileSyscalls);
  root.ok('open', '/tmp/own', O_CREAT | O_RDWR, 0o644);
  root.ok('mkdir', '/tmp/dir', 0o755);
});

afterEach(() => {
  expect(checkFileInvariants(k)).toEqual([]);
});

const deviceOf = (path: string): number => {
  root.ok('lstat', path, OUT);
  return root.view(OUT, 96).getUint32(0, true);
};
const fsidOf = (path: string): number => {
  root.ok('statfs', path, OUT);
  return root.view(OUT, 472).getUint32(192, true);
};

describe('a file system', () => {
  it('has its own st_dev, which is in f_fsid, and what is in it has the same', () => {
    const devices = ['/', '/dev', '/a', '/b', '/ro'].map(deviceOf);
    expect(new Set(devices).size).toBe(5);
    expect(['/', '/dev', '/a', '/b', '/ro'].map(fsidOf)).toEqual(devices);
    root.ok('mkdir', '/a/folder/new', 0o755);
    expect(['/tmp/own', '/dev/null', '/a/folder/new', '/b/file', '/ro/folder'].map(deviceOf)).toEqual(devices);
    expect(deviceOf('/a/..')).toBe(deviceOf('/'));
  });

  it.each([
    ['/tmp/own', '/a/new'],
    ['/tmp/own', '/b/file'],
    ['/tmp/dir', '/a/new'],
    ['/tmp/dir', '/b/folder'],
    ['/a/file', '/tmp/new'],
    ['/a/file', '/b/file'],
    ['/a/folder', '/b/new'],
    ['/a', '/moved'],
    ['/tmp/dir', '/a'],
  ])('does not give %s to another one as %s', (from, to) => {
    expect(root.errno('rename', from, to)).toBe(EXDEV);
    root.ok('lstat', from, OUT);
  });

  it('has no links into another one', () => {
    expect(root.errno('link', '/tmp/own', '/a/new')).toBe(EXDEV);
    expect(root.errno('link', '/a/file', '/b/new')).toBe(EXDEV);
    expect(root.errno('link', '/ro/file', '/tmp/new')).toBe(EXDEV);
    expect(root.errno('link', '/dev/null', '/tmp/new')).toBe(EXDEV);
    expect(root.errno('link', '/a/file', '/b/file')).toBe(EEXIST);
    root.ok('symlink', '/a/file', '/b/new');
    expect(deviceOf('/b/new')).toBe(deviceOf('/b'));
    root.ok('link', '/a/file', '/a/folder/new');
    root.ok('rename', '/a/folder', '/a/moved');
  });

  it('that cannot be changed says so first', () => {
    expect(root.errno('rename', '/ro/file', '/tmp/new')).toBe(EROFS);
    expect(root.errno('rename', '/tmp/own', '/ro/new')).toBe(EROFS);
    expect(root.errno('link', '/tmp/own', '/ro/new')).toBe(EROFS);
  });

  it('does not move into itself, and its topmost directory cannot be removed', () => {
    expect(root.errno('rename', '/a', '/a/folder/new')).toBe(EINVAL);
    for (const path of ['/', '/a', '/dev']) expect(root.errno('rmdir', path)).toBe(EBUSY);
  });
});

describe('devfs', () => {
  it('neither takes names from the guest nor gives any away', () => {
    for (const [from, to] of [
      ['/dev/null', '/tmp/new'],
      ['/dev/null', '/dev/new'],
      ['/dev/null', '/dev/zero'],
      ['/tmp/own', '/dev/new'],
      ['/tmp/dir', '/dev/pts'],
    ] as const)
      expect([from, to, root.errno('rename', from, to)]).toEqual([from, to, EOPNOTSUPP]);
    expect(root.errno('rename', '/dev/none', '/tmp/new')).toBe(ENOENT);
    expect(root.errno('link', '/dev/null', '/dev/new')).toBe(EOPNOTSUPP);
    expect(root.errno('link', '/tmp/own', '/dev/new')).toBe(EOPNOTSUPP);
  });

  it('has nothing in it but devices and symbolic links of root', () => {
    expect(root.errno('open', '/dev/new', O_CREAT | O_RDWR, 0o644)).toBe(EOPNOTSUPP);
    expect(root.errno('mkdir', '/dev/new', 0o755)).toBe(EOPNOTSUPP);
    expect(root.errno('mkfifo', '/dev/new', 0o644)).toBe(EOPNOTSUPP);
    expect(root.errno('mknod', '/dev/new', S_IFIFO | 0o644, 0)).toBe(EOPNOTSUPP);
    expect(root.errno('rmdir', '/dev/pts')).toBe(EOPNOTSUPP);
    expect(user.errno('symlink', 'null', '/dev/new')).toBe(EPERM);
    root.ok('symlink', 'null', '/dev/new');
    root.ok('open', '/dev/new', O_RDWR, 0);
    root.ok('unlink', '/dev/new');
  });

  it('lets root take a device away, and pseudo-terminals come and go', () => {
    root.ok('unlink', '/dev/zero');
    expect(root.errno('open', '/dev/zero', O_RDWR, 0)).toBe(ENOENT);
    const master = root.ok('open', '/dev/ptmx', O_RDWR, 0);
    expect(deviceOf('/dev/pts/0')).toBe(deviceOf('/dev'));
    root.ok('close', master);
    expect(root.errno('lstat', '/dev/pts/0', OUT)).toBe(ENOENT);
  });

  it('hides a folder dev of the host, and nothing is mounted in it', () => {
    const seen = fileKernel().k;
    const file: HostEntry = { ...FILE, name: 'null' };
    seen.hostFolders = {
      list: ({ path }) => (path === '' ? [{ ...FOLDER, name: 'dev' }] : [file]),
      read: () => EACCES,
    };
    expect(mountFolder(seen, { host: '/tree', guest: '/', readOnly: false })).toBe(0);
    const c = new Caller(seen, addProcess(seen), fileSyscalls);
    c.ok('open', '/dev/null', O_RDWR, 0);
    expect(mountFolder(seen, { host: '/data', guest: '/dev', readOnly: false })).toBe(EBUSY);
    expect(mountFolder(seen, { host: '/data', guest: '/dev/pts', readOnly: false })).toBe(EBUSY);
    expect(mountFolder(seen, { host: '/data', guest: '/dev/new', readOnly: false })).toBe(EOPNOTSUPP);
    expect(checkFileInvariants(seen)).toEqual([]);
  });
});
