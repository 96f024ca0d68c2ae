#ifndef SYS_TIME_H
#define SYS_TIME_H

#include <sys/types.h>

struct timespec {
  time_t tv_sec;
  long tv_nsec;
};
ABI_SIZE(struct timespec, 8);

struct timeval {
  time_t tv_sec;
  long tv_usec;
};
ABI_SIZE(struct timeval, 8);

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 4
#define CLOCK_UPTIME 5

int gettimeofday(struct timeval *now, void *zone);
int clock_gettime(clockid_t clock, struct timespec *now);
int nanosleep(const struct timespec *wanted, struct timespec *remaining);

#endif
