import { EDOM, EINVAL, ENOBUFS, ENOPROTOOPT, ENOTCONN } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { encode, layout } from '../abi/layout.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Socket } from '../kern/state.ts';
import { optionName, receiveLowWater, receiveSpace, SOCKET_SPACE_MAX, sendLowWater, sendSpace } from './socket.ts';

/* getsockopt(2) and setsockopt(2): what programs use; the rest is ENOPROTOOPT. FreeBSD 9.1 sosetopt, sogetopt, tcp_ctloutput. */

const NS_PER_SEC = 1_000_000_000;

/** Flags of SOL_SOCKET that programs switch: reading gives the flag itself or 0. */
const FLAGS: ReadonlySet<number> = new Set([
  0x1, // SO_DEBUG
  so.SO_REUSEADDR,
  0x8, // SO_KEEPALIVE
  0x10, // SO_DONTROUTE
  so.SO_BROADCAST,
  0x40, // SO_USELOOPBACK
  0x100, // SO_OOBINLINE
  so.SO_REUSEPORT,
  so.SO_NOSIGPIPE,
]);

/** Options of a protocol that are kept and change nothing here, with the value that they have at first. */
const KEPT: ReadonlyMap<string, number> = new Map([
  [optionName(so.IPPROTO_TCP, 1), 0], // TCP_NODELAY
  [optionName(so.IPPROTO_TCP, 2), 14336], // TCP_MAXSEG
  [optionName(so.IPPROTO_TCP, 4), 0], // TCP_NOPUSH
  [optionName(so.IPPROTO_TCP, 0x80), 75], // TCP_KEEPINIT
  [optionName(so.IPPROTO_TCP, 0x100), 7200], // TCP_KEEPIDLE
  [optionName(so.IPPROTO_TCP, 0x200), 75], // TCP_KEEPINTVL
  [optionName(so.IPPROTO_TCP, 0x400), 8], // TCP_KEEPCNT
  [optionName(so.IPPROTO_IP, 3), 0], // IP_TOS
  [optionName(so.IPPROTO_IP, 4), 64], // IP_TTL
  [optionName(so.IPPROTO_IPV6, 4), 64], // IPV6_UNICAST_HOPS
  [optionName(so.IPPROTO_IPV6, so.IPV6_V6ONLY), 1],
]);

/** Does a socket have options of this level? */
function isOwnLevel({ domain, type }: Socket, level: number): boolean {
  if (level === so.IPPROTO_TCP) return domain !== 'unix' && type === 'stream';
  return (level === so.IPPROTO_IP && domain === 'inet') || (level === so.IPPROTO_IPV6 && domain === 'inet6');
}

const word = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
const words = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

/** struct xucred: 80 bytes. */
// biome-ignore format: one field per line
const xucredLayout = layout(80, [
  { name: 'cr_version', at: 0, kind: 'u32' },
  { name: 'cr_uid', at: 4, kind: 'u32' },
  { name: 'cr_ngroups', at: 8, kind: 'i16' },
  { name: 'cr_groups', at: 12, kind: 'words', count: 16 },
]);

/** The bytes of an option. Reading SO_ERROR takes the error away. */
export function getOption(k: Kernel, socket: Socket, level: number, name: number): Uint8Array | Errno {
  if (level === so.SOL_LOCAL && socket.domain === 'unix') return getLocalOption(socket, name);
  const key = optionName(level, name);
  if (level !== so.SOL_SOCKET) {
    const first = KEPT.get(key);
    return first !== undefined && isOwnLevel(socket, level) ? word(socket.options[key] ?? first) : ENOPROTOOPT;
  }
  if (FLAGS.has(name)) return word(socket.options[key] ? name : 0);
  switch (name) {
    case so.SO_ACCEPTCONN:
      return word(socket.state === 'listening' ? so.SO_ACCEPTCONN : 0);
    case so.SO_TYPE:
      return word({ stream: so.SOCK_STREAM, dgram: so.SOCK_DGRAM, seqpacket: so.SOCK_SEQPACKET }[socket.type]);
    case so.SO_PROTOCOL:
      return word(socket.domain === 'unix' ? 0 : socket.type === 'stream' ? so.IPPROTO_TCP : so.IPPROTO_UDP);
    case so.SO_ERROR:
      k.setSocket(socket.id, { error: 0 });
      return word(socket.error);
    case so.SO_SNDBUF:
      return word(sendSpace(socket));
    case so.SO_RCVBUF:
      return word(receiveSpace(socket));
    case so.SO_SNDLOWAT:
      return word(sendLowWater(socket));
    case so.SO_RCVLOWAT:
      return word(receiveLowWater(socket));
    case so.SO_LINGER: {
      const seconds = socket.options[key] ?? -1;
      return words(seconds < 0 ? 0 : so.SO_LINGER, Math.max(0, seconds));
    }
    case so.SO_SNDTIMEO:
    case so.SO_RCVTIMEO: {
      const ns = socket.options[key] ?? 0;
      return words(Math.floor(ns / NS_PER_SEC), Math.floor((ns % NS_PER_SEC) / 1000));
    }
    case so.SO_LISTENQLIMIT:
      return word(socket.backlog);
    case so.SO_LISTENQLEN:
      return word(socket.pending.length);
    case so.SO_LISTENINCQLEN:
      return word(0);
    default:
      return ENOPROTOOPT;
  }
}

function getLocalOption({ type, peerOwner }: Socket, name: number): Uint8Array | Errno {
  if (name !== so.LOCAL_PEERCRED || type === 'dgram') return name === so.LOCAL_PEERCRED ? EINVAL : ENOPROTOOPT;
  if (!peerOwner) return ENOTCONN;
  const cr_groups = [peerOwner.gid, ...new Array<number>(15).fill(0)];
  return encode(xucredLayout, { cr_version: 0, cr_uid: peerOwner.uid, cr_ngroups: 1, cr_groups });
}

/** Sets an option from its bytes. EINVAL: too few of them, or a value that cannot be. */
export function setOption(k: Kernel, socket: Socket, level: number, name: number, bytes: Uint8Array): Errno | 0 {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const key = optionName(level, name);
  const keep = (value: number): 0 => {
    k.setSocket(socket.id, { options: { ...socket.options, [key]: value } });
    return 0;
  };
  const isPair = level === so.SOL_SOCKET && [so.SO_LINGER, so.SO_SNDTIMEO, so.SO_RCVTIMEO].includes(name);
  if (bytes.length < (isPair ? 8 : 4)) return EINVAL;
  const value = view.getInt32(0, true);
  if (level !== so.SOL_SOCKET) return KEPT.has(key) && isOwnLevel(socket, level) ? keep(value) : ENOPROTOOPT;
  if (FLAGS.has(name)) return keep(value === 0 ? 0 : 1);
  switch (name) {
    case so.SO_SNDBUF:
    case so.SO_RCVBUF:
      if (value < 1) return EINVAL;
      return value > SOCKET_SPACE_MAX ? ENOBUFS : keep(value);
    case so.SO_SNDLOWAT:
    case so.SO_RCVLOWAT:
      return value < 1 ? EINVAL : keep(value);
    case so.SO_LINGER:
      return keep(value === 0 ? -1 : Math.max(0, view.getInt32(4, true)));
    case so.SO_SNDTIMEO:
    case so.SO_RCVTIMEO: {
      const usec = view.getInt32(4, true);
      if (value < 0 || usec < 0 || usec >= 1_000_000) return EDOM;
      return keep(value * NS_PER_SEC + usec * 1000);
    }
    default:
      return ENOPROTOOPT;
  }
}
