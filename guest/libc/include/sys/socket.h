/* FreeBSD 9.0 sys/socket.h and sys/un.h: what the programs here use. */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include <sys/types.h>

#define AF_UNIX 1
#define AF_INET 2
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 0xffff
#define SO_REUSEADDR 4
#define SO_RCVTIMEO 0x1006
#define MSG_PEEK 0x2
#define MSG_DONTWAIT 0x80
#define SHUT_WR 1
#define SCM_RIGHTS 1
#define SCM_CREDS 3

typedef uint32_t socklen_t;

struct sockaddr {
  uint8_t sa_len, sa_family;
  char sa_data[14];
};

struct sockaddr_un {
  uint8_t sun_len, sun_family;
  char sun_path[104];
};

struct iovec {
  void *iov_base;
  size_t iov_len;
};

struct msghdr {
  void *msg_name;
  socklen_t msg_namelen;
  struct iovec *msg_iov;
  int msg_iovlen;
  void *msg_control;
  socklen_t msg_controllen;
  int msg_flags;
};

struct cmsghdr {
  socklen_t cmsg_len;
  int cmsg_level, cmsg_type;
};

/* SCM_CREDS: the kernel fills it in. */
struct cmsgcred {
  pid_t cmcred_pid;
  uid_t cmcred_uid, cmcred_euid;
  gid_t cmcred_gid;
  int16_t cmcred_ngroups;
  gid_t cmcred_groups[16];
};

_Static_assert(sizeof(struct msghdr) == 28 && sizeof(struct cmsgcred) == 84, "the layout of FreeBSD/i386");

int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int fds[2]);
int bind(int s, const struct sockaddr *name, socklen_t length);
int connect(int s, const struct sockaddr *name, socklen_t length);
int listen(int s, int backlog);
int accept(int s, struct sockaddr *name, socklen_t *length);
int getsockname(int s, struct sockaddr *name, socklen_t *length);
int shutdown(int s, int how);
int setsockopt(int s, int level, int name, const void *value, socklen_t length);
ssize_t sendto(int s, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length);
ssize_t recvfrom(int s, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length);
ssize_t sendmsg(int s, const struct msghdr *message, int flags);
ssize_t recvmsg(int s, struct msghdr *message, int flags);

#endif
