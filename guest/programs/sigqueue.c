/* Signals that are waited for instead of handled: queued with values, by number, to one thread, by a child's end, or none in time. */
#include "usage.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static const char usage_text[] = "sigqueue\n  queues signals and waits for them\n";

#define THREADS 4

static sigset_t waited;

static void send(pid_t pid, int offset, int value) {
  if (sigqueue(pid, SIGRTMIN + offset, (void *)(intptr_t)value) == -1) err(EXIT_FAILURE, "sigqueue");
}

static void take(pid_t sender) {
  siginfo_t info;
  int signo = sigwaitinfo(&waited, &info);
  if (signo == -1) err(EXIT_FAILURE, "sigwaitinfo");
  printf(" %d:%d%s", signo - SIGRTMIN, (int)(intptr_t)info.si_value,
         info.si_code == SI_QUEUE && info.si_pid == sender && info.si_signo == signo ? "" : "?");
}

/* While the child sends, the parent takes: the values of one signal come in the order in which they were sent. */
static void in_order(void) {
  pid_t parent = getpid(), pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    for (int n = 1; n <= 8; n++) send(parent, 1, n * n);
    _exit(9);
  }
  printf("one after the other:");
  for (int n = 1; n <= 8; n++) take(pid);
  siginfo_t info;
  sigset_t child = {{0}};
  sigaddset(&child, SIGCHLD);
  if (sigwaitinfo(&child, &info) != SIGCHLD) err(EXIT_FAILURE, "SIGCHLD");
  printf("\nSIGCHLD: %s, status %d, %s\n", info.si_code == CLD_EXITED ? "exited" : "?", info.si_status,
         info.si_pid == pid ? "of the child" : "of nobody");
  waitpid(pid, NULL, 0);
}

/* What is pending comes lowest number first, and each number in order. */
static void by_number(void) {
  pid_t me = getpid();
  send(me, 3, 1);
  send(me, 2, 2);
  send(me, 3, 3);
  send(me, 0, 4);
  send(me, 2, 5);
  printf("all at once:");
  for (int n = 0; n < 5; n++) take(me);
  siginfo_t info;
  struct timespec soon = {.tv_nsec = 3000000};
  int signo = sigtimedwait(&waited, &info, &soon);
  printf("\nand no more: %s\n", signo == -1 && errno == EAGAIN ? "EAGAIN" : "?");
}

static int taken_by[THREADS];

static void *wait_for_own(void *arg) {
  int me = (int)(intptr_t)arg, signo;
  sigset_t own = {{0}};
  sigaddset(&own, SIGRTMIN);
  sigaddset(&own, SIGRTMIN + 1 + me);
  while (sigwait(&own, &signo) == 0 && signo != SIGRTMIN) taken_by[me]++;
  return NULL;
}

/* pthread_kill reaches one thread; a signal for the process reaches a thread that waits for it. */
static void threads(void) {
  pthread_t ids[THREADS];
  for (int n = 0; n < THREADS; n++) pthread_create(&ids[n], NULL, wait_for_own, (void *)(intptr_t)n);
  for (int n = 0; n < THREADS; n++)
    for (int times = 0; times <= n; times++) send(getpid(), 1 + n, 0);
  for (int n = 0; n < THREADS; n++) {
    pthread_kill(ids[n], SIGRTMIN + 1 + n);
    pthread_kill(ids[n], SIGRTMIN + 1 + n);
  }
  /* The end goes to each thread by name; a lower number would overtake the rest, so the rest has to be taken first. */
  for (int n = 0; n < THREADS; n++)
    while (((volatile int *)taken_by)[n] < n + 3) sched_yield();
  for (int n = 0; n < THREADS; n++) pthread_kill(ids[n], SIGRTMIN);
  for (int n = 0; n < THREADS; n++) pthread_join(ids[n], NULL);
  printf("threads took");
  for (int n = 0; n < THREADS; n++) printf(" %d", taken_by[n]);
  printf("\n");
}

static void ignore(int signo) { (void)signo; }

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  sigemptyset(&waited);
  for (int n = 0; n <= THREADS; n++) sigaddset(&waited, SIGRTMIN + n);
  sigset_t blocked = waited;
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGCHLD, ignore); /* as long as it is ignored by default it does not even become pending */
  in_order();
  by_number();
  threads();
  return EXIT_SUCCESS;
}
