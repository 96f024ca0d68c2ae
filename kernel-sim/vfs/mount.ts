import { EBUSY, ENOTDIR } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import { makePath } from './directory.ts';
import { isInDevfs, nextDevice } from './file-systems.ts';
import { readFolder } from './host-folder.ts';
import { hostCredentials, lookupPath } from './namei.ts';
import { addLinks, type DirVnode } from './vnode.ts';

/** A folder of the host and where it appears in the guest's tree. */
export interface Mount {
  /** Absolute path on the host. */
  readonly host: string;
  /** Absolute path of a directory in the guest's tree; it is made if it is not there. */
  readonly guest: string;
  /** Whoever wants to change something gets EROFS. */
  readonly readOnly: boolean;
}

/**
 * Puts a folder of the host over a directory, and hides what that had; but the root keeps what the machine needs, and both are seen together.
 * For a tree that nobody uses yet. Errors: as mkdir(2); ENOTDIR; EBUSY for /dev, EOPNOTSUPP for what is not there below it.
 */
export function mountFolder(k: Kernel, { host, guest, readOnly }: Mount): Errno | 0 {
  const cred = hostCredentials(k);
  const error = makePath(k, cred, guest, 0o755);
  if (error) return error;
  const dir = lookupPath(k, cred, guest, { follow: true });
  if (typeof dir === 'number') return dir;
  if (dir.type !== 'dir') return ENOTDIR;
  if (isInDevfs(dir)) return EBUSY;
  const seen = dir.id === k.state.counters.rootVnode ? readFolder(k, dir) : cleared(k, dir);
  if (typeof seen === 'number') return seen;
  const dev = seen.id === k.state.counters.rootVnode ? seen.dev : nextDevice(k);
  const mtime = { sec: k.config.bootTimeSec, nsec: 0 };
  k.setVnode({ ...seen, dev, host: { folder: host, path: '', readOnly, mtime, isRead: false } });
  return 0;
}

/** The directory without what was in it. */
function cleared(k: Kernel, dir: DirVnode): DirVnode {
  for (const { vnode: id } of dir.entries.values()) {
    const child = k.vnode(id);
    if (child.type === 'dir') addLinks(k, id, -cleared(k, child).nlink);
    else addLinks(k, id, -1);
  }
  const empty: DirVnode = { ...dir, entries: new Map(), nlink: 2 };
  k.setVnode(empty);
  return empty;
}
