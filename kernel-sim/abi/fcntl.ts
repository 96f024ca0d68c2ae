/** Numbers of sys/fcntl.h, sys/unistd.h, FreeBSD 9.0. */

export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 4;
export const O_APPEND = 8;
/** SIGIO when a transfer is possible. */
export const O_ASYNC = 0x40;
/** open(2): flock(2) in the same call. */
export const O_SHLOCK = 0x10;
export const O_EXLOCK = 0x20;
export const O_NOFOLLOW = 0x100;
export const O_CREAT = 0x200;
export const O_TRUNC = 0x400;
export const O_EXCL = 0x800;
export const O_NOCTTY = 0x8000;
export const O_DIRECTORY = 0x20000;
export const O_EXEC = 0x40000;
export const O_CLOEXEC = 0x100000;

export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETOWN = 5;
export const F_SETOWN = 6;
/** Before 8.0, with a struct flock that ends before l_sysid. */
export const F_OGETLK = 7;
export const F_OSETLK = 8;
export const F_OSETLKW = 9;
export const F_DUP2FD = 10;
export const F_GETLK = 11;
export const F_SETLK = 12;
export const F_SETLKW = 13;
/** From 9.2. */
export const F_DUPFD_CLOEXEC = 17;
export const F_DUP2FD_CLOEXEC = 18;
export const FD_CLOEXEC = 1;

/** l_type. */
export const F_RDLCK = 1;
export const F_UNLCK = 2;
export const F_WRLCK = 3;

/** flock(2). */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

export const AT_FDCWD = -100;
export const AT_EACCESS = 0x100;
export const AT_SYMLINK_NOFOLLOW = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_REMOVEDIR = 0x800;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

/** access(2): what is asked for; the same bits as in one class of a mode. */
export const R_OK = 4;
export const W_OK = 2;
export const X_OK = 1;

/** PATH_MAX with the NUL, NAME_MAX, PIPE_BUF, LINK_MAX, UIO_MAXIOV, MAXSYMLINKS. */
export const PATH_MAX = 1024;
export const NAME_MAX = 255;
export const PIPE_BUF = 512;
export const LINK_MAX = 32767;
export const UIO_MAXIOV = 1024;
export const MAXSYMLINKS = 32;
