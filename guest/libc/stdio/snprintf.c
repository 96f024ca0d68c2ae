#include "format.h"

#include <stdio.h>
#include <string.h>

struct bounded {
  char *at;
  size_t room; /* without the final NUL */
};

static void put_bounded(void *sink, const char *text, size_t length) {
  struct bounded *to = sink;
  if (length > to->room) length = to->room;
  memcpy(to->at, text, length);
  to->at += length;
  to->room -= length;
}

int vsnprintf(char *to, size_t size, const char *restrict format, va_list args) {
  struct bounded sink = {to, size > 0 ? size - 1 : 0};
  int length = __format(put_bounded, &sink, format, args);
  if (size > 0) *sink.at = '\0';
  return length;
}

int snprintf(char *to, size_t size, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(to, size, format, args);
  va_end(args);
  return length;
}
