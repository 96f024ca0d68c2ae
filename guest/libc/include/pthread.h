/*
 * Threads over thr_new(2) and _umtx_op(2): create, join, mutexes, condition variables. Small on purpose. errno, malloc and stdio are
 * one for the whole process and know nothing of threads: use them in one thread at a time, under a mutex.
 */
#ifndef PTHREAD_H
#define PTHREAD_H

#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

typedef struct pthread *pthread_t;

/* struct umutex, struct ucond: sys/_umtx.h. */
typedef struct {
  volatile uint32_t owner;
  uint32_t flags, ceilings[2], spare[4];
} pthread_mutex_t;

typedef struct {
  volatile uint32_t has_waiters;
  uint32_t flags, clockid, spare;
} pthread_cond_t;

#define PTHREAD_MUTEX_INITIALIZER {0, 0, {0, 0}, {0, 0, 0, 0}}
#define PTHREAD_COND_INITIALIZER {0, 0, 0, 0}

/* All give 0 or an errno. */
int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *), void *arg);
int pthread_join(pthread_t thread, void **result);
_Noreturn void pthread_exit(void *result);
pthread_t pthread_self(void);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_trylock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
/* `until` is a time of CLOCK_REALTIME. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int pthread_cond_signal(pthread_cond_t *cond);
int pthread_cond_broadcast(pthread_cond_t *cond);

#endif
