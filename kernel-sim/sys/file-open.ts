import {
  EBADF,
  EBUSY,
  EEXIST,
  EINTR,
  EINVAL,
  EISDIR,
  EMFILE,
  EMLINK,
  ENOENT,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  ETXTBSY,
} from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { ALLPERMS, S_ISVTX } from '../abi/stat.ts';
import { terminalOf } from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { openMaster } from '../tty/pty.ts';
import { terminalOpened, ttyOf } from '../tty/tty.ts';
import { createFile } from '../vfs/directory.ts';
import { type FifoResume, newFifoFile, otherSideCame, waitForOtherSide } from '../vfs/fifo.ts';
import type { LockResume } from '../vfs/file-lock.ts';
import { closeDescriptor, fdalloc, getFile, installDescriptor, newFile } from '../vfs/filedesc.ts';
import { readHostFile } from '../vfs/host-folder.ts';
import { hostCredentials, lookupPath } from '../vfs/namei.ts';
import { checkAccess, isRunningText, resizeVnode } from '../vfs/vnode.ts';
import { flockFile } from './file-lock.ts';
import { userFound } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

type Args = readonly number[];

function sys_open(k: Kernel, td: Thread, [path, flags, mode]: Args, entry: SyscallEntry): SyscallResult {
  return openAt(k, td, [fcntl.AT_FDCWD, path!, flags!, mode!], entry);
}

function sys_openat(k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult {
  return openAt(k, td, args as [number, number, number, number], entry);
}

/** FreeBSD kern_openat and vn_open. The descriptor is found first: a full table creates no file. */
function openAt(
  k: Kernel,
  td: Thread,
  [dirfd, path, flags, mode]: readonly [number, number, number, number],
  entry: SyscallEntry,
): SyscallResult {
  if (entry.woken !== 'first') return goOn(k, td, entry);
  const access = flags & fcntl.O_ACCMODE;
  if (access === fcntl.O_ACCMODE || (flags & fcntl.O_EXEC && access !== fcntl.O_RDONLY)) return fail(EINVAL);
  if ((flags & LOCK_FLAGS) === LOCK_FLAGS) return fail(EINVAL);
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const vnode = openVnode(k, td, dirfd, path, flags, mode);
  if (typeof vnode === 'number') return fail(vnode);
  const how = {
    readable: access !== fcntl.O_WRONLY && (flags & fcntl.O_EXEC) === 0,
    writable: access !== fcntl.O_RDONLY,
    nonblock: (flags & fcntl.O_NONBLOCK) !== 0,
  };
  const append = (flags & fcntl.O_APPEND) !== 0;
  // Who opens a FIFO to execute it (O_EXEC) has neither of its ends.
  const file =
    vnode.type === 'fifo' && (how.readable || how.writable)
      ? newFifoFile(k, vnode.id, how)
      : vnode.type === 'chr' && vnode.device === 'ptmx'
        ? openMaster(k, k.proc(td.pid), how)
        : newFile(k, { kind: 'vnode', vnode: vnode.id, ...how, append, offset: 0 });
  if (typeof file === 'number') return fail(file);
  installDescriptor(k, td.pid, fd, file.id, (flags & fcntl.O_CLOEXEC) !== 0);
  if (file.kind === 'fifo') return waitForOtherSide(k, fd, file);
  return flags & LOCK_FLAGS ? lockOpened(k, td, fd, flags, entry) : ok(fd);
}

const LOCK_FLAGS = fcntl.O_SHLOCK | fcntl.O_EXLOCK;

/** What open(2) remembers while it waits for a lock. */
interface OpenLockResume extends LockResume {
  readonly fd: number;
  readonly flags: number;
}

/** The open file gets its lock, or is closed again. */
function lockOpened(k: Kernel, td: Thread, fd: number, flags: number, entry: SyscallEntry): SyscallResult {
  const file = getFile(k, td, fd);
  if (file?.kind !== 'vnode') return fail(EBADF);
  const how = flags & fcntl.O_EXLOCK ? fcntl.LOCK_EX : fcntl.LOCK_SH;
  const result = flockFile(k, file, file.nonblock ? how | fcntl.LOCK_NB : how, entry);
  if (result.kind === 'return') return ok(fd);
  if (result.kind === 'sleep') {
    const resume: OpenLockResume = { ...(result.resume as LockResume), fd, flags };
    return { ...result, resume };
  }
  closeDescriptor(k, td.pid, fd);
  return result.kind === 'restart' ? fail(EINTR) : result;
}

/** open(2) has waited for a lock, or for the other side of a FIFO. */
function goOn(k: Kernel, td: Thread, entry: SyscallEntry): SyscallResult {
  const resume = entry.resume as OpenLockResume | FifoResume;
  if (!('wanted' in resume)) return otherSideCame(k, td, entry);
  const { fd, flags, file } = resume;
  return k.proc(td.pid).fds[fd]?.file === file ? lockOpened(k, td, fd, flags, entry) : fail(EBADF);
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
  if (vnode.type === 'reg') {
    const file = readHostFile(k, vnode);
    if (typeof file === 'number') return file;
    const error = flags & fcntl.O_TRUNC ? resizeVnode(k, td.pid, file, 0) : 0;
    if (error) return error;
  }
  return vnode.type === 'chr' ? deviceToOpen(k, td, vnode) : k.vnode(vnode.id);
}

/** /dev/tty is the terminal of the caller's session: ENXIO without one. EBUSY: somebody has a terminal for himself alone. */
function deviceToOpen(k: Kernel, td: Thread, vnode: Extract<Vnode, { type: 'chr' }>): Vnode | Errno {
  const p = k.proc(td.pid);
  if (vnode.device === 'dead') return ENXIO;
  const tty = vnode.device === 'tty' && p.controlTerminal ? terminalOf(k, p.sid) : ttyOf(k, vnode);
  // The name of a pseudo-terminal may have outlived it.
  if (!tty) return vnode.device === 'tty' || vnode.device.startsWith('pts/') ? ENXIO : vnode;
  if (tty.gone) return ENXIO;
  if (tty.exclusive && p.uid !== 0) return EBUSY;
  terminalOpened(k, tty.name);
  return vnode.device === 'tty' ? lookupPath(k, hostCredentials(k), `/dev/${tty.name}`, { follow: false }) : vnode;
}

// biome-ignore format: one call per line
export const openSyscalls: readonly SyscallRow[] = [
  { number: 5, name: 'open', args: [['path', 'str'], ['flags', 'open-flags'], ['mode', 'mode']], support: 'full', handler: sys_open },
  { number: 499, name: 'openat', args: [['fd', 'at-fd'], ['path', 'str'], ['flag', 'open-flags'], ['mode', 'mode']], support: 'full', handler: sys_openat },
];
