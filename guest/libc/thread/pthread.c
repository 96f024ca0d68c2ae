/* Threads, mutexes, condition variables. */
#include "raw.h"
#include "record.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define STACK_SIZE ((size_t)64 * 1024)
#define GUARD_SIZE ((size_t)4096)

static struct pthread main_thread;

static struct pthread *self_from_gs(void) {
  struct pthread *self;
  __asm__("movl %%gs:0, %0" : "=r"(self));
  return self;
}

/* The first to call is the only thread there is. */
pthread_t pthread_self(void) {
  if (!main_thread.self) {
    void *base = &main_thread;
    main_thread.self = &main_thread;
    __raw_thr_self(&main_thread.tid);
    __raw_sysarch(I386_SET_GSBASE, &base);
  }
  return self_from_gs();
}

_Noreturn void pthread_exit(void *result) {
  struct pthread *me = pthread_self();
  me->result = result;
  if (__destroy_values) __destroy_values(me);
  __raw_thr_exit(&me->ended);
}

static _Noreturn void run(void *p) {
  struct pthread *me = p;
  pthread_exit(me->start(me->arg));
}

int pthread_create(pthread_t *thread, const void *attributes, void *(*start)(void *), void *arg) {
  (void)attributes;
  pthread_self();
  char *mapping = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
  if (mapping == MAP_FAILED) return EAGAIN;
  mprotect(mapping, GUARD_SIZE, PROT_NONE);
  char *top = mapping + GUARD_SIZE + STACK_SIZE - ((sizeof(struct pthread) + 15) & ~(size_t)15);
  struct pthread *t = (struct pthread *)(void *)top;
  *t = (struct pthread){.self = t, .start = start, .arg = arg, .mapping = mapping};
  struct thr_param param = {
      .start_func = run,
      .arg = t,
      .stack_base = mapping + GUARD_SIZE,
      .stack_size = (size_t)(top - mapping) - GUARD_SIZE,
      .tls_base = top,
      .tls_size = sizeof(struct pthread),
      .child_tid = &t->tid,
  };
  *thread = t;
  int error = -__raw_thr_new(&param, sizeof param);
  if (error) munmap(mapping, GUARD_SIZE + STACK_SIZE);
  return error;
}

int pthread_join(pthread_t thread, void **result) {
  while (!thread->ended) __raw_umtx_op(&thread->ended, UMTX_OP_WAIT, 0, NULL, NULL);
  if (result) *result = thread->result;
  munmap(thread->mapping, GUARD_SIZE + STACK_SIZE);
  return 0;
}

int pthread_kill(pthread_t thread, int signo) { return -__raw_thr_kill(thread->tid, signo); }

/* The owner's word is his id; the kernel adds a bit while somebody sleeps, and then is needed to unlock. */
int pthread_mutex_trylock(pthread_mutex_t *mutex) {
  uint32_t me = (uint32_t)pthread_self()->tid;
  return __sync_bool_compare_and_swap(&mutex->owner, 0, me) ? 0 : EBUSY;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  if (pthread_mutex_trylock(mutex) == 0) return 0;
  int error;
  do error = -__raw_umtx_op(mutex, UMTX_OP_MUTEX_LOCK, 0, NULL, NULL);
  while (error == EINTR);
  return error;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  uint32_t me = (uint32_t)pthread_self()->tid;
  if (__sync_bool_compare_and_swap(&mutex->owner, me, 0)) return 0;
  return -__raw_umtx_op(mutex, UMTX_OP_MUTEX_UNLOCK, 0, NULL, NULL);
}

/* The kernel lets go of the mutex once the thread stands in the queue. */
static int wait_for(pthread_cond_t *cond, pthread_mutex_t *mutex, int flags, const struct timespec *until) {
  pthread_self();
  int error = -__raw_umtx_op(cond, UMTX_OP_CV_WAIT, (unsigned long)flags, mutex, until);
  if (error == EPERM || error == EINVAL || error == EFAULT) return error;
  pthread_mutex_lock(mutex);
  return error == EINTR ? 0 : error;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) { return wait_for(cond, mutex, 0, NULL); }

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
  return wait_for(cond, mutex, CVWAIT_ABSTIME, until);
}

int pthread_cond_signal(pthread_cond_t *cond) {
  return cond->has_waiters ? -__raw_umtx_op(cond, UMTX_OP_CV_SIGNAL, 0, NULL, NULL) : 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond) {
  return cond->has_waiters ? -__raw_umtx_op(cond, UMTX_OP_CV_BROADCAST, 0, NULL, NULL) : 0;
}
