import { assert } from '../../emu/base/errors.ts';
import { ENFILE, ENXIO } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { RLIMIT_NOFILE } from '../abi/resource.ts';
import type { Kernel } from '../kern/kernel.ts';
import { closeKqueue, descriptorClosed, handOverKqueues } from '../kern/kqueue.ts';
import { closeProcdesc } from '../kern/procdesc.ts';
import { softLimit } from '../kern/resource.ts';
import { endSharing, setTable, sharersOf } from '../kern/sharing.ts';
import type { FdEntry, FileId, OpenFile, Proc, Thread, VnodeId } from '../kern/state.ts';
import { collectGarbage } from '../net/garbage.ts';
import { closeSocket } from '../net/socket.ts';
import { closeMaster } from '../tty/pty.ts';
import { CONSOLE, terminalClosed, ttyOf } from '../tty/tty.ts';
import { reapPosixShm } from '../vm/posix-shm.ts';
import { dropFileLock, dropProcessLocks, lockOwnerOf } from './file-lock.ts';
import { FILES_PER_PROC_MAX, OPEN_FILES_MAX } from './limits.ts';
import { hostCredentials, lookupPath } from './namei.ts';
import { closeFifo, closePipeEnd } from './pipe.ts';
import { reapVnode } from './vnode.ts';

export type Descriptors = Proc['fds'];

/** What a new open file is, beside its number and count. */
export type OpenFileBody = OpenFile extends infer F ? (F extends OpenFile ? Omit<F, 'id' | 'refs'> : never) : never;

/** An open file with a name in the tree. */
export type NamedFile = Extract<OpenFile, { vnode: VnodeId }>;
export const isNamed = (file: OpenFile): file is NamedFile => file.kind === 'vnode' || file.kind === 'fifo';

/** The open file behind a descriptor; null is EBADF. */
export function getFile(k: Kernel, td: Thread, fd: number): OpenFile | null {
  const entry = k.proc(td.pid).fds[fd];
  return entry ? k.file(entry.file) : null;
}

/** FreeBSD getmaxfd: RLIMIT_NOFILE and what the machine allows. */
export const descriptorsMax = (p: Proc): number => Math.min(softLimit(p, RLIMIT_NOFILE), FILES_PER_PROC_MAX);

/** FreeBSD fdalloc: the lowest free descriptor from `low` on; null is EMFILE. */
export function fdalloc(p: Proc, low = 0): number | null {
  const most = descriptorsMax(p);
  for (let fd = low; fd < most; fd++) if (!p.fds[fd]) return fd;
  return null;
}

/** Makes an open file that nothing refers to yet. ENFILE: the machine has too many. */
export function newFile(k: Kernel, body: OpenFileBody): OpenFile | Errno {
  if (k.state.files.size >= OPEN_FILES_MAX) return ENFILE;
  const file = { ...body, id: k.next('nextFile'), refs: 0 };
  k.setFile(file);
  return file;
}

/** Lets a free descriptor refer to an open file, which gets one more reference. */
export function installDescriptor(k: Kernel, pid: Pid, fd: number, file: FileId, closeOnExec: boolean): void {
  assert(!k.proc(pid).fds[fd], `descriptor ${fd} of process ${pid} is taken`);
  retainFile(k, file);
  setEntry(k, pid, fd, { file, closeOnExec });
}

/** close(2) of a descriptor; false is EBADF. */
export function closeDescriptor(k: Kernel, pid: Pid, fd: number): boolean {
  const entry = k.proc(pid).fds[fd];
  if (!entry) return false;
  descriptorClosed(k, pid, fd);
  for (const sharer of sharersOf(k, k.proc(pid), 'fds')) dropProcessLocks(k, lockOwnerOf(sharer), k.file(entry.file));
  setEntry(k, pid, fd, null);
  releaseFile(k, entry.file);
  return true;
}

/** The flag FD_CLOEXEC of a descriptor that is open. */
export function setCloseOnExec(k: Kernel, pid: Pid, fd: number, closeOnExec: boolean): void {
  const entry = k.proc(pid).fds[fd];
  assert(entry, `descriptor ${fd} of process ${pid} is not open`);
  setEntry(k, pid, fd, { ...entry, closeOnExec });
}

/** The descriptors of a child: the same open files, each with one more reference; kqueues are not inherited. */
export function forkDescriptors(k: Kernel, parent: Proc): Descriptors {
  const fds = parent.fds.map((entry) => (entry && k.file(entry.file).kind === 'kqueue' ? null : entry));
  for (const entry of fds) if (entry) retainFile(k, entry.file);
  return trim(fds);
}

/** FreeBSD fdunshare: a table that others have, too, is copied, so that it is the process's own. */
export function unshareDescriptors(k: Kernel, pid: Pid): void {
  const p = k.proc(pid);
  if (p.fdGroup === 0) return;
  const fds = forkDescriptors(k, p);
  leaveTable(k, pid);
  k.setProc(pid, { fds });
}

/** A process lets go of a table that goes on to be that of others: its locks go, its kqueues are one of theirs now. */
export function leaveTable(k: Kernel, pid: Pid): void {
  const p = k.proc(pid);
  const others = sharersOf(k, p, 'fds').filter((other) => other.pid !== pid);
  const owner = lockOwnerOf(p);
  if (!others.some((other) => lockOwnerOf(other) === owner))
    for (const entry of p.fds) if (entry) dropProcessLocks(k, owner, k.file(entry.file));
  handOverKqueues(k, pid, others[0]!.pid);
  endSharing(k, pid, 'fds');
  k.setProc(pid, { fds: [] });
}

/** What exit(2) does with the descriptors. */
export function closeAllDescriptors(k: Kernel, pid: Pid): void {
  if (k.proc(pid).fdGroup !== 0) leaveTable(k, pid);
  else closeWhere(k, pid, () => true);
}

/** What execve(2) does with the descriptors. */
export function closeOnExec(k: Kernel, pid: Pid): void {
  unshareDescriptors(k, pid);
  closeWhere(k, pid, (entry) => entry.closeOnExec);
}

/**
 * Descriptors 0, 1 and 2 of a process that the host starts: one open file on /dev/console, for reading and writing. Errors: ENOENT,
 * ENXIO and others when the guest has taken the console away or put something else in its place, ENFILE.
 */
export function openConsoleDescriptors(k: Kernel): Descriptors | Errno {
  const vnode = lookupPath(k, hostCredentials(k), '/dev/console', { follow: true });
  if (typeof vnode === 'number') return vnode;
  if (vnode.type !== 'chr' || vnode.device !== CONSOLE) return ENXIO;
  const file = newFile(k, {
    kind: 'vnode',
    vnode: vnode.id,
    readable: true,
    writable: true,
    append: false,
    nonblock: false,
    offset: 0,
  });
  if (typeof file === 'number') return file;
  k.setFile({ ...file, refs: 3 });
  const entry: FdEntry = { file: file.id, closeOnExec: false };
  return [entry, entry, entry];
}

export function retainFile(k: Kernel, id: FileId): void {
  const file = k.file(id);
  k.setFile({ ...file, refs: file.refs + 1 });
}

/** One reference less; without any, the file is closed: a pipe loses the end, a socket ends, a vnode may be gone. */
export function releaseFile(k: Kernel, id: FileId): void {
  const file = k.file(id);
  assert(file.refs > 0, `open file ${id} released once too often`);
  if (file.refs > 1) {
    k.setFile({ ...file, refs: file.refs - 1 });
    if (file.kind === 'socket') collectGarbage(k);
    return;
  }
  k.state.files.delete(id);
  if (file.kind === 'pipe') closePipeEnd(k, file.pipe, file.end);
  else if (file.kind === 'kqueue') closeKqueue(k, file.kqueue);
  else if (file.kind === 'socket') closeSocket(k, file.socket);
  else if (file.kind === 'shm') reapPosixShm(k, file.shm);
  else if (file.kind === 'ptm') closeMaster(k, file.tty);
  else if (file.kind === 'procdesc') closeProcdesc(k, file);
  else {
    if (file.kind === 'fifo') closeFifo(k, file);
    const tty = ttyOf(k, k.vnode(file.vnode));
    if (tty) terminalClosed(k, tty.name);
    dropFileLock(k, file);
    reapVnode(k, file.vnode);
  }
}

/** Of a table that is nobody else's. */
function closeWhere(k: Kernel, pid: Pid, closes: (entry: FdEntry) => boolean): void {
  const { fds } = k.proc(pid);
  const keep = fds.map((entry) => (entry && closes(entry) ? null : entry));
  fds.forEach((entry, fd) => {
    if (!entry || !closes(entry)) return;
    descriptorClosed(k, pid, fd);
    dropProcessLocks(k, lockOwnerOf(k.proc(pid)), k.file(entry.file));
  });
  k.setProc(pid, { fds: trim(keep) });
  for (const entry of fds) if (entry && closes(entry)) releaseFile(k, entry.file);
}

function setEntry(k: Kernel, pid: Pid, fd: number, entry: FdEntry | null): void {
  const fds = [...k.proc(pid).fds];
  while (fds.length < fd) fds.push(null);
  fds[fd] = entry;
  setTable(k, pid, 'fds', trim(fds));
}

/** A table ends in a descriptor that is open. */
function trim(fds: (FdEntry | null)[]): Descriptors {
  let length = fds.length;
  while (length > 0 && !fds[length - 1]) length--;
  return fds.slice(0, length);
}
