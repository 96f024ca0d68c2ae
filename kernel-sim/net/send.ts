import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EDESTADDRREQ,
  EISCONN,
  EMSGSIZE,
  ENOBUFS,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
} from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { SIGPIPE } from '../abi/signal.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import { psignal } from '../kern/signal.ts';
import type { FileId, Socket, SocketCredentials, SocketId, SocketMessage, SocketName, Thread } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { retainFile } from '../vfs/filedesc.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import { copyFrom, type Uio } from '../vfs/uio.ts';
import { routeDatagram } from './inet.ts';
import {
  disconnect,
  hasOption,
  isAtomic,
  messageCost,
  receiveSpace,
  SOCKET_BYTES_MAX,
  type SocketFile,
  sendChannel,
  sendLowWater,
  sendRoom,
  sendSpace,
  setReceived,
  timeoutDeadline,
  wakeReceivers,
  wakeSenders,
} from './socket.ts';
import { lookupUnix } from './unix.ts';

/* Sending: FreeBSD 9.1 sosend_generic and the pru_send of each protocol. */

/** What goes with the bytes of sendto(2) and sendmsg(2). */
export interface SendOptions {
  /** MSG_ bits. */
  readonly flags: number;
  readonly to: SocketName | null;
  /** SCM_RIGHTS: open files, which get a reference when the message is in the receiver's buffer. */
  readonly files: readonly FileId[];
  readonly credentials: SocketCredentials | null;
}

/** Where the bytes come from: a caller's memory, or a file. */
export interface Source {
  readonly length: number;
  /** At most `max` bytes from `offset` on. EFAULT. */
  readonly read: (offset: number, max: number) => Uint8Array | Errno;
}

export const sourceOf = (k: Kernel, uio: Uio): Source => ({
  length: uio.length,
  read: (offset, max) => copyFrom(k, uio, offset, max),
});

export const PLAIN_SEND: SendOptions = { flags: 0, to: null, files: [], credentials: null };

/** Sends a source's bytes. EPIPE comes with SIGPIPE, unless the caller or the socket does not want it. */
export function sendSocket(
  k: Kernel,
  td: Thread,
  file: SocketFile,
  source: Source,
  options: SendOptions,
  entry: SyscallEntry,
): SyscallResult {
  const result = isAtomic(k.socket(file.socket))
    ? sendMessage(k, td, file, source, options, entry)
    : sendStream(k, file, source, options, entry);
  const silent = (options.flags & so.MSG_NOSIGNAL) !== 0 || hasOption(k.socket(file.socket), so.SO_NOSIGPIPE);
  if (result.kind === 'error' && result.errno === EPIPE && !silent) psignal(k, td.pid, SIGPIPE);
  return result;
}

/** What forbids to send at all; an error that was kept is reported once. */
function sendError(k: Kernel, socket: Socket, { flags, to }: SendOptions): Errno | 0 {
  if (flags & so.MSG_OOB) return EOPNOTSUPP;
  if (socket.cantSend) return EPIPE;
  if (socket.error) {
    k.setSocket(socket.id, { error: 0 });
    return socket.error;
  }
  if (socket.type !== 'dgram') {
    if (socket.state !== 'connected') return ENOTCONN;
    return to && socket.domain === 'unix' ? EISCONN : 0;
  }
  if (to && socket.state === 'connected') return EISCONN;
  return to || socket.state === 'connected' ? 0 : EDESTADDRREQ;
}

/** Waits for room, or says why not. */
function waitForRoom(k: Kernel, file: SocketFile, flags: number, done: number, entry: SyscallEntry): SyscallResult {
  const socket = k.socket(file.socket);
  const deadlineNs = timeoutDeadline(k, socket, so.SO_SNDTIMEO);
  if (entry.woken === 'signal') return done > 0 ? ok(done) : RESTART;
  if (entry.woken === 'timeout' || file.nonblock || flags & so.MSG_DONTWAIT) return done > 0 ? ok(done) : fail(EAGAIN);
  const resume: TransferResume = { file: file.id, done };
  return { kind: 'sleep', wchan: sendChannel(socket.id), wmesg: 'sbwait', deadlineNs, resume };
}

/** Everything, waiting for room as often as needed. Control data goes with the first byte. */
function sendStream(
  k: Kernel,
  file: SocketFile,
  source: Source,
  options: SendOptions,
  entry: SyscallEntry,
): SyscallResult {
  let done = entry.woken === 'first' ? 0 : (entry.resume as TransferResume).done;
  for (;;) {
    const socket = k.socket(file.socket);
    const error = sendError(k, socket, options);
    if (error) return fail(error);
    const left = source.length - done;
    const control = done === 0 && (options.files.length > 0 || options.credentials !== null);
    if (left === 0 && !control) return ok(done);
    if (socket.peer === 0) return sendToNobody(k, socket, source.length);
    const room = sendRoom(k, socket);
    if (room < left && room < sendLowWater(socket)) return waitForRoom(k, file, options.flags, done, entry);
    const bytes = source.read(done, room);
    if (typeof bytes === 'number') return fail(bytes);
    const { files, credentials } = control ? options : PLAIN_SEND;
    if (!deliver(k, socket.peer, { bytes, from: null, files, credentials }, !control)) return fail(ENOBUFS);
    done += bytes.length;
    if (done === source.length) return ok(done);
  }
}

/** TCP: the other end was closed, which the answer to this segment will say. */
function sendToNobody(k: Kernel, socket: Socket, length: number): SyscallResult {
  disconnect(k, socket.id, ECONNRESET);
  return ok(length);
}

/** A datagram or packet: whole, or not at all. */
function sendMessage(
  k: Kernel,
  td: Thread,
  file: SocketFile,
  source: Source,
  options: SendOptions,
  entry: SyscallEntry,
): SyscallResult {
  const socket = k.socket(file.socket);
  const error = sendError(k, socket, options);
  if (error) return fail(error);
  if (source.length > sendSpace(socket)) return fail(EMSGSIZE);
  const { files, credentials } = options;
  if (socket.type === 'seqpacket' && sendRoom(k, socket) < source.length)
    return waitForRoom(k, file, options.flags, 0, entry);
  const bytes = source.read(0, source.length);
  if (typeof bytes === 'number') return fail(bytes);
  if (socket.domain !== 'unix') return sendUdp(k, socket, bytes, options.to ?? socket.remote!);
  const target = options.to ? lookupUnix(k, k.proc(td.pid), unixPath(options.to), socket.type) : k.socket(socket.peer);
  if (typeof target === 'number') return fail(target);
  const from: SocketName | null = socket.type === 'dgram' ? (socket.local ?? { kind: 'unix', path: '' }) : null;
  const message = { bytes, from, files, credentials };
  const full = socket.type === 'dgram' && target.receivedBytes + messageCost(message) > receiveSpace(target);
  if (full || !deliver(k, target.id, message, false)) return fail(ENOBUFS);
  return ok(bytes.length);
}

const unixPath = (name: SocketName): string => (name.kind === 'unix' ? name.path : '');

/** Where nobody is, or no room, a datagram is lost; a connected sender learns of the first by an error (ICMP port unreachable). */
function sendUdp(k: Kernel, socket: Socket, bytes: Uint8Array, name: SocketName): SyscallResult {
  const route = routeDatagram(k, socket, name);
  if (typeof route === 'number') return fail(route);
  const { from, to } = route;
  if (to === null) {
    if (socket.state === 'connected') {
      k.setSocket(socket.id, { error: ECONNREFUSED });
      wakeReceivers(k, socket.id);
      wakeSenders(k, socket.id);
    }
    return ok(bytes.length);
  }
  const message: SocketMessage = { bytes, from, files: [], credentials: null };
  if (to.receivedBytes + messageCost(message) <= receiveSpace(to)) deliver(k, to.id, message, false);
  return ok(bytes.length);
}

/** Puts a message into a receiver's buffer; `joins`: its bytes follow those before them without a border. False: ENOBUFS. */
function deliver(k: Kernel, to: SocketId, message: SocketMessage, joins: boolean): boolean {
  const { received, cantReceive } = k.socket(to);
  // shutdown(2): what still comes is thrown away.
  if (cantReceive) return true;
  if (k.state.counters.socketBytes + messageCost(message) > SOCKET_BYTES_MAX) return false;
  for (const file of message.files) retainFile(k, file);
  const last = received.at(-1);
  if (joins && last) {
    const bytes = new Uint8Array(last.bytes.length + message.bytes.length);
    bytes.set(last.bytes);
    bytes.set(message.bytes, last.bytes.length);
    setReceived(k, to, [...received.slice(0, -1), { ...last, bytes }]);
  } else setReceived(k, to, [...received, message]);
  wakeReceivers(k, to);
  return true;
}
