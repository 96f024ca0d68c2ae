/*
 * Threads with a mutex and condition variables: all start together, count together, and pass a token round. Arguments: threads, rounds.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_there = PTHREAD_COND_INITIALIZER, token_moved = PTHREAD_COND_INITIALIZER;
static int threads = 4, rounds = 50;
static int arrived, counter, token;

static void *work(void *arg) {
  int me = (int)(intptr_t)arg;
  pthread_mutex_lock(&lock);
  if (++arrived == threads) pthread_cond_broadcast(&all_there);
  while (arrived < threads) pthread_cond_wait(&all_there, &lock);
  pthread_mutex_unlock(&lock);

  for (int n = 0; n < rounds; n++) {
    pthread_mutex_lock(&lock);
    int seen = counter;
    for (volatile int delay = 0; delay < 10; delay++)
      ;
    counter = seen + 1;
    pthread_mutex_unlock(&lock);
  }

  for (int n = 0; n < 3; n++) {
    pthread_mutex_lock(&lock);
    while (token % threads != me) pthread_cond_wait(&token_moved, &lock);
    token++;
    pthread_cond_broadcast(&token_moved);
    pthread_mutex_unlock(&lock);
  }
  return (void *)(intptr_t)(me * me);
}

int main(int argc, char **argv) {
  if (argc > 1) threads = atoi(argv[1]);
  if (argc > 2) rounds = atoi(argv[2]);
  if (threads < 1 || threads > THREADS_MAX || rounds < 0) {
    printf("usage: threads [1-%d [rounds]]\n", THREADS_MAX);
    return 2;
  }
  pthread_t ids[THREADS_MAX];
  for (int n = 0; n < threads; n++) {
    int error = pthread_create(&ids[n], NULL, work, (void *)(intptr_t)n);
    if (error) {
      printf("pthread_create: errno %d\n", error);
      return 1;
    }
  }
  int squares = 0;
  for (int n = 0; n < threads; n++) {
    void *result;
    pthread_join(ids[n], &result);
    squares += (int)(intptr_t)result;
  }
  printf("%d threads counted to %d, passed the token %d times, returned %d\n", threads, counter, token, squares);

  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 2000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_mutex_lock(&lock);
  int error = pthread_cond_timedwait(&token_moved, &lock, &until);
  printf("nobody signals: %s\n", error == ETIMEDOUT ? "ETIMEDOUT" : "something else");
  return pthread_mutex_unlock(&lock);
}
