import { assert } from '../../emu/base/errors.ts';
import { EISDIR, ENOENT, ENOTDIR } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { S_ISVTX } from '../abi/stat.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import type { DeviceName, FileData, Vnode, VnodeId } from '../kern/state.ts';
import { createFile, createNode, makePath, renameNode, unlinkNode } from './directory.ts';
import { fileDataOf, readFileRange } from './file-data.ts';
import { DEVFS_DEVICE, ROOT_DEVICE } from './file-systems.ts';
import { readFolder } from './host-folder.ts';
import { hostCredentials, lookupFile, lookupPath, namei } from './namei.ts';
import { type DirVnode, newVnode, type RegVnode, setFileData } from './vnode.ts';

/*
 * The memory file system as the host, exec and checkpoints see it: whole files by path, with root's rights. Paths are latin1 text.
 */

const DIRECTORIES = ['/bin', '/dev', '/etc', '/root', '/usr', '/var', '/var/checkpoint'] as const;

const DEVICES: readonly (readonly [path: string, device: DeviceName, mode: number])[] = [
  ['/dev/null', 'null', 0o666],
  ['/dev/zero', 'zero', 0o666],
  ['/dev/console', 'console', 0o600],
  ['/dev/tty', 'tty', 0o666],
  ['/dev/ptmx', 'ptmx', 0o666],
  ['/dev/random', 'random', 0o666],
  ['/dev/urandom', 'random', 0o666],
];

/** What resolvers of names look at: the machine knows nobody else. */
const HOSTS = '::1\t\tlocalhost\n127.0.0.1\tlocalhost\n';

/** Builds the root file system in a kernel that has none, and makes it known as `counters.rootVnode`. */
export function mkfs(k: Kernel): void {
  const root = newVnode(k, ROOT_DEVICE, {
    type: 'dir',
    mode: 0o755,
    uid: 0,
    gid: 0,
    entries: new Map(),
    nextCookie: 2,
    parent: 0,
  });
  assert(typeof root !== 'number' && root.type === 'dir', 'no room for the root directory');
  k.setVnode({ ...root, nlink: 2, parent: root.id });
  k.setCounters({ rootVnode: root.id });
  const cred = hostCredentials(k);
  for (const path of DIRECTORIES) assert(makePath(k, cred, path, 0o755) === 0, `cannot make ${path}`);
  assert(makePath(k, cred, '/tmp', 0o777 | S_ISVTX) === 0, 'cannot make /tmp');
  for (const [path, device, mode] of DEVICES) {
    const found = namei(k, cred, path, { follow: false });
    assert(typeof found !== 'number', `no directory for ${path}`);
    const made = createNode(k, cred, found, { type: 'chr', mode, uid: 0, gid: 0, device });
    assert(typeof made !== 'number', `cannot make ${path}`);
  }
  assert(makePath(k, cred, '/dev/pts', 0o755) === 0, 'cannot make /dev/pts');
  for (const path of ['/dev', '/dev/pts', ...DEVICES.map(([device]) => device)])
    k.setVnode({ ...k.vnode(vnodeAt(k, path)!), dev: DEVFS_DEVICE });
  assert(installFile(k, '/etc/hosts', bytesOf(HOSTS), 0o644) === 0, 'cannot make /etc/hosts');
}

/** Puts a file in place, with the directories above it. */
export function installFile(k: Kernel, path: string, bytes: Uint8Array, mode: number): Errno | 0 {
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  const error = makePath(k, hostCredentials(k), parent, 0o755);
  return error || writeFile(k, path, bytes, mode);
}

export function readFile(k: Kernel, path: string): Uint8Array | Errno {
  const vnode = lookupFile(k, hostCredentials(k), path);
  return typeof vnode === 'number' ? vnode : readFileRange(vnode.data, 0, vnode.data.size);
}

/** As `writeFileData`, of a copy of the bytes. */
export const writeFile = (k: Kernel, path: string, bytes: Uint8Array, mode: number): Errno | 0 =>
  writeFileData(k, path, fileDataOf(bytes), mode);

/**
 * Replaces a file as a whole: who has the old one open keeps it, and on an error (ENOSPC, EFBIG, no such directory) the old
 * one stays. A symbolic link at `path` is followed.
 */
export function writeFileData(k: Kernel, path: string, data: FileData, mode: number): Errno | 0 {
  const cred = hostCredentials(k);
  const found = namei(k, cred, path, { follow: true });
  if (typeof found === 'number') return found;
  if (found.vnode?.type === 'dir') return EISDIR;
  const name = `.${k.state.counters.nextVnode}.new`;
  const fresh = { ...found, name, vnode: null };
  const made = createFile(k, cred, fresh, mode & 0o7777);
  if (typeof made === 'number') return made;
  const error =
    setFileData(k, made as RegVnode, data) || renameNode(k, cred, { ...fresh, vnode: k.vnode(made.id) }, found);
  if (error) unlinkNode(k, cred, { ...fresh, vnode: k.vnode(made.id) });
  return error;
}

/** Names in a directory, without `.` and `..`, sorted by their bytes. */
export function listDir(k: Kernel, path: string): string[] | Errno {
  const vnode = lookupPath(k, hostCredentials(k), path, { follow: true });
  if (typeof vnode === 'number') return vnode;
  if (vnode.type !== 'dir') return ENOTDIR;
  const dir = readFolder(k, vnode);
  return typeof dir === 'number' ? dir : sortedNames(dir);
}

const sortedNames = ({ entries }: DirVnode): string[] => [...entries.keys()].sort((a, b) => (a < b ? -1 : 1));

/**
 * Every regular file and symbolic link of the tree, in order of path. Links are not followed: they may lead in a circle. Folders of the host that
 * nobody has looked into are not read.
 */
export function allFiles(k: Kernel): Generator<{ path: string; vnode: Vnode }> {
  return filesBelow(k, k.vnode(k.state.counters.rootVnode) as DirVnode, '');
}

function* filesBelow(k: Kernel, dir: DirVnode, above: string): Generator<{ path: string; vnode: Vnode }> {
  for (const name of sortedNames(dir)) {
    const path = `${above}/${name}`;
    const vnode = k.vnode(dir.entries.get(name)!.vnode);
    if (vnode.type === 'dir') yield* filesBelow(k, vnode, path);
    else if (vnode.type !== 'chr') yield { path, vnode };
  }
}

/** Removes a file's name; ENOENT, or EPERM for a directory. */
export function removeFile(k: Kernel, path: string): Errno | 0 {
  const cred = hostCredentials(k);
  const found = namei(k, cred, path, { follow: false });
  return typeof found === 'number' ? found : unlinkNode(k, cred, found);
}

/** The vnode that exec(2) of a path would take, links followed. */
export function vnodeAt(k: Kernel, path: string): VnodeId | null {
  const vnode = lookupPath(k, hostCredentials(k), path, { follow: true });
  return typeof vnode === 'number' ? null : vnode.id;
}

/**
 * An absolute path of a vnode, from `root` if it is below that, ''  when it has none (any more). Of a file with several names: the one in the directory with
 * the lowest number, the oldest there. FreeBSD vn_fullpath answers from the name cache instead.
 */
export function pathOf(k: Kernel, id: VnodeId, root = k.state.counters.rootVnode): string {
  const path = directoryPath(k, id, root);
  if (typeof path === 'string') return path;
  const vnode = k.state.vnodes.get(id);
  if (!vnode || vnode.type === 'dir' || vnode.nlink === 0) return '';
  let oldest: { readonly dir: VnodeId; readonly name: string } | null = null;
  for (const dir of k.state.vnodes.values()) {
    if (dir.type !== 'dir' || (oldest && dir.id > oldest.dir)) continue;
    const name = nameIn(dir, id);
    if (name !== undefined) oldest = { dir: dir.id, name };
  }
  if (!oldest) return '';
  const above = directoryPath(k, oldest.dir, root);
  assert(typeof above === 'string', `directory ${oldest.dir} has a file in it and no path`);
  return above === '/' ? `/${oldest.name}` : `${above}/${oldest.name}`;
}

/** The first name that a directory has for a vnode. */
function nameIn({ entries }: DirVnode, id: VnodeId): string | undefined {
  for (const [name, entry] of entries) if (entry.vnode === id) return name;
  return undefined;
}

/** The path of a directory, from `root` if it is below that: what __getcwd(2) gives. ENOENT once it is removed, ENOTDIR for anything else. */
export function directoryPath(k: Kernel, id: VnodeId, root = k.state.counters.rootVnode): string | Errno {
  const parts: string[] = [];
  for (let at = id; at !== root && at !== k.state.counters.rootVnode; ) {
    const vnode = k.state.vnodes.get(at);
    if (vnode && vnode.type !== 'dir') return ENOTDIR;
    if (!vnode || vnode.nlink === 0) return ENOENT;
    const parent = k.vnode(vnode.parent);
    assert(parent.type === 'dir', `parent of directory ${at} is no directory`);
    const name = nameIn(parent, at);
    assert(name !== undefined, `directory ${at} has no name in its parent`);
    parts.push(name);
    at = parent.id;
  }
  return `/${parts.reverse().join('/')}`;
}
