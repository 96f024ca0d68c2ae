import { assert } from '../../emu/base/errors.ts';
import { EBADF, EFAULT, EINVAL } from '../abi/errno.ts';
import { AT_FDCWD, NAME_MAX } from '../abi/fcntl.ts';
import { encode } from '../abi/layout.ts';
import {
  MNT_LOCAL,
  MNT_MODES,
  MNT_MULTILABEL,
  MNT_RDONLY,
  STATFS_9,
  STATFS_12,
  type Statfs,
  type StatfsFormat,
} from '../abi/mount.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { DEVFS_DEVICE, isFileSystemRoot, isInDevfs, ROOT_DEVICE } from '../vfs/file-systems.ts';
import { getFile, isNamed } from '../vfs/filedesc.ts';
import { VNODES_MAX } from '../vfs/limits.ts';
import { directoryPath } from '../vfs/memfs.ts';
import { userVnode } from './file-paths.ts';
import { FS_BLOCK_SIZE } from './file-stat.ts';
import type { SyscallRow } from './row.ts';

/* What statfs(2) and its kin say of file systems: the guest's own tree, devfs, and every folder of the host that is mounted on a directory. */

type Args = readonly number[];

/** tmpfs counts in pages. */
const BLOCK_BYTES = 4096;
/** Second half of f_fsid: FreeBSD's mnt_vfc->vfc_typenum, in the order in which file systems are made known. */
const [TMPFS, DEVFS, NULLFS] = [1, 2, 3];

/** All file systems, the root's first, then by path. */
function fileSystems(k: Kernel): Statfs[] {
  const mounted = [];
  for (const vnode of k.state.vnodes.values()) {
    if (vnode.id === k.state.counters.rootVnode || !isFileSystemRoot(k, vnode)) continue;
    const path = directoryPath(k, vnode.id);
    if (typeof path === 'string') mounted.push(isInDevfs(vnode) ? devfs(path) : hostFileSystem(k, path, vnode));
  }
  mounted.sort((a, b) => (a.f_mntonname < b.f_mntonname ? -1 : 1));
  return [rootFileSystem(k), ...mounted];
}

/** The file system that a vnode is in. */
function fileSystemOf(k: Kernel, { dev }: Vnode): Statfs {
  const found = fileSystems(k).find(({ f_fsid }) => f_fsid[0] === dev);
  assert(found !== undefined, `no file system has the number ${dev}`);
  return found;
}

/** They share the root's disk. */
const hostFileSystem = (k: Kernel, path: string, { dev, host }: Vnode): Statfs => ({
  ...rootFileSystem(k),
  f_flags: host?.readOnly ? MNT_LOCAL | MNT_RDONLY : MNT_LOCAL,
  f_fsid: [dev, NULLFS],
  f_fstypename: 'nullfs',
  f_mntfromname: host?.folder ?? '',
  f_mntonname: path,
});

/** FreeBSD devfs_statfs. */
const devfs = (path: string): Statfs => ({
  ...{
    f_type: 0,
    f_flags: MNT_LOCAL | MNT_MULTILABEL,
    f_bsize: 512,
    f_iosize: 512,
    f_blocks: 2,
    f_bfree: 0,
    f_bavail: 0,
  },
  ...{ f_files: 0, f_ffree: 0, f_namemax: NAME_MAX, f_owner: 0, f_fsid: [DEVFS_DEVICE, DEVFS] },
  ...{ f_fstypename: 'devfs', f_mntfromname: 'devfs', f_mntonname: path },
});

function rootFileSystem(k: Kernel): Statfs {
  const { fileBytes, hostVnodes } = k.state.counters;
  const blocks = Math.floor(k.config.diskBytes / BLOCK_BYTES);
  const free = Math.max(0, Math.floor((k.config.diskBytes - fileBytes) / BLOCK_BYTES));
  const files = VNODES_MAX + hostVnodes;
  return {
    f_type: 0,
    f_flags: MNT_LOCAL,
    f_bsize: BLOCK_BYTES,
    f_iosize: FS_BLOCK_SIZE,
    f_blocks: blocks,
    f_bfree: free,
    f_bavail: free,
    f_files: files,
    f_ffree: Math.max(0, files - k.state.vnodes.size),
    f_namemax: NAME_MAX,
    f_owner: 0,
    f_fsid: [ROOT_DEVICE, TMPFS],
    f_fstypename: 'tmpfs',
    f_mntfromname: 'tmpfs',
    f_mntonname: '/',
  };
}

const encodeStatfs = ({ layout, version }: StatfsFormat, fs: Statfs): Uint8Array =>
  encode(layout, { ...fs, f_version: version });

const statfs =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [path, buffer]: Args): SyscallResult => {
    const vnode = userVnode(k, td, AT_FDCWD, path!, { follow: true });
    if (typeof vnode === 'number') return fail(vnode);
    return k.copyout(td.pid, buffer!, encodeStatfs(format, fileSystemOf(k, vnode))) ? ok() : fail(EFAULT);
  };

const fstatfs =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [fd, buffer]: Args): SyscallResult => {
    const file = getFile(k, td, fd!);
    if (!file) return fail(EBADF);
    if (!isNamed(file)) return fail(EINVAL);
    return k.copyout(td.pid, buffer!, encodeStatfs(format, fileSystemOf(k, k.vnode(file.vnode)))) ? ok() : fail(EFAULT);
  };

/** How many file systems there are, or fit; without a buffer nothing is written. */
const getfsstat =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [buffer, size, mode]: Args): SyscallResult => {
    if (!MNT_MODES.includes(mode!) || size! < 0) return fail(EINVAL);
    const all = fileSystems(k);
    if (buffer === 0) return ok(all.length);
    const fitting = all.slice(0, Math.floor(size! / format.layout.sizeBytes));
    for (const [n, fs] of fitting.entries())
      if (!k.copyout(td.pid, buffer! + n * format.layout.sizeBytes, encodeStatfs(format, fs))) return fail(EFAULT);
    return ok(fitting.length);
  };

// biome-ignore format: one call per line
export const fileSystemSyscalls: readonly SyscallRow[] = [
  { number: 395, name: 'getfsstat', args: [['buf', 'out'], ['bufsize', 'int'], ['flags', 'int']], support: 'full', handler: getfsstat(STATFS_9) },
  { number: 396, name: 'statfs', args: [['path', 'str'], ['buf', 'out']], support: 'full', handler: statfs(STATFS_9) },
  { number: 397, name: 'fstatfs', args: [['fd', 'fd'], ['buf', 'out']], support: 'full', handler: fstatfs(STATFS_9) },
  { number: 555, name: 'ino64_statfs', args: [['path', 'str'], ['buf', 'out']], since: '12.0', support: 'full', note: "12.0's statfs", handler: statfs(STATFS_12) },
  { number: 556, name: 'ino64_fstatfs', args: [['fd', 'fd'], ['buf', 'out']], since: '12.0', support: 'full', note: "12.0's fstatfs", handler: fstatfs(STATFS_12) },
  { number: 557, name: 'ino64_getfsstat', args: [['buf', 'out'], ['bufsize', 'int'], ['mode', 'int']], since: '12.0', support: 'full', note: "12.0's getfsstat", handler: getfsstat(STATFS_12) },
];
