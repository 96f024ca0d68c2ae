#include "shim.h"
/* CRC-32, quicksort, 64-bit arithmetic, shifts and divisions by odd amounts. */
static u32 seed = 12345;
static u32 next_random(void) { return seed = seed * 1664525u + 1013904223u; }

static void sort(i32 *a, int low, int high) {
  while (low < high) {
    i32 pivot = a[(low + high) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        i32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    sort(a, low, j);
    low = i;
  }
}

void program(void) {
  static i32 a[3000];
  for (int i = 0; i < 3000; i++) a[i] = (i32)next_random();
  sort(a, 0, 2999);
  u32 crc = ~0u;
  for (int i = 0; i < 3000; i++) {
    if (i && a[i - 1] > a[i]) put_text("unsorted ");
    crc ^= (u32)a[i];
    for (int bit = 0; bit < 32; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  put_hex(~crc);
  end_line();
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
    sum ^= __builtin_popcount((u32)x) + __builtin_clz((u32)x | 1) + __builtin_ctz((u32)x | 0x80000000u) + __builtin_bswap32((u32)x);
  }
  put_hex64(sum);
  put_text(" ");
  put_hex64((u64)signed_sum);
  end_line();
}
