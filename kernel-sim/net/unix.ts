import { EACCES, EADDRINUSE, ECONNREFUSED, EINVAL, ENAMETOOLONG, ENOTSOCK, EPROTOTYPE } from '../abi/errno.ts';
import { W_OK } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Proc, Socket } from '../kern/state.ts';
import { createNode } from '../vfs/directory.ts';
import { lookupPath, namei } from '../vfs/namei.ts';
import { checkAccess } from '../vfs/vnode.ts';
import { credentialsOf } from './socket.ts';
import { acceptConnection } from './stream.ts';

/* AF_UNIX: names are files. FreeBSD 9.1 kern/uipc_usrreq.c. */

/** sun_path with a NUL. */
const PATH_SIZE = 104;

/** bind(2): makes the file. EADDRINUSE when the name is taken. */
export function bindUnix(k: Kernel, p: Proc, socket: Socket, path: string): Errno | 0 {
  if (socket.local || path === '') return EINVAL;
  if (path.length > PATH_SIZE) return ENAMETOOLONG;
  const found = namei(k, p, path, { follow: false });
  if (typeof found === 'number') return found;
  if (found.vnode) return EADDRINUSE;
  const mode = 0o777 & ~p.umask;
  const vnode = createNode(k, p, found, { type: 'sock', mode, uid: p.uid, gid: k.vnode(found.dir).gid });
  if (typeof vnode === 'number') return vnode;
  k.setSocket(socket.id, { local: { kind: 'unix', path }, vnode: vnode.id });
  return 0;
}

/** The socket of a name, to which `p` may write. ECONNREFUSED: the file has outlived its socket. */
export function lookupUnix(k: Kernel, p: Proc, path: string, type: Socket['type']): Socket | Errno {
  if (path === '') return EINVAL;
  const vnode = lookupPath(k, p, path, { follow: true });
  if (typeof vnode === 'number') return vnode;
  if (vnode.type !== 'sock') return ENOTSOCK;
  if (checkAccess(vnode, p, W_OK)) return EACCES;
  for (const socket of k.state.sockets.values())
    if (socket.vnode === vnode.id) return socket.type === type ? socket : EPROTOTYPE;
  return ECONNREFUSED;
}

/** connect(2) of an open socket: a stream to a listening socket, whose queue must have room; a datagram socket gets its usual receiver. */
export function connectUnix(k: Kernel, p: Proc, socket: Socket, path: string): Errno | 0 {
  const target = lookupUnix(k, p, path, socket.type);
  if (typeof target === 'number') return target;
  const remote = target.local;
  if (socket.type === 'dgram') {
    k.setSocket(socket.id, { state: 'connected', peer: target.id, remote });
    return 0;
  }
  if (target.state !== 'listening') return ECONNREFUSED;
  const owner = credentialsOf(p);
  const accepted = acceptConnection(k, target, { peer: socket.id, remote: socket.local, peerOwner: owner });
  if (accepted === null) return ECONNREFUSED;
  k.setSocket(socket.id, { state: 'connected', peer: accepted, remote, peerOwner: target.owner });
  return 0;
}
