#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ATEXIT_MAX 32

static void (*functions[ATEXIT_MAX])(void);
static int function_count;

/* Weak: a program without stdio has none, and exit() must not bring it in. */
int fflush(FILE *f) __attribute__((weak));

int atexit(void (*function)(void)) {
  if (function_count == ATEXIT_MAX) return -1;
  functions[function_count++] = function;
  return 0;
}

void exit(int status) {
  while (function_count > 0) functions[--function_count]();
  if (fflush) fflush(NULL);
  _exit(status);
}

/* Unblocks SIGABRT first; a handler that returns does not save the process. */
void abort(void) {
  sigset_t only_abort = {{0}};
  sigaddset(&only_abort, SIGABRT);
  sigprocmask(SIG_UNBLOCK, &only_abort, NULL);
  raise(SIGABRT);
  signal(SIGABRT, SIG_DFL);
  raise(SIGABRT);
  for (;;) _exit(1);
}
