/*
 * Multiplies integer matrices modulo 2^32: each round squares-and-mixes the last result and prints its checksum.
 * The matrices are malloc'ed; from n = 91 on each is a mapping of its own, below that they share the heap.
 */
#include "usage.h"

#include <unistd.h>

static const char usage_text[] = "matrix [n [rounds]]\n  multiplies n x n matrices (96), rounds times (2)\n";

volatile int round_number;

static uint32_t *allocate(size_t n) {
  uint32_t *m = malloc(n * n * sizeof *m);
  if (!m) err(EXIT_FAILURE, "malloc");
  return m;
}

__attribute__((noinline)) static void fill(uint32_t *m, size_t n, uint32_t seed) {
  for (size_t i = 0; i < n * n; i++) {
    seed = seed * 1664525u + 1013904223u; /* a linear congruential generator */
    m[i] = seed >> 8;
  }
}

__attribute__((noinline)) static void multiply(uint32_t *restrict c, const uint32_t *a, const uint32_t *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j++) {
      uint32_t sum = 0;
      for (size_t k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
  }
}

__attribute__((noinline)) static uint32_t checksum(const uint32_t *m, size_t n) {
  uint32_t sum = 2166136261u; /* FNV-1a over words */
  for (size_t i = 0; i < n * n; i++) sum = (sum ^ m[i]) * 16777619u;
  return sum;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  argc -= optind;
  argv += optind;
  if (argc > 2) usage(usage_text);
  size_t n = argc > 0 ? (size_t)number_argument("n", argv[0], 1, 4096) : 96;
  int rounds = argc > 1 ? number_argument("rounds", argv[1], 1, 1000000) : 2;

  uint32_t *a = allocate(n), *b = allocate(n), *c = allocate(n);
  fill(a, n, 1);
  fill(b, n, 2);
  for (round_number = 1; round_number <= rounds; round_number++) {
    multiply(c, a, b, n);
    printf("round %d: checksum %08x\n", round_number, checksum(c, n));
    uint32_t *t = a; /* the product is the next left factor */
    a = c;
    c = t;
  }
  free(a);
  free(b);
  free(c);
  return EXIT_SUCCESS;
}
