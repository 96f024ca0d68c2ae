import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../../emu/base/errors.ts';
import { EACCES } from '../../kernel-sim/abi/errno.ts';
import type { Errno } from '../../kernel-sim/abi/ids.ts';
import type { HostEntry, HostFolders, HostPlace } from '../../kernel-sim/vfs/host-folder.ts';
import { parseMounts } from '../scenario/mount-text.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Where a path may begin at an open folder, as openat(2) does: then nobody can put a symbolic link in its way. Elsewhere each part is only looked at. */
const OPEN_FOLDERS = '/proc/self/fd';
const hasOpenFolders = existsSync(OPEN_FOLDERS);

type Listed = Parameters<HostFolders['read']>[1];

/** What was read of folders, by folder and path. Plain data: it may go to workers. */
export interface SeenFolders {
  readonly listings: Map<string, readonly HostEntry[] | Errno>;
  readonly files: Map<string, Uint8Array | Errno>;
}

/**
 * Folders of this host, for System's `mounts`. From the folder that the user named downwards every part of a path is opened by itself, below the one
 * before it and not through a symbolic link. What was read once is kept, so that every run in this process sees the same, and in another that is given it.
 */
export class NodeFolders implements HostFolders {
  readonly seen: SeenFolders;

  constructor(seen: SeenFolders = { listings: new Map(), files: new Map() }) {
    this.seen = seen;
  }

  list(place: HostPlace): readonly HostEntry[] | Errno {
    return remember(this.seen.listings, place, () => withFolder(place, place.path, listFolder));
  }

  read(place: HostPlace, listed: Listed): Uint8Array | Errno {
    const end = place.path.lastIndexOf('/');
    const name = place.path.slice(end + 1);
    return remember(this.seen.files, place, () =>
      withFolder(place, place.path.slice(0, Math.max(0, end)), (folder) =>
        readListed(folder.below(name), listed, place),
      ),
    );
  }
}

/** The absolute path of a folder that the user named, which may be a symbolic link. Errors: UsageError. */
export function requireFolder(path: string): string {
  try {
    if (statSync(path).isDirectory()) return realpathSync(path);
  } catch {
    throw new UsageError({ what: 'does not exist', path, hint: 'name a folder' });
  }
  throw new UsageError({ what: 'is no folder', path });
}

/** Mounts as texts (mount-text.ts) whose folders are named from one folder on, with absolute paths. Errors: UsageError when one is not there. */
export function foldersFrom(folder: string, mounts: readonly string[]): string[] {
  return parseMounts(mounts).map(
    ({ host, guest, readOnly }) => `${requireFolder(resolve(folder, host))}:${guest}:${readOnly ? 'ro' : 'cow'}`,
  );
}

function remember<T>(known: Map<string, T>, { folder, path }: HostPlace, make: () => T): T {
  const key = `${folder}\0${path}`;
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

/** An open folder. */
interface OpenFolder {
  /** Its own path, and that of a name in it. */
  readonly self: Buffer;
  below(name: string): Buffer;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Opens the folder at `path` part by part, for as long as `work` takes. What the host's user may not open is EACCES. */
function withFolder<T>(place: HostPlace, path: string, work: (folder: OpenFolder) => T): T | Errno {
  let fd: number | undefined;
  try {
    let at: Buffer = Buffer.from(place.folder);
    fd = openSync(at, O_RDONLY | O_DIRECTORY);
    for (const name of path === '' ? [] : path.split('/')) {
      at = join(hasOpenFolders ? Buffer.from(`${OPEN_FOLDERS}/${fd}`) : at, name);
      const next = openSync(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      closeSync(fd);
      fd = next;
    }
    const self = hasOpenFolders ? Buffer.from(`${OPEN_FOLDERS}/${fd}`) : at;
    return work({ self, below: (name) => join(self, name) });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return EACCES;
    throw changed(place, code ?? String(error));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const join = (folder: Buffer, name: string): Buffer => Buffer.concat([folder, latin1(`/${name}`)]);

function changed({ folder, path }: HostPlace, how: string): UsageError {
  const name = latin1(path).toString();
  const hint = 'the folder must stay as it is while a run uses it; begin again';
  return new UsageError({ what: `has changed since the run first saw it: ${how}`, path: `${folder}/${name}`, hint });
}

function listFolder(folder: OpenFolder): HostEntry[] {
  const names = readdirSync(folder.self, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
  return names
    .sort((a, b) => (a < b ? -1 : 1))
    .flatMap((name) => {
      const path = folder.below(name);
      const stats = lstatSync(path, { bigint: true });
      const what = whatIs(stats, path);
      return what ? [{ name, mode: Number(stats.mode & 0o7777n), mtime: mtimeOf(stats), what }] : [];
    });
}

function whatIs(stats: BigIntStats, path: Buffer): HostEntry['what'] | null {
  if (stats.isDirectory()) return { type: 'dir' };
  if (stats.isFile()) return { type: 'reg', sizeBytes: Number(stats.size) };
  if (!stats.isSymbolicLink()) return null;
  return { type: 'lnk', target: readlinkSync(path, { encoding: 'buffer' }).toString('latin1') };
}

function mtimeOf({ mtimeNs }: BigIntStats): HostEntry['mtime'] {
  const nsec = BigInt.asUintN(64, ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  return { sec: Number((mtimeNs - nsec) / 1_000_000_000n), nsec: Number(nsec) };
}

/** A file as a whole, if it is what was listed before it is read and after. */
function readListed(path: Buffer, listed: Listed, place: HostPlace): Uint8Array {
  // Should a FIFO have taken its place: opening it does not wait.
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    checkListed(fd, listed, place);
    const bytes = new Uint8Array(listed.sizeBytes);
    let done = 0;
    for (let count = -1; done < bytes.length && count !== 0; done += count)
      count = readSync(fd, bytes, done, bytes.length - done, done);
    checkListed(fd, listed, place);
    if (done < bytes.length) throw changed(place, 'it is shorter');
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function checkListed(fd: number, { sizeBytes, mtime }: Listed, place: HostPlace): void {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) throw changed(place, 'it is no regular file');
  if (Number(stats.size) !== sizeBytes) throw changed(place, `it has ${stats.size} bytes, not ${sizeBytes}`);
  const now = mtimeOf(stats);
  if (now.sec !== mtime.sec || now.nsec !== mtime.nsec) throw changed(place, 'it was written');
}
