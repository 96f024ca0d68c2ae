/* Semaphores between the threads of a process. All give 0 or an errno. */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include <sys/types.h>

/* struct _usem: sys/_umtx.h. */
typedef struct {
  volatile uint32_t has_waiters, count;
  uint32_t flags;
} sem_t;

int sem_init(sem_t *semaphore, int shared, unsigned value);
int sem_wait(sem_t *semaphore);
int sem_trywait(sem_t *semaphore);
int sem_post(sem_t *semaphore);

#endif
