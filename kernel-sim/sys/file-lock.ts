import { EBADF, EFAULT, EINVAL, EOPNOTSUPP, EOVERFLOW } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { encode, layout } from '../abi/layout.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { FileLock, LockOwner, OpenFile, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { vnodeSize } from '../vfs/file-io.ts';
import { blockingLock, LOCK_TO_END, type LockResume, lock, lockOwnerOf, unlock } from '../vfs/file-lock.ts';
import { getFile } from '../vfs/filedesc.ts';
import type { SyscallRow } from './row.ts';

/* flock(2) and the locks of fcntl(2): FreeBSD 9.1 kern/kern_descrip.c. */

/** struct flock: 28 bytes; before 8.0 without l_sysid. */
// biome-ignore format: one field per line
const flockLayout = layout(28, [
  { name: 'l_start', at: 0, kind: 'i64' },
  { name: 'l_len', at: 8, kind: 'i64' },
  { name: 'l_pid', at: 16, kind: 'i32' },
  { name: 'l_type', at: 20, kind: 'i16' },
  { name: 'l_whence', at: 22, kind: 'i16' },
  { name: 'l_sysid', at: 24, kind: 'i32' },
]);
type Flock = typeof flockLayout.zero;
const OLD_FLOCK_SIZE = 24;
const OLD_COMMANDS: readonly number[] = [fcntl.F_OGETLK, fcntl.F_OSETLK, fcntl.F_OSETLKW];
/** off_t. Differs: values beyond 2^53 are not told apart. */
const OFF_MAX = LOCK_TO_END;

type VnodeFile = Extract<OpenFile, { kind: 'vnode' }>;

/** The bytes that a struct flock means. EINVAL: they begin before the file. EOVERFLOW. */
function rangeOf(
  k: Kernel,
  file: VnodeFile,
  { l_start, l_len, l_whence }: Flock,
): { start: number; end: number } | Errno {
  const bases = [0, file.offset, vnodeSize(k.vnode(file.vnode))];
  const base = bases[l_whence];
  if (base === undefined) return EINVAL;
  const from = base + l_start;
  const [start, end] = l_len < 0 ? [from + l_len, from] : [from, l_len === 0 ? LOCK_TO_END : from + l_len];
  if (start < 0) return EINVAL;
  return start >= OFF_MAX || end > OFF_MAX ? EOVERFLOW : { start, end };
}

/** fcntl(2) with one of the commands for locks; EINVAL for any other. */
export function fcntlLock(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  command: number,
  at: number,
  entry: SyscallEntry,
): SyscallResult {
  const old = OLD_COMMANDS.includes(command);
  // F_OGETLK, F_OSETLK and F_OSETLKW stand in the same order.
  const kind = old ? command + fcntl.F_GETLK - fcntl.F_OGETLK : command;
  if (kind < fcntl.F_GETLK || kind > fcntl.F_SETLKW) return fail(EINVAL);
  if (isStale(file, entry)) return fail(EBADF);
  const size = old ? OLD_FLOCK_SIZE : flockLayout.sizeBytes;
  const bytes = k.copyin(td.pid, at, size);
  if (typeof bytes === 'number') return fail(EFAULT);
  const whole = new Uint8Array(flockLayout.sizeBytes);
  whole.set(bytes);
  const asked = flockLayout.get(new DataView(whole.buffer), 0);
  if (file.kind !== 'vnode') return fail(EBADF);
  const range = rangeOf(k, file, asked);
  if (typeof range === 'number') return fail(range);
  const wanted: FileLock = {
    owner: { pid: lockOwnerOf(k.proc(td.pid)) },
    exclusive: asked.l_type === fcntl.F_WRLCK,
    ...range,
  };
  if (kind === fcntl.F_GETLK) {
    if (asked.l_type !== fcntl.F_RDLCK && asked.l_type !== fcntl.F_WRLCK) return fail(EINVAL);
    const found = describe(asked, blockingLock(k, file.vnode, wanted));
    return k.copyout(td.pid, at, encode(flockLayout, found).subarray(0, size)) ? ok() : fail(EFAULT);
  }
  switch (asked.l_type) {
    case fcntl.F_UNLCK:
      unlock(k, file.vnode, wanted);
      return ok();
    case fcntl.F_RDLCK:
    case fcntl.F_WRLCK:
      if (!(wanted.exclusive ? file.writable : file.readable)) return fail(EBADF);
      return lock(k, file, file.vnode, wanted, kind === fcntl.F_SETLKW, entry);
    default:
      return fail(EINVAL);
  }
}

/** What F_GETLK says: the lock in the way, or that there is none. flock(2) locks belong to no process. */
function describe(asked: Flock, held: FileLock | undefined): Flock {
  if (!held) return { ...asked, l_type: fcntl.F_UNLCK };
  return {
    l_start: held.start,
    l_len: held.end === LOCK_TO_END ? 0 : held.end - held.start,
    l_pid: 'pid' in held.owner ? held.owner.pid : -1,
    l_type: held.exclusive ? fcntl.F_WRLCK : fcntl.F_RDLCK,
    l_whence: fcntl.SEEK_SET,
    l_sysid: 0,
  };
}

/** Did another thread close or replace the descriptor while this one waited? */
const isStale = (file: OpenFile, entry: SyscallEntry): boolean =>
  entry.woken !== 'first' && (entry.resume as LockResume).file !== file.id;

const wholeFile = (owner: LockOwner, exclusive: boolean): FileLock => ({
  owner,
  exclusive,
  start: 0,
  end: LOCK_TO_END,
});

/** LOCK_SH or LOCK_EX on an open file. */
export function flockFile(k: Kernel, file: VnodeFile, how: number, entry: SyscallEntry): SyscallResult {
  const wanted = wholeFile({ file: file.id }, (how & fcntl.LOCK_EX) !== 0);
  return lock(k, file, file.vnode, wanted, (how & fcntl.LOCK_NB) === 0, entry);
}

function sys_flock(k: Kernel, td: Thread, [fd, how]: readonly number[], entry: SyscallEntry): SyscallResult {
  const file = getFile(k, td, fd!);
  if (!file || isStale(file, entry)) return fail(EBADF);
  if (file.kind !== 'vnode') return fail(EOPNOTSUPP);
  if (how! & fcntl.LOCK_UN) {
    unlock(k, file.vnode, wholeFile({ file: file.id }, true));
    return ok();
  }
  if ((how! & (fcntl.LOCK_SH | fcntl.LOCK_EX)) === 0) return fail(EBADF);
  return flockFile(k, file, how!, entry);
}

// biome-ignore format: one call per line
export const lockSyscalls: readonly SyscallRow[] = [
  { number: 131, name: 'flock', args: [['fd', 'fd'], ['how', 'flock']], support: 'full', handler: sys_flock },
];
