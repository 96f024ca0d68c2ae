import { assert, UsageError } from '../../emu/base/errors.ts';
import { ENFILE, ENOSPC } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { DirEntry, HostOrigin, Vnode, VnodeId } from '../kern/state.ts';
import { frozenFileData } from './file-data.ts';
import { isFileSystemRoot } from './file-systems.ts';
import { FILE_SIZE_MAX, HOST_VNODES_MAX } from './limits.ts';
import { addLinks, type DirVnode, newVnode, type RegVnode, type VnodeBody } from './vnode.ts';

/*
 * Folders of the host in the guest's tree, copy on write: a directory is listed when somebody first looks into it, a file read when somebody
 * first opens it; from then on both are vnodes like all others, and nothing ever goes back. Names come from listings alone and symbolic links
 * are text that namei follows inside the guest's tree, so no path of the guest's is ever one of the host's.
 */

/** Something in a folder of the host: `path` is '' for the folder itself, else names with `/` between, bytes as latin1. */
export type HostPlace = Pick<HostOrigin, 'folder' | 'path'>;

export interface HostEntry {
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  /** Time of the last change of its contents, since 1970. */
  readonly mtime: HostOrigin['mtime'];
  readonly what:
    | { readonly type: 'dir' }
    | { readonly type: 'reg'; readonly sizeBytes: number }
    | { readonly type: 'lnk'; readonly target: string };
}

/**
 * How the kernel looks at the host. Answers never change: who asks for the same again gets the same again. No part of a path is followed that is
 * a symbolic link on the host. Errors: an errno where the host's user may not look; UsageError when what was listed is not there any more.
 */
export interface HostFolders {
  /** What is in a folder, but for devices, sockets and FIFOs, in order of names. */
  list(place: HostPlace): readonly HostEntry[] | Errno;
  /** All bytes of a file that was listed with this size and time. The caller does not change them. */
  read(
    place: HostPlace,
    listed: { readonly sizeBytes: number; readonly mtime: HostOrigin['mtime'] },
  ): Uint8Array | Errno;
}

/** A kernel without a host. */
export const NO_HOST_FOLDERS: HostFolders = {
  list: ({ folder }) => needed(folder),
  read: ({ folder }) => needed(folder),
};

function needed(folder: string): never {
  throw new UsageError({ what: 'is needed by the run, and cannot be read from here', path: folder });
}

/**
 * A directory whose entries are here. What it had before stays with it: of two directories of one name one is made, a directory or device of the
 * tree's own stays, a file of its own gives way. ENFILE when the host's folder has more than there is room for.
 */
export function readFolder(k: Kernel, dir: DirVnode): DirVnode | Errno {
  const { host } = dir;
  if (!host || host.isRead) return dir;
  const listed = k.hostFolders.list(host);
  if (typeof listed === 'number') return listed;
  if (k.state.counters.hostVnodes + listed.length > HOST_VNODES_MAX) {
    k.log(`${host.folder}/${host.path}: too many files`);
    return ENFILE;
  }
  const entries = new Map(dir.entries);
  let { nextCookie, nlink } = dir;
  for (const entry of listed) {
    const old = entries.get(entry.name);
    const origin: HostOrigin = {
      ...{ folder: host.folder, path: host.path === '' ? entry.name : `${host.path}/${entry.name}` },
      ...{ readOnly: host.readOnly, mtime: entry.mtime, isRead: entry.what.type === 'lnk' },
    };
    if (old && !givesWay(k, old, entry, origin)) continue;
    if (entry.what.type === 'reg' && entry.what.sizeBytes > FILE_SIZE_MAX) {
      k.log(`${host.folder}/${origin.path}: larger than ${FILE_SIZE_MAX} bytes, left out`);
      continue;
    }
    const vnode = enter(k, dir, entry, origin);
    entries.set(entry.name, { vnode, cookie: old?.cookie ?? nextCookie++ });
    if (entry.what.type === 'dir') nlink++;
  }
  const next: DirVnode = { ...dir, entries, nextCookie, nlink, host: { ...host, isRead: true } };
  k.setVnode(next);
  return next;
}

/** May an entry of the host take the place of one of the tree's own? Of two directories one is made, but for one that something is mounted on. */
function givesWay(k: Kernel, { vnode: id }: DirEntry, { what }: HostEntry, origin: HostOrigin): boolean {
  const own = k.vnode(id);
  if (own.type === 'dir' && what.type === 'dir' && !own.host && !isFileSystemRoot(k, own))
    k.setVnode({ ...own, host: origin });
  if (own.type !== 'reg' || own.host || what.type === 'dir') return false;
  addLinks(k, id, -1);
  return true;
}

/** A vnode for an entry. Everything belongs to root, whoever has it on the host. */
function enter(k: Kernel, dir: DirVnode, { mode, mtime, what }: HostEntry, origin: HostOrigin): VnodeId {
  const common = { mode, uid: 0, gid: 0 };
  k.setCounters({ hostVnodes: k.state.counters.hostVnodes + 1 });
  const vnode = newVnode(k, dir.dev, bodyOf(what, common, dir.id));
  assert(typeof vnode !== 'number', 'no room for a file of the host, which was counted');
  const ns = (mtime.sec - k.config.bootTimeSec) * 1e9 + mtime.nsec;
  const times = { birthNs: ns, accessNs: ns, modifyNs: ns, changeNs: ns };
  k.setVnode({ ...vnode, ...times, nlink: what.type === 'dir' ? 2 : 1, host: origin } as Vnode);
  return vnode.id;
}

function bodyOf(
  what: HostEntry['what'],
  common: { mode: number; uid: number; gid: number },
  parent: VnodeId,
): VnodeBody {
  switch (what.type) {
    case 'dir':
      return { type: 'dir', ...common, entries: new Map(), nextCookie: 2, parent };
    case 'reg':
      return { type: 'reg', ...common, data: { size: what.sizeBytes, chunks: [], allocated: 0 } };
    case 'lnk':
      return { type: 'lnk', ...common, target: what.target };
  }
}

/** A file whose bytes are here. Errors: ENOSPC when the files that were read fill the disk, EACCES where the host's user may not read. */
export function readHostFile(k: Kernel, file: RegVnode): RegVnode | Errno {
  const { host } = file;
  if (!host || host.isRead) return file;
  const { size: sizeBytes } = file.data;
  if (k.state.counters.fileBytes + sizeBytes > k.config.diskBytes) return ENOSPC;
  const bytes = k.hostFolders.read(host, { sizeBytes, mtime: host.mtime });
  if (typeof bytes === 'number') return bytes;
  assert(bytes.length === sizeBytes, 'a file of the host that has changed unnoticed');
  k.setCounters({ fileBytes: k.state.counters.fileBytes + sizeBytes });
  const next: RegVnode = { ...file, data: frozenFileData(bytes), host: { ...host, isRead: true } };
  k.setVnode(next);
  return next;
}

/** A file that nobody in the guest has changed: it is as it is on the host. */
export function isAsOnHost(k: Kernel, { host, modifyNs }: Vnode): boolean {
  return host !== undefined && modifyNs === (host.mtime.sec - k.config.bootTimeSec) * 1e9 + host.mtime.nsec;
}
