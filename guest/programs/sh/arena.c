#include "sh.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

struct block {
  struct block *older;
  long long bytes[]; /* 8-byte steps */
};

static struct block *newest;

arena_mark arena_now(void) { return newest; }

void arena_release(arena_mark mark) {
  while (newest != mark) {
    struct block *older = newest->older;
    free(newest);
    newest = older;
  }
}

void *arena_alloc(size_t size) {
  struct block *block = calloc(1, sizeof *block + size);
  if (!block) err(2, "malloc");
  block->older = newest;
  newest = block;
  return block->bytes;
}

char *arena_copy(const char *text, size_t length) {
  char *copy = arena_alloc(length + 1);
  return memcpy(copy, text, length);
}

void text_add(struct text *t, char c) {
  if (t->length + 2 > t->capacity) {
    t->capacity = t->capacity ? t->capacity * 2 : 32;
    char *larger = arena_alloc(t->capacity);
    if (t->chars) memcpy(larger, t->chars, t->length);
    t->chars = larger;
  }
  t->chars[t->length++] = c;
  t->chars[t->length] = '\0';
}

void text_add_string(struct text *t, const char *s) {
  while (*s) text_add(t, *s++);
}
