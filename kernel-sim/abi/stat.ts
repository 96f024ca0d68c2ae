/** struct stat as FreeBSD 9.0 i386 lays it out (inode numbers of 32 bits), and as 12.0 does (of 64). */

/** The bits of st_mode that say what it is. */
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
export const ALLPERMS = 0o7777;

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

/**
 * Layout from 12.0 on: 208 bytes; st_dev, st_ino, st_nlink and st_rdev have 64 bits, and before each time stands a doubleword for its upper half.
 * Source: FreeBSD 12.0 sys/sys/stat.h.
 */
export function encodeIno64Stat(stat: Stat): Uint8Array {
  const bytes = new Uint8Array(208);
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);
  const time = (offset: number, t: StatTime): void => {
    view.setInt32(offset, t.sec, true);
    view.setInt32(offset + 4, t.nsec, true);
  };
  u64(0, stat.dev);
  u64(8, stat.ino);
  u64(16, stat.nlink);
  view.setUint16(24, stat.mode, true);
  view.setUint32(28, stat.uid, true);
  view.setUint32(32, stat.gid, true);
  u64(40, stat.rdev);
  time(52, stat.atim);
  time(64, stat.mtim);
  time(76, stat.ctim);
  time(88, stat.birthtim);
  u64(96, stat.size);
  u64(104, stat.blocks);
  view.setUint32(112, stat.blksize, true);
  return bytes;
}
