#ifndef THREAD_RECORD_H
#define THREAD_RECORD_H

#include <pthread.h>

/* A thread's record stands at the top of its stack's mapping and is what its %gs segment begins with. */
struct pthread {
  struct pthread *self; /* %gs:0 */
  long tid;
  volatile long ended; /* becomes 1 when the kernel has done with the thread */
  void *(*start)(void *);
  void *arg, *result;
  char *mapping;
  const void *values[PTHREAD_KEYS_MAX];
};

/* Calls the destructors of the values that a thread leaves behind. Weak: a program without keys has none. */
void __destroy_values(struct pthread *thread) __attribute__((weak));

#endif
