/* Quicksort of 8192 pseudo-random numbers: recursion, calls, branches that nobody can predict. */
#include "shim.h"

#define COUNT 8192

static u32 numbers[COUNT];

__attribute__((noinline)) static void sort(u32 *first, u32 *last) {
  while (first < last) {
    u32 pivot = first[(last - first) / 2];
    u32 *i = first, *j = last;
    while (i <= j) {
      while (*i < pivot) i++;
      while (*j > pivot) j--;
      if (i > j) break;
      u32 t = *i;
      *i++ = *j;
      *j-- = t;
    }
    if (j - first < last - i) {
      sort(first, j);
      first = i;
    } else {
      sort(i, last);
      last = j;
    }
  }
}

u32 work(u32 rounds) {
  u32 seed = 12345 + (rounds >> 20), sum = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < COUNT; i++) numbers[i] = seed = seed * 1664525u + 1013904223u;
    sort(numbers, numbers + COUNT - 1);
    sum = sum * 31 + numbers[round % COUNT];
  }
  return sum;
}
