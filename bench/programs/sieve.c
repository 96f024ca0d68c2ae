/* Sieve of Eratosthenes, one byte a number: a tight loop of stores with a stride, and one of loads. */
#include "shim.h"

#define LIMIT 65536

static u8 composite[LIMIT];

u32 work(u32 rounds) {
  u32 count = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < LIMIT; i++) composite[i] = 0;
    for (u32 i = 2; i * i < LIMIT; i++)
      if (!composite[i])
        for (u32 j = i * i; j < LIMIT; j += i) composite[j] = 1;
    for (u32 i = 2; i < LIMIT; i++) count += !composite[i];
  }
  return count;
}
