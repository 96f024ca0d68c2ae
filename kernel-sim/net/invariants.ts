import type { Kernel } from '../kern/kernel.ts';
import type { FileId, SocketId } from '../kern/state.ts';
import { reachableSockets } from './garbage.ts';
import { messageCost } from './socket.ts';

/** What must hold of sockets between system calls: one line for each thing that is wrong. */
export function checkSocketInvariants(k: Kernel): string[] {
  const problems: string[] = [];
  const owners = new Map<SocketId, string[]>();
  const own = (id: SocketId, who: string): void => {
    owners.set(id, [...(owners.get(id) ?? []), who]);
    if (!k.state.sockets.has(id)) problems.push(`${who}: no socket ${id}`);
  };
  for (const file of k.state.files.values()) if (file.kind === 'socket') own(file.socket, `open file ${file.id}`);
  for (const { id, pending } of k.state.sockets.values()) for (const one of pending) own(one, `queue of socket ${id}`);
  const reached = reachableSockets(k);
  let bytes = 0;
  for (const socket of k.state.sockets.values()) {
    const { id, peer, state, type } = socket;
    const name = `socket ${id}`;
    const owned = owners.get(id) ?? [];
    if (owned.length !== 1) problems.push(`${name} belongs to [${owned.join()}]`);
    if (!reached.has(id)) problems.push(`no descriptor leads to ${name}`);
    const cost = socket.received.reduce((sum, message) => sum + messageCost(message), 0);
    if (cost !== socket.receivedBytes) problems.push(`${name}: ${socket.receivedBytes} bytes counted, ${cost} found`);
    bytes += socket.receivedBytes;
    const other = k.state.sockets.get(peer);
    if (peer !== 0 && !other) problems.push(`${name} is connected to ${peer}, which is gone`);
    if (type !== 'dgram' && other && other.peer !== id) problems.push(`${name} has ${peer} as peer, which has another`);
    if (peer !== 0 && state !== 'connected') problems.push(`${name} is ${state} and has a peer`);
    if (state !== 'listening' && socket.pending.length > 0) problems.push(`${name} is ${state} and has a queue`);
    if (socket.listener !== 0 && !k.state.sockets.get(socket.listener)?.pending.includes(id))
      problems.push(`${name} does not stand in the queue of ${socket.listener}`);
    if (socket.vnode !== 0 && k.state.vnodes.get(socket.vnode)?.type !== 'sock')
      problems.push(`${name} is bound to ${socket.vnode}, which is no socket's name`);
  }
  if (bytes !== k.state.counters.socketBytes)
    problems.push(`${k.state.counters.socketBytes} bytes counted in sockets, ${bytes} found`);
  return problems;
}

/** References that messages on their way have to open files. */
export function filesInFlight(k: Kernel): FileId[] {
  return [...k.state.sockets.values()].flatMap(({ received }) => received.flatMap(({ files }) => files));
}
