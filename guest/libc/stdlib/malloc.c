/*
 * A chunk is an 8-byte header followed by the caller's memory, 8-byte aligned. Free heap chunks form one list in
 * address order, so that neighbours are merged when a chunk comes back. The heap grows by break(2); a request of
 * MMAP_THRESHOLD or more gets a mapping of its own, which free() returns to the system.
 */
#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MMAP_THRESHOLD (32u * 1024)
#define HEAP_STEP (16u * 1024)
#define HEADER ((size_t)8)

enum { TAG_FREE = 0xF4EE0000, TAG_HEAP = 0x4EA90000, TAG_MMAP = 0x33A90000 };

struct chunk {
  size_t size; /* with the header; a multiple of 8 */
  uint32_t tag;
  struct chunk *next; /* free chunks only: lies in the caller's memory */
};

static struct chunk *free_list;

static struct chunk *chunk_of(void *p) { return (struct chunk *)(void *)((char *)p - HEADER); }
static void *memory_of(struct chunk *c) { return (char *)c + HEADER; }
static struct chunk *behind(struct chunk *c, size_t bytes) { return (struct chunk *)(void *)((char *)c + bytes); }

/* Puts c in its place in the list and merges it with the chunks that touch it. */
static void give_back(struct chunk *c) {
  struct chunk *before = NULL, *after = free_list;
  while (after && after < c) {
    before = after;
    after = after->next;
  }
  c->tag = TAG_FREE;
  c->next = after;
  if (after && behind(c, c->size) == after) {
    c->size += after->size;
    c->next = after->next;
  }
  if (!before) {
    free_list = c;
  } else if (behind(before, before->size) == c) {
    before->size += c->size;
    before->next = c->next;
  } else {
    before->next = c;
  }
}

static bool grow_heap(size_t needed) {
  static bool aligned;
  if (!aligned) {
    uintptr_t end = (uintptr_t)sbrk(0);
    if (sbrk((intptr_t)(-end & 7)) == (void *)-1) return false;
    aligned = true;
  }
  size_t step = needed > HEAP_STEP ? (needed + HEAP_STEP - 1) & ~(HEAP_STEP - 1) : HEAP_STEP;
  struct chunk *c = sbrk((intptr_t)step);
  if (c == (void *)-1) return false;
  c->size = step;
  give_back(c);
  return true;
}

static void *from_heap(size_t size) {
  for (;;) {
    for (struct chunk **link = &free_list; *link; link = &(*link)->next) {
      struct chunk *c = *link;
      if (c->size < size) continue;
      if (c->size - size >= sizeof(struct chunk) + 8) {
        struct chunk *rest = behind(c, size);
        *rest = (struct chunk){.size = c->size - size, .tag = TAG_FREE, .next = c->next};
        *link = rest;
        c->size = size;
      } else {
        *link = c->next;
      }
      c->tag = TAG_HEAP;
      return memory_of(c);
    }
    if (!grow_heap(size)) return NULL;
  }
}

static void *from_mmap(size_t size) {
  size = round_page(size);
  struct chunk *c = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
  if (c == MAP_FAILED) return NULL;
  c->size = size;
  c->tag = TAG_MMAP;
  return memory_of(c);
}

void *malloc(size_t size) {
  if (size > 0x7FFFF000) return NULL;
  if (size < 8) size = 8;
  size = (size + HEADER + 7) & ~(size_t)7;
  return size >= MMAP_THRESHOLD ? from_mmap(size) : from_heap(size);
}

void free(void *p) {
  if (!p) return;
  struct chunk *c = chunk_of(p);
  if (c->tag == TAG_MMAP) {
    munmap(c, c->size);
  } else if (c->tag == TAG_HEAP) {
    give_back(c);
  } else {
    warnx("free: %p was not allocated, or is free already", p);
    abort();
  }
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  void *p = malloc(total);
  if (p && chunk_of(p)->tag == TAG_HEAP) memset(p, 0, total); /* fresh mappings are zero already */
  return p;
}

void *realloc(void *p, size_t size) {
  if (!p) return malloc(size);
  size_t usable = chunk_of(p)->size - HEADER;
  if (size <= usable && size >= usable / 2) return p;
  void *moved = malloc(size);
  if (!moved) return NULL;
  memcpy(moved, p, size < usable ? size : usable);
  free(p);
  return moved;
}
