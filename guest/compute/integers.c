#include "shim.h"
/* 64-bit arithmetic on a 32-bit processor; shifts, divisions and bit counts by odd amounts. */
static u32 seed = 12345;
static u32 next_random(void) { return seed = seed * 1664525u + 1013904223u; }

void program(void) {
  u64 sum = 0;
  i64 signed_sum = 0;
  for (int i = 0; i < 500; i++) {
    u64 x = (u64)next_random() << 32 | next_random();
    u32 n = next_random() & 63;
    u64 y = next_random() | 1;
    sum += (x << n) ^ (x >> n) ^ x * y ^ x / y ^ x % (y << 3 | 1);
    signed_sum += (i64)x >> n;
    signed_sum ^= (i64)(i32)next_random() * (i32)next_random();
    sum += (u32)((i32)next_random() / (i32)(next_random() % 1000 + 1)) + (u32)((i32)next_random() % 77);
    sum ^= (u32)(__builtin_popcount((u32)x) + __builtin_clz((u32)x | 1) + __builtin_ctz((u32)x | 0x80000000u)) + __builtin_bswap32((u32)x);
  }
  put_hex64(sum);
  put_text(" ");
  put_hex64((u64)signed_sum);
  end_line();
}
