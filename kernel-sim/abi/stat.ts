/** struct stat and struct dirent as FreeBSD 9.0 i386 lays them out (inode numbers of 32 bits). */

/** The bits of st_mode that say what it is. */
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;
export const S_ISVTX = 0o1000;
export const ALLPERMS = 0o7777;

export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;

export const STAT_SIZE = 96;

export interface StatTime {
  readonly sec: number;
  readonly nsec: number;
}

export interface Stat {
  readonly dev: number;
  readonly ino: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly atim: StatTime;
  readonly mtim: StatTime;
  readonly ctim: StatTime;
  readonly birthtim: StatTime;
  readonly size: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly blksize: number;
}

/** Layout: 96 bytes; st_size at 48 and st_blocks at 56 are 64 bits wide, st_mode and st_nlink 16. Source: sys/sys/stat.h. */
export function encodeStat(stat: Stat): Uint8Array {
  const bytes = new Uint8Array(STAT_SIZE);
  const view = new DataView(bytes.buffer);
  const time = (offset: number, t: StatTime): void => {
    view.setInt32(offset, t.sec, true);
    view.setInt32(offset + 4, t.nsec, true);
  };
  view.setUint32(0, stat.dev, true);
  view.setUint32(4, stat.ino, true);
  view.setUint16(8, stat.mode, true);
  view.setUint16(10, stat.nlink, true);
  view.setUint32(12, stat.uid, true);
  view.setUint32(16, stat.gid, true);
  view.setUint32(20, stat.rdev, true);
  time(24, stat.atim);
  time(32, stat.mtim);
  time(40, stat.ctim);
  view.setBigInt64(48, BigInt(stat.size), true);
  view.setBigInt64(56, BigInt(stat.blocks), true);
  view.setUint32(64, stat.blksize, true);
  time(80, stat.birthtim);
  return bytes;
}

/** Bytes of a record with a name of so many bytes: the name ends in at least one NUL, and records are multiples of 4. */
export const direntSize = (nameLength: number): number => (8 + nameLength + 1 + 3) & ~3;

/** d_fileno at 0, d_reclen at 4, d_type at 6, d_namlen at 7, d_name at 8. Source: sys/sys/dirent.h. */
export function encodeDirent(fileno: number, type: number, name: string): Uint8Array {
  const bytes = new Uint8Array(direntSize(name.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fileno, true);
  view.setUint16(4, bytes.length, true);
  bytes[6] = type;
  bytes[7] = name.length;
  for (let i = 0; i < name.length; i++) bytes[8 + i] = name.charCodeAt(i);
  return bytes;
}
