import { EINVAL, EMFILE, ENOENT, EPERM } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { openMaster } from '../tty/pty.ts';
import { revokeVnode } from '../tty/tty.ts';
import { fdalloc, installDescriptor } from '../vfs/filedesc.ts';
import { userFound } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

/* Terminals: what is not done by ioctl(2). */

/** posix_openpt(2): the master of a new pseudo-terminal. */
function sys_posix_openpt(k: Kernel, td: Thread, [flags]: readonly number[]): SyscallResult {
  if (flags! & ~(fcntl.O_ACCMODE | fcntl.O_NOCTTY | fcntl.O_CLOEXEC)) return fail(EINVAL);
  const access = flags! & fcntl.O_ACCMODE;
  if (access === fcntl.O_ACCMODE) return fail(EINVAL);
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const mode = { readable: access !== fcntl.O_WRONLY, writable: access !== fcntl.O_RDONLY, nonblock: false };
  const master = openMaster(k, k.proc(td.pid), mode);
  if (typeof master === 'number') return fail(master);
  installDescriptor(k, td.pid, fd, master.id, (flags! & fcntl.O_CLOEXEC) !== 0);
  return ok(fd);
}

/** revoke(2): whoever has the device open has nothing any more. Its owner and root may do so. */
function sys_revoke(k: Kernel, td: Thread, [path]: readonly number[]): SyscallResult {
  const found = userFound(k, td, fcntl.AT_FDCWD, path!, { follow: true });
  if (typeof found === 'number') return fail(found);
  const { vnode } = found;
  if (vnode?.type !== 'chr') return fail(vnode ? EINVAL : ENOENT);
  const { uid } = k.proc(td.pid);
  if (uid !== 0 && uid !== vnode.uid) return fail(EPERM);
  const error = revokeVnode(k, vnode.id);
  return error ? fail(error) : ok();
}

// biome-ignore format: one call per line
export const ttySyscalls: readonly SyscallRow[] = [
  { number: 56, name: 'revoke', args: [['path', 'str']], support: 'full', handler: sys_revoke },
  { number: 504, name: 'posix_openpt', args: [['flags', 'open-flags']], support: 'full', handler: sys_posix_openpt },
];
