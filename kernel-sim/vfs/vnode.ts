import { EACCES, EFBIG, EFTYPE, ENOSPC, EPERM, EROFS } from '../abi/errno.ts';
import { NOTE_ATTRIB, NOTE_EXTEND, NOTE_WRITE } from '../abi/event.ts';
import { W_OK, X_OK } from '../abi/fcntl.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import {
  ALLPERMS,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
} from '../abi/stat.ts';
import { isMember } from '../kern/credentials.ts';
import { fileEvent } from '../kern/file-event.ts';
import type { Kernel } from '../kern/kernel.ts';
import { vnodeEvent } from '../kern/kqueue.ts';
import { noteFileChange } from '../kern/rollback-point.ts';
import type { FileData, Proc, Vnode, VnodeCommon, VnodeId } from '../kern/state.ts';
import { forgetPrivatePages } from '../vm/private-file.ts';
import { forgetFilePages, syncFile } from '../vm/shared.ts';
import { changedRange, resizeFile } from './file-data.ts';
import { isNamed } from './filedesc.ts';
import { FILE_SIZE_MAX, VNODES_MAX } from './limits.ts';

/** Who asks, and where paths start: a process, or the host. */
export type Credentials = Pick<Proc, 'uid' | 'gid' | 'groups' | 'cwd' | 'root'>;

export type DirVnode = Extract<Vnode, { type: 'dir' }>;
export type RegVnode = Extract<Vnode, { type: 'reg' }>;

/** What a new vnode is, beside what every new one has. */
export type VnodeBody = Vnode extends infer V
  ? V extends { type: infer T }
    ? { type: T } & Omit<V, 'type' | 'id' | 'dev' | 'nlink' | 'birthNs' | 'accessNs' | 'modifyNs' | 'changeNs' | 'host'>
    : never
  : never;

/** Makes a vnode without a name in the file system `dev`. ENOSPC when there are too many. */
export function newVnode(k: Kernel, dev: number, body: VnodeBody): Vnode | Errno {
  const most = VNODES_MAX + k.state.counters.hostVnodes;
  if (k.state.vnodes.size >= most) sweepVnodes(k);
  if (k.state.vnodes.size >= most) return ENOSPC;
  const ns = k.now();
  const vnode = {
    ...body,
    dev,
    id: k.next('nextVnode'),
    nlink: 0,
    birthNs: ns,
    accessNs: ns,
    modifyNs: ns,
    changeNs: ns,
  };
  k.setVnode(vnode);
  return vnode;
}

/** S_IFMT part of st_mode. */
export function typeBits(vnode: Vnode): number {
  switch (vnode.type) {
    case 'reg':
      return S_IFREG;
    case 'dir':
      return S_IFDIR;
    case 'chr':
      return S_IFCHR;
    case 'lnk':
      return S_IFLNK;
    case 'sock':
      return S_IFSOCK;
    case 'fifo':
      return S_IFIFO;
  }
}

/** FreeBSD vaccess: 0, or EACCES when `cred` may not do all of `wanted` (R_OK, W_OK, X_OK); EROFS. */
export function checkAccess(vnode: Vnode, cred: Credentials, wanted: number): Errno | 0 {
  if (wanted & W_OK && isReadOnly(vnode)) return EROFS;
  // Root may do everything but execute what nobody may execute.
  if (cred.uid === 0 && wanted & X_OK && vnode.type !== 'dir' && (vnode.mode & 0o111) === 0) return EACCES;
  return checkMode(vnode, cred, wanted);
}

/** It stands in a folder of the host that may only be read. */
export const isReadOnly = ({ host }: Vnode): boolean => host?.readOnly === true;

type Owned = Pick<VnodeCommon, 'mode' | 'uid' | 'gid'>;

/** What permission bits say of anything that has an owner. */
export function checkMode(
  { mode, uid, gid }: Owned,
  cred: Omit<Credentials, 'cwd' | 'root'>,
  wanted: number,
): Errno | 0 {
  const shift = cred.uid === uid ? 6 : isMember(cred, gid) ? 3 : 0;
  return cred.uid === 0 || (wanted & ~(mode >> shift)) === 0 ? 0 : EACCES;
}

/** chmod(2) on a vnode: its owner or root. Only root makes a file sticky (EFTYPE), or gives it a group's rights that is not his. */
export function changeMode(k: Kernel, vnode: Vnode, cred: Credentials, mode: number): Errno | 0 {
  if (isReadOnly(vnode)) return EROFS;
  if (cred.uid !== 0) {
    if (cred.uid !== vnode.uid) return EPERM;
    if (mode & S_ISVTX && vnode.type !== 'dir') return EFTYPE;
    if (mode & S_ISGID && !isMember(cred, vnode.gid)) return EPERM;
  }
  k.setVnode({ ...vnode, mode: mode & ALLPERMS, changeNs: k.now() });
  vnodeEvent(k, vnode.id, NOTE_ATTRIB);
  return 0;
}

/** chown(2): -1 leaves a part as it is. Only root gives files away; an owner may set the group to his own. */
export function changeOwner(k: Kernel, vnode: Vnode, cred: Credentials, uid: number, gid: number): Errno | 0 {
  if (isReadOnly(vnode)) return EROFS;
  const owner = uid === -1 ? vnode.uid : uid >>> 0;
  const group = gid === -1 ? vnode.gid : gid >>> 0;
  const mayChange = cred.uid === vnode.uid && owner === vnode.uid && (group === vnode.gid || isMember(cred, group));
  if (cred.uid !== 0 && !mayChange) return EPERM;
  // What makes others into its owner is given up with it.
  const mode = cred.uid === 0 || vnode.type === 'dir' ? vnode.mode : vnode.mode & ~(S_ISUID | S_ISGID);
  k.setVnode({ ...vnode, mode, uid: owner, gid: group, changeNs: k.now() });
  vnodeEvent(k, vnode.id, NOTE_ATTRIB);
  return 0;
}

/** A process gives a file new contents; nobody but root leaves set-user-id bits on it. EFBIG or ENOSPC, and then the file is as before. */
export function changeFileData(k: Kernel, pid: Pid, vnode: RegVnode, data: FileData): Errno | 0 {
  const refused = setFileData(k, vnode, data);
  if (refused) return refused;
  noteFileChange(k, pid, vnode.id, vnode.data, data);
  if (vnode.mode & (S_ISUID | S_ISGID) && k.proc(pid).uid !== 0)
    k.setVnode({ ...k.vnode(vnode.id), mode: vnode.mode & ~(S_ISUID | S_ISGID) });
  return 0;
}

/** Gives a file new contents. EFBIG or ENOSPC, and then the file is as before. */
export function setFileData(k: Kernel, vnode: RegVnode, data: FileData): Errno | 0 {
  if (data.size > FILE_SIZE_MAX) return EFBIG;
  const grows = data.allocated - vnode.data.allocated;
  if (grows > 0 && k.state.counters.fileBytes + grows > k.config.diskBytes) sweepVnodes(k);
  if (grows > 0 && k.state.counters.fileBytes + grows > k.config.diskBytes) return ENOSPC;
  k.setCounters({ fileBytes: k.state.counters.fileBytes + grows });
  const ns = k.now();
  k.setVnode({ ...vnode, data, modifyNs: ns, changeNs: ns });
  const { from, to } = changedRange(vnode.data, data);
  if (from < to) forgetPrivatePages(k, vnode.id, vnode.data, from, to);
  vnodeEvent(k, vnode.id, NOTE_WRITE | (data.size > vnode.data.size ? NOTE_EXTEND : 0));
  fileEvent(k, { vnode: vnode.id });
  return 0;
}

/** A process cuts or extends a file (by a hole). EFBIG or ENOSPC, and then the file is as before. */
export function resizeVnode(k: Kernel, pid: Pid, stale: RegVnode, size: number): Errno | 0 {
  const cut = stale.data.size;
  const vnode = size < cut ? syncFile(k, stale, size, cut - size) : stale;
  const error = changeFileData(k, pid, vnode, resizeFile(vnode.data, size));
  if (!error && size < cut) forgetFilePages(k, vnode.id, size, cut);
  return error;
}

/** Adds to the number of links; a vnode that has none and that nobody uses is gone. */
export function addLinks(k: Kernel, id: VnodeId, count: number): void {
  const vnode = k.vnode(id);
  k.setVnode({ ...vnode, nlink: vnode.nlink + count, changeNs: k.now() });
  if (count < 0) reapVnode(k, id);
}

/** Removes the vnode if it has neither links nor users. */
export function reapVnode(k: Kernel, id: VnodeId): void {
  const vnode = k.state.vnodes.get(id);
  if (vnode?.nlink === 0 && !usedVnodes(k).has(id)) dropVnode(k, vnode);
}

/** Removes every vnode that has neither links nor users: what exits and unmappings left behind. */
export function sweepVnodes(k: Kernel): void {
  const used = usedVnodes(k);
  for (const vnode of [...k.state.vnodes.values()]) if (vnode.nlink === 0 && !used.has(vnode.id)) dropVnode(k, vnode);
}

function dropVnode(k: Kernel, vnode: Vnode): void {
  if (vnode.type === 'reg') k.setCounters({ fileBytes: k.state.counters.fileBytes - vnode.data.allocated });
  k.state.vnodes.delete(vnode.id);
}

/** Vnodes that an open file, a socket, a living process or a mapping names. */
export function usedVnodes(k: Kernel): Set<VnodeId> {
  const used = new Set<VnodeId>();
  for (const file of k.state.files.values()) if (isNamed(file)) used.add(file.vnode);
  for (const { vnode } of k.state.sockets.values()) if (vnode !== 0) used.add(vnode);
  for (const p of k.state.procs.values()) if (p.state !== 'zombie') used.add(p.cwd).add(p.root).add(p.textVnode);
  for (const vm of k.state.vmspaces.values())
    for (const { object } of vm.map) if (object.kind === 'vnode') used.add(object.vnode);
  return used;
}

/** ETXTBSY guard: a living process runs this file. */
export function isRunningText(k: Kernel, id: VnodeId): boolean {
  for (const p of k.state.procs.values()) if (p.textVnode === id && p.state !== 'zombie') return true;
  return false;
}
