import { EACCES, EEXIST, EINVAL, ENOENT } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { PosixShm, PosixShmId, Proc } from '../kern/state.ts';
import { checkMode } from '../vfs/vnode.ts';
import { newVmObject, resizeVmObject, sweepVmObjects } from './shared.ts';

/* shm_open(2): memory with a name of its own kind, which is no file's. FreeBSD 9.1 kern/uipc_shm.c. */

const byPath = (k: Kernel, path: string): PosixShm | undefined =>
  [...k.state.posixShm.values()].find((shm) => shm.path === path);

/** Finds or makes what is to be opened; `path` null: SHM_ANON. */
export function openPosixShm(k: Kernel, p: Proc, path: string | null, flags: number, mode: number): PosixShm | Errno {
  const access = flags & fcntl.O_ACCMODE;
  const known = fcntl.O_ACCMODE | fcntl.O_CREAT | fcntl.O_EXCL | fcntl.O_TRUNC | fcntl.O_CLOEXEC;
  if ((access !== fcntl.O_RDONLY && access !== fcntl.O_RDWR) || flags & ~known) return EINVAL;
  if (path === null && access === fcntl.O_RDONLY) return EINVAL;
  if (path !== null && !path.startsWith('/')) return EINVAL;
  const found = path === null ? undefined : byPath(k, path);
  if (!found) return path === null || flags & fcntl.O_CREAT ? makePosixShm(k, p, path, mode) : ENOENT;
  if ((flags & (fcntl.O_CREAT | fcntl.O_EXCL)) === (fcntl.O_CREAT | fcntl.O_EXCL)) return EEXIST;
  const writes = access === fcntl.O_RDWR;
  if (checkMode(found, p, fcntl.R_OK | (writes ? fcntl.W_OK : 0))) return EACCES;
  if (writes && flags & fcntl.O_TRUNC) resizeVmObject(k, found.object, 0);
  return found;
}

function makePosixShm(k: Kernel, p: Proc, path: string | null, mode: number): PosixShm {
  const shm: PosixShm = {
    id: k.next('nextPosixShm'),
    path,
    object: newVmObject(k, 0),
    mode: mode & ~p.umask & 0o777,
    uid: p.uid,
    gid: p.gid,
    birthNs: k.now(),
  };
  k.state.posixShm.set(shm.id, shm);
  return shm;
}

/** shm_unlink(2): the name is gone; the memory stays for those who have it. */
export function unlinkPosixShm(k: Kernel, p: Proc, path: string): Errno | 0 {
  const shm = byPath(k, path);
  if (!shm) return ENOENT;
  if (checkMode(shm, p, fcntl.W_OK)) return EACCES;
  k.state.posixShm.set(shm.id, { ...shm, path: null });
  reapPosixShm(k, shm.id);
  return 0;
}

/** Without a name and an open file it is gone, but for what is mapped. */
export function reapPosixShm(k: Kernel, id: PosixShmId): void {
  if (k.state.posixShm.get(id)?.path !== null) return;
  for (const file of k.state.files.values()) if (file.kind === 'shm' && file.shm === id) return;
  k.state.posixShm.delete(id);
  sweepVmObjects(k);
}
