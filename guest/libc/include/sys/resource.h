#ifndef SYS_RESOURCE_H
#define SYS_RESOURCE_H

#include <sys/time.h>

#define PRIO_MIN (-20)
#define PRIO_MAX 20
#define PRIO_PROCESS 0
#define PRIO_PGRP 1
#define PRIO_USER 2

struct rusage {
  struct timeval ru_utime;
  struct timeval ru_stime;
  long ru_maxrss;
  long ru_ixrss, ru_idrss, ru_isrss;
  long ru_minflt, ru_majflt;
  long ru_nswap;
  long ru_inblock, ru_oublock;
  long ru_msgsnd, ru_msgrcv;
  long ru_nsignals;
  long ru_nvcsw, ru_nivcsw;
};
ABI_SIZE(struct rusage, 72);

#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NOFILE 8
#define RLIMIT_AS 10

struct rlimit {
  int64_t rlim_cur;
  int64_t rlim_max;
};
ABI_SIZE(struct rlimit, 16);

int getpriority(int which, int who);
int setpriority(int which, int who, int priority);
int getrusage(int who, struct rusage *usage);
int getrlimit(int which, struct rlimit *limit);
int setrlimit(int which, const struct rlimit *limit);

#endif
