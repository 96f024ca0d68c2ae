#include <sys/time.h>
#include <unistd.h>

/* Returns the seconds that were left when a signal arrived, else 0. */
unsigned int sleep(unsigned int seconds) {
  struct timespec left, wanted = {.tv_sec = (time_t)seconds, .tv_nsec = 0};
  if (nanosleep(&wanted, &left) == 0) return 0;
  return (unsigned int)left.tv_sec + (left.tv_nsec > 0);
}

unsigned int alarm(unsigned int seconds) {
  struct itimerval old, wanted = {.it_value = {.tv_sec = (time_t)seconds}};
  if (setitimer(ITIMER_REAL, &wanted, &old) == -1) return 0;
  return (unsigned int)old.it_value.tv_sec + (old.it_value.tv_usec > 0);
}

int usleep(useconds_t microseconds) {
  struct timespec wanted = {
      .tv_sec = (time_t)(microseconds / 1000000),
      .tv_nsec = (long)(microseconds % 1000000) * 1000,
  };
  return nanosleep(&wanted, NULL);
}
