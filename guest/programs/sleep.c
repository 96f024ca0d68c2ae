#include "usage.h"

#include <ctype.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const char usage_text[] = "sleep seconds\n  seconds may have a fraction: 0.25\n";

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "-h") == 0) help(usage_text);
  if (argc != 2) usage(usage_text);
  struct timespec wanted = {0, 0};
  char *p;
  wanted.tv_sec = (time_t)strtol(argv[1], &p, 10);
  if (*p == '.') {
    long unit = 100000000; /* nanoseconds in one step of the digit */
    for (p++; isdigit((unsigned char)*p); p++, unit /= 10) wanted.tv_nsec += (*p - '0') * unit;
  }
  if (*p != '\0' || p == argv[1] || wanted.tv_sec < 0) usage(usage_text);
  if (nanosleep(&wanted, NULL) == -1) err(EXIT_FAILURE, "nanosleep");
  return EXIT_SUCCESS;
}
