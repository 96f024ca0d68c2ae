/* CPU sets: FreeBSD 9.0 sys/cpuset.h. The library's mask has 16 bytes; the kernel uses the first 4. */
#ifndef SYS_CPUSET_H
#define SYS_CPUSET_H

#include <sys/types.h>

#define CPU_SETSIZE 128

typedef struct {
  uint32_t bits[CPU_SETSIZE / 32];
} cpuset_t;
ABI_SIZE(cpuset_t, 16);

typedef int cpusetid_t;

#define CPU_LEVEL_ROOT 1
#define CPU_LEVEL_CPUSET 2
#define CPU_LEVEL_WHICH 3
#define CPU_WHICH_TID 1
#define CPU_WHICH_PID 2
#define CPU_WHICH_CPUSET 3

#define CPU_ZERO(set) (*(set) = (cpuset_t){{0}})
#define CPU_SET(n, set) ((set)->bits[(n) / 32] |= 1u << ((n) % 32))
#define CPU_ISSET(n, set) (((set)->bits[(n) / 32] >> ((n) % 32)) & 1)

int cpuset(cpusetid_t *setid);
int cpuset_setid(int which, id_t id, cpusetid_t setid);
int cpuset_getid(int level, int which, id_t id, cpusetid_t *setid);
int cpuset_getaffinity(int level, int which, id_t id, size_t size, cpuset_t *mask);
int cpuset_setaffinity(int level, int which, id_t id, size_t size, const cpuset_t *mask);

#endif
