#ifndef FCNTL_H
#define FCNTL_H

#include <sys/types.h>

#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_NONBLOCK 4
#define O_APPEND 8
#define O_CREAT 0x200
#define O_TRUNC 0x400
#define O_EXCL 0x800
#define O_DIRECTORY 0x20000
#define O_CLOEXEC 0x100000

#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define FD_CLOEXEC 1

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define AT_FDCWD (-100)
#define AT_REMOVEDIR 0x800

int flock(int fd, int operation);
int openat(int dir, const char *path, int flags, ...);
int linkat(int dir1, const char *path1, int dir2, const char *path2, int flag);
int unlinkat(int dir, const char *path, int flag);
int renameat(int dir1, const char *from, int dir2, const char *to);
int open(const char *path, int flags, ...);
int fcntl(int fd, int cmd, ...);

/* Locks on ranges of a file. */
#define F_SETLKW 13
#define F_UNLCK 2
#define F_WRLCK 3

struct flock {
  off_t l_start, l_len; /* a length of 0: to the end, wherever that is */
  pid_t l_pid;
  short l_type, l_whence;
  int l_sysid;
};

#endif
