import { EBADF, ENOTDIR } from '../abi/errno.ts';
import { AT_FDCWD, PATH_MAX } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { getFile } from '../vfs/filedesc.ts';
import { type Found, lookupPath, type NameiOptions, namei } from '../vfs/namei.ts';
import type { Credentials } from '../vfs/vnode.ts';

/* How system calls take paths: a string in user memory, relative to the working directory or to a directory descriptor. */

export interface UserPath {
  readonly path: string;
  /** Of the process, with the directory from which the path starts. */
  readonly cred: Credentials;
}

/** EFAULT, ENAMETOOLONG; EBADF and ENOTDIR for the descriptor when the path is relative. */
export function userPath(k: Kernel, td: Thread, dirfd: number, address: number): UserPath | Errno {
  const path = k.copyinstr(td.pid, address, PATH_MAX);
  if (typeof path === 'number') return path;
  const p = k.proc(td.pid);
  if (dirfd === AT_FDCWD || path.startsWith('/')) return { path, cred: p };
  const file = getFile(k, td, dirfd);
  if (!file) return EBADF;
  if (file.kind !== 'vnode' || k.vnode(file.vnode).type !== 'dir') return ENOTDIR;
  return { path, cred: { uid: p.uid, gid: p.gid, groups: p.groups, root: p.root, cwd: file.vnode } };
}

/** A path of user memory, walked: where its last component stands, which need not exist. */
export function userFound(
  k: Kernel,
  td: Thread,
  dirfd: number,
  address: number,
  options: NameiOptions,
): (Found & { readonly cred: Credentials }) | Errno {
  const user = userPath(k, td, dirfd, address);
  if (typeof user === 'number') return user;
  const found = namei(k, user.cred, user.path, options);
  return typeof found === 'number' ? found : { ...found, cred: user.cred };
}

/** The vnode at the end of a path of user memory. */
export function userVnode(k: Kernel, td: Thread, dirfd: number, address: number, options: NameiOptions): Vnode | Errno {
  const user = userPath(k, td, dirfd, address);
  return typeof user === 'number' ? user : lookupPath(k, user.cred, user.path, options);
}
