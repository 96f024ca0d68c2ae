import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  ENETUNREACH,
} from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Proc, Socket, SocketName } from '../kern/state.ts';
import { disconnect, hasOption, optionName } from './socket.ts';
import { acceptConnection } from './stream.ts';

/*
 * AF_INET and AF_INET6 inside the machine: the addresses are 127.0.0.1 and ::1, everything else is unreachable. Nothing is ever on its
 * way, so a connection is there or refused at once. FreeBSD 9.1 netinet/in_pcb.c, netinet6/in6_pcb.c.
 */

type InetName = Extract<SocketName, { kind: 'inet' }>;

/** net.inet.ip.portrange.first and last. Differs: taken one after the other, not at random. */
export const IPPORT_EPHEMERAL_FIRST = 10000;
const IPPORT_EPHEMERAL_LAST = 65535;
/** Ports below are root's. */
const IPPORT_RESERVED = 1024;

const isAny = (address: string): boolean => address === so.ANY_V4 || address === so.ANY_V6;
/** Where a socket is bound; every address of its family when it is not. */
const localOf = ({ local, domain }: Socket): InetName =>
  local?.kind === 'inet' ? local : { kind: 'inet', address: domain === 'inet' ? so.ANY_V4 : so.ANY_V6, port: 0 };
const remoteOf = ({ remote }: Socket): InetName | null => (remote?.kind === 'inet' ? remote : null);

/** A socket of AF_INET6 takes IPv4 only when IPV6_V6ONLY was switched off (net.inet6.ip6.v6only is 1). */
const isV6Only = (socket: Socket): boolean => (socket.options[optionName(so.IPPROTO_IPV6, so.IPV6_V6ONLY)] ?? 1) !== 0;

/** The other sockets of the same protocol, by id. Those whose connection has ended hold their address no longer. */
function sameProtocol(k: Kernel, socket: Socket): Socket[] {
  const found: Socket[] = [];
  for (const other of k.state.sockets.values())
    if (other.id !== socket.id && other.domain !== 'unix' && other.type === socket.type && other.state !== 'closed')
      found.push(other);
  return found.sort((a, b) => a.id - b.id);
}

const rivals = (k: Kernel, socket: Socket, port: number): Socket[] =>
  sameProtocol(k, socket).filter((other) => localOf(other).port === port);

/** Does what is sent to `address` belong to the socket if that were bound to `local`? */
function covers(socket: Socket, local: string, address: string): boolean {
  if (local === address) return true;
  if (local === so.ANY_V4) return so.isV4(address);
  return local === so.ANY_V6 && (!so.isV4(address) || !isV6Only(socket));
}

/** May the address be one of this socket's? EAFNOSUPPORT is not possible here: names are decoded by the socket's family. */
function checkFamily(socket: Socket, { address }: InetName): Errno | 0 {
  return socket.domain === 'inet6' && so.isV4(address) && isV6Only(socket) ? EINVAL : 0;
}

/** bind(2). FreeBSD in_pcbbind_setup. Port 0: an ephemeral one. */
export function bindInet(k: Kernel, p: Proc, socket: Socket, name: SocketName): Errno | 0 {
  if (name.kind !== 'inet') return EAFNOSUPPORT;
  if (localOf(socket).port !== 0) return EINVAL;
  const wrong = checkFamily(socket, name);
  if (wrong) return wrong;
  const { address, port } = name;
  if (!isAny(address) && address !== so.LOOPBACK_V4 && address !== so.LOOPBACK_V6) return EADDRNOTAVAIL;
  if (port === 0) return bindEphemeral(k, socket, address);
  if (port < IPPORT_RESERVED && p.uid !== 0) return EACCES;
  if (rivals(k, socket, port).some((other) => isConflict(socket, address, other))) return EADDRINUSE;
  k.setSocket(socket.id, { local: name });
  return 0;
}

function isConflict(socket: Socket, address: string, other: Socket): boolean {
  if (hasOption(socket, so.SO_REUSEPORT) && hasOption(other, so.SO_REUSEPORT)) return false;
  const taken = localOf(other).address;
  // SO_REUSEADDR: only somebody who waits at the very same address is in the way.
  if (hasOption(socket, so.SO_REUSEADDR) || hasOption(socket, so.SO_REUSEPORT))
    return taken === address && other.remote === null;
  return covers(other, taken, address) || covers(socket, address, taken);
}

function bindEphemeral(k: Kernel, socket: Socket, address: string): Errno | 0 {
  const used = new Set(sameProtocol(k, socket).map((other) => localOf(other).port));
  const count = IPPORT_EPHEMERAL_LAST - IPPORT_EPHEMERAL_FIRST + 1;
  const start = k.state.counters.nextPort - IPPORT_EPHEMERAL_FIRST;
  for (let n = 0; n < count; n++) {
    const port = IPPORT_EPHEMERAL_FIRST + ((start + n) % count);
    if (used.has(port)) continue;
    k.setCounters({ nextPort: IPPORT_EPHEMERAL_FIRST + ((start + n + 1) % count) });
    k.setSocket(socket.id, { local: { kind: 'inet', address, port } });
    return 0;
  }
  return EADDRNOTAVAIL;
}

/** An address without a port: before listen(2), connect(2) and the first datagram. */
export function ensurePort(k: Kernel, socket: Socket): Errno | 0 {
  const { address, port } = localOf(socket);
  return port === 0 ? bindEphemeral(k, socket, address) : 0;
}

/** Where to send: the address that says "any" means the machine itself. EADDRNOTAVAIL, ENETUNREACH; EINVAL for the wrong family. */
function destination(socket: Socket, name: SocketName): InetName | Errno {
  if (name.kind !== 'inet') return EAFNOSUPPORT;
  const wrong = checkFamily(socket, name);
  if (wrong) return wrong;
  const loopback = so.isV4(name.address) ? so.LOOPBACK_V4 : so.LOOPBACK_V6;
  const address = isAny(name.address) ? loopback : name.address;
  if (name.port === 0) return EADDRNOTAVAIL;
  if (address !== loopback) return ENETUNREACH;
  // A socket that is bound to the other family cannot send there.
  const { address: own } = localOf(socket);
  return isAny(own) || own === address ? { ...name, address } : EADDRNOTAVAIL;
}

/** connect(2) of an open stream: there at once, or ECONNREFUSED; ECONNRESET when the queue is full (net.inet.tcp.syncache.rst_on_sock_fail). */
export function connectTcp(k: Kernel, socket: Socket, name: SocketName): Errno | 0 {
  const remote = destination(socket, name);
  if (typeof remote === 'number') return remote;
  const error = ensurePort(k, socket);
  if (error) return error;
  const local: InetName = { ...localOf(k.socket(socket.id)), address: remote.address };
  const twin = rivals(k, socket, local.port).some(
    (other) => sameName(remoteOf(other), remote) && localOf(other).address === local.address,
  );
  if (twin) return EADDRINUSE;
  const listener = listenerAt(k, socket, remote);
  const connection = { peer: socket.id, local: remote, remote: local, peerOwner: null };
  const accepted = listener && acceptConnection(k, listener, connection);
  if (accepted === null) {
    const refused = listener ? ECONNRESET : ECONNREFUSED;
    disconnect(k, socket.id, refused);
    return refused;
  }
  k.setSocket(socket.id, { state: 'connected', local, remote, peer: accepted });
  return 0;
}

const sameName = (a: InetName | null, b: InetName | null): boolean => a?.address === b?.address && a?.port === b?.port;

function listenerAt(k: Kernel, socket: Socket, { address, port }: InetName): Socket | null {
  const listening = rivals(k, socket, port).filter(({ state }) => state === 'listening');
  return bestMatch(listening, address);
}

/** The one that is bound to the very address, or else to any of its family, or else to any at all. */
function bestMatch(sockets: readonly Socket[], address: string): Socket | null {
  const fitting = sockets.filter((socket) => covers(socket, localOf(socket).address, address));
  const anyOfFamily = so.isV4(address) ? so.ANY_V4 : so.ANY_V6;
  for (const wanted of [address, anyOfFamily]) {
    const exact = fitting.find((socket) => localOf(socket).address === wanted);
    if (exact) return exact;
  }
  return fitting[0] ?? null;
}

/** connect(2) of a datagram socket: where it sends, and from whom it receives. */
export function connectUdp(k: Kernel, socket: Socket, name: SocketName): Errno | 0 {
  const remote = destination(socket, name);
  if (typeof remote === 'number') return remote;
  const error = ensurePort(k, socket);
  if (error) return error;
  const local = { ...localOf(k.socket(socket.id)), address: remote.address };
  k.setSocket(socket.id, { state: 'connected', local, remote });
  return 0;
}

/** A way for a datagram: who sends, and the socket that gets it; null when nobody is there. */
export function routeDatagram(
  k: Kernel,
  socket: Socket,
  name: SocketName,
): { readonly from: InetName; readonly to: Socket | null } | Errno {
  const remote = destination(socket, name);
  if (typeof remote === 'number') return remote;
  const error = ensurePort(k, socket);
  if (error) return error;
  const from = { ...localOf(k.socket(socket.id)), address: remote.address };
  // A socket may well send to itself.
  const self = localOf(k.socket(socket.id)).port === remote.port ? [k.socket(socket.id)] : [];
  const candidates = [...rivals(k, socket, remote.port), ...self];
  const connected = candidates.filter((other) => other.remote !== null && sameName(remoteOf(other), from));
  const open = candidates.filter((other) => other.remote === null);
  return { from, to: bestMatch(connected, remote.address) ?? bestMatch(open, remote.address) };
}
