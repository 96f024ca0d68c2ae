import { EBADF, EFAULT, EINVAL } from '../abi/errno.ts';
import { AT_FDCWD, NAME_MAX } from '../abi/fcntl.ts';
import { encode } from '../abi/layout.ts';
import { MNT_LOCAL, MNT_MODES, STATFS_9, STATFS_12, type Statfs, type StatfsFormat } from '../abi/mount.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile, isNamed } from '../vfs/filedesc.ts';
import { VNODES_MAX } from '../vfs/limits.ts';
import { userVnode } from './file-paths.ts';
import { FS_BLOCK_SIZE, FS_DEVICE } from './file-stat.ts';
import type { SyscallRow } from './row.ts';

/* What statfs(2) and its kin say of the one file system that there is. */

type Args = readonly number[];

/** tmpfs counts in pages. */
const BLOCK_BYTES = 4096;

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
    f_fsid: [FS_DEVICE, 0],
    f_fstypename: 'tmpfs',
    f_mntfromname: 'tmpfs',
    f_mntonname: '/',
  };
}

function putStatfs(k: Kernel, td: Thread, address: number, { layout, version }: StatfsFormat): boolean {
  return k.copyout(td.pid, address, encode(layout, { ...rootFileSystem(k), f_version: version }));
}

const statfs =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [path, buffer]: Args): SyscallResult => {
    const vnode = userVnode(k, td, AT_FDCWD, path!, { follow: true });
    if (typeof vnode === 'number') return fail(vnode);
    return putStatfs(k, td, buffer!, format) ? ok() : fail(EFAULT);
  };

const fstatfs =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [fd, buffer]: Args): SyscallResult => {
    const file = getFile(k, td, fd!);
    if (!file) return fail(EBADF);
    if (!isNamed(file)) return fail(EINVAL);
    return putStatfs(k, td, buffer!, format) ? ok() : fail(EFAULT);
  };

/** How many file systems there are; without a buffer nothing is written. */
const getfsstat =
  (format: StatfsFormat) =>
  (k: Kernel, td: Thread, [buffer, size, mode]: Args): SyscallResult => {
    if (!MNT_MODES.includes(mode!) || size! < 0) return fail(EINVAL);
    if (buffer === 0) return ok(1);
    if (size! < format.layout.sizeBytes) return ok(0);
    return putStatfs(k, td, buffer!, format) ? ok(1) : fail(EFAULT);
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
