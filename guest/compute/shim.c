#include "shim.h"

#ifdef __FreeBSD__
static u32 system_call(u32 number, u32 a, u32 b, u32 c) {
  u32 result;
  __asm__ volatile("pushl %4\n\tpushl %3\n\tpushl %2\n\tpushl $0\n\tint $0x80\n\taddl $16, %%esp"
                   : "=a"(result)
                   : "a"(number), "r"(a), "r"(b), "r"(c)
                   : "memory", "cc", "edx");
  return result;
}
#else
static u32 system_call(u32 number, u32 a, u32 b, u32 c) {
  u32 result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
#endif

static char line[512];
static u32 used;

void put_char(char c) {
  if (used < sizeof line) line[used++] = c;
}

void put_text(const char *text) {
  while (*text) put_char(*text++);
}

void put_hex(u32 value) {
  for (int shift = 28; shift >= 0; shift -= 4) put_char("0123456789abcdef"[(value >> shift) & 15]);
}

void put_hex64(u64 value) {
  put_hex((u32)(value >> 32));
  put_hex((u32)value);
}

void put_number(u32 value) {
  char digits[10];
  int n = 0;
  do digits[n++] = (char)('0' + value % 10);
  while (value /= 10);
  while (n) put_char(digits[--n]);
}

void end_line(void) {
  put_char('\n');
  system_call(4, 1, (u32)line, used);
  used = 0;
}

void *memcpy(void *to, const void *from, u32 size) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return result;
}

void *memset(void *to, int value, u32 size) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}

void *memmove(void *to, const void *from, u32 size) {
  if (to <= from) return memcpy(to, from, size);
  u8 *target = (u8 *)to + size - 1;
  const u8 *source = (const u8 *)from + size - 1;
  __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(target), "+S"(source), "+c"(size) : : "memory", "cc");
  return to;
}

int memcmp(const void *a, const void *b, u32 size) {
  const u8 *x = a, *y = b;
  for (; size; size--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

/* 64-bit division, which the compiler calls by name. */
static u64 divide(u64 value, u64 by, u64 *rest) {
  u64 quotient = 0, left = 0;
  for (int bit = 63; bit >= 0; bit--) {
    left = left << 1 | (value >> bit & 1);
    if (left >= by) {
      left -= by;
      quotient |= 1ull << bit;
    }
  }
  *rest = left;
  return quotient;
}
u64 __udivdi3(u64 a, u64 b);
u64 __udivdi3(u64 a, u64 b) {
  u64 rest;
  return divide(a, b, &rest);
}
u64 __umoddi3(u64 a, u64 b);
u64 __umoddi3(u64 a, u64 b) {
  u64 rest;
  divide(a, b, &rest);
  return rest;
}

void start_c(void);
void start_c(void) {
#ifndef __FreeBSD__
  /* As a process on FreeBSD finds it. */
  const u16 control_word = 0x127f;
  __asm__ volatile("fldcw %0" : : "m"(control_word));
#endif
  program();
  system_call(1, 0, 0, 0);
  for (;;) {}
}

__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandl $-16, %esp\n\tcall start_c\n");

#ifdef __FreeBSD__
/* The ABI note of 9.0-RELEASE, as in libc/crt/start.S. */
__asm__(".section .note.tag, \"a\", @note\n\t.balign 4\n\t.long 8\n\t.long 4\n\t.long 1\n\t.asciz \"FreeBSD\"\n\t.long 900044\n");
#endif
