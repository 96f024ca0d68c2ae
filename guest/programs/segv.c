/* Dies of a signal of one's choice, through a few frames, so that the core has a backtrace worth looking at. */
#include "usage.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "segv [-h] [null | readonly | abort | divide | illegal | trap]\n"
    "  null: SIGSEGV (the default)  readonly: SIGSEGV  abort: SIGABRT\n"
    "  divide: SIGFPE  illegal: SIGILL  trap: SIGTRAP\n";

volatile int steps_done;
static const volatile int constant = 1;

__attribute__((noinline)) static void store(volatile int *where, int what) {
  steps_done++;
  *where = what;
}

__attribute__((noinline)) static int divide(int by) {
  int quotient, remainder;
  steps_done++;
  __asm__ volatile("cltd\n\tidivl %3" : "=a"(quotient), "=d"(remainder) : "a"(1), "r"(by) : "cc");
  return quotient;
}

__attribute__((noinline)) static int provoke(const char *how) {
  steps_done++;
  if (strcmp(how, "null") == 0) store(NULL, 42);
  else if (strcmp(how, "readonly") == 0) store((volatile int *)&constant, 42);
  else if (strcmp(how, "abort") == 0) abort();
  else if (strcmp(how, "divide") == 0) return divide(0);
  else if (strcmp(how, "illegal") == 0) __asm__ volatile("ud2");
  else if (strcmp(how, "trap") == 0) __asm__ volatile("int3");
  else usage(usage_text);
  return 0;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  provoke(optind < argc ? argv[optind] : "null");
  errx(EXIT_FAILURE, "still alive"); /* a trap goes on behind the INT3 if someone holds the signal back */
}
