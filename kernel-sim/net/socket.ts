import { ECONNABORTED, ECONNRESET, ENFILE } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import * as so from '../abi/socket.ts';
import { fileEvent } from '../kern/file-event.ts';
import type { Kernel } from '../kern/kernel.ts';
import { forgetSigio, sendSigio } from '../kern/sigio.ts';
import { wakeup } from '../kern/sleep.ts';
import type { OpenFile, Proc, Socket, SocketCredentials, SocketId, SocketMessage } from '../kern/state.ts';
import { newFile, releaseFile } from '../vfs/filedesc.ts';
import { reapVnode } from '../vfs/vnode.ts';

/* What sockets of every kind share: their life from socket(2) to the last close. FreeBSD 9.1 kern/uipc_socket.c, uipc_sockbuf.c. */

export type SocketFile = Extract<OpenFile, { kind: 'socket' }>;

/** Sockets in all (kern.ipc.maxsockets), and bytes in their buffers, where FreeBSD runs out of mbufs: ENOBUFS. */
const SOCKETS_MAX = 25600;
export const SOCKET_BYTES_MAX = 64 << 20;
/** kern.ipc.maxsockbuf: the most that SO_SNDBUF and SO_RCVBUF take. */
export const SOCKET_SPACE_MAX = 2 << 20;
/** What a message costs beside its bytes: the mbuf of its name and control data. */
const MESSAGE_OVERHEAD = 16;

export const receiveChannel = (id: SocketId): string => `socket:${id}:receive`;
export const sendChannel = (id: SocketId): string => `socket:${id}:send`;

/** FreeBSD sorwakeup: there is something to receive, to accept, or an end of it. */
export function wakeReceivers(k: Kernel, id: SocketId): void {
  wakeup(k, receiveChannel(id));
  sendSigio(k, `socket:${id}`);
  fileEvent(k, { socket: id });
}

/** FreeBSD sowwakeup: there is room, or no use in waiting for it. */
export function wakeSenders(k: Kernel, id: SocketId): void {
  wakeup(k, sendChannel(id));
  sendSigio(k, `socket:${id}`);
  fileEvent(k, { socket: id });
}

export const credentialsOf = ({ pid, uid, gid }: Proc): SocketCredentials => ({ pid, uid, gid });

/** A socket that nothing refers to yet. ENFILE: there are too many. */
export function newSocket(
  k: Kernel,
  { domain, type, owner }: Pick<Socket, 'domain' | 'type' | 'owner'>,
  patch: Partial<Socket> = {},
): Socket | Errno {
  if (k.state.sockets.size >= SOCKETS_MAX) return ENFILE;
  const socket: Socket = {
    id: k.next('nextSocket'),
    domain,
    type,
    state: 'open',
    local: null,
    remote: null,
    vnode: 0,
    peer: 0,
    cantSend: false,
    cantReceive: false,
    error: 0,
    received: [],
    receivedBytes: 0,
    backlog: 0,
    pending: [],
    listener: 0,
    options: {},
    owner,
    peerOwner: null,
    ...patch,
  };
  k.state.sockets.set(socket.id, socket);
  return socket;
}

/** The open file of a socket, without references. ENFILE: then the socket is gone, too. */
export function newSocketFile(k: Kernel, socket: SocketId, nonblock: boolean): OpenFile | Errno {
  const file = newFile(k, {
    ...{ kind: 'socket', socket, readable: true, writable: true, append: false, offset: 0 },
    nonblock,
  } as const);
  if (typeof file === 'number') closeSocket(k, socket);
  return file;
}

// ---- options that the other parts ask for ------------------------------------------------------------------------------

export const optionName = (level: number, name: number): string => `${level}:${name}`;

/** A flag of SOL_SOCKET. */
export const hasOption = (socket: Socket, name: number): boolean =>
  (socket.options[optionName(so.SOL_SOCKET, name)] ?? 0) !== 0;

/** Send and receive space: net.inet.tcp, net.inet.udp, net.local.stream and net.local.dgram of 9.0. */
type Space = readonly [send: number, receive: number];
export const TCP_SPACE: Space = [32768, 65536];
export const UDP_SPACE: Space = [9216, 42080];
const LOCAL_STREAM_SPACE: Space = [8192, 8192];
const LOCAL_DGRAM_SPACE: Space = [2048, 4096];

function defaultSpace({ domain, type }: Socket): Space {
  if (domain === 'unix') return type === 'dgram' ? LOCAL_DGRAM_SPACE : LOCAL_STREAM_SPACE;
  return type === 'stream' ? TCP_SPACE : UDP_SPACE;
}

const intOption = (socket: Socket, name: number, otherwise: number): number =>
  socket.options[optionName(so.SOL_SOCKET, name)] ?? otherwise;
export const sendSpace = (socket: Socket): number => intOption(socket, so.SO_SNDBUF, defaultSpace(socket)[0]);
export const receiveSpace = (socket: Socket): number => intOption(socket, so.SO_RCVBUF, defaultSpace(socket)[1]);
export const sendLowWater = (socket: Socket): number =>
  Math.min(intOption(socket, so.SO_SNDLOWAT, 2048), sendSpace(socket));
export const receiveLowWater = (socket: Socket): number =>
  Math.min(intOption(socket, so.SO_RCVLOWAT, 1), receiveSpace(socket));
/** SO_RCVTIMEO or SO_SNDTIMEO as a deadline from now; null: none. */
export function timeoutDeadline(k: Kernel, socket: Socket, name: number): number | null {
  const ns = intOption(socket, name, 0);
  return ns === 0 ? null : k.now() + ns;
}

// ---- buffers -----------------------------------------------------------------------------------------------------------

/** Datagrams and packets keep their borders. */
export const isAtomic = (socket: Socket): boolean => socket.type !== 'stream';

export const messageCost = ({ bytes, from, files, credentials }: SocketMessage): number =>
  bytes.length + (from || files.length > 0 || credentials ? MESSAGE_OVERHEAD : 0);

/**
 * Room for bytes that a connected stream sends: what its peer has not read yet counts.
 * Differs: a TCP socket's send buffer is part of its peer's receive buffer.
 */
export function sendRoom(k: Kernel, socket: Socket): number {
  if (socket.type === 'dgram' || socket.peer === 0) return sendSpace(socket);
  const peer = k.socket(socket.peer);
  const space = sendSpace(socket) + (socket.domain === 'unix' ? 0 : receiveSpace(peer));
  return Math.max(0, space - peer.receivedBytes);
}

/** Gives a socket other contents of its receive buffer, and counts them. */
export function setReceived(k: Kernel, id: SocketId, received: readonly SocketMessage[]): void {
  const receivedBytes = received.reduce((sum, message) => sum + messageCost(message), 0);
  const grows = receivedBytes - k.socket(id).receivedBytes;
  k.setSocket(id, { received, receivedBytes });
  k.setCounters({ socketBytes: k.state.counters.socketBytes + grows });
}

/** Throws away what was received (sorflush); open files on their way are closed. */
export function discardReceived(k: Kernel, id: SocketId): void {
  const { received } = k.socket(id);
  setReceived(k, id, []);
  for (const { files } of received) for (const file of files) releaseFile(k, file);
}

// ---- ends --------------------------------------------------------------------------------------------------------------

/** FreeBSD soisdisconnected: nothing goes in or out any more. What was received can still be read. */
export function disconnect(k: Kernel, id: SocketId, error: Errno | 0): void {
  k.setSocket(id, { state: 'closed', peer: 0, cantSend: true, cantReceive: true, ...(error ? { error } : {}) });
  wakeReceivers(k, id);
  wakeSenders(k, id);
}

/** The other end of a connected stream is gone, by close(2) or (`error`) because it never was accepted. */
function loseStreamPeer(k: Kernel, id: SocketId, error: Errno | 0): void {
  const { domain } = k.socket(id);
  if (domain === 'unix' || error) {
    disconnect(k, id, error);
    return;
  }
  // TCP: there is no more to read; that nobody reads shows when something is sent.
  k.setSocket(id, { peer: 0, cantReceive: true });
  wakeReceivers(k, id);
  wakeSenders(k, id);
}

/** The last reference is gone, or with `error` the queue in which it waited to be accepted. */
export function closeSocket(k: Kernel, id: SocketId, error: Errno | 0 = 0): void {
  const socket = k.socket(id);
  const { domain, peer, pending, vnode } = socket;
  if (socket.type === 'dgram') {
    for (const other of [...k.state.sockets.values()].sort((a, b) => a.id - b.id)) {
      if (other.peer !== id || other.id === id) continue;
      k.setSocket(other.id, { peer: 0, remote: null, state: 'open', error: ECONNRESET });
      wakeReceivers(k, other.id);
    }
  } else if (peer !== 0) {
    // SO_LINGER with no time to linger: a connection is reset.
    const resets = domain !== 'unix' && socket.options[optionName(so.SOL_SOCKET, so.SO_LINGER)] === 0;
    loseStreamPeer(k, peer, error || (resets ? ECONNRESET : 0));
  }
  const abort = domain === 'unix' ? ECONNABORTED : ECONNRESET;
  for (const waiting of pending) closeSocket(k, waiting, abort);
  discardReceived(k, id);
  k.state.sockets.delete(id);
  forgetSigio(k, `socket:${id}`);
  // A thread may have closed what its sibling waits for.
  wakeup(k, receiveChannel(id));
  wakeup(k, sendChannel(id));
  if (vnode !== 0) reapVnode(k, vnode);
}
