/* Moves the break up and down and looks at what is there: new memory must be zero, old memory must stay. */
#include "usage.h"

#include <unistd.h>

static const char usage_text[] = "brktest [kilobytes]\n  moves the break by that much (256)\n";

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 1) usage(usage_text);
  size_t size = 1024 * (size_t)(optind < argc ? number_argument("kilobytes", argv[optind], 4, 100000) : 256);

  char *base = sbrk((intptr_t)size);
  if (base == (void *)-1) err(EXIT_FAILURE, "sbrk");
  unsigned not_zero = 0, lost = 0;
  for (size_t i = 0; i < size; i++) not_zero += base[i] != 0;
  for (size_t i = 0; i < size; i++) base[i] = (char)i;
  if (sbrk((intptr_t)size) != base + size) err(EXIT_FAILURE, "sbrk");
  for (size_t i = 0; i < size; i++) lost += base[i] != (char)i;
  if (brk(base) == -1) err(EXIT_FAILURE, "brk");
  if (sbrk((intptr_t)size) != base) err(EXIT_FAILURE, "sbrk");
  size_t page = 4096 - ((uintptr_t)base & 4095); /* what is left of the first page was never given back */
  for (size_t i = page; i < size; i++) not_zero += base[i] != 0;
  printf("%zu bytes, %u not zero, %u lost\n", size, not_zero, lost);
  return not_zero + lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
