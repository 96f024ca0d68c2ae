#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *optarg;
int optind = 1, opterr = 1, optopt, optreset;

/* POSIX getopt: options end at the first operand or at "--". */
int getopt(int argc, char *const argv[], const char *options) {
  static const char *next = ""; /* rest of the group of letters being read */
  if (optreset) {
    next = "";
    optreset = 0;
  }
  if (*next == '\0') {
    if (optind >= argc || argv[optind][0] != '-' || argv[optind][1] == '\0') return -1;
    next = argv[optind++] + 1;
    if (strcmp(next, "-") == 0) {
      next = "";
      return -1;
    }
  }
  optopt = *next++;
  const char *option = optopt == ':' ? NULL : strchr(options, optopt);
  if (!option) {
    if (opterr) fprintf(stderr, "%s: illegal option -- %c\n", getprogname(), optopt);
    return '?';
  }
  if (option[1] != ':') return optopt;
  if (*next == '\0' && optind >= argc) {
    if (opterr) fprintf(stderr, "%s: option requires an argument -- %c\n", getprogname(), optopt);
    return options[0] == ':' ? ':' : '?';
  }
  optarg = *next ? (char *)(uintptr_t)next : argv[optind++];
  next = "";
  return optopt;
}
