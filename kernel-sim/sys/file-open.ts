import { EEXIST, EINVAL, EISDIR, EMFILE, EMLINK, ENOENT, ENOTDIR, EOPNOTSUPP, ETXTBSY } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { ALLPERMS, S_ISVTX } from '../abi/stat.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { createFile } from '../vfs/directory.ts';
import { resizeFile } from '../vfs/file-data.ts';
import { fdalloc, installDescriptor, newFile } from '../vfs/filedesc.ts';
import { changeFileData, checkAccess, isRunningText } from '../vfs/vnode.ts';
import { userFound } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

type Args = readonly number[];

function sys_open(k: Kernel, td: Thread, [path, flags, mode]: Args): SyscallResult {
  return openAt(k, td, fcntl.AT_FDCWD, path!, flags!, mode!);
}

function sys_openat(k: Kernel, td: Thread, [fd, path, flags, mode]: Args): SyscallResult {
  return openAt(k, td, fd!, path!, flags!, mode!);
}

/** FreeBSD kern_openat and vn_open. The descriptor is found first: a full table creates no file. */
function openAt(k: Kernel, td: Thread, dirfd: number, path: number, flags: number, mode: number): SyscallResult {
  const access = flags & fcntl.O_ACCMODE;
  if (access === fcntl.O_ACCMODE || (flags & fcntl.O_EXEC && access !== fcntl.O_RDONLY)) return fail(EINVAL);
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const vnode = openVnode(k, td, dirfd, path, flags, mode);
  if (typeof vnode === 'number') return fail(vnode);
  const file = newFile(k, {
    kind: 'vnode',
    vnode: vnode.id,
    readable: access !== fcntl.O_WRONLY && (flags & fcntl.O_EXEC) === 0,
    writable: access !== fcntl.O_RDONLY,
    append: (flags & fcntl.O_APPEND) !== 0,
    nonblock: (flags & fcntl.O_NONBLOCK) !== 0,
    offset: 0,
  });
  if (typeof file === 'number') return fail(file);
  installDescriptor(k, td.pid, fd, file.id, (flags & fcntl.O_CLOEXEC) !== 0);
  return ok(fd);
}

/** Finds, or makes, what is to be opened, and truncates it if that is asked for. */
function openVnode(k: Kernel, td: Thread, dirfd: number, path: number, flags: number, mode: number): Vnode | Errno {
  const creates = (flags & fcntl.O_CREAT) !== 0;
  const exclusive = creates && (flags & fcntl.O_EXCL) !== 0;
  const follow = (flags & fcntl.O_NOFOLLOW) === 0 && !exclusive;
  const found = userFound(k, td, dirfd, path, { follow });
  if (typeof found === 'number') return found;
  if (!found.vnode && creates) {
    const permissions = mode & ~k.proc(td.pid).umask & ALLPERMS & ~S_ISVTX;
    return createFile(k, found.cred, found, permissions);
  }
  const vnode = found.vnode ?? ENOENT;
  if (typeof vnode === 'number') return vnode;
  if (exclusive) return EEXIST;
  if (vnode.type === 'lnk') return EMLINK;
  if (vnode.type === 'sock') return EOPNOTSUPP;
  if (flags & fcntl.O_DIRECTORY && vnode.type !== 'dir') return ENOTDIR;
  const access = flags & fcntl.O_ACCMODE;
  const writes = access !== fcntl.O_RDONLY || (flags & fcntl.O_TRUNC) !== 0;
  if (writes && vnode.type === 'dir') return EISDIR;
  if (writes && isRunningText(k, vnode.id)) return ETXTBSY;
  const reads = access !== fcntl.O_WRONLY && (flags & fcntl.O_EXEC) === 0;
  const wanted = (reads ? fcntl.R_OK : 0) | (writes ? fcntl.W_OK : 0) | (flags & fcntl.O_EXEC ? fcntl.X_OK : 0);
  const denied = checkAccess(vnode, found.cred, wanted);
  if (denied) return denied;
  if (flags & fcntl.O_TRUNC && vnode.type === 'reg') {
    const error = changeFileData(k, td.pid, vnode, resizeFile(vnode.data, 0));
    if (error) return error;
  }
  return k.vnode(vnode.id);
}

// biome-ignore format: one call per line
export const openSyscalls: readonly SyscallRow[] = [
  { number: 5, name: 'open', args: [['path', 'str'], ['flags', 'int'], ['mode', 'int']], support: 'partial', note: 'no locks, no SIGIO', handler: sys_open },
  { number: 499, name: 'openat', args: [['fd', 'fd'], ['path', 'str'], ['flag', 'int'], ['mode', 'int']], support: 'partial', note: 'as open', handler: sys_openat },
];
