/*
 * A dynamic program: counts in a library, prints by another one, and says first whether the two and it agree on where things are. Built twice:
 * at fixed addresses, and position-independent.
 */
#include "tally.h"
#include "usage.h"

#include <stdlib.h>
#include <unistd.h>

static const char usage_text[] = "tally [n [ms]]\n  counts n steps (n = 10), ms = 10 milliseconds apart\n";

static int descending(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }

static void check_addresses(void) {
  int numbers[] = {3, 9, 6};
  qsort(numbers, 3, sizeof numbers[0], descending);
  int agree = tally_operations[0] == tally_add && tally_far_add() == tally_add;
  printf("addresses %s, sorted %d %d %d, home %s\n", agree ? "agree" : "differ", numbers[0], numbers[1], numbers[2],
         getenv("HOME") ? getenv("HOME") : "unknown");
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  argc -= optind;
  argv += optind;
  int limit = argc > 0 ? number_argument("n", argv[0], 0, 1000000) : 10;
  int ms = argc > 1 ? number_argument("ms", argv[1], 0, 1000000) : 10;
  check_addresses();
  int *history = malloc((size_t)(limit + 1) * sizeof *history);
  if (!history) err(EXIT_FAILURE, "malloc");
  for (int n = 0; n < limit; n++) {
    history[n] = tally_apply(n % 2, n);
    printf("%s %d\n", tally_names[n % 2], history[n]);
    if (ms > 0) usleep((useconds_t)ms * 1000);
  }
  printf("total %d, last %d\n", tally_total, limit > 0 ? history[limit - 1] : 0);
  return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
