/* REP MOVS and REP STOS of 64 bytes to 32 KiB. */
#include "shim.h"

#define SIZE 32768

static u8 from[SIZE], to[SIZE];

static inline void copy(void *d, const void *s, u32 doublewords) {
  __asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(doublewords) : : "memory");
}

static inline void fill(void *d, u32 value, u32 bytes) {
  __asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(value) : "memory");
}

u32 work(u32 rounds) {
  u32 sum = 0;
  for (u32 round = 0; round < rounds; round++) {
    fill(from, round, SIZE);
    for (u32 size = 64; size <= SIZE; size *= 2)
      for (u32 at = 0; at < SIZE; at += size) copy(to + at, from + at, size / 4);
    sum = sum * 31 + to[round % SIZE];
  }
  return sum;
}
