/* Read/write locks, semaphores, barriers, pthread_once and values of a thread's own. Everything is counted and checked. */
#include "usage.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

static const char usage_text[] = "locks [rounds]\n  6 threads, 10 rounds\n";

#define THREADS 6
#define WRITERS 2
#define AT_ONCE 2 /* threads that a semaphore lets in */

static int rounds = 10;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile int first, second;
static volatile int torn;

static void write_pair(void) {
  for (int n = 0; n < rounds; n++) {
    pthread_rwlock_wrlock(&rwlock);
    first++;
    sched_yield();
    second++;
    pthread_rwlock_unlock(&rwlock);
  }
}

static void read_pair(void) {
  for (int n = 0; n < rounds; n++) {
    pthread_rwlock_rdlock(&rwlock);
    int seen = first;
    sched_yield();
    if (seen != second) torn = 1;
    pthread_rwlock_unlock(&rwlock);
  }
}

static sem_t places;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int inside, most_inside, entries;

static void enter_places(void) {
  for (int n = 0; n < rounds; n++) {
    sem_wait(&places);
    pthread_mutex_lock(&lock);
    entries++;
    if (++inside > most_inside) most_inside = inside;
    pthread_mutex_unlock(&lock);
    sched_yield();
    pthread_mutex_lock(&lock);
    inside--;
    pthread_mutex_unlock(&lock);
    sem_post(&places);
  }
}

static pthread_barrier_t barrier;
static volatile int arrived[100];
static volatile int too_early, serial;

/* Nobody passes a round's barrier before all have come. */
static void meet(void) {
  for (int n = 0; n < rounds; n++) {
    __sync_fetch_and_add(&arrived[n], 1);
    int result = pthread_barrier_wait(&barrier);
    if (arrived[n] != THREADS) too_early = 1;
    if (result == PTHREAD_BARRIER_SERIAL_THREAD) __sync_fetch_and_add(&serial, 1);
  }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key, other_key;
static volatile int initialised, destroyed, sum_destroyed, wrong_value;

static void destroy(void *value) {
  __sync_fetch_and_add(&destroyed, 1);
  __sync_fetch_and_add(&sum_destroyed, *(int *)value);
}

static void initialise(void) {
  sched_yield();
  initialised++;
  pthread_key_create(&key, destroy);
  pthread_key_create(&other_key, NULL);
}

static void *work(void *arg) {
  int me = (int)(intptr_t)arg;
  static int values[THREADS];
  values[me] = me + 1;
  pthread_once(&once, initialise);
  if (pthread_getspecific(key)) wrong_value = 1;
  pthread_setspecific(key, &values[me]);
  pthread_setspecific(other_key, &me);
  me < WRITERS ? write_pair() : read_pair();
  enter_places();
  meet();
  if (pthread_getspecific(key) != &values[me] || pthread_getspecific(other_key) != &me) wrong_value = 1;
  return NULL;
}

/* Two threads hand a token to and fro: strictly in turn. */
static sem_t turns[2];
static char turns_taken[2 * 100 + 1];
static int turn_count;

static void *take_turns(void *arg) {
  int me = (int)(intptr_t)arg;
  for (int n = 0; n < rounds; n++) {
    sem_wait(&turns[me]);
    turns_taken[turn_count++] = (char)('a' + me);
    sem_post(&turns[!me]);
  }
  return NULL;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 1) usage(usage_text);
  if (optind < argc) rounds = number_argument("rounds", argv[optind], 1, 100);

  pthread_t threads[THREADS];
  sem_init(&places, 0, AT_ONCE);
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int n = 0; n < THREADS; n++) pthread_create(&threads[n], NULL, work, (void *)(intptr_t)n);
  for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
  printf("rwlock: %d and %d writes, torn reads: %s\n", first, second, torn ? "yes" : "none");
  printf("semaphore: %d entries, never more than %d inside: %s\n", entries, AT_ONCE, most_inside <= AT_ONCE ? "kept" : "broken");
  printf("barrier: passed too early: %s, %d serial threads\n", too_early ? "yes" : "never", serial);
  printf("once: %d; values %s, %d destroyed, sum %d\n", initialised, wrong_value ? "mixed up" : "kept apart", destroyed, sum_destroyed);

  sem_init(&turns[0], 0, 1);
  sem_init(&turns[1], 0, 0);
  for (int n = 0; n < 2; n++) pthread_create(&threads[n], NULL, take_turns, (void *)(intptr_t)n);
  for (int n = 0; n < 2; n++) pthread_join(threads[n], NULL);
  printf("turns: %s\n", turns_taken);
  pthread_mutex_lock(&lock);
  printf("busy: %s, empty: %s\n", pthread_mutex_trylock(&lock) == EBUSY ? "EBUSY" : "?",
         sem_trywait(&turns[1]) == EAGAIN ? "EAGAIN" : "?");
  return pthread_mutex_unlock(&lock);
}
