import { EBADF, EFAULT, EINVAL, EMFILE, ENOTTY, EOPNOTSUPP, EOVERFLOW, ESPIPE } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import * as ttycom from '../abi/ttycom.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import type { DeviceName, OpenFile, Thread, TtyName } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { bytesReceived } from '../net/readiness.ts';
import { masterIoctl, ttyIoctl } from '../tty/ioctl.ts';
import { CONSOLE, ttyOf } from '../tty/tty.ts';
import { vnodeSize } from '../vfs/file-io.ts';
import {
  closeDescriptor,
  descriptorsMax,
  fdalloc,
  getFile,
  installDescriptor,
  setCloseOnExec,
} from '../vfs/filedesc.ts';
import { discardPipe, incoming, newPipe } from '../vfs/pipe.ts';
import { fcntlLock } from './file-lock.ts';
import { fileOwner, isFileAsync, ownerIoctl, setFileAsync, setFileOwner } from './file-owner.ts';
import type { SyscallRow } from './row.ts';

/* System calls on descriptors. Their handlers take arguments as the row says. */

function sys_close(k: Kernel, td: Thread, [fd]: readonly number[]): SyscallResult {
  return closeDescriptor(k, td.pid, fd!) ? ok() : fail(EBADF);
}

function sys_closefrom(k: Kernel, td: Thread, [low]: readonly number[]): SyscallResult {
  for (let fd = Math.max(0, low!); fd < k.proc(td.pid).fds.length; fd++) closeDescriptor(k, td.pid, fd);
  return ok();
}

function sys_dup(k: Kernel, td: Thread, [fd]: readonly number[]): SyscallResult {
  return duplicate(k, td, fd!, 0, false);
}

function sys_dup2(k: Kernel, td: Thread, [from, to]: readonly number[]): SyscallResult {
  return duplicateTo(k, td, from!, to!, false);
}

/** A second descriptor for the same open file, the lowest free from `low` on. */
function duplicate(k: Kernel, td: Thread, fd: number, low: number, closeOnExec: boolean): SyscallResult {
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  const copy = fdalloc(k.proc(td.pid), low);
  if (copy === null) return fail(EMFILE);
  installDescriptor(k, td.pid, copy, file.id, closeOnExec);
  return ok(copy);
}

/** As `duplicate`, at a number of the caller's choice; what was open there is closed. */
function duplicateTo(k: Kernel, td: Thread, from: number, to: number, closeOnExec: boolean): SyscallResult {
  const file = getFile(k, td, from);
  if (!file || to < 0 || to >= descriptorsMax(k.proc(td.pid))) return fail(EBADF);
  if (from === to) {
    // dup2 leaves the flag alone; F_DUP2FD_CLOEXEC sets it.
    if (closeOnExec) setCloseOnExec(k, td.pid, to, true);
    return ok(to);
  }
  closeDescriptor(k, td.pid, to);
  installDescriptor(k, td.pid, to, file.id, closeOnExec);
  return ok(to);
}

function sys_getdtablesize(k: Kernel, td: Thread): SyscallResult {
  return ok(descriptorsMax(k.proc(td.pid)));
}

function sys_pipe(k: Kernel, td: Thread): SyscallResult {
  const fds = openPipe(k, td, 0);
  return fds.kind === 'error' ? fds : ok(fds.read, fds.write);
}

/** Differs: 9.0 has no pipe2; Go 1.19 calls it whatever the release is. */
function sys_pipe2(k: Kernel, td: Thread, [out, flags]: readonly number[]): SyscallResult {
  if (flags! & ~(fcntl.O_CLOEXEC | fcntl.O_NONBLOCK)) return fail(EINVAL);
  const fds = openPipe(k, td, flags!);
  if (fds.kind === 'error') return fds;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setInt32(0, fds.read, true);
  new DataView(bytes.buffer).setInt32(4, fds.write, true);
  if (k.copyout(td.pid, out!, bytes)) return ok();
  closeDescriptor(k, td.pid, fds.read);
  closeDescriptor(k, td.pid, fds.write);
  return fail(EFAULT);
}

function openPipe(
  k: Kernel,
  td: Thread,
  flags: number,
): { kind: 'pipe'; read: number; write: number } | Extract<SyscallResult, { kind: 'error' }> {
  const ends = newPipe(k);
  if (typeof ends === 'number') return { kind: 'error', errno: ends };
  const read = fdalloc(k.proc(td.pid));
  const write = read === null ? null : fdalloc(k.proc(td.pid), read + 1);
  if (read === null || write === null) {
    discardPipe(k, ends);
    return { kind: 'error', errno: EMFILE };
  }
  const closeOnExec = (flags & fcntl.O_CLOEXEC) !== 0;
  const nonblock = (flags & fcntl.O_NONBLOCK) !== 0;
  k.setFile({ ...ends.read, nonblock });
  k.setFile({ ...ends.write, nonblock });
  installDescriptor(k, td.pid, read, ends.read.id, closeOnExec);
  installDescriptor(k, td.pid, write, ends.write.id, closeOnExec);
  return { kind: 'pipe', read, write };
}

function sys_fcntl(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [fd, command, arg] = args as [number, number, number];
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  switch (command) {
    case fcntl.F_DUPFD:
    case fcntl.F_DUPFD_CLOEXEC:
      if (arg < 0 || arg >= descriptorsMax(k.proc(td.pid))) return fail(EINVAL);
      return duplicate(k, td, fd, arg, command === fcntl.F_DUPFD_CLOEXEC);
    case fcntl.F_DUP2FD:
    case fcntl.F_DUP2FD_CLOEXEC:
      return duplicateTo(k, td, fd, arg, command === fcntl.F_DUP2FD_CLOEXEC);
    case fcntl.F_GETFD:
      return ok(k.proc(td.pid).fds[fd]!.closeOnExec ? fcntl.FD_CLOEXEC : 0);
    case fcntl.F_SETFD:
      setCloseOnExec(k, td.pid, fd, (arg & fcntl.FD_CLOEXEC) !== 0);
      return ok();
    case fcntl.F_GETFL:
      return ok(openFlags(file) | (isFileAsync(k, file) ? fcntl.O_ASYNC : 0));
    case fcntl.F_SETFL:
      k.setFile({ ...file, append: (arg & fcntl.O_APPEND) !== 0, nonblock: (arg & fcntl.O_NONBLOCK) !== 0 });
      setFileAsync(k, file, (arg & fcntl.O_ASYNC) !== 0);
      return ok();
    case fcntl.F_GETOWN:
      return fileOwner(k, td, file);
    case fcntl.F_SETOWN:
      return setFileOwner(k, td, file, arg);
    default:
      return fcntlLock(k, td, file, command, arg >>> 0, entry);
  }
}

/** The O_ flags that fcntl(F_GETFL) reports. */
export function openFlags(file: OpenFile): number {
  const access = file.writable ? (file.readable ? fcntl.O_RDWR : fcntl.O_WRONLY) : fcntl.O_RDONLY;
  return access | (file.append ? fcntl.O_APPEND : 0) | (file.nonblock ? fcntl.O_NONBLOCK : 0);
}

/** lseek(2) and freebsd6_lseek(2): the result is edx:eax. Source: FreeBSD kern/vfs_syscalls.c. */
function seek(k: Kernel, td: Thread, fd: number, offset: number, whence: number): SyscallResult {
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  if (file.kind !== 'vnode' || k.vnode(file.vnode).type === 'fifo') return fail(ESPIPE);
  const bases: Record<number, number> = {
    [fcntl.SEEK_SET]: 0,
    [fcntl.SEEK_CUR]: file.offset,
    [fcntl.SEEK_END]: vnodeSize(k.vnode(file.vnode)),
  };
  const base = bases[whence];
  if (base === undefined) return fail(EINVAL);
  const target = base + offset;
  if (target > Number.MAX_SAFE_INTEGER) return fail(EOVERFLOW);
  if (target < 0) return fail(EINVAL);
  k.setFile({ ...file, offset: target });
  return ok(target >>> 0, Math.floor(target / 0x100000000));
}

/** FreeBSD kern_ioctl: what every descriptor has, then what its kind of file knows. */
function sys_ioctl(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [fd, com, data] = args as [number, number, number];
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  const command = com >>> 0;
  switch (command) {
    case ttycom.FIOCLEX:
    case ttycom.FIONCLEX:
      setCloseOnExec(k, td.pid, fd, command === ttycom.FIOCLEX);
      return ok();
    case ttycom.FIONBIO: {
      const value = k.fuword(td.pid, data);
      if (value === null) return fail(EFAULT);
      k.setFile({ ...file, nonblock: value !== 0 });
      return ok();
    }
  }
  if (file.kind === 'procdesc') return fail(EOPNOTSUPP);
  const owned = ownerIoctl(k, td, file, command, data);
  if (owned) return owned;
  if (command === ttycom.FIODGNAME) return putDeviceName(k, td, file, data);
  if (command === ttycom.FIODTYPE) return putDeviceType(k, td, file, data);
  if (file.kind === 'ptm') return masterIoctl(k, td, { file, name: file.tty, command, data });
  const name = terminalOf(k, file);
  if (name) return ttyIoctl(k, td, { file, name, command, data }, entry);
  if (command !== ttycom.FIONREAD) return fail(ENOTTY);
  return k.suword(td.pid, data, readable(k, file)) ? ok() : fail(EFAULT);
}

/** FIODGNAME: struct fiodgname_arg {int len; void *buf}; the master of a pseudo-terminal has the name of its slave. */
function putDeviceName(k: Kernel, td: Thread, file: OpenFile, at: number): SyscallResult {
  const device = deviceOf(k, file);
  if (device === null) return fail(ENOTTY);
  const [size, buffer] = [k.fuword(td.pid, at), k.fuword(td.pid, at + 4)];
  if (size === null || buffer === null) return fail(EFAULT);
  const name = bytesOf(`${device}\0`);
  if (name.length > (size | 0)) return fail(EINVAL);
  return k.copyout(td.pid, buffer, name) ? ok() : fail(EFAULT);
}

/** sys/sys/conf.h. */
const D_TTY = 4;

/** FIODTYPE, by which dd(1) knows what it copies. */
function putDeviceType(k: Kernel, td: Thread, file: OpenFile, at: number): SyscallResult {
  if (deviceOf(k, file) === null) return fail(ENOTTY);
  return k.suword(td.pid, at, file.kind === 'ptm' || terminalOf(k, file) ? D_TTY : 0) ? ok() : fail(EFAULT);
}

/** The device that an open file is, if it is one. */
function deviceOf(k: Kernel, file: OpenFile): DeviceName | null {
  if (file.kind === 'ptm') return file.tty;
  const vnode = file.kind === 'vnode' ? k.vnode(file.vnode) : null;
  return vnode?.type === 'chr' ? vnode.device : null;
}

/** The terminal that an open file is; null: none, or none that says so. */
function terminalOf(k: Kernel, file: OpenFile): TtyName | null {
  if (file.kind !== 'vnode') return null;
  const tty = ttyOf(k, k.vnode(file.vnode));
  return tty && (tty.name !== CONSOLE || k.config.consoleIsTty) ? tty.name : null;
}

/** FIONREAD: bytes that a read would get now. */
function readable(k: Kernel, file: OpenFile): number {
  if (file.kind === 'pipe') return incoming(k.pipe(file.pipe), file.end).length;
  if (file.kind === 'fifo') return k.pipe(file.pipe).toRead.length;
  if (file.kind === 'kqueue' || file.kind === 'shm' || file.kind === 'ptm' || file.kind === 'procdesc') return 0;
  if (file.kind === 'socket') return bytesReceived(k, file.socket);
  const vnode = k.vnode(file.vnode);
  if (vnode.type === 'chr') return ttyOf(k, vnode)?.readable ?? 0;
  return Math.max(0, vnodeSize(vnode) - file.offset);
}

function sys_fsync(k: Kernel, td: Thread, [fd]: readonly number[]): SyscallResult {
  const file = getFile(k, td, fd!);
  if (!file) return fail(EBADF);
  return file.kind === 'vnode' ? ok() : fail(EINVAL);
}

type Args = readonly number[];
const sys_lseek = (k: Kernel, td: Thread, [fd, offset, whence]: Args): SyscallResult =>
  seek(k, td, fd!, offset!, whence!);
const sys_freebsd6_lseek = (k: Kernel, td: Thread, [fd, , offset, whence]: Args, _entry: SyscallEntry): SyscallResult =>
  seek(k, td, fd!, offset!, whence!);

// biome-ignore format: one call per line
export const descriptorSyscalls: readonly SyscallRow[] = [
  { number: 6, name: 'close', args: [['fd', 'fd']], support: 'full', handler: sys_close },
  { number: 41, name: 'dup', args: [['fd', 'fd']], support: 'full', handler: sys_dup },
  { number: 42, name: 'pipe', args: [], returns: 'pair', support: 'full', handler: sys_pipe },
  { number: 54, name: 'ioctl', args: [['fd', 'fd'], ['com', 'ioctl'], ['data', 'inout']], support: 'partial', note: 'of descriptors FIOCLEX FIONCLEX FIONBIO FIOASYNC FIOSETOWN FIOGETOWN FIONREAD FIODGNAME FIODTYPE; of terminals all but what is for modems', handler: sys_ioctl },
  { number: 89, name: 'getdtablesize', args: [], support: 'full', handler: sys_getdtablesize },
  { number: 90, name: 'dup2', args: [['from', 'fd'], ['to', 'fd']], support: 'full', handler: sys_dup2 },
  { number: 92, name: 'fcntl', args: [['fd', 'fd'], ['cmd', 'fcntl'], ['arg', 'int']], support: 'full', handler: sys_fcntl },
  { number: 95, name: 'fsync', args: [['fd', 'fd']], support: 'full', handler: sys_fsync },
  { number: 199, name: 'freebsd6_lseek', args: [['fd', 'fd'], ['pad', 'pad'], ['offset', 'off'], ['whence', 'whence']], returns: 'off', support: 'full', handler: sys_freebsd6_lseek },
  { number: 478, name: 'lseek', args: [['fd', 'fd'], ['offset', 'off'], ['whence', 'whence']], returns: 'off', support: 'full', handler: sys_lseek },
  { number: 509, name: 'closefrom', args: [['lowfd', 'int']], support: 'full', handler: sys_closefrom },
  { number: 542, name: 'pipe2', args: [['fds', 'out'], ['flags', 'open-flags']], since: '10.0', support: 'full', handler: sys_pipe2 },
];
