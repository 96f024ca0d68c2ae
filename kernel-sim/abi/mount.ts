import { type Layout, layout } from './layout.ts';

/** sys/sys/mount.h. */
export const MNT_RDONLY = 1;
export const MNT_LOCAL = 0x1000;
export const MNT_MULTILABEL = 0x04000000;
/** getfsstat(2): MNT_WAIT, MNT_NOWAIT, MNT_LAZY, MNT_SUSPEND. */
export const MNT_MODES: readonly number[] = [1, 2, 3, 4];

const VERSION_9 = 0x20030518;
const VERSION_12 = 0x20140518;

/** struct statfs, with names of so many bytes. Source: FreeBSD 9.0 and 12.0 sys/sys/mount.h. */
const statfsLayoutOf = (nameBytes: number) =>
  layout(296 + 2 * nameBytes, [
    { name: 'f_version', at: 0, kind: 'u32' },
    { name: 'f_type', at: 4, kind: 'u32' },
    { name: 'f_flags', at: 8, kind: 'u64' },
    { name: 'f_bsize', at: 16, kind: 'u64' },
    { name: 'f_iosize', at: 24, kind: 'u64' },
    { name: 'f_blocks', at: 32, kind: 'u64' },
    { name: 'f_bfree', at: 40, kind: 'u64' },
    { name: 'f_bavail', at: 48, kind: 'i64' },
    { name: 'f_files', at: 56, kind: 'u64' },
    { name: 'f_ffree', at: 64, kind: 'i64' },
    { name: 'f_namemax', at: 184, kind: 'u32' },
    { name: 'f_owner', at: 188, kind: 'u32' },
    { name: 'f_fsid', at: 192, kind: 'words', count: 2 },
    { name: 'f_fstypename', at: 280, kind: 'text', sizeBytes: 16 },
    { name: 'f_mntfromname', at: 296, kind: 'text', sizeBytes: nameBytes },
    { name: 'f_mntonname', at: 296 + nameBytes, kind: 'text', sizeBytes: nameBytes },
  ]);

type LayoutOf<L> = L extends Layout<infer T> ? T : never;
export type Statfs = Omit<LayoutOf<ReturnType<typeof statfsLayoutOf>>, 'f_version'>;

/** How a release lays the structure out. */
export interface StatfsFormat {
  readonly version: number;
  readonly layout: ReturnType<typeof statfsLayoutOf>;
}

/** 472 bytes. */
export const STATFS_9: StatfsFormat = { version: VERSION_9, layout: statfsLayoutOf(88) };
/** 2344 bytes. */
export const STATFS_12: StatfsFormat = { version: VERSION_12, layout: statfsLayoutOf(1024) };
