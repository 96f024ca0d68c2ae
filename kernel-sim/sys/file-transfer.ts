import { EBADF } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import { fail, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { type Position, readOpenFile, writeOpenFile } from '../vfs/file-io.ts';
import { getFile } from '../vfs/filedesc.ts';
import { singleUio, type Uio, vectorUio } from '../vfs/uio.ts';
import type { SyscallHandler, SyscallRow } from './row.ts';

/* read(2), write(2) and their forms with a vector of buffers and with a place of their own. */

type Args = readonly number[];

function transfer(
  k: Kernel,
  td: Thread,
  fd: number,
  uio: Uio | Errno,
  position: Position,
  direction: 'read' | 'write',
  entry: SyscallEntry,
): SyscallResult {
  if (typeof uio === 'number') return fail(uio);
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  return direction === 'read'
    ? readOpenFile(k, td, file, uio, position, entry)
    : writeOpenFile(k, td, file, uio, position, entry);
}

/** fd, buffer, length; `offsetAt` is the index of the argument that says where, -1 for the file's own offset. */
const simple =
  (direction: 'read' | 'write', offsetAt = -1): SyscallHandler =>
  (k: Kernel, td: Thread, args: Args, entry: SyscallEntry) =>
    transfer(
      k,
      td,
      args[0]!,
      singleUio(td.pid, args[1]!, args[2]!),
      offsetAt < 0 ? 'current' : args[offsetAt]!,
      direction,
      entry,
    );

/** fd, vector, count. */
const vector =
  (direction: 'read' | 'write', offsetAt = -1): SyscallHandler =>
  (k: Kernel, td: Thread, args: Args, entry: SyscallEntry) =>
    transfer(
      k,
      td,
      args[0]!,
      vectorUio(k, td.pid, args[1]!, args[2]!),
      offsetAt < 0 ? 'current' : args[offsetAt]!,
      direction,
      entry,
    );

const sys_read = simple('read');
const sys_write = simple('write');
const sys_pread = simple('read', 3);
const sys_pwrite = simple('write', 3);
const sys_freebsd6_pread = simple('read', 4);
const sys_freebsd6_pwrite = simple('write', 4);
const sys_readv = vector('read');
const sys_writev = vector('write');
const sys_preadv = vector('read', 3);
const sys_pwritev = vector('write', 3);

// biome-ignore format: one call per line
export const transferSyscalls: readonly SyscallRow[] = [
  { number: 3, name: 'read', args: [['fd', 'fd'], ['buf', 'buf-out'], ['nbyte', 'size']], support: 'full', handler: sys_read },
  { number: 4, name: 'write', args: [['fd', 'fd'], ['buf', 'buf-in'], ['nbyte', 'size']], support: 'full', handler: sys_write },
  { number: 120, name: 'readv', args: [['fd', 'fd'], ['iovp', 'in'], ['iovcnt', 'int']], support: 'full', handler: sys_readv },
  { number: 121, name: 'writev', args: [['fd', 'fd'], ['iovp', 'in'], ['iovcnt', 'int']], support: 'full', handler: sys_writev },
  { number: 173, name: 'freebsd6_pread', args: [['fd', 'fd'], ['buf', 'buf-out'], ['nbyte', 'size'], ['pad', 'pad'], ['offset', 'off']], support: 'full', handler: sys_freebsd6_pread },
  { number: 174, name: 'freebsd6_pwrite', args: [['fd', 'fd'], ['buf', 'buf-in'], ['nbyte', 'size'], ['pad', 'pad'], ['offset', 'off']], support: 'full', handler: sys_freebsd6_pwrite },
  { number: 289, name: 'preadv', args: [['fd', 'fd'], ['iovp', 'in'], ['iovcnt', 'int'], ['offset', 'off']], support: 'full', handler: sys_preadv },
  { number: 290, name: 'pwritev', args: [['fd', 'fd'], ['iovp', 'in'], ['iovcnt', 'int'], ['offset', 'off']], support: 'full', handler: sys_pwritev },
  { number: 475, name: 'pread', args: [['fd', 'fd'], ['buf', 'buf-out'], ['nbyte', 'size'], ['offset', 'off']], support: 'full', handler: sys_pread },
  { number: 476, name: 'pwrite', args: [['fd', 'fd'], ['buf', 'buf-in'], ['nbyte', 'size'], ['offset', 'off']], support: 'full', handler: sys_pwrite },
];
