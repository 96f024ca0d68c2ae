import { EBADF, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, EROFS } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile, isNamed } from '../vfs/filedesc.ts';
import { changeMode, changeOwner, isReadOnly } from '../vfs/vnode.ts';
import { userFound, userVnode } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

/* Permissions, owners and flags of files. */

type Args = readonly number[];

const result = (error: Errno | 0): SyscallResult => (error ? fail(error) : ok());

/** What a call does to the file at a path, or behind a descriptor. */
type Change = (vnode: Vnode) => Errno | 0;

function atPath(k: Kernel, td: Thread, dirfd: number, path: number, follow: boolean, change: Change): SyscallResult {
  const vnode = userVnode(k, td, dirfd, path, { follow });
  return typeof vnode === 'number' ? fail(vnode) : result(change(vnode));
}

function behindFd(k: Kernel, td: Thread, fd: number, change: Change): SyscallResult {
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  return isNamed(file) ? result(change(k.vnode(file.vnode))) : fail(file.kind === 'procdesc' ? EOPNOTSUPP : EINVAL);
}

// ---- permissions -------------------------------------------------------------------------------------------------------

const newMode =
  (k: Kernel, td: Thread, mode: number): Change =>
  (vnode) =>
    changeMode(k, vnode, k.proc(td.pid), mode);

function sys_fchmodat(k: Kernel, td: Thread, [fd, path, mode, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_SYMLINK_NOFOLLOW) return fail(EINVAL);
  return atPath(k, td, fd!, path!, flag === 0, newMode(k, td, mode!));
}

const sys_chmod = (k: Kernel, td: Thread, [path, mode]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, true, newMode(k, td, mode!));

const sys_lchmod = (k: Kernel, td: Thread, [path, mode]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, false, newMode(k, td, mode!));

const sys_fchmod = (k: Kernel, td: Thread, [fd, mode]: Args): SyscallResult =>
  behindFd(k, td, fd!, newMode(k, td, mode!));

// ---- owners ------------------------------------------------------------------------------------------------------------

const newOwner =
  (k: Kernel, td: Thread, uid: number, gid: number): Change =>
  (vnode) =>
    changeOwner(k, vnode, k.proc(td.pid), uid, gid);

const sys_chown = (k: Kernel, td: Thread, [path, uid, gid]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, true, newOwner(k, td, uid!, gid!));

const sys_lchown = (k: Kernel, td: Thread, [path, uid, gid]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, false, newOwner(k, td, uid!, gid!));

function sys_fchownat(k: Kernel, td: Thread, [fd, path, uid, gid, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_SYMLINK_NOFOLLOW) return fail(EINVAL);
  return atPath(k, td, fd!, path!, flag === 0, newOwner(k, td, uid!, gid!));
}

const sys_fchown = (k: Kernel, td: Thread, [fd, uid, gid]: Args): SyscallResult =>
  behindFd(k, td, fd!, newOwner(k, td, uid!, gid!));

// ---- flags -------------------------------------------------------------------------------------------------------------

/** The file system keeps no flags: none is what every file has. */
const newFlags =
  (flags: number): Change =>
  (vnode) => {
    if (isReadOnly(vnode)) return EROFS;
    return flags === 0 ? 0 : EOPNOTSUPP;
  };

const sys_chflags = (k: Kernel, td: Thread, [path, flags]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, true, newFlags(flags!));

const sys_lchflags = (k: Kernel, td: Thread, [path, flags]: Args): SyscallResult =>
  atPath(k, td, fcntl.AT_FDCWD, path!, false, newFlags(flags!));

const sys_fchflags = (k: Kernel, td: Thread, [fd, flags]: Args): SyscallResult =>
  behindFd(k, td, fd!, newFlags(flags!));

function sys_chflagsat(k: Kernel, td: Thread, [fd, path, flags, atflag]: Args): SyscallResult {
  if (atflag! & ~fcntl.AT_SYMLINK_NOFOLLOW) return fail(EINVAL);
  return atPath(k, td, fd!, path!, atflag === 0, newFlags(flags!));
}

/** Only a whiteout of a union can come back, and there are no unions. */
function sys_undelete(k: Kernel, td: Thread, [path]: Args): SyscallResult {
  const found = userFound(k, td, fcntl.AT_FDCWD, path!, { follow: false });
  if (typeof found === 'number') return fail(found);
  return fail(found.vnode ? EEXIST : ENOENT);
}

const FLAGS_NOTE = 'no flags but 0';

// biome-ignore format: one call per line
export const attributeSyscalls: readonly SyscallRow[] = [
  { number: 15, name: 'chmod', args: [['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_chmod },
  { number: 16, name: 'chown', args: [['path', 'str'], ['uid', 'int'], ['gid', 'int']], support: 'full', handler: sys_chown },
  { number: 34, name: 'chflags', args: [['path', 'str'], ['flags', 'uint']], support: 'partial', note: FLAGS_NOTE, handler: sys_chflags },
  { number: 35, name: 'fchflags', args: [['fd', 'fd'], ['flags', 'uint']], support: 'partial', note: FLAGS_NOTE, handler: sys_fchflags },
  { number: 123, name: 'fchown', args: [['fd', 'fd'], ['uid', 'int'], ['gid', 'int']], support: 'full', handler: sys_fchown },
  { number: 124, name: 'fchmod', args: [['fd', 'fd'], ['mode', 'mode']], support: 'full', handler: sys_fchmod },
  { number: 205, name: 'undelete', args: [['path', 'str']], support: 'full', handler: sys_undelete },
  { number: 254, name: 'lchown', args: [['path', 'str'], ['uid', 'int'], ['gid', 'int']], support: 'full', handler: sys_lchown },
  { number: 274, name: 'lchmod', args: [['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_lchmod },
  { number: 391, name: 'lchflags', args: [['path', 'str'], ['flags', 'uint']], support: 'partial', note: FLAGS_NOTE, handler: sys_lchflags },
  { number: 490, name: 'fchmodat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'mode'], ['flag', 'at-flags']], support: 'full', handler: sys_fchmodat },
  { number: 491, name: 'fchownat', args: [['fd', 'at-fd'], ['path', 'str'], ['uid', 'int'], ['gid', 'int'], ['flag', 'at-flags']], support: 'full', handler: sys_fchownat },
  { number: 540, name: 'chflagsat', args: [['fd', 'at-fd'], ['path', 'str'], ['flags', 'uint'], ['atflag', 'at-flags']], since: '10.0', support: 'partial', note: FLAGS_NOTE, handler: sys_chflagsat },
];
