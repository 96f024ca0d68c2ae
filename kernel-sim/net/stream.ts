import type { Kernel } from '../kern/kernel.ts';
import type { Socket, SocketId } from '../kern/state.ts';
import { newSocket, wakeReceivers } from './socket.ts';

/* Connections that wait to be accepted. */

/**
 * FreeBSD sonewconn: the socket that a listening one makes for a connection, at the end of its queue. Null when the queue is full:
 * half as many again as listen(2) said.
 */
export function acceptConnection(
  k: Kernel,
  listener: Socket,
  connection: Pick<Socket, 'peer' | 'remote' | 'peerOwner'> & Partial<Pick<Socket, 'local'>>,
): SocketId | null {
  if (listener.cantReceive || listener.pending.length > Math.floor((3 * listener.backlog) / 2)) return null;
  const { options, local } = listener;
  const accepted = newSocket(k, listener, {
    ...{ state: 'connected', options, local, listener: listener.id },
    ...connection,
  });
  if (typeof accepted === 'number') return null;
  k.setSocket(listener.id, { pending: [...listener.pending, accepted.id] });
  wakeReceivers(k, listener.id);
  return accepted.id;
}

/** Takes the first connection from a listening socket's queue; null: there is none. */
export function takeConnection(k: Kernel, listener: Socket): Socket | null {
  const [first, ...pending] = listener.pending;
  if (first === undefined) return null;
  k.setSocket(listener.id, { pending });
  return k.setSocket(first, { listener: 0 });
}
