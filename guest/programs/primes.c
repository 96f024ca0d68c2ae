/* Counts primes by trial division with the primes found so far. Pure computing between its ten progress lines. */
#include "usage.h"

#include <stdbool.h>
#include <unistd.h>

static const char usage_text[] = "primes [limit]\n  counts the primes below limit (60000)\n";

static unsigned *primes;
volatile unsigned prime_count;

__attribute__((noinline)) static bool is_prime(unsigned n) {
  for (unsigned i = 0; i < prime_count; i++) {
    unsigned p = primes[i];
    if (p * p > n) return true;
    if (n % p == 0) return false;
  }
  return true;
}

__attribute__((noinline)) static void search(unsigned from, unsigned below) {
  for (unsigned n = from; n < below; n++)
    if (is_prime(n)) primes[prime_count++] = n;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  argc -= optind;
  argv += optind;
  if (argc > 1) usage(usage_text);
  unsigned limit = argc > 0 ? (unsigned)number_argument("limit", argv[0], 2, 10000000) : 60000;

  primes = malloc((limit / 2 + 2) * sizeof *primes);
  if (!primes) err(EXIT_FAILURE, "malloc");
  unsigned from = 2;
  for (unsigned step = 1; step <= 10; step++) {
    unsigned below = (unsigned)((uint64_t)limit * step / 10);
    if (below > from) {
      search(from, below);
      from = below;
    }
    printf("below %u: %u primes\n", below, prime_count);
  }
  printf("%u primes below %u, the largest is %u\n", prime_count, limit, prime_count ? primes[prime_count - 1] : 0);
  free(primes);
  return EXIT_SUCCESS;
}
