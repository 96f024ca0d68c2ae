/*
 * Allocates, resizes and frees blocks of many sizes in an order that a generator with a fixed seed gives, and checks
 * the contents of each block whenever it is touched. Small blocks come from the heap of break(2), large ones from
 * mmap(2). With seconds it sleeps half-way: the moment for a checkpoint.
 */
#include "usage.h"

#include <unistd.h>

static const char usage_text[] = "malloctest [rounds [seconds]]\n  rounds = 2000\n";

#define SLOTS 64

static struct slot {
  uint8_t *bytes;
  size_t size;
  uint8_t fill;
} slots[SLOTS];
static uint32_t seed = 12345;
volatile unsigned damaged;

static uint32_t random_below(uint32_t limit) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % limit;
}

/* One block in 16 is large enough for a mapping of its own. */
static size_t random_size(void) { return random_below(16) == 0 ? 40000 + random_below(60000) : 1 + random_below(2000); }

static void check(const struct slot *slot, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (slot->bytes[i] != (uint8_t)(slot->fill + i)) {
      damaged++;
      return;
    }
}

static void fill(struct slot *slot, uint8_t *bytes, size_t size) {
  if (!bytes) errx(EXIT_FAILURE, "no memory for %zu bytes", size);
  if ((uintptr_t)bytes % 8 != 0) errx(EXIT_FAILURE, "%p is not aligned", (void *)bytes);
  *slot = (struct slot){bytes, size, (uint8_t)random_below(256)};
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(slot->fill + i);
}

static void one_round(void) {
  struct slot *slot = &slots[random_below(SLOTS)];
  if (!slot->bytes) {
    size_t size = random_size();
    if (random_below(4) > 0) {
      fill(slot, malloc(size), size);
    } else {
      uint8_t *bytes = calloc(size, 1);
      for (size_t i = 0; bytes && i < size; i++)
        if (bytes[i] != 0) damaged++;
      fill(slot, bytes, size);
    }
    return;
  }
  check(slot, slot->size);
  if (random_below(3) == 0) {
    size_t size = random_size();
    slot->bytes = realloc(slot->bytes, size);
    if (!slot->bytes) errx(EXIT_FAILURE, "no memory for %zu bytes", size);
    check(slot, size < slot->size ? size : slot->size);
    fill(slot, slot->bytes, size);
  } else {
    free(slot->bytes);
    slot->bytes = NULL;
  }
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int rounds = optind < argc ? number_argument("rounds", argv[optind], 1, 100000000) : 2000;
  int seconds = optind + 1 < argc ? number_argument("seconds", argv[optind + 1], 0, 100000) : 0;

  for (int i = 0; i < rounds; i++) {
    one_round();
    if (i + 1 == rounds / 2 && seconds > 0) {
      printf("half-way\n");
      sleep((unsigned)seconds);
    }
  }
  size_t held = 0;
  for (int i = 0; i < SLOTS; i++) {
    if (!slots[i].bytes) continue;
    check(&slots[i], slots[i].size);
    held += slots[i].size;
    free(slots[i].bytes);
  }
  printf("%d rounds, %zu bytes held at the end, %u blocks damaged\n", rounds, held, damaged);
  return damaged == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
