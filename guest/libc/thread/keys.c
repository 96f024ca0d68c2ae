/* Values of a thread's own. */
#include "record.h"

#include <errno.h>
#include <stddef.h>

static void (*destructors[PTHREAD_KEYS_MAX])(void *);
static volatile unsigned keys;

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  unsigned taken = __sync_fetch_and_add(&keys, 1);
  if (taken >= PTHREAD_KEYS_MAX) return EAGAIN;
  destructors[taken] = destructor;
  *key = taken;
  return 0;
}

int pthread_setspecific(pthread_key_t key, const void *value) {
  if (key >= PTHREAD_KEYS_MAX) return EINVAL;
  pthread_self()->values[key] = value;
  return 0;
}

void *pthread_getspecific(pthread_key_t key) {
  return key < PTHREAD_KEYS_MAX ? (void *)(uintptr_t)pthread_self()->values[key] : NULL;
}

/* A destructor may set values again: a few rounds, as POSIX has it. */
void __destroy_values(struct pthread *thread) {
  for (int round = 0; round < 4; round++) {
    for (unsigned key = 0; key < PTHREAD_KEYS_MAX; key++) {
      const void *value = thread->values[key];
      thread->values[key] = NULL;
      if (value && destructors[key]) destructors[key]((void *)(uintptr_t)value);
    }
  }
}
