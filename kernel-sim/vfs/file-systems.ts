import type { Kernel } from '../kern/kernel.ts';
import type { Vnode } from '../kern/state.ts';

/*
 * Which file system a vnode is in: its `dev`, which is st_dev. There are that of the root, devfs on /dev, and one for each folder of the host that is
 * mounted on a directory. A vnode is in that of the directory it was made in, and stays there: no name leads from one into another but `..` and
 * the mount point's own.
 */

export const ROOT_DEVICE = 0x60;
export const DEVFS_DEVICE = 0x61;

/** For one more file system. */
export function nextDevice(k: Kernel): number {
  let highest = DEVFS_DEVICE;
  for (const { dev } of k.state.vnodes.values()) highest = Math.max(highest, dev);
  return highest + 1;
}

/** FreeBSD VV_ROOT: the topmost directory of a file system. */
export const isFileSystemRoot = (k: Kernel, vnode: Vnode): boolean =>
  vnode.type === 'dir' && vnode.nlink > 0 && (vnode.id === vnode.parent || vnode.dev !== k.vnode(vnode.parent).dev);

/** Devices have the names that the kernel gives them. */
export const isInDevfs = ({ dev }: Vnode): boolean => dev === DEVFS_DEVICE;
