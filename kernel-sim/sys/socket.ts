import {
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  ECONNABORTED,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EMFILE,
  ENAMETOOLONG,
  ENOTCONN,
  ENOTSOCK,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
} from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import { inheritSigio } from '../kern/sigio.ts';
import type { Socket, SocketName, Thread } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { bindInet, connectTcp, connectUdp, ensurePort } from '../net/inet.ts';
import { getOption, setOption } from '../net/options.ts';
import {
  credentialsOf,
  discardReceived,
  newSocket,
  newSocketFile,
  receiveChannel,
  type SocketFile,
  wakeReceivers,
  wakeSenders,
} from '../net/socket.ts';
import { takeConnection } from '../net/stream.ts';
import { bindUnix, connectUnix } from '../net/unix.ts';
import { closeDescriptor, fdalloc, getFile, installDescriptor } from '../vfs/filedesc.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import type { SyscallRow } from './row.ts';

/* Making, naming and connecting sockets: FreeBSD 9.1 kern/uipc_syscalls.c. */

type Args = readonly number[];

/** The open file of a socket behind a descriptor; EBADF, ENOTSOCK. */
export function getSocketFile(k: Kernel, td: Thread, fd: number): SocketFile | Errno {
  const file = getFile(k, td, fd);
  if (!file) return EBADF;
  return file.kind === 'socket' ? file : ENOTSOCK;
}

const FAMILY = { unix: so.AF_UNIX, inet: so.AF_INET, inet6: so.AF_INET6 } as const;

/** FreeBSD getsockaddr: a name of the socket's family. ENAMETOOLONG, EINVAL, EFAULT, EAFNOSUPPORT. */
export function copyinName(k: Kernel, td: Thread, socket: Socket, at: number, length: number): SocketName | Errno {
  if (length >>> 0 > so.SOCKADDR_MAX) return ENAMETOOLONG;
  if (length < 2) return EINVAL;
  const bytes = k.copyin(td.pid, at, length);
  if (typeof bytes === 'number') return EFAULT;
  const family = FAMILY[socket.domain];
  if (so.familyOf(bytes) !== family) return EAFNOSUPPORT;
  return so.decodeSockaddr(family, bytes) ?? EINVAL;
}

/** Writes a name where the caller wants one, cut to the room that it gave, and how long it is. False: EFAULT. */
export function copyoutName(
  k: Kernel,
  td: Thread,
  socket: Socket,
  name: SocketName | null,
  at: number,
  lengthAt: number,
): boolean {
  const room = k.fuword(td.pid, lengthAt);
  if (room === null) return false;
  const bytes = so.encodeSockaddr(FAMILY[socket.domain], name).subarray(0, room);
  return k.copyout(td.pid, at, bytes) && k.suword(td.pid, lengthAt, bytes.length);
}

// ---- socket, socketpair ------------------------------------------------------------------------------------------------

const DOMAINS: ReadonlyMap<number, Socket['domain']> = new Map([
  [so.AF_UNIX, 'unix'],
  [so.AF_INET, 'inet'],
  [so.AF_INET6, 'inet6'],
]);
const TYPES: ReadonlyMap<number, Socket['type']> = new Map([
  [so.SOCK_STREAM, 'stream'],
  [so.SOCK_DGRAM, 'dgram'],
  [so.SOCK_SEQPACKET, 'seqpacket'],
]);

/** A new socket as socket(2) and socketpair(2) ask for it: EPROTONOSUPPORT. */
function create(k: Kernel, td: Thread, domainWanted: number, typeWanted: number, protocol: number): Socket | Errno {
  const domain = DOMAINS.get(domainWanted);
  const type = TYPES.get(typeWanted & ~(so.SOCK_CLOEXEC | so.SOCK_NONBLOCK));
  if (!domain || !type || (domain !== 'unix' && type === 'seqpacket')) return EPROTONOSUPPORT;
  const own = domain === 'unix' ? 0 : type === 'stream' ? so.IPPROTO_TCP : so.IPPROTO_UDP;
  if (protocol !== 0 && protocol !== own) return EPROTONOSUPPORT;
  return newSocket(k, { domain, type, owner: credentialsOf(k.proc(td.pid)) });
}

/** Gives a socket its open file and descriptor. The flags are those of socket(2)'s type. EMFILE, ENFILE: then it is gone. */
function install(k: Kernel, td: Thread, socket: Socket, fd: number, flags: number): Errno | 0 {
  const file = newSocketFile(k, socket.id, (flags & so.SOCK_NONBLOCK) !== 0);
  if (typeof file === 'number') return file;
  installDescriptor(k, td.pid, fd, file.id, (flags & so.SOCK_CLOEXEC) !== 0);
  return 0;
}

function sys_socket(k: Kernel, td: Thread, [domain, type, protocol]: Args): SyscallResult {
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const socket = create(k, td, domain!, type!, protocol!);
  if (typeof socket === 'number') return fail(socket);
  const error = install(k, td, socket, fd, type!);
  return error ? fail(error) : ok(fd);
}

function sys_socketpair(k: Kernel, td: Thread, [domain, type, protocol, out]: Args): SyscallResult {
  if (domain !== so.AF_UNIX) return fail(DOMAINS.has(domain!) ? EOPNOTSUPP : EPROTONOSUPPORT);
  const fds: number[] = [];
  const undo = (errno: Errno): SyscallResult => {
    for (const fd of fds) closeDescriptor(k, td.pid, fd);
    return fail(errno);
  };
  const ends: Socket[] = [];
  for (let n = 0; n < 2; n++) {
    const fd = fdalloc(k.proc(td.pid));
    if (fd === null) return undo(EMFILE);
    const socket = create(k, td, domain, type!, protocol!);
    if (typeof socket === 'number') return undo(socket);
    const error = install(k, td, socket, fd, type!);
    if (error) return undo(error);
    fds.push(fd);
    ends.push(socket);
  }
  const [a, b] = ends as [Socket, Socket];
  k.setSocket(a.id, { state: 'connected', peer: b.id, peerOwner: b.owner });
  k.setSocket(b.id, { state: 'connected', peer: a.id, peerOwner: a.owner });
  return k.copyout(td.pid, out!, new Uint8Array(Int32Array.from(fds).buffer)) ? ok() : undo(EFAULT);
}

// ---- bind, listen, accept, connect -------------------------------------------------------------------------------------

function sys_bind(k: Kernel, td: Thread, [fd, at, length]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  const name = copyinName(k, td, socket, at!, length!);
  if (typeof name === 'number') return fail(name);
  const p = k.proc(td.pid);
  const error = name.kind === 'unix' ? bindUnix(k, p, socket, name.path) : bindInet(k, p, socket, name);
  return error ? fail(error) : ok();
}

function sys_listen(k: Kernel, td: Thread, [fd, wanted]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  if (socket.type === 'dgram') return fail(EOPNOTSUPP);
  if (socket.state === 'connected' || socket.state === 'closed') return fail(EINVAL);
  if (socket.domain === 'unix' && !socket.local) return fail(EINVAL);
  const error = socket.domain === 'unix' ? 0 : ensurePort(k, socket);
  if (error) return fail(error);
  const backlog = wanted! < 0 ? so.SOMAXCONN : Math.min(wanted!, so.SOMAXCONN);
  k.setSocket(socket.id, { state: 'listening', backlog, owner: credentialsOf(k.proc(td.pid)) });
  return ok();
}

/** `flags` null: accept(2), whose socket inherits O_NONBLOCK. */
function accept(
  k: Kernel,
  td: Thread,
  [fd, nameAt, lengthAt]: Args,
  flags: number | null,
  entry: SyscallEntry,
): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  if (entry.woken !== 'first' && (entry.resume as TransferResume).file !== file.id) return fail(EBADF);
  const listener = k.socket(file.socket);
  if (listener.state !== 'listening') return fail(EINVAL);
  if (nameAt !== 0 && k.fuword(td.pid, lengthAt!) === null) return fail(EFAULT);
  const newFd = fdalloc(k.proc(td.pid));
  if (newFd === null) return fail(EMFILE);
  const accepted = takeConnection(k, listener);
  if (!accepted) {
    if (listener.cantReceive) return fail(ECONNABORTED);
    if (entry.woken === 'signal') return RESTART;
    if (file.nonblock) return fail(EAGAIN);
    const resume: TransferResume = { file: file.id, done: 0 };
    return { kind: 'sleep', wchan: receiveChannel(listener.id), wmesg: 'accept', resume };
  }
  inheritSigio(k, td, `socket:${listener.id}`, `socket:${accepted.id}`);
  const error = install(k, td, accepted, newFd, flags ?? (file.nonblock ? so.SOCK_NONBLOCK : 0));
  if (error) return fail(error);
  if (nameAt !== 0 && !copyoutName(k, td, accepted, accepted.remote, nameAt!, lengthAt!)) {
    closeDescriptor(k, td.pid, newFd);
    return fail(EFAULT);
  }
  return ok(newFd);
}

const sys_accept = (k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult =>
  accept(k, td, args, null, entry);
function sys_accept4(k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult {
  const flags = args[3]!;
  if (flags & ~(so.SOCK_CLOEXEC | so.SOCK_NONBLOCK)) return fail(EINVAL);
  return accept(k, td, args, flags, entry);
}

/** A stream's connection is there or refused at once; one that must not block hears of it as if it had taken its time (SO_ERROR). */
function sys_connect(k: Kernel, td: Thread, [fd, at, length]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  if (socket.state === 'listening') return fail(EOPNOTSUPP);
  if (socket.type === 'dgram') {
    // A datagram socket forgets whom it was connected to, even when it finds nobody else.
    k.setSocket(socket.id, { state: 'open', peer: 0, remote: null });
  } else if (socket.state !== 'open') return fail(socket.state === 'connected' ? EISCONN : EINVAL);
  const name = copyinName(k, td, socket, at!, length!);
  if (typeof name === 'number') return fail(name);
  const error = connectTo(k, td, k.socket(socket.id), name);
  if (!error) {
    wakeReceivers(k, socket.id);
    wakeSenders(k, socket.id);
  }
  const byTcp = socket.domain !== 'unix' && socket.type === 'stream';
  if (byTcp && file.nonblock && k.socket(socket.id).state !== 'open') return fail(EINPROGRESS);
  if (error) k.setSocket(socket.id, { error: 0 });
  return error ? fail(error) : ok();
}

function connectTo(k: Kernel, td: Thread, socket: Socket, name: SocketName): Errno | 0 {
  if (name.kind === 'unix') return connectUnix(k, k.proc(td.pid), socket, name.path);
  return socket.type === 'dgram' ? connectUdp(k, socket, name) : connectTcp(k, socket, name);
}

function sys_shutdown(k: Kernel, td: Thread, [fd, how]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  const { id, peer } = socket;
  if (how! < so.SHUT_RD || how! > so.SHUT_RDWR) return fail(EINVAL);
  if (socket.type !== 'dgram' && socket.state !== 'connected' && socket.state !== 'listening') return fail(ENOTCONN);
  if (how !== so.SHUT_WR) {
    k.setSocket(id, { cantReceive: true });
    discardReceived(k, id);
    wakeReceivers(k, id);
    if (socket.type !== 'dgram' && peer !== 0) wakeSenders(k, peer);
  }
  if (how !== so.SHUT_RD) {
    k.setSocket(id, { cantSend: true });
    wakeSenders(k, id);
    if (socket.type !== 'dgram' && peer !== 0) {
      k.setSocket(peer, { cantReceive: true });
      wakeReceivers(k, peer);
    }
  }
  return ok();
}

// ---- names and options -------------------------------------------------------------------------------------------------

function sys_getsockname(k: Kernel, td: Thread, [fd, at, lengthAt]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  return copyoutName(k, td, socket, socket.local, at!, lengthAt!) ? ok() : fail(EFAULT);
}

function sys_getpeername(k: Kernel, td: Thread, [fd, at, lengthAt]: Args): SyscallResult {
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  if (socket.state !== 'connected') return fail(ENOTCONN);
  return copyoutName(k, td, socket, socket.remote, at!, lengthAt!) ? ok() : fail(EFAULT);
}

/** FreeBSD sockargs: longer values are not looked at. */
const OPTION_MAX = 2048;

function sys_setsockopt(k: Kernel, td: Thread, [fd, level, name, at, size]: Args): SyscallResult {
  if (size! < 0 || (at === 0 && size !== 0)) return fail(at === 0 ? EFAULT : EINVAL);
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const bytes = k.copyin(td.pid, at!, Math.min(size!, OPTION_MAX));
  if (typeof bytes === 'number') return fail(EFAULT);
  const error = setOption(k, k.socket(file.socket), level!, name!, bytes);
  return error ? fail(error) : ok();
}

function sys_getsockopt(k: Kernel, td: Thread, [fd, level, name, at, sizeAt]: Args): SyscallResult {
  const room = at === 0 ? 0 : k.fuword(td.pid, sizeAt!);
  if (room === null) return fail(EFAULT);
  if (room > 0x7fffffff) return fail(EINVAL);
  const file = getSocketFile(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const value = getOption(k, k.socket(file.socket), level!, name!);
  if (typeof value === 'number') return fail(value);
  if (at === 0) return ok();
  const bytes = value.subarray(0, room);
  return k.copyout(td.pid, at!, bytes) && k.suword(td.pid, sizeAt!, bytes.length) ? ok() : fail(EFAULT);
}

// biome-ignore format: one system call per line
export const socketSyscalls: readonly SyscallRow[] = [
  { number: 30, name: 'accept', args: [['s', 'fd'], ['name', 'out'], ['anamelen', 'inout']], support: 'full', handler: sys_accept },
  { number: 31, name: 'getpeername', args: [['fdes', 'fd'], ['asa', 'out'], ['alen', 'inout']], support: 'full', handler: sys_getpeername },
  { number: 32, name: 'getsockname', args: [['fdes', 'fd'], ['asa', 'out'], ['alen', 'inout']], support: 'full', handler: sys_getsockname },
  { number: 97, name: 'socket', args: [['domain', 'int'], ['type', 'int'], ['protocol', 'int']], support: 'partial', note: 'AF_UNIX; AF_INET and AF_INET6 inside the machine (127.0.0.1, ::1): TCP and UDP', handler: sys_socket },
  { number: 98, name: 'connect', args: [['s', 'fd'], ['name', 'in'], ['namelen', 'int']], support: 'full', handler: sys_connect },
  { number: 104, name: 'bind', args: [['s', 'fd'], ['name', 'in'], ['namelen', 'int']], support: 'full', handler: sys_bind },
  { number: 105, name: 'setsockopt', args: [['s', 'fd'], ['level', 'int'], ['name', 'int'], ['val', 'in'], ['valsize', 'int']], support: 'partial', note: 'no multicast, timestamps, accept filters', handler: sys_setsockopt },
  { number: 106, name: 'listen', args: [['s', 'fd'], ['backlog', 'int']], support: 'full', handler: sys_listen },
  { number: 118, name: 'getsockopt', args: [['s', 'fd'], ['level', 'int'], ['name', 'int'], ['val', 'out'], ['avalsize', 'inout']], support: 'partial', note: 'as setsockopt', handler: sys_getsockopt },
  { number: 134, name: 'shutdown', args: [['s', 'fd'], ['how', 'int']], support: 'full', handler: sys_shutdown },
  { number: 135, name: 'socketpair', args: [['domain', 'int'], ['type', 'int'], ['protocol', 'int'], ['rsv', 'out']], support: 'full', handler: sys_socketpair },
  { number: 541, name: 'accept4', args: [['s', 'fd'], ['name', 'out'], ['anamelen', 'inout'], ['flags', 'int']], since: '10.0', support: 'full', handler: sys_accept4 },
];
