import type { Kernel } from '../kern/kernel.ts';
import type { FileId, SocketId } from '../kern/state.ts';
import { discardReceived } from './socket.ts';

/**
 * FreeBSD unp_gc: sockets can be on their way through each other with no descriptor left that would lead to them. Called when a socket
 * has lost a reference but not the last; throws away what unreachable sockets have received, and so closes them.
 */
export function collectGarbage(k: Kernel): void {
  const carriers = [...k.state.sockets.values()].filter(({ received }) =>
    received.some(({ files }) => files.length > 0),
  );
  if (carriers.length === 0) return;
  const reached = reachableSockets(k);
  const lost = carriers.filter(({ id }) => !reached.has(id));
  for (const { id } of lost.sort((a, b) => a.id - b.id)) if (k.state.sockets.has(id)) discardReceived(k, id);
}

/** Sockets that a descriptor leads to, through queues of connections and messages with open files. */
export function reachableSockets(k: Kernel): Set<SocketId> {
  const files = new Set<FileId>();
  for (const { fds } of k.state.procs.values()) for (const entry of fds) if (entry) files.add(entry.file);
  const reached = new Set<SocketId>();
  // Sets grow while they are walked.
  const visit = (id: SocketId): void => {
    if (reached.has(id)) return;
    reached.add(id);
    const { pending, received } = k.socket(id);
    for (const waiting of pending) visit(waiting);
    for (const message of received) for (const file of message.files) files.add(file);
  };
  for (const id of files) {
    const file = k.state.files.get(id);
    if (file?.kind === 'socket') visit(file.socket);
  }
  return reached;
}
