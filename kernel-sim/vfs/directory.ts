import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  EMLINK,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  EXDEV,
} from '../abi/errno.ts';
import { NOTE_DELETE, NOTE_LINK, NOTE_RENAME, NOTE_WRITE } from '../abi/event.ts';
import { LINK_MAX, W_OK } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { S_ISVTX } from '../abi/stat.ts';
import type { Kernel } from '../kern/kernel.ts';
import { vnodeEvent } from '../kern/kqueue.ts';
import type { Vnode, VnodeId } from '../kern/state.ts';
import { EMPTY_FILE } from './file-data.ts';
import { isFileSystemRoot, isInDevfs } from './file-systems.ts';
import { readFolder } from './host-folder.ts';
import { DIR_ENTRIES_MAX } from './limits.ts';
import { type Found, namei } from './namei.ts';
import { addLinks, type Credentials, checkAccess, type DirVnode, newVnode, type VnodeBody } from './vnode.ts';

/*
 * Changes to directories. Each function takes a path as namei found it, checks what FreeBSD's system call and UFS check, in
 * their order, and either changes everything or returns an errno and changes nothing.
 */

function dirOf(k: Kernel, id: VnodeId): DirVnode | null {
  const vnode = k.vnode(id);
  return vnode.type === 'dir' ? vnode : null;
}

/** May `cred` add this name? ENOENT in a removed directory. */
function checkAdd(k: Kernel, cred: Credentials, found: Found): DirVnode | Errno {
  const dir = dirOf(k, found.dir);
  if (!dir) return ENOTDIR;
  if (dir.nlink === 0) return ENOENT;
  const denied = checkAccess(dir, cred, W_OK);
  if (denied) return denied;
  return dir.entries.size >= DIR_ENTRIES_MAX ? ENOSPC : dir;
}

/** May `cred` take the name away (or give it to another vnode)? In a sticky directory only the owner may. */
function checkRemove(k: Kernel, cred: Credentials, dirId: VnodeId, vnode: Vnode): DirVnode | Errno {
  const dir = dirOf(k, dirId);
  if (!dir) return ENOTDIR;
  const denied = checkAccess(dir, cred, W_OK);
  if (denied) return denied;
  const sticky = (dir.mode & S_ISVTX) !== 0;
  if (sticky && cred.uid !== 0 && cred.uid !== dir.uid && cred.uid !== vnode.uid) return EPERM;
  return dir;
}

/** Gives `name` to a vnode, in the place of the entry that had the name, and counts the link. */
function setEntry(k: Kernel, dirId: VnodeId, name: string, vnode: VnodeId): void {
  const dir = dirOf(k, dirId)!;
  const old = dir.entries.get(name);
  const entries = new Map(dir.entries);
  entries.set(name, { vnode, cookie: old ? old.cookie : dir.nextCookie });
  const ns = k.now();
  k.setVnode({ ...dir, entries, nextCookie: dir.nextCookie + (old ? 0 : 1), modifyNs: ns, changeNs: ns });
  addLinks(k, vnode, 1);
  vnodeEvent(k, dirId, NOTE_WRITE);
}

function removeEntry(k: Kernel, dirId: VnodeId, name: string): void {
  const dir = dirOf(k, dirId)!;
  const entries = new Map(dir.entries);
  entries.delete(name);
  const ns = k.now();
  k.setVnode({ ...dir, entries, modifyNs: ns, changeNs: ns });
  vnodeEvent(k, dirId, NOTE_WRITE);
}

/** Makes a vnode of the given kind and enters it under the name that was found free. */
export function createNode(k: Kernel, cred: Credentials, found: Found, body: VnodeBody): Vnode | Errno {
  if (found.vnode) return EEXIST;
  if (found.slash && body.type !== 'dir') return ENOENT;
  const refused = isInDevfs(k.vnode(found.dir)) && refusedByDevfs(cred, body);
  if (refused) return refused;
  const dir = checkAdd(k, cred, found);
  if (typeof dir === 'number') return dir;
  const vnode = newVnode(k, dir.dev, body);
  if (typeof vnode === 'number') return vnode;
  setEntry(k, dir.id, found.name, vnode.id);
  return k.vnode(vnode.id);
}

/** FreeBSD sys/fs/devfs/devfs_vnops.c: nothing is made there but devices, by the kernel, and symbolic links, by root. */
function refusedByDevfs(cred: Credentials, { type }: VnodeBody): Errno | 0 {
  if (type === 'chr') return 0;
  if (type !== 'lnk') return EOPNOTSUPP;
  return cred.uid === 0 ? 0 : EPERM;
}

/** A new file belongs to its creator and to the group of its directory. */
export function createFile(k: Kernel, cred: Credentials, found: Found, mode: number): Vnode | Errno {
  return createNode(k, cred, found, {
    type: 'reg',
    mode,
    uid: cred.uid,
    gid: k.vnode(found.dir).gid,
    data: EMPTY_FILE,
  });
}

export function makeSymlink(k: Kernel, cred: Credentials, found: Found, target: string): Vnode | Errno {
  return createNode(k, cred, found, { type: 'lnk', mode: 0o755, uid: cred.uid, gid: k.vnode(found.dir).gid, target });
}

export function makeDirectory(k: Kernel, cred: Credentials, found: Found, mode: number): Vnode | Errno {
  if (k.vnode(found.dir).nlink >= LINK_MAX) return EMLINK;
  const body: VnodeBody = {
    type: 'dir',
    mode,
    uid: cred.uid,
    gid: k.vnode(found.dir).gid,
    entries: new Map(),
    nextCookie: 2,
    parent: found.dir,
  };
  const vnode = createNode(k, cred, found, body);
  if (typeof vnode === 'number') return vnode;
  addLinks(k, vnode.id, 1);
  addLinks(k, found.dir, 1);
  vnodeEvent(k, found.dir, NOTE_LINK);
  return k.vnode(vnode.id);
}

/** link(2): another name, in the same file system, for a vnode that is not a directory. */
export function linkNode(k: Kernel, cred: Credentials, vnode: Vnode, found: Found): Errno | 0 {
  if (vnode.type === 'dir') return EPERM;
  if (found.vnode) return EEXIST;
  if (found.slash) return ENOENT;
  if (isInDevfs(k.vnode(found.dir))) return EOPNOTSUPP;
  const dir = checkAdd(k, cred, found);
  if (typeof dir === 'number') return dir;
  if (vnode.dev !== dir.dev) return EXDEV;
  if (vnode.nlink >= LINK_MAX) return EMLINK;
  setEntry(k, dir.id, found.name, vnode.id);
  vnodeEvent(k, vnode.id, NOTE_LINK);
  return 0;
}

/** unlink(2): EPERM for a directory. */
export function unlinkNode(k: Kernel, cred: Credentials, found: Found): Errno | 0 {
  const { vnode } = found;
  if (!vnode) return ENOENT;
  if (vnode.type === 'dir') return EPERM;
  const dir = checkRemove(k, cred, found.dir, vnode);
  if (typeof dir === 'number') return dir;
  removeEntry(k, dir.id, found.name);
  vnodeEvent(k, vnode.id, NOTE_DELETE);
  addLinks(k, vnode.id, -1);
  return 0;
}

export function removeDirectory(k: Kernel, cred: Credentials, found: Found): Errno | 0 {
  const { vnode } = found;
  if (!vnode) return ENOENT;
  if (vnode.type !== 'dir') return ENOTDIR;
  if (vnode.id === k.state.counters.rootVnode) return EBUSY;
  if (found.name === '.') return EINVAL;
  if (isFileSystemRoot(k, vnode)) return EBUSY;
  if (isInDevfs(vnode)) return EOPNOTSUPP;
  if (found.name === '..') return ENOTEMPTY;
  const dir = checkRemove(k, cred, found.dir, vnode);
  if (typeof dir === 'number') return dir;
  const folder = readFolder(k, vnode);
  if (typeof folder === 'number') return folder;
  if (folder.entries.size > 0) return ENOTEMPTY;
  dropDirectory(k, dir.id, found.name, folder);
  return 0;
}

/** Takes an empty directory out of its parent: its own `.`, its name and its `..` are links that go. */
function dropDirectory(k: Kernel, parent: VnodeId, name: string, vnode: DirVnode): void {
  removeEntry(k, parent, name);
  addLinks(k, parent, -1);
  vnodeEvent(k, parent, NOTE_LINK);
  vnodeEvent(k, vnode.id, NOTE_DELETE);
  addLinks(k, vnode.id, -vnode.nlink);
}

/**
 * rename(2). What had the new name is gone at the same moment. Errors beside those of lookup: EINVAL (`.` and `..`, a
 * directory into itself), ENOTDIR, EISDIR, ENOTEMPTY, EXDEV, and EOPNOTSUPP in devfs.
 */
export function renameNode(k: Kernel, cred: Credentials, from: Found, to: Found): Errno | 0 {
  const { vnode } = from;
  const target = to.vnode;
  if (!vnode) return ENOENT;
  if (isInDevfs(k.vnode(to.dir))) return EOPNOTSUPP;
  if (target) {
    if (vnode.type === 'dir' && target.type !== 'dir') return ENOTDIR;
    if (vnode.type !== 'dir' && target.type === 'dir') return EISDIR;
    if (isDot(from.name) || isDot(to.name)) return EINVAL;
    if (target.id === vnode.id) return 0;
  } else if (to.slash && vnode.type !== 'dir') return ENOENT;
  if (isDot(from.name)) return EINVAL;
  if (vnode.id === k.state.counters.rootVnode) return EBUSY;

  const source = checkRemove(k, cred, from.dir, vnode);
  if (typeof source === 'number') return source;
  const dest = target ? checkRemove(k, cred, to.dir, target) : checkAdd(k, cred, to);
  if (typeof dest === 'number') return dest;
  if (isInDevfs(source)) return EOPNOTSUPP;
  if (vnode.dev !== dest.dev || (target && target.dev !== dest.dev)) return EXDEV;
  const moves = vnode.type === 'dir' && from.dir !== to.dir;
  if (vnode.type === 'dir' && isInside(k, to.dir, vnode.id)) return EINVAL;
  const replaced = target?.type === 'dir' ? readFolder(k, target) : null;
  if (typeof replaced === 'number') return replaced;
  if (replaced && replaced.entries.size > 0) return ENOTEMPTY;
  if (moves && dest.nlink >= LINK_MAX) return EMLINK;

  if (replaced) dropDirectory(k, to.dir, to.name, replaced);
  removeEntry(k, from.dir, from.name);
  setEntry(k, to.dir, to.name, vnode.id);
  addLinks(k, vnode.id, -1);
  vnodeEvent(k, vnode.id, NOTE_RENAME);
  if (target && target.type !== 'dir') {
    vnodeEvent(k, target.id, NOTE_DELETE);
    addLinks(k, target.id, -1);
  }
  if (moves) {
    addLinks(k, from.dir, -1);
    addLinks(k, to.dir, 1);
    k.setVnode({ ...(k.vnode(vnode.id) as DirVnode), parent: to.dir });
  }
  return 0;
}

const isDot = (name: string): boolean => name === '.' || name === '..';

/** Is `id` the directory `ancestor` or below it? */
function isInside(k: Kernel, id: VnodeId, ancestor: VnodeId): boolean {
  const root = k.state.counters.rootVnode;
  for (let at = id; ; at = dirOf(k, at)!.parent) {
    if (at === ancestor) return true;
    if (at === root) return false;
  }
}

/** Makes the directories of a path that are not there yet (mkdir -p). */
export function makePath(k: Kernel, cred: Credentials, path: string, mode: number): Errno | 0 {
  let at = path.startsWith('/') ? '/' : '';
  for (const part of path.split('/').filter(Boolean)) {
    at += `${part}/`;
    const found = namei(k, cred, at, { follow: true });
    if (typeof found === 'number') return found;
    if (found.vnode) continue;
    const made = makeDirectory(k, cred, found, mode);
    if (typeof made === 'number') return made;
  }
  return 0;
}
