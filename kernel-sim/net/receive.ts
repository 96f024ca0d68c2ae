import { EAGAIN, EFAULT, ENOTCONN, EOPNOTSUPP } from '../abi/errno.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Socket, SocketMessage } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { releaseFile } from '../vfs/filedesc.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import { copyTo, type Uio } from '../vfs/uio.ts';
import {
  isAtomic,
  receiveChannel,
  receiveLowWater,
  type SocketFile,
  setReceived,
  timeoutDeadline,
  wakeSenders,
} from './socket.ts';

/* Receiving: FreeBSD 9.1 soreceive_generic. */

/** Bytes that are in the caller's memory now, and what came with them. */
export interface Received {
  readonly kind: 'received';
  readonly length: number;
  /** Who sent the datagram. The open files have to be taken or released. */
  readonly message: Pick<SocketMessage, 'from' | 'files' | 'credentials'>;
  /** MSG_TRUNC: the datagram was longer. */
  readonly truncated: boolean;
}

const NO_CONTROL: Received['message'] = { from: null, files: [], credentials: null };

/** Receives into a transfer. With MSG_WAITALL a stream waits until all of it is there; otherwise what is there will do. */
export function receiveSocket(
  k: Kernel,
  file: SocketFile,
  uio: Uio,
  flags: number,
  entry: SyscallEntry,
): Received | SyscallResult {
  if (flags & so.MSG_OOB) return fail(EOPNOTSUPP);
  let done = entry.woken === 'first' ? 0 : (entry.resume as TransferResume).done;
  for (;;) {
    const socket = k.socket(file.socket);
    const [first] = socket.received;
    const all = (flags & so.MSG_WAITALL) !== 0 && !isAtomic(socket);
    if (first && (done === 0 || !hasControl(first)) && isEnough(socket)) {
      const taken = takeFirst(k, socket, first, uio, done, flags);
      if (taken.kind !== 'received') return taken;
      done = taken.length;
      if (!all || done === uio.length || flags & so.MSG_PEEK || hasControl(taken.message)) return taken;
      continue;
    }
    const ended = endOf(k, socket, first, done, uio);
    if (ended) return ended;
    const received: Received = { kind: 'received', length: done, message: NO_CONTROL, truncated: false };
    const deadlineNs = timeoutDeadline(k, socket, so.SO_RCVTIMEO);
    if (entry.woken === 'signal') return done > 0 ? received : RESTART;
    if (entry.woken === 'timeout' || file.nonblock || flags & so.MSG_DONTWAIT)
      return done > 0 ? received : fail(EAGAIN);
    const resume: TransferResume = { file: file.id, done };
    return { kind: 'sleep', wchan: receiveChannel(socket.id), wmesg: 'sbwait', deadlineNs, resume };
  }
}

const hasControl = ({ files, credentials }: Received['message']): boolean => files.length > 0 || credentials !== null;

/** SO_RCVLOWAT: a stream may want to be left alone until so much is there. */
const isEnough = (socket: Socket): boolean =>
  isAtomic(socket) || socket.cantReceive || socket.error !== 0 || socket.receivedBytes >= receiveLowWater(socket);

/** What ends the call when there is nothing to take: an error, an end of file, no connection, nothing asked for. */
function endOf(
  k: Kernel,
  socket: Socket,
  first: SocketMessage | undefined,
  done: number,
  uio: Uio,
): Received | SyscallResult | null {
  const received: Received = { kind: 'received', length: done, message: NO_CONTROL, truncated: false };
  if (first && done > 0) return received;
  if (socket.error) {
    if (done > 0) return received;
    k.setSocket(socket.id, { error: 0 });
    return fail(socket.error);
  }
  if (socket.cantReceive) return received;
  if (socket.type !== 'dgram' && socket.state !== 'connected') return fail(ENOTCONN);
  return uio.length === 0 ? received : null;
}

/** Takes what fits from the first message; with MSG_PEEK it stays, and its open files stay with it. */
function takeFirst(
  k: Kernel,
  socket: Socket,
  first: SocketMessage,
  uio: Uio,
  done: number,
  flags: number,
): Received | SyscallResult {
  const size = Math.min(first.bytes.length, uio.length - done);
  if (!copyTo(k, uio, done, first.bytes.subarray(0, size))) return fail(EFAULT);
  const truncated = isAtomic(socket) && size < first.bytes.length;
  const { from, files, credentials } = first;
  const length = done + size;
  if (flags & so.MSG_PEEK) return { kind: 'received', length, message: { ...NO_CONTROL, from }, truncated };
  const rest = socket.received.slice(1);
  const left = { ...NO_CONTROL, bytes: first.bytes.subarray(size) };
  setReceived(k, socket.id, isAtomic(socket) || left.bytes.length === 0 ? rest : [left, ...rest]);
  if (socket.type !== 'dgram' && socket.peer !== 0) wakeSenders(k, socket.peer);
  return { kind: 'received', length, message: { from, files, credentials }, truncated };
}

/** read(2): open files that come with the bytes are closed. */
export function readSocket(k: Kernel, file: SocketFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  const result = receiveSocket(k, file, uio, 0, entry);
  if (result.kind !== 'received') return result;
  for (const id of result.message.files) releaseFile(k, id);
  return ok(result.length);
}
