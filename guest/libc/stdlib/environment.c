#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **find(const char *name, size_t length) {
  char **entry = environ;
  for (; *entry; entry++)
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') break;
  return entry;
}

char *getenv(const char *name) {
  size_t length = strlen(name);
  char **entry = find(name, length);
  return *entry ? *entry + length + 1 : NULL;
}

/* The first call moves the vector from the stack to the heap. Replaced strings are not freed: someone may hold them. */
int setenv(const char *name, const char *value, int overwrite) {
  static bool on_heap;
  char **entry = find(name, strlen(name));
  if (*entry && !overwrite) return 0;
  size_t size = strlen(name) + strlen(value) + 2;
  char *text = malloc(size);
  if (!text) return -1;
  snprintf(text, size, "%s=%s", name, value);
  if (*entry) {
    *entry = text;
    return 0;
  }
  size_t count = (size_t)(entry - environ);
  char **larger = realloc(on_heap ? environ : NULL, (count + 2) * sizeof *larger);
  if (!larger) return -1;
  if (!on_heap) memcpy(larger, environ, count * sizeof *larger);
  on_heap = true;
  environ = larger;
  larger[count] = text;
  larger[count + 1] = NULL;
  return 0;
}

int unsetenv(const char *name) {
  char **entry = find(name, strlen(name));
  if (*entry)
    do entry[0] = entry[1];
    while (*entry++);
  return 0;
}
