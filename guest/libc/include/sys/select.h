/* FreeBSD 9.0 sys/select.h and poll.h. */
#ifndef SYS_SELECT_H
#define SYS_SELECT_H

#include <sys/time.h>
#include <sys/types.h>

#define FD_SETSIZE 1024

typedef struct {
  uint32_t bits[FD_SETSIZE / 32];
} fd_set;

#define FD_ZERO(set) (*(set) = (fd_set){{0}})
#define FD_SET(fd, set) ((set)->bits[(fd) / 32] |= 1u << (fd) % 32)
#define FD_CLR(fd, set) ((set)->bits[(fd) / 32] &= ~(1u << (fd) % 32))
#define FD_ISSET(fd, set) (((set)->bits[(fd) / 32] & 1u << (fd) % 32) != 0)

int select(int nfds, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout);

#define POLLIN 0x1
#define POLLHUP 0x10

struct pollfd {
  int fd;
  short events, revents;
};

int poll(struct pollfd *fds, unsigned int count, int milliseconds);

#endif
