// FreeBSD 9.0 sys/sys/socket.h, sys/sys/un.h, sys/netinet/in.h, sys/netinet/tcp.h, sys/netinet6/in6.h.
import type { SocketName } from '../kern/state.ts';

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 28;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
/** From 10.0, with the type of socket(2) and in the flags of accept4(2). */
export const SOCK_CLOEXEC = 0x10000000;
export const SOCK_NONBLOCK = 0x20000000;

export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;

export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_EOR = 0x8;
export const MSG_TRUNC = 0x10;
export const MSG_CTRUNC = 0x20;
export const MSG_WAITALL = 0x40;
export const MSG_DONTWAIT = 0x80;
export const MSG_EOF = 0x100;
export const MSG_NOSIGNAL = 0x20000;
/** From 10.0. */
export const MSG_CMSG_CLOEXEC = 0x40000;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

export const SOL_SOCKET = 0xffff;
/** Level of the options of AF_UNIX sockets. */
export const SOL_LOCAL = 0;
export const LOCAL_PEERCRED = 1;
export const SO_ACCEPTCONN = 0x2;
export const SO_REUSEADDR = 0x4;
export const SO_BROADCAST = 0x20;
export const SO_LINGER = 0x80;
export const SO_REUSEPORT = 0x200;
export const SO_NOSIGPIPE = 0x800;
export const SO_SNDBUF = 0x1001;
export const SO_RCVBUF = 0x1002;
export const SO_SNDLOWAT = 0x1003;
export const SO_RCVLOWAT = 0x1004;
export const SO_SNDTIMEO = 0x1005;
export const SO_RCVTIMEO = 0x1006;
export const SO_ERROR = 0x1007;
export const SO_TYPE = 0x1008;
export const SO_LISTENQLIMIT = 0x1011;
export const SO_LISTENQLEN = 0x1012;
export const SO_LISTENINCQLEN = 0x1013;
export const SO_PROTOCOL = 0x1016;
export const IPV6_V6ONLY = 27;

export const SCM_RIGHTS = 1;
export const SCM_CREDS = 3;

/** kern.ipc.somaxconn: a longer backlog is cut. */
export const SOMAXCONN = 128;
/** Longest sockaddr that a call takes (SOCK_MAXADDRLEN). */
export const SOCKADDR_MAX = 255;
/** sun_path. */
const SUN_PATH_SIZE = 104;
const SOCKADDR_IN_SIZE = 16;
const SOCKADDR_IN6_SIZE = 28;

/** An IPv4 address in the form of SocketName: mapped into IPv6. */
const V4_PREFIX = '00000000000000000000ffff';
export const isV4 = (address: string): boolean => address.startsWith(V4_PREFIX);
export const ANY_V4 = `${V4_PREFIX}00000000`;
export const LOOPBACK_V4 = `${V4_PREFIX}7f000001`;
export const ANY_V6 = '0'.repeat(32);
export const LOOPBACK_V6 = `${'0'.repeat(31)}1`;

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));

/** The family that a sockaddr says it is of. Precondition: 2 bytes. */
export const familyOf = (bytes: Uint8Array): number => bytes[1]!;

/** A sockaddr of the given family; null when its length does not fit (EINVAL). */
export function decodeSockaddr(family: number, bytes: Uint8Array): SocketName | null {
  const port = bytes.length >= 4 ? bytes[2]! * 256 + bytes[3]! : 0;
  switch (family) {
    case AF_UNIX: {
      const path = bytes.subarray(2);
      const end = path.indexOf(0);
      const text = String.fromCharCode(...(end < 0 ? path : path.subarray(0, end)));
      return path.length > SUN_PATH_SIZE ? null : { kind: 'unix', path: text };
    }
    case AF_INET:
      if (bytes.length !== SOCKADDR_IN_SIZE) return null;
      return { kind: 'inet', address: V4_PREFIX + hex(bytes.subarray(4, 8)), port };
    default:
      if (bytes.length !== SOCKADDR_IN6_SIZE) return null;
      return { kind: 'inet', address: hex(bytes.subarray(8, 24)), port };
  }
}

/**
 * A name as a sockaddr of the given family; a socket of AF_UNIX without one has an empty address of 16 bytes.
 * Differs: sun_len counts the path and its NUL, whatever length bind(2) was given.
 */
export function encodeSockaddr(family: number, name: SocketName | null): Uint8Array {
  if (family === AF_UNIX) {
    const path = name?.kind === 'unix' ? name.path : '';
    const bytes = new Uint8Array(path === '' ? 16 : Math.min(path.length + 1, SUN_PATH_SIZE) + 2);
    bytes.set([bytes.length, AF_UNIX]);
    for (let n = 0; n < path.length; n++) bytes[2 + n] = path.charCodeAt(n);
    return bytes;
  }
  const size = family === AF_INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE;
  const bytes = new Uint8Array(size);
  bytes.set([size, family]);
  if (name?.kind !== 'inet') return bytes;
  bytes.set([name.port >> 8, name.port & 255], 2);
  const address = unhex(name.address);
  if (family === AF_INET) bytes.set(address.slice(12), 4);
  else bytes.set(address, 8);
  return bytes;
}
