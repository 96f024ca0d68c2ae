/** struct dirent as FreeBSD 9.0 lays it out (inode numbers of 32 bits), and as 12.0 does (of 64). */

export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;

/** One entry of a directory. */
export interface Dirent {
  readonly fileno: number;
  /** DT_ number. */
  readonly type: number;
  /** Bytes as latin1; at most 255. */
  readonly name: string;
  /** Where in the directory the next entry is. */
  readonly next: number;
}

/** The name ends in at least one NUL, and records are multiples of 4. d_fileno at 0, d_reclen at 4, d_type at 6, d_namlen at 7, d_name at 8. Source: sys/sys/dirent.h. */
export function encodeDirent({ fileno, type, name }: Dirent): Uint8Array {
  const bytes = new Uint8Array((8 + name.length + 1 + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fileno, true);
  view.setUint16(4, bytes.length, true);
  bytes[6] = type;
  bytes[7] = name.length;
  return putName(bytes, 8, name);
}

/** The same from 12.0 on: multiples of 8. d_fileno at 0 and d_off at 8 have 64 bits, d_reclen at 16, d_type at 18, d_namlen at 20 (16 bits), d_name at 24. */
export function encodeIno64Dirent({ fileno, type, name, next }: Dirent): Uint8Array {
  const bytes = new Uint8Array((24 + name.length + 1 + 7) & ~7);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fileno, true);
  view.setUint32(8, next, true);
  view.setUint16(16, bytes.length, true);
  bytes[18] = type;
  view.setUint16(20, name.length, true);
  return putName(bytes, 24, name);
}

function putName(bytes: Uint8Array, at: number, name: string): Uint8Array {
  for (let i = 0; i < name.length; i++) bytes[at + i] = name.charCodeAt(i);
  return bytes;
}
