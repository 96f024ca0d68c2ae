import {
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  ETXTBSY,
} from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { ALLPERMS, S_IFIFO, S_IFMT, S_ISVTX } from '../abi/stat.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import type { PosixShmId, Proc, Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import {
  createNode,
  linkNode,
  makeDirectory,
  makeSymlink,
  removeDirectory,
  renameNode,
  unlinkNode,
} from '../vfs/directory.ts';
import { getFile } from '../vfs/filedesc.ts';
import { readHostFile } from '../vfs/host-folder.ts';
import { FILE_SIZE_MAX } from '../vfs/limits.ts';
import { directoryPath } from '../vfs/memfs.ts';
import { lookupPath } from '../vfs/namei.ts';
import { checkAccess, isRunningText, resizeVnode } from '../vfs/vnode.ts';
import { resizeVmObject } from '../vm/shared.ts';
import { userFound, userPath, userVnode } from './file-paths.ts';
import type { SyscallHandler, SyscallRow } from './row.ts';

/*
 * System calls on names and on what they name. Each has one function that takes a directory descriptor; the older call is
 * the same with AT_FDCWD.
 */

type Args = readonly number[];

const NOFOLLOW = { follow: false } as const;
const FOLLOW = { follow: true } as const;

const result = (error: Errno | 0): SyscallResult => (error ? fail(error) : ok());
const made = (vnode: Vnode | Errno): SyscallResult => (typeof vnode === 'number' ? fail(vnode) : ok());

/** The call without a directory descriptor: AT_FDCWD at the given places of the argument list. */
const atCwd =
  (handler: SyscallHandler, ...places: number[]): SyscallHandler =>
  (k, td, args, entry) => {
    const full = [...args];
    for (const place of places) full.splice(place, 0, fcntl.AT_FDCWD);
    return handler(k, td, full, entry);
  };

function sys_linkat(k: Kernel, td: Thread, [fd1, path1, fd2, path2, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_SYMLINK_FOLLOW) return fail(EINVAL);
  const vnode = userVnode(k, td, fd1!, path1!, { follow: (flag! & fcntl.AT_SYMLINK_FOLLOW) !== 0 });
  if (typeof vnode === 'number') return fail(vnode);
  const found = userFound(k, td, fd2!, path2!, NOFOLLOW);
  return typeof found === 'number' ? fail(found) : result(linkNode(k, found.cred, vnode, found));
}

/** link(2) follows a symbolic link at the old path. */
function sys_link(k: Kernel, td: Thread, [path, link]: Args): SyscallResult {
  return sys_linkat(k, td, [fcntl.AT_FDCWD, path!, fcntl.AT_FDCWD, link!, fcntl.AT_SYMLINK_FOLLOW]);
}

function sys_unlinkat(k: Kernel, td: Thread, [fd, path, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_REMOVEDIR) return fail(EINVAL);
  const found = userFound(k, td, fd!, path!, NOFOLLOW);
  if (typeof found === 'number') return fail(found);
  return result(flag ? removeDirectory(k, found.cred, found) : unlinkNode(k, found.cred, found));
}

function sys_unlink(k: Kernel, td: Thread, [path]: Args): SyscallResult {
  return sys_unlinkat(k, td, [fcntl.AT_FDCWD, path!, 0]);
}

function sys_rmdir(k: Kernel, td: Thread, [path]: Args): SyscallResult {
  return sys_unlinkat(k, td, [fcntl.AT_FDCWD, path!, fcntl.AT_REMOVEDIR]);
}

function sys_renameat(k: Kernel, td: Thread, [oldfd, from, newfd, to]: Args): SyscallResult {
  const source = userFound(k, td, oldfd!, from!, NOFOLLOW);
  if (typeof source === 'number') return fail(source);
  if (!source.vnode) return fail(ENOENT);
  const target = userFound(k, td, newfd!, to!, NOFOLLOW);
  return typeof target === 'number' ? fail(target) : result(renameNode(k, source.cred, source, target));
}

function sys_mkdirat(k: Kernel, td: Thread, [fd, path, mode]: Args): SyscallResult {
  const found = userFound(k, td, fd!, path!, NOFOLLOW);
  if (typeof found === 'number') return fail(found);
  const permissions = mode! & ~k.proc(td.pid).umask & (0o777 | S_ISVTX);
  return made(makeDirectory(k, found.cred, found, permissions));
}

function sys_mkfifoat(k: Kernel, td: Thread, [fd, path, mode]: Args): SyscallResult {
  const found = userFound(k, td, fd!, path!, NOFOLLOW);
  if (typeof found === 'number') return fail(found);
  const permissions = mode! & ~k.proc(td.pid).umask & ALLPERMS;
  const { cred } = found;
  const gid = k.vnode(found.dir).gid;
  return made(createNode(k, cred, found, { type: 'fifo', mode: permissions, uid: cred.uid, gid }));
}

/** mknod(2) makes FIFOs; devices are the kernel's own (devfs). */
function sys_mknodat(k: Kernel, td: Thread, [fd, path, mode, device]: Args): SyscallResult {
  if ((mode! & S_IFMT) !== S_IFIFO) return fail(k.proc(td.pid).uid === 0 ? EINVAL : EPERM);
  return device === 0 ? sys_mkfifoat(k, td, [fd!, path!, mode!]) : fail(EINVAL);
}

function sys_symlinkat(k: Kernel, td: Thread, [target, fd, link]: Args): SyscallResult {
  const text = k.copyinstr(td.pid, target!, fcntl.PATH_MAX);
  if (typeof text === 'number') return fail(text);
  const found = userFound(k, td, fd!, link!, NOFOLLOW);
  return typeof found === 'number' ? fail(found) : made(makeSymlink(k, found.cred, found, text));
}

function sys_readlinkat(k: Kernel, td: Thread, [fd, path, buffer, size]: Args): SyscallResult {
  if (size! >>> 0 > 0x7fffffff) return fail(EINVAL);
  const vnode = userVnode(k, td, fd!, path!, NOFOLLOW);
  if (typeof vnode === 'number') return fail(vnode);
  if (vnode.type !== 'lnk') return fail(EINVAL);
  const bytes = bytesOf(vnode.target).subarray(0, size! >>> 0);
  return k.copyout(td.pid, buffer!, bytes) ? ok(bytes.length) : fail(EFAULT);
}

function sys_chdir(k: Kernel, td: Thread, [path]: Args): SyscallResult {
  const vnode = userVnode(k, td, fcntl.AT_FDCWD, path!, FOLLOW);
  return typeof vnode === 'number' ? fail(vnode) : changeDirectory(k, td, vnode);
}

function sys_fchdir(k: Kernel, td: Thread, [fd]: Args): SyscallResult {
  const file = getFile(k, td, fd!);
  if (!file) return fail(EBADF);
  return file.kind === 'vnode' ? changeDirectory(k, td, k.vnode(file.vnode)) : fail(ENOTDIR);
}

function changeDirectory(k: Kernel, td: Thread, vnode: Vnode): SyscallResult {
  const denied = checkSearch(k.proc(td.pid), vnode);
  if (!denied) k.setProc(td.pid, { cwd: vnode.id });
  return result(denied);
}

/** FreeBSD change_dir: may a process start its paths there? */
const checkSearch = (p: Proc, vnode: Vnode): Errno | 0 =>
  vnode.type === 'dir' ? checkAccess(vnode, p, fcntl.X_OK) : ENOTDIR;

/**
 * FreeBSD sys_chroot with kern.chroot_allow_open_directories as it is by default: who has another root already must have no directory open, or
 * could leave it by fchdir(2). The working directory stays where it is.
 */
function sys_chroot(k: Kernel, td: Thread, [path]: Args): SyscallResult {
  const p = k.proc(td.pid);
  if (p.uid !== 0) return fail(EPERM);
  const vnode = userVnode(k, td, fcntl.AT_FDCWD, path!, FOLLOW);
  if (typeof vnode === 'number') return fail(vnode);
  const denied = checkSearch(p, vnode);
  if (denied) return fail(denied);
  if (p.root !== k.state.counters.rootVnode && hasOpenDirectory(k, p)) return fail(EPERM);
  k.setProc(td.pid, { root: vnode.id });
  return ok();
}

function hasOpenDirectory(k: Kernel, p: Proc): boolean {
  return p.fds.some((entry) => {
    const file = entry && k.file(entry.file);
    return file?.kind === 'vnode' && k.vnode(file.vnode).type === 'dir';
  });
}

/** The path with its NUL. Errors: EINVAL for a size of 0 or 1, ERANGE when it does not fit, ENOENT in a removed directory. */
function sys_getcwd(k: Kernel, td: Thread, [buffer, size]: Args): SyscallResult {
  if (size! >>> 0 < 2) return fail(EINVAL);
  const p = k.proc(td.pid);
  const path = directoryPath(k, p.cwd, p.root);
  if (typeof path === 'number') return fail(path);
  const bytes = bytesOf(`${path}\0`);
  if (bytes.length > fcntl.PATH_MAX) return fail(ENAMETOOLONG);
  if (bytes.length > size! >>> 0) return fail(ERANGE);
  return k.copyout(td.pid, buffer!, bytes) ? ok() : fail(EFAULT);
}

/** By the real ids, with AT_EACCESS by the effective ones. */
function sys_faccessat(k: Kernel, td: Thread, [fd, path, mode, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_EACCESS || mode! & ~(fcntl.R_OK | fcntl.W_OK | fcntl.X_OK)) return fail(EINVAL);
  const p = k.proc(td.pid);
  const user = userPath(k, td, fd!, path!);
  if (typeof user === 'number') return fail(user);
  const cred = flag! & fcntl.AT_EACCESS ? user.cred : { ...user.cred, uid: p.ruid, gid: p.rgid };
  const vnode = lookupPath(k, cred, user.path, FOLLOW);
  return typeof vnode === 'number' ? fail(vnode) : result(checkAccess(vnode, cred, mode!));
}

function sys_access(k: Kernel, td: Thread, [path, mode]: Args): SyscallResult {
  return sys_faccessat(k, td, [fcntl.AT_FDCWD, path!, mode!, 0]);
}

function sys_eaccess(k: Kernel, td: Thread, [path, mode]: Args): SyscallResult {
  return sys_faccessat(k, td, [fcntl.AT_FDCWD, path!, mode!, fcntl.AT_EACCESS]);
}

function sys_umask(k: Kernel, td: Thread, [mask]: Args): SyscallResult {
  const { umask } = k.proc(td.pid);
  k.setProc(td.pid, { umask: mask! & 0o777 });
  return ok(umask);
}

function resize(k: Kernel, td: Thread, vnode: Vnode, length: number): SyscallResult {
  if (length < 0) return fail(EINVAL);
  if (vnode.type === 'dir') return fail(EISDIR);
  if (vnode.type !== 'reg') return fail(EINVAL);
  if (length > FILE_SIZE_MAX) return fail(EFBIG);
  const file = readHostFile(k, vnode);
  return typeof file === 'number' ? fail(file) : result(resizeVnode(k, td.pid, file, length));
}

function truncatePath(k: Kernel, td: Thread, path: number, length: number): SyscallResult {
  const vnode = userVnode(k, td, fcntl.AT_FDCWD, path, FOLLOW);
  if (typeof vnode === 'number') return fail(vnode);
  const denied = checkAccess(vnode, k.proc(td.pid), fcntl.W_OK);
  if (denied) return fail(denied);
  return isRunningText(k, vnode.id) && vnode.type === 'reg' ? fail(ETXTBSY) : resize(k, td, vnode, length);
}

function resizeShm(k: Kernel, id: PosixShmId, length: number): SyscallResult {
  if (length < 0) return fail(EINVAL);
  if (length > FILE_SIZE_MAX) return fail(EFBIG);
  resizeVmObject(k, k.state.posixShm.get(id)!.object, length);
  return ok();
}

function truncateFile(k: Kernel, td: Thread, fd: number, length: number): SyscallResult {
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  if (file.kind === 'shm' && file.writable) return resizeShm(k, file.shm, length);
  if (file.kind === 'procdesc') return fail(EOPNOTSUPP);
  if (file.kind !== 'vnode' || !file.writable) return fail(EINVAL);
  return resize(k, td, k.vnode(file.vnode), length);
}

const sys_truncate = (k: Kernel, td: Thread, [path, length]: Args) => truncatePath(k, td, path!, length!);
const sys_ftruncate = (k: Kernel, td: Thread, [fd, length]: Args) => truncateFile(k, td, fd!, length!);
const sys_freebsd6_truncate = (k: Kernel, td: Thread, [path, , length]: Args) => truncatePath(k, td, path!, length!);
const sys_freebsd6_ftruncate = (k: Kernel, td: Thread, [fd, , length]: Args) => truncateFile(k, td, fd!, length!);
const sys_sync = (): SyscallResult => ok();

const sys_rename = atCwd(sys_renameat, 0, 2);
const sys_mkdir = atCwd(sys_mkdirat, 0);
const sys_mkfifo = atCwd(sys_mkfifoat, 0);
const sys_mknod = atCwd(sys_mknodat, 0);
const sys_symlink = atCwd(sys_symlinkat, 1);
const sys_readlink = atCwd(sys_readlinkat, 0);

// biome-ignore format: one call per line
export const nameSyscalls: readonly SyscallRow[] = [
  { number: 9, name: 'link', args: [['path', 'str'], ['link', 'str']], support: 'full', handler: sys_link },
  { number: 10, name: 'unlink', args: [['path', 'str']], support: 'full', handler: sys_unlink },
  { number: 12, name: 'chdir', args: [['path', 'str']], support: 'full', handler: sys_chdir },
  { number: 13, name: 'fchdir', args: [['fd', 'fd']], support: 'full', handler: sys_fchdir },
  { number: 14, name: 'mknod', args: [['path', 'str'], ['mode', 'mode'], ['dev', 'int']], support: 'partial', note: 'FIFOs only', handler: sys_mknod },
  { number: 33, name: 'access', args: [['path', 'str'], ['flags', 'access']], support: 'full', handler: sys_access },
  { number: 36, name: 'sync', args: [], support: 'full', handler: sys_sync },
  { number: 57, name: 'symlink', args: [['path', 'str'], ['link', 'str']], support: 'full', handler: sys_symlink },
  { number: 58, name: 'readlink', args: [['path', 'str'], ['buf', 'buf-out'], ['count', 'size']], support: 'full', handler: sys_readlink },
  { number: 60, name: 'umask', args: [['newmask', 'mode']], support: 'full', handler: sys_umask },
  { number: 61, name: 'chroot', args: [['path', 'str']], support: 'full', handler: sys_chroot },
  { number: 128, name: 'rename', args: [['from', 'str'], ['to', 'str']], support: 'full', handler: sys_rename },
  { number: 132, name: 'mkfifo', args: [['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_mkfifo },
  { number: 136, name: 'mkdir', args: [['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_mkdir },
  { number: 137, name: 'rmdir', args: [['path', 'str']], support: 'full', handler: sys_rmdir },
  { number: 200, name: 'freebsd6_truncate', args: [['path', 'str'], ['pad', 'pad'], ['length', 'off']], support: 'full', handler: sys_freebsd6_truncate },
  { number: 201, name: 'freebsd6_ftruncate', args: [['fd', 'fd'], ['pad', 'pad'], ['length', 'off']], support: 'full', handler: sys_freebsd6_ftruncate },
  { number: 326, name: '__getcwd', args: [['buf', 'out'], ['buflen', 'uint']], support: 'full', handler: sys_getcwd },
  { number: 376, name: 'eaccess', args: [['path', 'str'], ['flags', 'access']], support: 'full', handler: sys_eaccess },
  { number: 479, name: 'truncate', args: [['path', 'str'], ['length', 'off']], support: 'full', handler: sys_truncate },
  { number: 480, name: 'ftruncate', args: [['fd', 'fd'], ['length', 'off']], support: 'full', handler: sys_ftruncate },
  { number: 489, name: 'faccessat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'access'], ['flag', 'at-flags']], support: 'full', handler: sys_faccessat },
  { number: 495, name: 'linkat', args: [['fd1', 'at-fd'], ['path1', 'str'], ['fd2', 'at-fd'], ['path2', 'str'], ['flag', 'at-flags']], support: 'full', handler: sys_linkat },
  { number: 496, name: 'mkdirat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_mkdirat },
  { number: 497, name: 'mkfifoat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'mode']], support: 'full', handler: sys_mkfifoat },
  { number: 498, name: 'mknodat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'mode'], ['dev', 'int']], support: 'partial', note: 'as mknod', handler: sys_mknodat },
  { number: 500, name: 'readlinkat', args: [['fd', 'at-fd'], ['path', 'str'], ['buf', 'buf-out'], ['bufsize', 'size']], support: 'full', handler: sys_readlinkat },
  { number: 501, name: 'renameat', args: [['oldfd', 'at-fd'], ['old', 'str'], ['newfd', 'at-fd'], ['new', 'str']], support: 'full', handler: sys_renameat },
  { number: 502, name: 'symlinkat', args: [['path1', 'str'], ['fd', 'at-fd'], ['path2', 'str']], support: 'full', handler: sys_symlinkat },
  { number: 503, name: 'unlinkat', args: [['fd', 'at-fd'], ['path', 'str'], ['flag', 'at-flags']], support: 'full', handler: sys_unlinkat },
  { number: 559, name: 'ino64_mknodat', args: [['fd', 'at-fd'], ['path', 'str'], ['mode', 'mode'], ['dev', 'off']], since: '12.0', support: 'partial', note: "12.0's mknodat; FIFOs only", handler: sys_mknodat },
];
