/* Keeps a processor busy: for so many seconds, or for ever. Nothing but user time, so scheduling shows undisturbed. */
#include "usage.h"

#include <sys/time.h>
#include <unistd.h>

static const char usage_text[] =
    "spin [-n millions] [seconds]\n"
    "  -n  million turns of the loop instead of a time; without either, for ever\n";

volatile unsigned turns; /* in steps of 65536 */

__attribute__((noinline)) static void turn(void) {
  for (unsigned i = 65536; i > 0; i--) __asm__ volatile("");
  turns++;
}

int main(int argc, char **argv) {
  unsigned millions = 0;
  int option;
  while ((option = getopt(argc, argv, "hn:")) != -1) {
    if (option == 'h') help(usage_text);
    else if (option == 'n') millions = (unsigned)number_argument("millions", optarg, 1, 1000000);
    else usage(usage_text);
  }
  if (argc - optind > 1) usage(usage_text);
  int seconds = optind < argc ? number_argument("seconds", argv[optind], 0, 1000000) : -1;

  if (millions > 0) {
    unsigned wanted = (unsigned)((uint64_t)millions * 1000000 / 65536) + 1;
    while (turns < wanted) turn();
    return EXIT_SUCCESS;
  }
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    turn();
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_nsec < start.tv_nsec) now.tv_sec--;
  } while (seconds < 0 || now.tv_sec - start.tv_sec < seconds);
  return EXIT_SUCCESS;
}
