/* Producers and consumers at a buffer of a few places. Arguments: items of each producer. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES 3
#define PRODUCERS 2
#define CONSUMERS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int buffer[PLACES], filled, next_in, next_out, finished, most;
static int items = 40;

static void *produce(void *arg) {
  int first = (int)(intptr_t)arg * items;
  for (int n = 1; n <= items; n++) {
    pthread_mutex_lock(&lock);
    while (filled == PLACES) pthread_cond_wait(&not_full, &lock);
    buffer[next_in] = first + n;
    next_in = (next_in + 1) % PLACES;
    if (++filled > most) most = filled;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&lock);
  }
  pthread_mutex_lock(&lock);
  if (++finished == PRODUCERS) pthread_cond_broadcast(&not_empty);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void *consume(void *arg) {
  int *sum = arg;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (filled == 0 && finished < PRODUCERS) pthread_cond_wait(&not_empty, &lock);
    if (filled == 0) {
      pthread_mutex_unlock(&lock);
      return NULL;
    }
    *sum += buffer[next_out];
    next_out = (next_out + 1) % PLACES;
    filled--;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&lock);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) items = atoi(argv[1]);
  pthread_t producers[PRODUCERS], consumers[CONSUMERS];
  int sums[CONSUMERS] = {0};
  for (int n = 0; n < CONSUMERS; n++) pthread_create(&consumers[n], NULL, consume, &sums[n]);
  for (int n = 0; n < PRODUCERS; n++) pthread_create(&producers[n], NULL, produce, (void *)(intptr_t)n);
  for (int n = 0; n < PRODUCERS; n++) pthread_join(producers[n], NULL);
  int total = 0;
  for (int n = 0; n < CONSUMERS; n++) {
    pthread_join(consumers[n], NULL);
    total += sums[n];
  }
  int all = PRODUCERS * items;
  printf("%d items, sum %d (%s), at most %d places: %s\n", all, total, total == all * (all + 1) / 2 ? "right" : "wrong",
         PLACES, most <= PLACES ? "kept" : "broken");
  return 0;
}
