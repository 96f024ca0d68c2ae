import {
  type Dirent,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  DT_SOCK,
  encodeDirent,
  encodeIno64Dirent,
} from '../abi/dirent.ts';
import { EBADF, EFAULT, EINVAL, ENOENT } from '../abi/errno.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile } from '../vfs/filedesc.ts';
import { readFolder } from '../vfs/host-folder.ts';
import type { DirVnode } from '../vfs/vnode.ts';
import type { SyscallRow } from './row.ts';

/* Reading directories. */

type Args = readonly number[];

const DIRENT_TYPE = { reg: DT_REG, dir: DT_DIR, chr: DT_CHR, lnk: DT_LNK, sock: DT_SOCK, fifo: DT_FIFO } as const;

type EncodeDirent = (entry: Dirent) => Uint8Array;

const sys_getdents = (k: Kernel, td: Thread, [fd, buffer, count]: Args): SyscallResult =>
  readDirectory(k, td, [fd!, buffer!, count!, 0], encodeDirent, 4);

const sys_getdirentries = (k: Kernel, td: Thread, [fd, buffer, count, basep]: Args): SyscallResult =>
  readDirectory(k, td, [fd!, buffer!, count!, basep!], encodeDirent, 4);

const sys_ino64_getdirentries = (k: Kernel, td: Thread, [fd, buffer, count, basep]: Args): SyscallResult =>
  readDirectory(k, td, [fd!, buffer!, count!, basep!], encodeIno64Dirent, 8);

/**
 * Entries from the open file's offset on, as many as fit. An offset is a cookie (state.ts, DirEntry), so a name that is taken
 * away or added while somebody reads the directory makes no other name appear twice or not at all. `basep` gets the offset
 * at which this call began, in so many bytes. Errors: EINVAL when not even one entry fits, ENOENT in a removed directory.
 */
function readDirectory(
  k: Kernel,
  td: Thread,
  [fd, buffer, count, basep]: readonly [fd: number, buffer: number, count: number, basep: number],
  encodeEntry: EncodeDirent,
  basepBytes: 4 | 8,
): SyscallResult {
  const file = getFile(k, td, fd);
  if (!file?.readable) return fail(EBADF);
  if (count >>> 0 > 0x7fffffff) return fail(EINVAL);
  const found = file.kind === 'vnode' ? k.vnode(file.vnode) : null;
  if (found?.type !== 'dir') return fail(EINVAL);
  const vnode = readFolder(k, found);
  if (typeof vnode === 'number') return fail(vnode);
  if (vnode.nlink === 0) return fail(ENOENT);
  const records: Uint8Array[] = [];
  let size = 0;
  let offset = file.offset;
  for (const { name, child, cookie } of entriesFrom(k, vnode, file.offset)) {
    const record = encodeEntry({ fileno: child.id, type: DIRENT_TYPE[child.type], name, next: cookie + 1 });
    if (size + record.length > count >>> 0) {
      if (size === 0) return fail(EINVAL);
      break;
    }
    records.push(record);
    size += record.length;
    offset = cookie + 1;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  if (!k.copyout(td.pid, buffer, bytes)) return fail(EFAULT);
  const base = new Uint8Array(basepBytes);
  new DataView(base.buffer).setUint32(0, file.offset, true);
  if (basep !== 0 && !k.copyout(td.pid, basep, base)) return fail(EFAULT);
  k.setVnode({ ...vnode, accessNs: k.now() });
  k.setFile({ ...file, offset });
  return ok(size);
}

function* entriesFrom(
  k: Kernel,
  dir: DirVnode,
  offset: number,
): Generator<{ name: string; child: Vnode; cookie: number }> {
  if (offset <= 0) yield { name: '.', child: dir, cookie: 0 };
  if (offset <= 1) yield { name: '..', child: k.vnode(dir.parent), cookie: 1 };
  for (const [name, { vnode, cookie }] of dir.entries)
    if (cookie >= offset) yield { name, child: k.vnode(vnode), cookie };
}

// biome-ignore format: one call per line
export const directorySyscalls: readonly SyscallRow[] = [
  { number: 196, name: 'getdirentries', args: [['fd', 'fd'], ['buf', 'out'], ['count', 'uint'], ['basep', 'out']], support: 'full', handler: sys_getdirentries },
  { number: 272, name: 'getdents', args: [['fd', 'fd'], ['buf', 'out'], ['count', 'size']], support: 'full', handler: sys_getdents },
  { number: 554, name: 'ino64_getdirentries', args: [['fd', 'fd'], ['buf', 'out'], ['count', 'size'], ['basep', 'out']], since: '12.0', support: 'full', note: "12.0's getdirentries", handler: sys_ino64_getdirentries },
];
