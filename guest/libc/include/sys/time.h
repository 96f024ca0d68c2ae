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

struct itimerval {
  struct timeval it_interval, it_value;
};

struct itimerspec {
  struct timespec it_interval, it_value;
};

#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2
#define TIMER_ABSTIME 1

typedef int timer_t;
struct sigevent;

int gettimeofday(struct timeval *now, void *zone);
int clock_gettime(clockid_t clock, struct timespec *now);
int getitimer(int which, struct itimerval *value);
int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict old);
int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer);
int timer_delete(timer_t timer);
int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict value, struct itimerspec *restrict old);
int timer_gettime(timer_t timer, struct itimerspec *value);
int timer_getoverrun(timer_t timer);
int nanosleep(const struct timespec *wanted, struct timespec *remaining);

#endif
