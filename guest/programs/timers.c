/* Interval timers of all three kinds, calls that they interrupt, alarm(3), and POSIX timers that queue signals. No line depends on how long anything took. */
#include "usage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

static const char usage_text[] = "timers\n  lets timers go off and counts the signals\n";

static volatile int ticks;
static void tick(int signo) {
  (void)signo;
  ticks++;
}

static const char *yes(int is) { return is ? "yes" : "no"; }

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t cpu_us(void) {
  struct rusage usage;
  getrusage(0, &usage);
  return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void arm(int which, int microseconds) {
  struct itimerval every = {.it_interval = {.tv_usec = microseconds}, .it_value = {.tv_usec = microseconds}};
  if (setitimer(which, &every, NULL) == -1) err(EXIT_FAILURE, "setitimer");
}

static void disarm(int which) {
  struct itimerval off = {{0, 0}, {0, 0}}, old;
  setitimer(which, &off, &old);
  printf("  interval %d us, less than that to go: %s\n", (int)old.it_interval.tv_usec,
         yes(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= old.it_interval.tv_usec));
}

/* Sleeps from tick to tick. The signal is blocked but in sigsuspend(2), so none can come between the test and the sleep. */
static void real(void) {
  sigset_t blocked = {{0}}, before;
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  int64_t start = now_us();
  ticks = 0;
  arm(ITIMER_REAL, 2000);
  while (ticks < 5) sigsuspend(&before);
  printf("ITIMER_REAL: %d ticks, not too early: %s\n", ticks, yes(now_us() - start >= 5 * 2000));
  disarm(ITIMER_REAL);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Works until three ticks have come. */
static void of_cpu_time(int which, const char *name) {
  int64_t start = cpu_us();
  ticks = 0;
  arm(which, 1500);
  while (ticks < 3)
    ;
  int64_t used = cpu_us() - start;
  printf("%s: at least %d ticks, not too early: %s\n", name, 3, yes(used >= 3 * 1500));
  disarm(which);
}

static int ends[2];

/* The third tick writes what the read is waiting for. */
static void tick_and_write(int signo) {
  (void)signo;
  if (++ticks == 3 && write(ends[1], "!", 1) != 1) _exit(EXIT_FAILURE);
}

/* A read(2) of an empty pipe while ticks come: it ends with EINTR, or with SA_RESTART goes on until there is something. */
static void interrupt(void) {
  if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
  for (int restart = 0; restart < 2; restart++) {
    struct sigaction action = {.sa_handler = restart ? tick_and_write : tick, .sa_flags = restart ? SA_RESTART : 0};
    char c = ' ';
    sigaction(SIGALRM, &action, NULL);
    ticks = 0;
    arm(ITIMER_REAL, 2000);
    int got = (int)read(ends[0], &c, 1);
    const char *how = got == 1 ? "got something" : errno == EINTR ? "EINTR" : "?";
    printf("read %s: %s, ticks before: %s\n", restart ? "with SA_RESTART" : "interrupted", how, yes(ticks >= (restart ? 3 : 1)));
    disarm(ITIMER_REAL);
  }
}

static void one_alarm(void) {
  struct sigaction no_restart = {.sa_handler = tick};
  sigaction(SIGALRM, &no_restart, NULL);
  ticks = 0;
  alarm(1);
  struct timespec wanted = {.tv_sec = 30}, left;
  int result = nanosleep(&wanted, &left);
  printf("alarm: %d tick, nanosleep %s, more than 28 s left: %s\n", ticks, result == -1 && errno == EINTR ? "EINTR" : "?",
         yes(left.tv_sec >= 28 && left.tv_sec < 30));
  alarm(100);
  unsigned rest = alarm(0);
  printf("taken back: %s\n", yes(rest == 100 || rest == 99));
}

/* Timers of both clocks, each with a signal and a value of its own. */
static void posix_timers(void) {
  sigset_t set = {{0}};
  timer_t timers[2];
  for (int n = 0; n < 2; n++) {
    sigaddset(&set, SIGRTMIN + n);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + n, .sigev_value = (void *)(intptr_t)(100 + n)};
    if (timer_create(n ? CLOCK_MONOTONIC : CLOCK_REALTIME, &event, &timers[n]) == -1) err(EXIT_FAILURE, "timer_create");
  }
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct itimerspec once = {.it_value = {.tv_nsec = 2000000}};
  for (int n = 0; n < 2; n++) {
    timer_settime(timers[n], 0, &once, NULL);
    siginfo_t info;
    int signo = sigwaitinfo(&set, &info);
    struct itimerspec now;
    timer_gettime(timers[n], &now);
    printf("timer %d: signal %d, value %d, from a timer: %s, off again: %s\n", n, signo - SIGRTMIN, (int)(intptr_t)info.si_value,
           yes(info.si_code == SI_TIMER), yes(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0));
  }

  /* An absolute time; then a timer that goes off often while nobody takes its signal: one signal, the rest are overruns. */
  struct itimerspec at = {.it_value = {0, 0}};
  clock_gettime(CLOCK_MONOTONIC, &at.it_value);
  at.it_value.tv_sec++;
  int64_t start = now_us();
  timer_settime(timers[1], TIMER_ABSTIME, &at, NULL);
  sigwaitinfo(&set, NULL);
  printf("absolute: waited for a second: %s\n", yes(now_us() - start >= 900000));
  struct itimerspec often = {.it_interval = {.tv_nsec = 1000000}, .it_value = {.tv_nsec = 1000000}};
  timer_settime(timers[1], 0, &often, NULL);
  usleep(10500);
  siginfo_t info;
  sigwaitinfo(&set, &info);
  printf("overruns: %s\n", yes(timer_getoverrun(timers[1]) >= 8));
  timer_delete(timers[0]);
  timer_delete(timers[1]);
  printf("deleted: %s\n", timer_delete(timers[1]) == -1 && errno == EINVAL ? "EINVAL" : "?");
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  signal(SIGALRM, tick);
  signal(SIGVTALRM, tick);
  signal(SIGPROF, tick);
  real();
  of_cpu_time(ITIMER_VIRTUAL, "ITIMER_VIRTUAL");
  of_cpu_time(ITIMER_PROF, "ITIMER_PROF");
  interrupt();
  one_alarm();
  posix_timers();
  return EXIT_SUCCESS;
}
