#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  void *edi = to;
  size_t words = n / 4, rest = n % 4;
  __asm__ volatile("rep movsl\n\tmovl %3, %%ecx\n\trep movsb"
                   : "+D"(edi), "+S"(from), "+c"(words)
                   : "r"(rest)
                   : "memory");
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  if ((uintptr_t)to - (uintptr_t)from >= n) return memcpy(to, from, n); /* below, or past the end */
  char *edi = (char *)to + n - 1;
  const char *esi = (const char *)from + n - 1;
  __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(edi), "+S"(esi), "+c"(n) : : "memory", "cc");
  return to;
}

void *memset(void *to, int byte, size_t n) {
  void *edi = to;
  size_t words = n / 4, rest = n % 4;
  uint32_t pattern = (uint8_t)byte * 0x01010101u;
  __asm__ volatile("rep stosl\n\tmovl %3, %%ecx\n\trep stosb"
                   : "+D"(edi), "+c"(words)
                   : "a"(pattern), "r"(rest)
                   : "memory");
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  for (; n > 0; n--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

void *memchr(const void *s, int byte, size_t n) {
  for (const uint8_t *p = s; n > 0; n--, p++)
    if (*p == (uint8_t)byte) return (void *)(uintptr_t)p;
  return NULL;
}
