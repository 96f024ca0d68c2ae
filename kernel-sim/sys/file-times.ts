import { EACCES, EBADF, EINVAL, EPERM, EROFS } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile, isNamed } from '../vfs/filedesc.ts';
import { checkAccess, isReadOnly } from '../vfs/vnode.ts';
import { userVnode } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

/* Times of files: utimes(2) in microseconds, utimensat(2) in nanoseconds. */

type Args = readonly number[];

/** sys/stat.h, from 10.3 on: instead of nanoseconds. */
const UTIME_NOW = -1;
const UTIME_OMIT = -2;

/** Access and modification, in s since 1970 and ns; null: now, whoever may write. */
type NewTimes = readonly [access: NewTime, modify: NewTime] | null;
type NewTime = { readonly sec: number; readonly nsec: number } | 'now' | 'keep';

const at = (words: Int32Array, n: number, unitNs: number): NewTime => ({
  sec: words[n]!,
  nsec: words[n + 1]! * unitNs,
});

/** Two struct timeval. EINVAL for microseconds out of range. */
function timesOfTimeval(k: Kernel, td: Thread, address: number): NewTimes | Errno {
  if (address === 0) return null;
  const bytes = k.copyin(td.pid, address, 16);
  if (typeof bytes === 'number') return bytes;
  const words = new Int32Array(bytes.slice().buffer);
  if (![words[1]!, words[3]!].every((usec) => usec >= 0 && usec < 1_000_000)) return EINVAL;
  return [at(words, 0, 1000), at(words, 2, 1000)];
}

/** Two struct timespec. EINVAL for nanoseconds out of range. */
function timesOfTimespec(k: Kernel, td: Thread, address: number): NewTimes | Errno {
  if (address === 0) return null;
  const bytes = k.copyin(td.pid, address, 16);
  if (typeof bytes === 'number') return bytes;
  const words = new Int32Array(bytes.slice().buffer);
  const one = (n: number): NewTime | Errno => {
    const nsec = words[n + 1]!;
    if (nsec === UTIME_NOW) return 'now';
    if (nsec === UTIME_OMIT) return 'keep';
    return nsec >= 0 && nsec < 1_000_000_000 ? at(words, n, 1) : EINVAL;
  };
  const [access, modify] = [one(0), one(2)];
  if (typeof access === 'number' || typeof modify === 'number') return EINVAL;
  return access === 'now' && modify === 'now' ? null : [access, modify];
}

/** FreeBSD setutimes. Errors: EPERM for a stranger, EACCES for one who may not write and wants the time to be now; EROFS. */
function setTimes(k: Kernel, td: Thread, vnode: Vnode, times: NewTimes): SyscallResult {
  if (isReadOnly(vnode)) return fail(EROFS);
  const p = k.proc(td.pid);
  const mine = p.uid === 0 || p.uid === vnode.uid;
  const ns = k.now();
  if (!mine && (times || checkAccess(vnode, p, fcntl.W_OK))) return fail(times ? EPERM : EACCES);
  // Times of files count from power-on; what lies before is negative. Differs: more than 104 days away from power-on the
  // nanoseconds of a double get coarse (by 1 us at the ends of the 32-bit range).
  const toNs = (time: NewTime, before: number): number => {
    if (time === 'keep') return before;
    return time === 'now' ? ns : (time.sec - k.config.bootTimeSec) * 1e9 + time.nsec;
  };
  const [access, modify] = times ?? ['now', 'now'];
  const accessNs = toNs(access, vnode.accessNs);
  k.setVnode({ ...vnode, accessNs, modifyNs: toNs(modify, vnode.modifyNs), changeNs: ns });
  return ok();
}

function setPathTimes(k: Kernel, td: Thread, fd: number, path: number, times: NewTimes | Errno, follow = true) {
  if (typeof times === 'number') return fail(times);
  const vnode = userVnode(k, td, fd, path, { follow });
  return typeof vnode === 'number' ? fail(vnode) : setTimes(k, td, vnode, times);
}

function setFileTimes(k: Kernel, td: Thread, fd: number, times: NewTimes | Errno): SyscallResult {
  if (typeof times === 'number') return fail(times);
  const file = getFile(k, td, fd);
  if (!file) return fail(EBADF);
  return isNamed(file) ? setTimes(k, td, k.vnode(file.vnode), times) : fail(EINVAL);
}

const sys_utimes = (k: Kernel, td: Thread, [path, times]: Args): SyscallResult =>
  setPathTimes(k, td, fcntl.AT_FDCWD, path!, timesOfTimeval(k, td, times!));

const sys_lutimes = (k: Kernel, td: Thread, [path, times]: Args): SyscallResult =>
  setPathTimes(k, td, fcntl.AT_FDCWD, path!, timesOfTimeval(k, td, times!), false);

const sys_futimesat = (k: Kernel, td: Thread, [fd, path, times]: Args): SyscallResult =>
  setPathTimes(k, td, fd!, path!, timesOfTimeval(k, td, times!));

const sys_futimes = (k: Kernel, td: Thread, [fd, times]: Args): SyscallResult =>
  setFileTimes(k, td, fd!, timesOfTimeval(k, td, times!));

const sys_futimens = (k: Kernel, td: Thread, [fd, times]: Args): SyscallResult =>
  setFileTimes(k, td, fd!, timesOfTimespec(k, td, times!));

function sys_utimensat(k: Kernel, td: Thread, [fd, path, times, flag]: Args): SyscallResult {
  if (flag! & ~fcntl.AT_SYMLINK_NOFOLLOW) return fail(EINVAL);
  return setPathTimes(k, td, fd!, path!, timesOfTimespec(k, td, times!), flag === 0);
}

// biome-ignore format: one call per line
export const timesSyscalls: readonly SyscallRow[] = [
  { number: 138, name: 'utimes', args: [['path', 'str'], ['tptr', 'in']], support: 'full', handler: sys_utimes },
  { number: 206, name: 'futimes', args: [['fd', 'fd'], ['tptr', 'in']], support: 'full', handler: sys_futimes },
  { number: 276, name: 'lutimes', args: [['path', 'str'], ['tptr', 'in']], support: 'full', handler: sys_lutimes },
  { number: 494, name: 'futimesat', args: [['fd', 'at-fd'], ['path', 'str'], ['times', 'in']], support: 'full', handler: sys_futimesat },
  { number: 546, name: 'futimens', args: [['fd', 'fd'], ['times', 'in']], since: '10.3', support: 'full', handler: sys_futimens },
  { number: 547, name: 'utimensat', args: [['fd', 'at-fd'], ['path', 'str'], ['times', 'in'], ['flag', 'at-flags']], since: '10.3', support: 'full', handler: sys_utimensat },
];
