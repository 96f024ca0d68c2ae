import type { Kernel } from '../kern/kernel.ts';
import type { SocketId } from '../kern/state.ts';
import type { Condition } from '../vfs/readiness.ts';
import { receiveLowWater, sendLowWater, sendRoom } from './socket.ts';

/* What select(2), poll(2) and kevent(2) see of a socket: FreeBSD 9.1 filt_soread, filt_sowrite, soreadable, sowriteable. */

export function receiveCondition(k: Kernel, id: SocketId): Condition {
  const socket = k.socket(id);
  const { cantReceive: eof, error } = socket;
  if (socket.state === 'listening')
    return { ready: eof || error !== 0 || socket.pending.length > 0, data: socket.pending.length, eof, error };
  const enough = socket.received.length > 0 && socket.receivedBytes >= receiveLowWater(socket);
  return { ready: enough || eof || error !== 0, data: bytesReceived(k, id), eof, error };
}

export function sendCondition(k: Kernel, id: SocketId): Condition {
  const socket = k.socket(id);
  const { cantSend: eof, error } = socket;
  const connected = socket.type === 'dgram' || socket.state === 'connected';
  const data = sendRoom(k, socket);
  return { ready: eof || error !== 0 || (connected && data >= sendLowWater(socket)), data, eof, error };
}

/** FIONREAD. */
export const bytesReceived = (k: Kernel, id: SocketId): number =>
  k.socket(id).received.reduce((sum, { bytes }) => sum + bytes.length, 0);
