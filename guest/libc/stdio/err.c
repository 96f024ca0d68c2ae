#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report(const char *format, va_list args, const char *why) {
  char text[512];
  vsnprintf(text, sizeof text, format, args);
  fprintf(stderr, "%s: %s%s%s\n", getprogname(), text, why ? ": " : "", why ? why : "");
}

void vwarn(const char *format, va_list args) { report(format, args, strerror(errno)); }
void vwarnx(const char *format, va_list args) { report(format, args, NULL); }

void warn(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vwarn(format, args);
  va_end(args);
}

void warnx(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vwarnx(format, args);
  va_end(args);
}

void err(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vwarn(format, args);
  va_end(args);
  exit(status);
}

void errx(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vwarnx(format, args);
  va_end(args);
  exit(status);
}
