/* What every program does with -h and with wrong arguments. A program defines `usage_text` before its first use. */
#ifndef USAGE_H
#define USAGE_H

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

__dead static inline void usage_to(FILE *f, const char *text, int status) {
  fprintf(f, "usage: %s", text);
  exit(status);
}

/* -h: what was asked for, so on standard output and successful. */
__dead static inline void help(const char *text) { usage_to(stdout, text, EX_OK); }
__dead static inline void usage(const char *text) { usage_to(stderr, text, EX_USAGE); }

/* For programs that take nothing but -h. */
static inline void no_arguments(int argc, char **argv, const char *text) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(text) : usage(text);
  if (argc != optind) usage(text);
}

/* A whole decimal number within bounds, or a usage error that says which argument and why. */
static inline int number_argument(const char *what, const char *text, int minimum, int maximum) {
  const char *problem;
  int n = (int)strtonum(text, minimum, maximum, &problem);
  if (problem) errx(EX_USAGE, "%s is %s: %s", what, problem, text);
  return n;
}

#endif
