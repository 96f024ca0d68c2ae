import { EBADF, EFAULT, EFBIG, EINVAL, EIO, EISDIR, ENXIO, EOPNOTSUPP, ESPIPE } from '../abi/errno.ts';
import { RLIMIT_FSIZE } from '../abi/resource.ts';
import { SIGXFSZ } from '../abi/signal.ts';
import type { Kernel } from '../kern/kernel.ts';
import { randomBytes } from '../kern/random.ts';
import { softLimit } from '../kern/resource.ts';
import { psignal } from '../kern/signal.ts';
import type { DeviceName, OpenFile, Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { readSocket } from '../net/receive.ts';
import { PLAIN_SEND, sendSocket, sourceOf } from '../net/send.ts';
import { readMaster, writeMaster } from '../tty/pty.ts';
import { readTty, writeTty } from '../tty/transfer.ts';
import { forgetFilePages, syncFile } from '../vm/shared.ts';
import { readFileRange, writeFileRange } from './file-data.ts';
import { FILE_SIZE_MAX, IO_PIECE } from './limits.ts';
import { readPipe, type TransferResume, writePipe } from './pipe.ts';
import { copyFrom, copyTo, type Uio } from './uio.ts';
import { changeFileData, type RegVnode } from './vnode.ts';

/** Where a transfer takes place: at the open file's own offset, which moves with it, or at a place of its own (pread). */
export type Position = number | 'current';

const ZEROS = new Uint8Array(IO_PIECE);

/** Did another thread close or replace the descriptor while this one slept? Then it has nothing to go on with. */
function isAnotherFile(file: OpenFile, entry: SyscallEntry): boolean {
  return entry.woken !== 'first' && (entry.resume as TransferResume).file !== file.id;
}

export function readOpenFile(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  uio: Uio,
  position: Position,
  entry: SyscallEntry,
): SyscallResult {
  if (!file.readable || isAnotherFile(file, entry)) return fail(EBADF);
  if (file.kind === 'pipe' || file.kind === 'fifo')
    return position === 'current' ? readPipe(k, file, uio, entry) : fail(ESPIPE);
  if (file.kind === 'socket') return position === 'current' ? readSocket(k, file, uio, entry) : fail(ESPIPE);
  if (file.kind === 'ptm') return position === 'current' ? readMaster(k, file, uio, entry) : fail(ESPIPE);
  if (file.kind === 'kqueue') return fail(ENXIO);
  if (file.kind === 'shm' || file.kind === 'procdesc') return fail(EOPNOTSUPP);
  const vnode = k.vnode(file.vnode);
  if (position !== 'current' && position < 0 && vnode.type !== 'chr') return fail(EINVAL);
  const offset = position === 'current' ? file.offset : position;
  switch (vnode.type) {
    case 'chr':
      return readDevice(k, td, file, vnode.device, uio, entry);
    case 'reg':
      return readRegular(k, file, vnode, uio, offset, position);
    case 'sock':
    case 'fifo':
      return fail(EOPNOTSUPP);
    default:
      return fail(EISDIR);
  }
}

export function writeOpenFile(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  uio: Uio,
  position: Position,
  entry: SyscallEntry,
): SyscallResult {
  if (!file.writable || isAnotherFile(file, entry)) return fail(EBADF);
  if (file.kind === 'pipe' || file.kind === 'fifo')
    return position === 'current' ? writePipe(k, td, file, uio, entry) : fail(ESPIPE);
  if (file.kind === 'socket') {
    if (position !== 'current') return fail(ESPIPE);
    return sendSocket(k, td, file, sourceOf(k, uio), PLAIN_SEND, entry);
  }
  if (file.kind === 'ptm') return position === 'current' ? writeMaster(k, file, uio, entry) : fail(ESPIPE);
  if (file.kind === 'kqueue') return fail(ENXIO);
  if (file.kind === 'shm' || file.kind === 'procdesc') return fail(EOPNOTSUPP);
  const vnode = k.vnode(file.vnode);
  if (position !== 'current' && position < 0 && vnode.type !== 'chr') return fail(EINVAL);
  switch (vnode.type) {
    case 'chr':
      return writeDevice(k, td, file, vnode.device, uio, entry);
    case 'reg':
      return writeRegular(k, td, file, vnode, uio, position);
    case 'sock':
    case 'fifo':
      return fail(EOPNOTSUPP);
    default:
      return fail(EISDIR);
  }
}

function readDevice(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  device: DeviceName,
  uio: Uio,
  entry: SyscallEntry,
): SyscallResult {
  switch (device) {
    case 'null':
    case 'tty':
    case 'ptmx':
    case 'dead':
      return ok(0);
    case 'random':
      return readRandom(k, uio);
    case 'zero':
      return readZeros(k, uio);
    default:
      return readTty(k, td, file, device, uio, entry);
  }
}

function writeDevice(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  device: DeviceName,
  uio: Uio,
  entry: SyscallEntry,
): SyscallResult {
  switch (device) {
    case 'null':
    case 'random':
    case 'zero':
      return ok(uio.length);
    case 'tty':
    case 'ptmx':
    case 'dead':
      return fail(EIO);
    default:
      return writeTty(k, td, file, device, uio, entry);
  }
}

function readZeros(k: Kernel, uio: Uio): SyscallResult {
  for (let done = 0; done < uio.length; done += IO_PIECE)
    if (!copyTo(k, uio, done, ZEROS.subarray(0, Math.min(IO_PIECE, uio.length - done)))) return fail(EFAULT);
  return ok(uio.length);
}

/** One reading gives at most IO_PIECE bytes. */
function readRandom(k: Kernel, uio: Uio): SyscallResult {
  const bytes = randomBytes(k, Math.min(uio.length, IO_PIECE));
  return copyTo(k, uio, 0, bytes) ? ok(bytes.length) : fail(EFAULT);
}

function readRegular(
  k: Kernel,
  file: OpenFile,
  stale: RegVnode,
  uio: Uio,
  offset: number,
  position: Position,
): SyscallResult {
  const vnode = syncFile(k, stale, offset, uio.length);
  const total = Math.max(0, Math.min(uio.length, vnode.data.size - offset));
  for (let done = 0; done < total; done += IO_PIECE) {
    const bytes = readFileRange(vnode.data, offset + done, Math.min(IO_PIECE, total - done));
    if (!copyTo(k, uio, done, bytes)) return fail(EFAULT);
  }
  // The buffer may be the file itself, mapped: then it has changed by now.
  if (uio.length > 0) k.setVnode({ ...k.vnode(vnode.id), accessNs: k.now() });
  if (position === 'current') k.setFile({ ...file, offset: offset + total });
  return ok(total);
}

/** All or nothing, as UFS does it (IO_UNIT): EFAULT, EFBIG and ENOSPC leave the file as it was. */
function writeRegular(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  stale: RegVnode,
  uio: Uio,
  position: Position,
): SyscallResult {
  if (uio.length === 0) return ok(0);
  const offset = file.append ? stale.data.size : position === 'current' ? file.offset : position;
  // FreeBSD vn_rlimit_fsize.
  if (offset + uio.length > softLimit(k.proc(td.pid), RLIMIT_FSIZE)) {
    psignal(k, td.pid, SIGXFSZ);
    return fail(EFBIG);
  }
  if (offset + uio.length > FILE_SIZE_MAX) return fail(EFBIG);
  // First all of the caller's memory, which may be the file itself, mapped; then the file as it is after that.
  const pieces: Uint8Array[] = [];
  for (let done = 0; done < uio.length; done += IO_PIECE) {
    const bytes = copyFrom(k, uio, done, IO_PIECE);
    if (typeof bytes === 'number') return fail(bytes);
    pieces.push(bytes);
  }
  const vnode = syncFile(k, k.vnode(stale.id) as RegVnode, offset, uio.length);
  const data = pieces.reduce((file, bytes, n) => writeFileRange(file, offset + n * IO_PIECE, bytes), vnode.data);
  const error = changeFileData(k, td.pid, vnode, data);
  if (error) return fail(error);
  forgetFilePages(k, vnode.id, offset, offset + uio.length);
  if (position === 'current') k.setFile({ ...file, offset: offset + uio.length });
  return ok(uio.length);
}

/** st_size and what lseek(SEEK_END) counts from. */
export const vnodeSize = (vnode: Vnode): number => {
  switch (vnode.type) {
    case 'reg':
      return vnode.data.size;
    case 'lnk':
      return vnode.target.length;
    case 'dir':
      return 512;
    case 'chr':
    case 'sock':
    case 'fifo':
      return 0;
  }
};
