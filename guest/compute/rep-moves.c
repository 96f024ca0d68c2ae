#include "shim.h"
/* Block moves and fills by rep, forwards, backwards, overlapping, of every small length and alignment. */
static u8 a[4096], b[4096];

static u32 sum(const u8 *p, u32 size) {
  u32 s = 1;
  for (u32 i = 0; i < size; i++) s = s * 33 + p[i];
  return s;
}

void program(void) {
  for (u32 i = 0; i < sizeof a; i++) a[i] = (u8)(i * 7 ^ i >> 3);
  u32 total = 0;
  for (u32 from = 0; from < 9; from++)
    for (u32 to = 0; to < 9; to++)
      for (u32 size = 0; size < 70; size += 3) {
        memcpy(b + to, a + from, size);
        memset(b + to + size, (int)size, 5);
        total = total * 5 + sum(b, 96);
        memmove(a + to + 100, a + from + 103, size);
        memmove(a + to + 203, a + from + 200, size);
        total ^= sum(a, 400);
        if (memcmp(a + from, b + to, size)) total++;
      }
  put_hex(total);
  u32 words[64];
  u32 count = 64;
  void *at = words;
  __asm__ volatile("rep stosl" : "+D"(at), "+c"(count) : "a"(0xdeadbeef) : "memory");
  u32 left = 4096;
  const u8 *scan = a;
  __asm__ volatile("repne scasb" : "+D"(scan), "+c"(left) : "a"(0x5a) : "cc");
  put_text(" ");
  put_hex(words[63]);
  put_text(" ");
  put_number(left);
  end_line();
}
