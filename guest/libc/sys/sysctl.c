#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>

/* sysctl {0,3} turns a name, handed over as the "new value", into its numbers. */
int sysctlbyname(const char *name, void *old, size_t *old_len, const void *new_value, size_t new_len) {
  static const int name_to_oid[2] = {0, 3};
  int oid[CTL_MAXNAME + 2];
  size_t oid_len = CTL_MAXNAME * sizeof(int);
  if (sysctl(name_to_oid, 2, oid, &oid_len, name, strlen(name)) == -1) return -1;
  return sysctl(oid, oid_len / sizeof(int), old, old_len, new_value, new_len);
}

/* The value may grow between the question for its length and the reading of it: ENOMEM then means ask again. */
void *sysctl_dup(const int *name, unsigned name_count, size_t *len) {
  for (int attempt = 0; attempt < 5; attempt++) {
    size_t room = 0;
    if (sysctl(name, name_count, NULL, &room, NULL, 0) == -1) return NULL;
    room += room / 8 + 64;
    void *value = malloc(room);
    if (!value) return NULL;
    *len = room;
    if (sysctl(name, name_count, value, len, NULL, 0) == 0) return value;
    free(value);
    if (errno != ENOMEM) return NULL;
  }
  return NULL;
}
