import { EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOTCONN } from '../abi/errno.ts';
import { UIO_MAXIOV } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { encode, layout } from '../abi/layout.ts';
import * as so from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Socket, SocketName, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { decodeControl, takeControl } from '../net/control.ts';
import { type Received, receiveSocket } from '../net/receive.ts';
import { PLAIN_SEND, type SendOptions, type Source, sendSocket, sourceOf } from '../net/send.ts';
import type { SocketFile } from '../net/socket.ts';
import { readFileRange } from '../vfs/file-data.ts';
import { closeDescriptor, getFile } from '../vfs/filedesc.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import { singleUio, type Uio, vectorUio } from '../vfs/uio.ts';
import { syncFile } from '../vm/shared.ts';
import type { SyscallRow } from './row.ts';
import { copyinName, copyoutName, getSocketFile } from './socket.ts';

/* Sending and receiving: FreeBSD 9.1 kern/uipc_syscalls.c, kern_sendit and kern_recvit. */

type Args = readonly number[];

/** struct msghdr: 28 bytes. */
// biome-ignore format: one field per line
const msghdrLayout = layout(28, [
  { name: 'msg_name', at: 0, kind: 'u32' },
  { name: 'msg_namelen', at: 4, kind: 'u32' },
  { name: 'msg_iov', at: 8, kind: 'u32' },
  { name: 'msg_iovlen', at: 12, kind: 'i32' },
  { name: 'msg_control', at: 16, kind: 'u32' },
  { name: 'msg_controllen', at: 20, kind: 'u32' },
  { name: 'msg_flags', at: 24, kind: 'i32' },
]);
type Msghdr = typeof msghdrLayout.zero;

/** FreeBSD sockargs: control data of more than one mbuf cluster is refused. */
const CONTROL_MAX = 2048;

/** The socket of a call in progress: EBADF when the descriptor is another file by now. */
function socketOf(k: Kernel, td: Thread, fd: number, entry: SyscallEntry): SocketFile | Errno {
  const file = getSocketFile(k, td, fd);
  if (typeof file !== 'number' && entry.woken !== 'first' && (entry.resume as TransferResume).file !== file.id)
    return EBADF;
  return file;
}

function sendWith(
  k: Kernel,
  td: Thread,
  file: SocketFile,
  uio: Uio | Errno,
  options: SendOptions,
  entry: SyscallEntry,
): SyscallResult {
  if (typeof uio === 'number') return fail(uio);
  if (k.socket(file.socket).type === 'stream' && options.flags & so.MSG_EOR) return fail(EINVAL);
  return sendSocket(k, td, file, sourceOf(k, uio), options, entry);
}

function copyinOptionalName(
  k: Kernel,
  td: Thread,
  socket: Socket,
  at: number,
  length: number,
): SocketName | null | Errno {
  return at === 0 ? null : copyinName(k, td, socket, at, length);
}

function sys_sendto(k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult {
  const [fd, buffer, length, flags, nameAt, nameLength] = args as [number, number, number, number, number, number];
  const file = socketOf(k, td, fd, entry);
  if (typeof file === 'number') return fail(file);
  const to = copyinOptionalName(k, td, k.socket(file.socket), nameAt, nameLength);
  if (typeof to === 'number') return fail(to);
  return sendWith(k, td, file, singleUio(td.pid, buffer, length), { ...PLAIN_SEND, flags, to }, entry);
}

function copyinMsghdr(k: Kernel, td: Thread, at: number): Msghdr | Errno {
  const bytes = k.copyin(td.pid, at, msghdrLayout.sizeBytes);
  if (typeof bytes === 'number') return EFAULT;
  const header = msghdrLayout.get(new DataView(bytes.buffer), 0);
  return header.msg_iovlen < 0 || header.msg_iovlen > UIO_MAXIOV ? EMSGSIZE : header;
}

function sys_sendmsg(k: Kernel, td: Thread, [fd, at, flags]: Args, entry: SyscallEntry): SyscallResult {
  const header = copyinMsghdr(k, td, at!);
  if (typeof header === 'number') return fail(header);
  const file = socketOf(k, td, fd!, entry);
  if (typeof file === 'number') return fail(file);
  const socket = k.socket(file.socket);
  const to = copyinOptionalName(k, td, socket, header.msg_name, header.msg_namelen);
  if (typeof to === 'number') return fail(to);
  const control = copyinControl(k, td, socket, header);
  if (typeof control === 'number') return fail(control);
  const uio = vectorUio(k, td.pid, header.msg_iov, header.msg_iovlen);
  return sendWith(k, td, file, uio, { flags: flags!, to, ...control }, entry);
}

function copyinControl(k: Kernel, td: Thread, socket: Socket, { msg_control, msg_controllen }: Msghdr) {
  if (msg_control === 0) return { files: [], credentials: null };
  if (msg_controllen < 12 || msg_controllen > CONTROL_MAX) return EINVAL;
  const bytes = k.copyin(td.pid, msg_control, msg_controllen);
  if (typeof bytes === 'number') return EFAULT;
  return socket.domain === 'unix' ? decodeControl(k, td, bytes) : EINVAL;
}

// ---- receiving ---------------------------------------------------------------------------------------------------------

function sys_recvfrom(k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult {
  const [fd, buffer, length, flags, nameAt, lengthAt] = args as [number, number, number, number, number, number];
  if (nameAt !== 0 && lengthAt !== 0 && k.fuword(td.pid, lengthAt) === null) return fail(EFAULT);
  const file = socketOf(k, td, fd, entry);
  if (typeof file === 'number') return fail(file);
  const uio = singleUio(td.pid, buffer, length);
  if (typeof uio === 'number') return fail(uio);
  const got = receiveSocket(k, file, uio, flags, entry);
  if (got.kind !== 'received') return got;
  takeControl(k, td, got.message, 0, false);
  const wantsName = nameAt !== 0 && lengthAt !== 0;
  if (wantsName && !copyoutSender(k, td, k.socket(file.socket), got, nameAt, lengthAt)) return fail(EFAULT);
  return ok(got.length);
}

/** Who sent a datagram; of a stream nothing is known, and the length says so. */
function copyoutSender(k: Kernel, td: Thread, socket: Socket, got: Received, at: number, lengthAt: number): boolean {
  if (!got.message.from) return k.suword(td.pid, lengthAt, 0);
  return copyoutName(k, td, socket, got.message.from, at, lengthAt);
}

function sys_recvmsg(k: Kernel, td: Thread, [fd, at, flags]: Args, entry: SyscallEntry): SyscallResult {
  const header = copyinMsghdr(k, td, at!);
  if (typeof header === 'number') return fail(header);
  const file = socketOf(k, td, fd!, entry);
  if (typeof file === 'number') return fail(file);
  const uio = vectorUio(k, td.pid, header.msg_iov, header.msg_iovlen);
  if (typeof uio === 'number') return fail(uio);
  const got = receiveSocket(k, file, uio, flags!, entry);
  if (got.kind !== 'received') return got;
  const room = header.msg_control === 0 ? 0 : header.msg_controllen;
  const control = takeControl(k, td, got.message, room, (flags! & so.MSG_CMSG_CLOEXEC) !== 0);
  const msg_flags =
    (flags! & (so.MSG_PEEK | so.MSG_WAITALL | so.MSG_DONTWAIT)) |
    (got.truncated ? so.MSG_TRUNC : 0) |
    (control.truncated ? so.MSG_CTRUNC : 0);
  const socket = k.socket(file.socket);
  const written =
    (header.msg_name === 0 || copyoutSender(k, td, socket, got, header.msg_name, (at! + 4) >>> 0)) &&
    (room === 0 || k.copyout(td.pid, header.msg_control, control.bytes)) &&
    copyoutResults(k, td, at!, { ...header, msg_controllen: control.bytes.length, msg_flags });
  if (written) return ok(got.length);
  for (const one of control.fds) closeDescriptor(k, td.pid, one);
  return fail(EFAULT);
}

/** msg_controllen and msg_flags; msg_namelen stands there already. */
function copyoutResults(k: Kernel, td: Thread, at: number, header: Msghdr): boolean {
  return k.copyout(td.pid, (at + 20) >>> 0, encode(msghdrLayout, header).subarray(20));
}

// ---- sendfile ----------------------------------------------------------------------------------------------------------

/** struct sf_hdtr: what to send before and after the file, as vectors. */
function copyinHdtr(
  k: Kernel,
  td: Thread,
  at: number,
): { readonly headers: Source; readonly trailers: Source } | Errno {
  const bytes = at === 0 ? new Uint8Array(16) : k.copyin(td.pid, at, 16);
  if (typeof bytes === 'number') return EFAULT;
  const [headersAt, headerCount, trailersAt, trailerCount] = new Int32Array(bytes.buffer);
  const headers = vectorUio(k, td.pid, headersAt! >>> 0, headersAt ? headerCount! : 0);
  if (typeof headers === 'number') return headers;
  const trailers = vectorUio(k, td.pid, trailersAt! >>> 0, trailersAt ? trailerCount! : 0);
  if (typeof trailers === 'number') return trailers;
  return { headers: sourceOf(k, headers), trailers: sourceOf(k, trailers) };
}

/** Sources one behind the other. */
function concatenate(...sources: readonly Source[]): Source {
  return {
    length: sources.reduce((sum, source) => sum + source.length, 0),
    read: (offset, max) => {
      let skip = offset;
      for (const source of sources) {
        if (skip < source.length) return source.read(skip, max);
        skip -= source.length;
      }
      return new Uint8Array(0);
    },
  };
}

/** sendfile(2): how much was sent stands at `sbytes`, whatever became of the call. */
function sys_sendfile(k: Kernel, td: Thread, args: Args, entry: SyscallEntry): SyscallResult {
  const [fd, s, offset, wanted, hdtr, sbytes] = args as [number, number, number, number, number, number];
  const file = getFile(k, td, fd);
  if (!file?.readable) return fail(EBADF);
  const vnode = file.kind === 'vnode' ? k.vnode(file.vnode) : null;
  if (vnode?.type !== 'reg' || offset < 0) return fail(EINVAL);
  const out = socketOf(k, td, s, entry);
  if (typeof out === 'number') return fail(out);
  const socket = k.socket(out.socket);
  if (socket.type !== 'stream') return fail(EINVAL);
  if (socket.state !== 'connected') return fail(ENOTCONN);
  const around = copyinHdtr(k, td, hdtr);
  if (typeof around === 'number') return fail(around);
  const { data } = syncFile(k, vnode);
  const left = Math.max(0, data.size - offset);
  const middle: Source = {
    length: wanted === 0 ? left : Math.min(wanted, left),
    read: (from, max) => readFileRange(data, offset + from, Math.min(max, middle.length - from)),
  };
  const source = concatenate(around.headers, middle, around.trailers);
  const result = sendSocket(k, td, out, source, PLAIN_SEND, entry);
  if (result.kind !== 'return' && result.kind !== 'error') return result;
  const sent = result.kind === 'return' ? result.eax : 0;
  if (sbytes !== 0 && !k.copyout(td.pid, sbytes, new Uint8Array(BigInt64Array.of(BigInt(sent)).buffer)))
    return fail(EFAULT);
  if (result.kind === 'error') return result;
  if (sent === source.length) return ok();
  return fail(entry.woken === 'signal' ? EINTR : EAGAIN);
}

// biome-ignore format: one system call per line
export const socketTransferSyscalls: readonly SyscallRow[] = [
  { number: 27, name: 'recvmsg', args: [['s', 'fd'], ['msg', 'inout'], ['flags', 'int']], support: 'full', handler: sys_recvmsg },
  { number: 28, name: 'sendmsg', args: [['s', 'fd'], ['msg', 'in'], ['flags', 'int']], support: 'full', handler: sys_sendmsg },
  { number: 29, name: 'recvfrom', args: [['s', 'fd'], ['buf', 'buf-out'], ['len', 'size'], ['flags', 'int'], ['from', 'out'], ['fromlenaddr', 'inout']], support: 'full', handler: sys_recvfrom },
  { number: 133, name: 'sendto', args: [['s', 'fd'], ['buf', 'buf-in'], ['len', 'size'], ['flags', 'int'], ['to', 'in'], ['tolen', 'int']], support: 'full', handler: sys_sendto },
  { number: 393, name: 'sendfile', args: [['fd', 'fd'], ['s', 'fd'], ['offset', 'off'], ['nbytes', 'size'], ['hdtr', 'in'], ['sbytes', 'out'], ['flags', 'int']], support: 'full', handler: sys_sendfile },
];
