/** What keeps a guest from exhausting the host. FreeBSD's own limits where it has them. */

/** EFBIG beyond. */
export const FILE_SIZE_MAX = 256 << 20;
/** Vnodes in all, ENOSPC beyond (a real file system runs out of inodes). */
export const VNODES_MAX = 32768;
/** Vnodes that come from folders of the host, beside those; ENFILE beyond. */
export const HOST_VNODES_MAX = 1 << 18;
/** Entries of one directory, ENOSPC beyond. */
export const DIR_ENTRIES_MAX = 32768;
/** kern.maxfiles: ENFILE beyond. */
export const OPEN_FILES_MAX = 12328;
/** kern.maxfilesperproc: EMFILE beyond. */
export const FILES_PER_PROC_MAX = 11095;
/** One transfer between user memory and a file goes in pieces of at most so many bytes. */
export const IO_PIECE = 1 << 20;
