/*
 * Threads over thr_new(2) and _umtx_op(2): create, join, mutexes, condition variables, rwlocks, barriers, once, keys. Small on purpose. errno, malloc and stdio are
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

/* struct urwlock. */
typedef struct {
  volatile uint32_t state;
  uint32_t flags, blocked_readers, blocked_writers, spare[4];
} pthread_rwlock_t;

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t all_there;
  unsigned wanted, waiting, cycle;
} pthread_barrier_t;

typedef struct {
  volatile uint32_t state;
} pthread_once_t;

typedef unsigned pthread_key_t;
#define PTHREAD_KEYS_MAX 8

#define PTHREAD_MUTEX_INITIALIZER {0, 0, {0, 0}, {0, 0, 0, 0}}
#define PTHREAD_COND_INITIALIZER {0, 0, 0, 0}
#define PTHREAD_RWLOCK_INITIALIZER {0, 0, 0, 0, {0, 0, 0, 0}}
#define PTHREAD_ONCE_INIT {0}
#define PTHREAD_BARRIER_SERIAL_THREAD (-1)

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
int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock);
int pthread_rwlock_wrlock(pthread_rwlock_t *rwlock);
int pthread_rwlock_unlock(pthread_rwlock_t *rwlock);
int pthread_barrier_init(pthread_barrier_t *barrier, const void *attributes, unsigned count);
/* One thread of each round gets PTHREAD_BARRIER_SERIAL_THREAD. */
int pthread_barrier_wait(pthread_barrier_t *barrier);
int pthread_once(pthread_once_t *once, void (*initialise)(void));
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int pthread_setspecific(pthread_key_t key, const void *value);
void *pthread_getspecific(pthread_key_t key);
int pthread_kill(pthread_t thread, int signo);

#endif
