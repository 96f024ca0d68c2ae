import { EBADF, EFAULT, EINVAL } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import { encodeIno64Stat, encodeStat, S_IFIFO, S_IFREG, S_IFSOCK, type Stat, type StatTime } from '../abi/stat.ts';
import type { Kernel } from '../kern/kernel.ts';
import { type Procdesc, procdescProcess } from '../kern/procdesc.ts';
import type { DeviceName, OpenFile, Proc, SocketId, Thread, TtyName, Vnode } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { bytesReceived } from '../net/readiness.ts';
import { unitOf } from '../tty/pty.ts';
import { vnodeSize } from '../vfs/file-io.ts';
import { getFile } from '../vfs/filedesc.ts';
import { readFolder } from '../vfs/host-folder.ts';
import { vnodeAt } from '../vfs/memfs.ts';
import { incoming, PIPE_SIZE } from '../vfs/pipe.ts';
import { typeBits } from '../vfs/vnode.ts';
import { userVnode } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

/* What files are: stat(2) and its kin, pathconf(2). */

type Args = readonly number[];

/** st_dev of what is in no file system. */
const NO_DEVICE = 0xffffffff;
export const FS_BLOCK_SIZE = 32768;
const DEVICES = {
  null: 0x11,
  zero: 0x12,
  console: 0x05,
  random: 0x13,
  tty: 0x14,
  ptmx: 0x15,
  dead: NO_DEVICE,
} as const;
/** st_rdev of pts/0; the others follow. */
const FIRST_PTS = 0x100;
export const deviceNumber = (device: DeviceName): number =>
  device in DEVICES ? DEVICES[device as keyof typeof DEVICES] : FIRST_PTS + unitOf(device as TtyName);

/** Virtual time as the guest's clock shows it. */
const wallTime = (k: Kernel, ns: number): StatTime => ({
  sec: k.config.bootTimeSec + Math.floor(ns / 1e9),
  nsec: Math.floor(ns - Math.floor(ns / 1e9) * 1e9),
});

export function statVnode(k: Kernel, found: Vnode): Stat {
  // How many links a directory has depends on what is in it; where nobody may look, on nothing.
  const folder = found.type === 'dir' ? readFolder(k, found) : found;
  const vnode = typeof folder === 'number' ? found : folder;
  const size = vnodeSize(vnode);
  const allocated = vnode.type === 'reg' && vnode.host?.isRead !== false ? vnode.data.allocated : size;
  return {
    dev: vnode.dev,
    ino: vnode.id,
    mode: typeBits(vnode) | vnode.mode,
    nlink: vnode.nlink,
    uid: vnode.uid,
    gid: vnode.gid,
    rdev: vnode.type === 'chr' ? deviceNumber(vnode.device) : NO_DEVICE,
    atim: wallTime(k, vnode.accessNs),
    mtim: wallTime(k, vnode.modifyNs),
    ctim: wallTime(k, vnode.changeNs),
    birthtim: wallTime(k, vnode.birthNs),
    size,
    blocks: Math.ceil(allocated / 512),
    blksize: vnode.type === 'chr' ? 4096 : FS_BLOCK_SIZE,
  };
}

/** FreeBSD pipe_stat: a FIFO without a name, whose size is what can be read. */
function statPipe(k: Kernel, file: Extract<OpenFile, { kind: 'pipe' }>, p: { uid: number; gid: number }): Stat {
  const pipe = k.pipe(file.pipe);
  const size = incoming(pipe, file.end).length;
  const time = wallTime(k, pipe.birthNs);
  return {
    dev: NO_DEVICE,
    ino: pipe.id,
    mode: S_IFIFO,
    nlink: 0,
    uid: p.uid,
    gid: p.gid,
    rdev: 0,
    atim: time,
    mtim: time,
    ctim: time,
    birthtim: { sec: 0, nsec: 0 },
    size,
    blocks: Math.ceil(size / PIPE_SIZE),
    blksize: PIPE_SIZE,
  };
}

/** FreeBSD kqueue_stat: nothing but a type. */
const NEVER = { sec: 0, nsec: 0 };
const STAT_KQUEUE: Stat = {
  ...{ atim: NEVER, mtim: NEVER, ctim: NEVER, birthtim: NEVER },
  ...{ dev: 0, ino: 0, mode: S_IFIFO, nlink: 0, uid: 0, gid: 0, rdev: 0, size: 0, blocks: 0, blksize: 0 },
};

/** FreeBSD soo_stat: who can still receive may read, who can still send may write. */
function statSocket(k: Kernel, id: SocketId): Stat {
  const { cantReceive, cantSend, received, owner } = k.socket(id);
  const mode = S_IFSOCK | (cantReceive && received.length === 0 ? 0 : 0o444) | (cantSend ? 0 : 0o222);
  return { ...STAT_KQUEUE, mode, size: bytesReceived(k, id), uid: owner.uid, gid: owner.gid };
}

/** FreeBSD procdesc_stat: born with its process; who may do what says whether that still runs. */
function statProcdesc(k: Kernel, file: Procdesc): Stat {
  const p = procdescProcess(k, file);
  if (!p) return { ...STAT_KQUEUE, mode: S_IFREG };
  const born = wallTime(k, p.startNs);
  const times = { atim: born, mtim: born, ctim: born, birthtim: born };
  return { ...STAT_KQUEUE, ...times, mode: p.state === 'zombie' ? S_IFREG : S_IFREG | 0o700, uid: p.ruid, gid: p.rgid };
}

function statFile(k: Kernel, file: OpenFile, p: Proc): Stat {
  switch (file.kind) {
    case 'kqueue':
      return STAT_KQUEUE;
    case 'socket':
      return statSocket(k, file.socket);
    case 'ptm': {
      // FreeBSD ptsdev_stat: what its slave is.
      const slave = vnodeAt(k, `/dev/${file.tty}`);
      const rdev = deviceNumber(file.tty);
      return { ...(slave ? statVnode(k, k.vnode(slave)) : STAT_KQUEUE), dev: 0, ino: rdev, rdev };
    }
    case 'procdesc':
      return statProcdesc(k, file);
    case 'shm': {
      const { mode, uid, gid, object, birthNs } = k.state.posixShm.get(file.shm)!;
      const size = k.state.vmObjects.get(object)!.sizeBytes;
      const time = wallTime(k, birthNs);
      const times = { atim: time, mtim: time, ctim: time, birthtim: time };
      return {
        ...STAT_KQUEUE,
        ...times,
        mode: S_IFREG | mode,
        uid,
        gid,
        size,
        blksize: 4096,
        blocks: Math.ceil(size / 512),
      };
    }
    case 'pipe':
      return statPipe(k, file, p);
    case 'fifo':
    case 'vnode':
      return statVnode(k, k.vnode(file.vnode));
  }
}

type EncodeStat = (stat: Stat) => Uint8Array;
interface PathToStat {
  readonly dirfd: number;
  readonly path: number;
  readonly follow: boolean;
}

function statPath(
  k: Kernel,
  td: Thread,
  { dirfd, path, follow }: PathToStat,
  out: number,
  encode: EncodeStat = encodeStat,
): SyscallResult {
  const vnode = userVnode(k, td, dirfd, path, { follow });
  if (typeof vnode === 'number') return fail(vnode);
  return k.copyout(td.pid, out, encode(statVnode(k, vnode))) ? ok() : fail(EFAULT);
}

const sys_stat = (k: Kernel, td: Thread, [path, out]: Args): SyscallResult =>
  statPath(k, td, { dirfd: fcntl.AT_FDCWD, path: path!, follow: true }, out!);

const sys_lstat = (k: Kernel, td: Thread, [path, out]: Args): SyscallResult =>
  statPath(k, td, { dirfd: fcntl.AT_FDCWD, path: path!, follow: false }, out!);

const fstatat =
  (encode: EncodeStat) =>
  (k: Kernel, td: Thread, [fd, path, out, flag]: Args): SyscallResult => {
    if (flag! & ~fcntl.AT_SYMLINK_NOFOLLOW) return fail(EINVAL);
    return statPath(k, td, { dirfd: fd!, path: path!, follow: flag === 0 }, out!, encode);
  };

const fstat =
  (encode: EncodeStat) =>
  (k: Kernel, td: Thread, [fd, out]: Args): SyscallResult => {
    const file = getFile(k, td, fd!);
    if (!file) return fail(EBADF);
    return k.copyout(td.pid, out!, encode(statFile(k, file, k.proc(td.pid)))) ? ok() : fail(EFAULT);
  };

// sys/unistd.h _PC_*: LINK_MAX 1, MAX_CANON 2, MAX_INPUT 3, NAME_MAX 4, PATH_MAX 5, PIPE_BUF 6, CHOWN_RESTRICTED 7, NO_TRUNC 8, VDISABLE 9.
const PATHCONF: ReadonlyMap<number, number> = new Map([
  [1, fcntl.LINK_MAX],
  [2, 255],
  [3, 255],
  [4, fcntl.NAME_MAX],
  [5, fcntl.PATH_MAX],
  [6, fcntl.PIPE_BUF],
  [7, 1],
  [8, 1],
  [9, 255],
]);

function pathconfValue(name: number): SyscallResult {
  const value = PATHCONF.get(name);
  return value === undefined ? fail(EINVAL) : ok(value);
}

function sys_pathconf(k: Kernel, td: Thread, [path, name]: Args): SyscallResult {
  const vnode = userVnode(k, td, fcntl.AT_FDCWD, path!, { follow: true });
  return typeof vnode === 'number' ? fail(vnode) : pathconfValue(name!);
}

function sys_lpathconf(k: Kernel, td: Thread, [path, name]: Args): SyscallResult {
  const vnode = userVnode(k, td, fcntl.AT_FDCWD, path!, { follow: false });
  return typeof vnode === 'number' ? fail(vnode) : pathconfValue(name!);
}

function sys_fpathconf(k: Kernel, td: Thread, [fd, name]: Args): SyscallResult {
  return getFile(k, td, fd!) ? pathconfValue(name!) : fail(EBADF);
}

// biome-ignore format: one call per line
export const statSyscalls: readonly SyscallRow[] = [
  { number: 188, name: 'stat', args: [['path', 'str'], ['ub', 'out']], support: 'full', handler: sys_stat },
  { number: 189, name: 'fstat', args: [['fd', 'fd'], ['sb', 'out']], support: 'full', handler: fstat(encodeStat) },
  { number: 190, name: 'lstat', args: [['path', 'str'], ['ub', 'out']], support: 'full', handler: sys_lstat },
  { number: 191, name: 'pathconf', args: [['path', 'str'], ['name', 'int']], support: 'partial', note: 'names 1 to 9', handler: sys_pathconf },
  { number: 192, name: 'fpathconf', args: [['fd', 'fd'], ['name', 'int']], support: 'partial', note: 'names 1 to 9', handler: sys_fpathconf },
  { number: 493, name: 'fstatat', args: [['fd', 'at-fd'], ['path', 'str'], ['buf', 'out'], ['flag', 'at-flags']], support: 'full', handler: fstatat(encodeStat) },
  { number: 513, name: 'lpathconf', args: [['path', 'str'], ['name', 'int']], support: 'partial', note: 'names 1 to 9', handler: sys_lpathconf },
  { number: 551, name: 'ino64_fstat', args: [['fd', 'fd'], ['sb', 'out']], since: '12.0', support: 'full', note: "12.0's fstat", handler: fstat(encodeIno64Stat) },
  { number: 552, name: 'ino64_fstatat', args: [['fd', 'at-fd'], ['path', 'str'], ['buf', 'out'], ['flag', 'at-flags']], since: '12.0', support: 'full', note: "12.0's fstatat", handler: fstatat(encodeIno64Stat) },
];
