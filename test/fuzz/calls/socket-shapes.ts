import * as so from '../../../kernel-sim/abi/socket.ts';
import type { Socket } from '../../../kernel-sim/kern/state.ts';
import type { Draft } from './draft.ts';
import { oneOf } from './drawings.ts';
import type { Drawing } from './kinds.ts';

/* What arguments of calls on sockets look like. */

function sockaddr(d: Draft): Uint8Array {
  const port = d.pick([0, 2000, 2001, 2002, d.below(65536)]);
  switch (d.below(4)) {
    case 0:
      return so.encodeSockaddr(so.AF_INET, { kind: 'inet', address: d.pick([so.LOOPBACK_V4, so.ANY_V4]), port });
    case 1:
      return so.encodeSockaddr(so.AF_INET6, { kind: 'inet', address: d.pick([so.LOOPBACK_V6, so.ANY_V6]), port });
    case 2:
      return so.encodeSockaddr(so.AF_UNIX, { kind: 'unix', path: `/tmp/s${d.below(3)}` });
    default:
      return Uint8Array.from([
        d.below(256),
        d.pick([0, 1, 2, 28, 99]),
        ...Array.from({ length: d.below(130) }, () => d.below(256)),
      ]);
  }
}

/** The socket behind a descriptor, if it is one. */
function socketAt(d: Draft, fd: number): Socket | null {
  const entry = d.p.fds[fd];
  const file = entry ? d.k.file(entry.file) : null;
  return file?.kind === 'socket' ? d.k.socket(file.socket) : null;
}

const FAMILIES = { unix: so.AF_UNIX, inet: so.AF_INET, inet6: so.AF_INET6 } as const;

/** A name for the socket and its length: mostly of the socket's family; with `of`, mostly one that such a socket has. */
export function nameAndLength(d: Draft, fd: number, of: (other: Socket) => boolean = () => false): [number, number] {
  const socket = socketAt(d, fd);
  const family = socket && FAMILIES[socket.domain];
  const others = [...d.k.state.sockets.values()].filter(
    (other) => other.domain === socket?.domain && other.type === socket.type && other.local && of(other),
  );
  let bytes = sockaddr(d);
  for (let tries = 0; family !== null && bytes[1] !== family && tries < 8; tries++) bytes = sockaddr(d);
  if (family !== null && others.length > 0 && !d.oneIn(4)) bytes = so.encodeSockaddr(family, d.pick(others).local);
  return [d.place(bytes), d.oneIn(12) ? d.raw() : bytes.length];
}

export const lengthWord: Drawing = (d) => d.words(d.pick([0, 1, 2, 16, 28, 106, 128, d.raw()]));
export const messageFlags: Drawing = (d) =>
  (d.oneIn(4) ? d.bits(1, 2, 8, 0x40, 0x100, 0x20000, 0x40000) : 0) | (d.oneIn(3) ? 0 : 0x80);
export const domain: Drawing = oneOf(so.AF_UNIX, so.AF_UNIX, so.AF_INET, so.AF_INET6);
export const socketType: Drawing = (d) =>
  d.pick([1, 1, 2, 5, d.below(8)]) | (d.oneIn(3) ? d.bits(so.SOCK_CLOEXEC, so.SOCK_NONBLOCK) : so.SOCK_NONBLOCK);
export const vector: Drawing = (d) =>
  d.words(
    ...Array.from({ length: d.pick([1, 2, 4]) }, () => [d.pointer(), d.pick([0, 1, 8, 100, 4096, d.raw()])]).flat(),
  );
export const vectorCount: Drawing = oneOf(0, 1, 1, 2, 4);

export function messageHeader(d: Draft, fd: number): number {
  const [name, length] = d.oneIn(2) ? [0, 0] : nameAndLength(d, fd);
  const control = d.oneIn(2) ? 0 : d.words(16, so.SOL_SOCKET, d.pick([1, 1, 2, 3]), d.fd(), d.raw());
  return d.words(
    name,
    length,
    vector(d),
    d.pick([1, 1, 2]),
    control,
    control === 0 ? 0 : d.pick([12, 16, 20, d.raw()]),
    0,
  );
}

export const levels = oneOf(so.SOL_SOCKET, so.SOL_SOCKET, so.IPPROTO_IP, so.IPPROTO_TCP, so.IPPROTO_IPV6);
// biome-ignore format: by number
export const optionNames = oneOf(1, 2, 3, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006, 0x1007, 0x1008, 0x1011, 0x1012, 27);

export const named = (d: Draft, fd: number, of?: (other: Socket) => boolean): number[] => [
  fd,
  ...nameAndLength(d, fd, of),
];
