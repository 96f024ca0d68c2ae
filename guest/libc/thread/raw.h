/* System calls of threads: they give the result, or the errno negated, and leave the variable errno alone. */
#ifndef THREAD_RAW_H
#define THREAD_RAW_H

#include <sys/types.h>

/* sys/thr.h. */
struct thr_param {
  void (*start_func)(void *);
  void *arg;
  char *stack_base;
  size_t stack_size;
  char *tls_base;
  size_t tls_size;
  long *child_tid, *parent_tid;
  int flags;
  void *rtp;
  void *spare[3];
};

enum {
  UMTX_OP_WAIT = 2,
  UMTX_OP_WAKE = 3,
  UMTX_OP_MUTEX_LOCK = 5,
  UMTX_OP_MUTEX_UNLOCK = 6,
  UMTX_OP_CV_WAIT = 8,
  UMTX_OP_CV_SIGNAL = 9,
  UMTX_OP_CV_BROADCAST = 10,
  UMTX_OP_RW_RDLOCK = 12,
  UMTX_OP_RW_WRLOCK = 13,
  UMTX_OP_RW_UNLOCK = 14,
  UMTX_OP_SEM_WAIT = 19,
  UMTX_OP_SEM_WAKE = 20,
  CVWAIT_ABSTIME = 2,
  I386_SET_GSBASE = 10,
};

int __raw_thr_new(struct thr_param *param, int size);
_Noreturn void __raw_thr_exit(volatile long *state);
int __raw_thr_self(long *id);
int __raw_thr_kill(long id, int signo);
int __raw_umtx_op(volatile void *object, int op, unsigned long value, void *address1, const void *address2);
int __raw_sysarch(int op, void *parameters);

#endif
