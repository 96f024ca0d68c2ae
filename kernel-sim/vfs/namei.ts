import { EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR } from '../abi/errno.ts';
import { MAXSYMLINKS, NAME_MAX, PATH_MAX, X_OK } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Vnode, VnodeId } from '../kern/state.ts';
import { syncFile } from '../vm/shared.ts';
import { readFolder, readHostFile } from './host-folder.ts';
import { type Credentials, checkAccess, type DirVnode } from './vnode.ts';

/** Where a path leads. The last component is `name` in `dir`; `vnode` is null when nothing has that name. */
export interface Found {
  readonly dir: VnodeId;
  /** May be `.` or `..`; `.` for the root itself. */
  readonly name: string;
  readonly vnode: Vnode | null;
  /** The path ended in a slash: it means a directory. */
  readonly slash: boolean;
}

export interface NameiOptions {
  /** Follow a symbolic link that is the last component. A trailing slash does so in any case. */
  readonly follow: boolean;
}

/** The credentials with which the host itself walks the tree. */
export const hostCredentials = (k: Kernel): Credentials => ({
  uid: 0,
  gid: 0,
  groups: [],
  cwd: k.state.counters.rootVnode,
  root: k.state.counters.rootVnode,
});

/**
 * FreeBSD namei: walks a path from the working directory or the root. The last component need not exist; every other must.
 * Errors: ENOENT (also for the empty path and inside a removed directory), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG; those of readFolder.
 */
export function namei(k: Kernel, cred: Credentials, path: string, { follow }: NameiOptions): Found | Errno {
  if (path === '') return ENOENT;
  if (path.length >= PATH_MAX) return ENAMETOOLONG;
  const { root } = cred;
  let rest = path;
  let dir = rest.startsWith('/') ? root : cred.cwd;
  let links = 0;
  for (;;) {
    rest = rest.replace(/^\/+/, '');
    if (rest === '') return { dir, name: '.', vnode: k.vnode(dir), slash: true };
    const end = rest.indexOf('/');
    const name = end < 0 ? rest : rest.slice(0, end);
    const after = end < 0 ? '' : rest.slice(end);
    const slash = after !== '';
    const last = /^\/*$/.test(after);

    const here = k.vnode(dir);
    if (here.type !== 'dir') return ENOTDIR;
    if (checkAccess(here, cred, X_OK)) return EACCES;
    if (name.length > NAME_MAX) return ENAMETOOLONG;
    const folder = readFolder(k, here);
    if (typeof folder === 'number') return folder;
    const vnode = lookup(k, folder, name, root);
    if (vnode === null) return last ? { dir, name, vnode, slash } : ENOENT;

    if (vnode.type === 'lnk' && (!last || follow || slash)) {
      if (++links > MAXSYMLINKS) return ELOOP;
      if (vnode.target === '') return ENOENT;
      rest = vnode.target + after;
      if (rest.length >= PATH_MAX) return ENAMETOOLONG;
      if (rest.startsWith('/')) dir = root;
      continue;
    }
    if (last) return slash && vnode.type !== 'dir' ? ENOTDIR : { dir, name, vnode, slash };
    if (vnode.type !== 'dir') return ENOTDIR;
    dir = vnode.id;
    rest = after;
  }
}

/** One component in one directory whose entries are here; null when there is none. A root is its own parent. */
function lookup(k: Kernel, dir: DirVnode, name: string, root: VnodeId): Vnode | null {
  if (name === '.' || (name === '..' && dir.id === root)) return dir;
  if (name === '..') return dir.nlink === 0 ? null : k.vnode(dir.parent);
  const entry = dir.entries.get(name);
  return entry ? k.vnode(entry.vnode) : null;
}

/** The vnode at the end of a path; ENOENT when there is none. */
export function lookupPath(k: Kernel, cred: Credentials, path: string, options: NameiOptions): Vnode | Errno {
  const found = namei(k, cred, path, options);
  if (typeof found === 'number') return found;
  return found.vnode ?? ENOENT;
}

/** The regular file at the end of a path, links followed, with all that was written to it through memory: EISDIR for a directory, EACCES for a device. */
export function lookupFile(k: Kernel, cred: Credentials, path: string): Extract<Vnode, { type: 'reg' }> | Errno {
  const vnode = lookupPath(k, cred, path, { follow: true });
  if (typeof vnode === 'number') return vnode;
  if (vnode.type === 'dir') return EISDIR;
  if (vnode.type !== 'reg') return EACCES;
  const file = readHostFile(k, vnode);
  return typeof file === 'number' ? file : syncFile(k, file);
}
