/* Apart from the other string functions, so that those do not bring malloc into every program. */
#include <stdlib.h>
#include <string.h>

char *strndup(const char *s, size_t n) {
  size_t length = strnlen(s, n);
  char *copy = malloc(length + 1);
  if (!copy) return NULL;
  copy[length] = '\0';
  return memcpy(copy, s, length);
}

char *strdup(const char *s) { return strndup(s, SIZE_MAX); }
