/*
 * The thread library of a FreeBSD tree on our kernel: mutexes, reader-writer locks, a barrier, condition variables, semaphores,
 * thread-local storage, keys, signals to threads, cancellation, fork. Linked with the tree's own crt1.o, libc and libthr; their headers
 * are not in it, so the little that is needed of them stands here (all of these types are pointers in FreeBSD).
 */
typedef void *handle;
typedef unsigned size_t;

int printf(const char *, ...);
int fflush(handle);
int usleep(unsigned);
void *malloc(size_t);
void free(void *);
int fork(void);
int waitpid(int, int *, int);
void _exit(int);
handle signal(int, void (*)(int));
int pthread_create(handle *, handle, handle (*)(handle), handle);
int pthread_join(handle, handle *);
int pthread_cancel(handle);
int pthread_kill(handle, int);
void pthread_testcancel(void);
int pthread_mutex_lock(handle *);
int pthread_mutex_unlock(handle *);
int pthread_cond_wait(handle *, handle *);
int pthread_cond_broadcast(handle *);
int pthread_rwlock_rdlock(handle *);
int pthread_rwlock_wrlock(handle *);
int pthread_rwlock_unlock(handle *);
int pthread_barrier_init(handle *, handle, unsigned);
int pthread_barrier_wait(handle *);
int pthread_key_create(int *, void (*)(handle));
int pthread_setspecific(int, handle);
int sem_init(handle, int, unsigned);
int sem_wait(handle);
int sem_post(handle);

#define SIGUSR1 30
#define PTHREAD_CANCELED ((handle)1)
#define WORKERS 4
#define ROUNDS 20000
#define ITEMS 3000
#define SLOTS 8

static handle mutex, changed, rwlock, barrier;
static int semaphore[8];
static int key, count, rare, destroyed;
static int queue[SLOTS], queued;
static volatile int signals;
static __thread int local = 5;

static void destroy(handle value) {
  destroyed++;
  free(value);
}

static handle worker(handle arg) {
  pthread_setspecific(key, malloc(64));
  local += (int)arg;
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    count++;
    pthread_mutex_unlock(&mutex);
    if (i % 100 == 0) {
      pthread_rwlock_rdlock(&rwlock);
      pthread_rwlock_unlock(&rwlock);
    }
    if (i % 1000 == 0) {
      pthread_rwlock_wrlock(&rwlock);
      rare++;
      pthread_rwlock_unlock(&rwlock);
    }
  }
  return (handle)local;
}

static handle consumer(handle arg) {
  int sum = 0;
  for (int i = 0; i < ITEMS; i++) {
    pthread_mutex_lock(&mutex);
    while (queued == 0) pthread_cond_wait(&changed, &mutex);
    sum += queue[--queued];
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  return (handle)sum;
}

static handle waiter(handle arg) {
  for (int i = 0; i < 500; i++) sem_wait(semaphore);
  return 0;
}

static handle sleeper(handle arg) {
  for (;;) {
    pthread_testcancel();
    usleep(100);
  }
}

static void on_signal(int signo) { signals++; }

int main(void) {
  handle threads[WORKERS], result;
  int status, sum = 0;

  pthread_key_create(&key, destroy);
  pthread_barrier_init(&barrier, 0, WORKERS);
  for (int i = 0; i < WORKERS; i++) pthread_create(&threads[i], 0, worker, (handle)i);
  for (int i = 0; i < WORKERS; i++) {
    pthread_join(threads[i], &result);
    printf("worker %d: local %d\n", i, (int)result);
  }
  printf("count %d rare %d destroyed %d local %d\n", count, rare, destroyed, local);

  pthread_create(&threads[0], 0, consumer, 0);
  for (int i = 0; i < ITEMS; i++) {
    pthread_mutex_lock(&mutex);
    while (queued == SLOTS) pthread_cond_wait(&changed, &mutex);
    queue[queued++] = i;
    sum += i;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  pthread_join(threads[0], &result);
  printf("consumed %d of %d\n", (int)result, sum);

  sem_init(semaphore, 0, 0);
  pthread_create(&threads[0], 0, waiter, 0);
  for (int i = 0; i < 500; i++) sem_post(semaphore);
  pthread_join(threads[0], &result);

  signal(SIGUSR1, on_signal);
  pthread_create(&threads[0], 0, sleeper, 0);
  usleep(1000);
  pthread_kill(threads[0], SIGUSR1);
  usleep(5000);
  pthread_cancel(threads[0]);
  pthread_join(threads[0], &result);
  printf("cancelled %d signals %d\n", result == PTHREAD_CANCELED, signals);
  fflush(0);

  int child = fork();
  if (child == 0) _exit(local);
  waitpid(child, &status, 0);
  printf("child exited with %d\n", status >> 8);
  return 0;
}
