/* Rwlocks and semaphores as the kernel knows them: it is asked only when somebody has to wait or to be woken. Barriers, once. */
#include "raw.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

/* Bits of a rwlock's state; the others count readers. */
#define WRITE_OWNER 0x80000000u
#define WRITE_WAITERS 0x40000000u
#define READ_WAITERS 0x20000000u
#define READERS 0x1fffffffu

static int ask_kernel(volatile void *object, int op, unsigned long value) {
  int error;
  do error = -__raw_umtx_op(object, op, value, NULL, NULL);
  while (error == EINTR);
  return error;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock) {
  uint32_t state;
  while (((state = rwlock->state) & (WRITE_OWNER | WRITE_WAITERS)) == 0)
    if (__sync_bool_compare_and_swap(&rwlock->state, state, state + 1)) return 0;
  return ask_kernel(rwlock, UMTX_OP_RW_RDLOCK, 0);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *rwlock) {
  uint32_t state;
  while (((state = rwlock->state) & (WRITE_OWNER | READERS)) == 0)
    if (__sync_bool_compare_and_swap(&rwlock->state, state, state | WRITE_OWNER)) return 0;
  return ask_kernel(rwlock, UMTX_OP_RW_WRLOCK, 0);
}

/* The kernel unlocks when the last to go has to wake somebody. */
int pthread_rwlock_unlock(pthread_rwlock_t *rwlock) {
  uint32_t state;
  while ((state = rwlock->state) != 0) {
    int wakes = (state & (WRITE_WAITERS | READ_WAITERS)) != 0 && (state & READERS) <= 1;
    if (wakes) return ask_kernel(rwlock, UMTX_OP_RW_UNLOCK, 0);
    uint32_t after = state & WRITE_OWNER ? state & ~WRITE_OWNER : state - 1;
    if (__sync_bool_compare_and_swap(&rwlock->state, state, after)) return 0;
  }
  return EPERM;
}

int sem_init(sem_t *semaphore, int shared, unsigned value) {
  if (shared) return EINVAL;
  *semaphore = (sem_t){.count = value};
  return 0;
}

int sem_trywait(sem_t *semaphore) {
  uint32_t count;
  while ((count = semaphore->count) > 0)
    if (__sync_bool_compare_and_swap(&semaphore->count, count, count - 1)) return 0;
  return EAGAIN;
}

int sem_wait(sem_t *semaphore) {
  while (sem_trywait(semaphore) != 0) {
    int error = ask_kernel(semaphore, UMTX_OP_SEM_WAIT, 0);
    if (error) return error;
  }
  return 0;
}

int sem_post(sem_t *semaphore) {
  __sync_fetch_and_add(&semaphore->count, 1);
  return semaphore->has_waiters ? ask_kernel(semaphore, UMTX_OP_SEM_WAKE, 0) : 0;
}

int pthread_barrier_init(pthread_barrier_t *barrier, const void *attributes, unsigned count) {
  (void)attributes;
  if (count == 0) return EINVAL;
  *barrier = (pthread_barrier_t){.wanted = count};
  return 0;
}

int pthread_barrier_wait(pthread_barrier_t *barrier) {
  int result = 0;
  pthread_mutex_lock(&barrier->lock);
  unsigned cycle = barrier->cycle;
  if (++barrier->waiting == barrier->wanted) {
    barrier->waiting = 0;
    barrier->cycle++;
    pthread_cond_broadcast(&barrier->all_there);
    result = PTHREAD_BARRIER_SERIAL_THREAD;
  }
  while (barrier->cycle == cycle) pthread_cond_wait(&barrier->all_there, &barrier->lock);
  pthread_mutex_unlock(&barrier->lock);
  return result;
}

enum { NOT_YET = 0, BEING_DONE = 1, DONE = 2 };

int pthread_once(pthread_once_t *once, void (*initialise)(void)) {
  if (__sync_bool_compare_and_swap(&once->state, NOT_YET, BEING_DONE)) {
    initialise();
    __sync_lock_test_and_set(&once->state, DONE);
    return ask_kernel(&once->state, UMTX_OP_WAKE, INT32_MAX);
  }
  while (once->state != DONE) ask_kernel(&once->state, UMTX_OP_WAIT, BEING_DONE);
  return 0;
}
