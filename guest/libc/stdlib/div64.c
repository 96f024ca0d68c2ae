/*
 * 64-bit division, which the compiler calls by these names on i386. Everything rests on divl: 64 by 32 bits with a
 * quotient that must fit into 32.
 */
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);
int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);

static uint32_t divl(uint32_t high, uint32_t low, uint32_t d, uint32_t *remainder) {
  uint32_t quotient;
  __asm__("divl %4" : "=a"(quotient), "=d"(*remainder) : "0"(low), "1"(high), "r"(d) : "cc");
  return quotient;
}

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder) {
  uint32_t high = (uint32_t)(n >> 32), low = (uint32_t)n;
  if (d >> 32 == 0) {
    uint32_t rest = high, d_low = (uint32_t)d, quotient_high = 0;
    if (high >= d_low) quotient_high = divl(0, high, d_low, &rest); /* #DE here for d = 0, as it should */
    uint32_t quotient_low = divl(rest, low, d_low, &rest);
    if (remainder) *remainder = rest;
    return (uint64_t)quotient_high << 32 | quotient_low;
  }
  /* The divisor's leading 32 bits estimate the quotient; the estimate is right or one too large. */
  int shift = __builtin_clz((uint32_t)(d >> 32));
  uint32_t leading = (uint32_t)((d << shift) >> 32);
  uint32_t unused, quotient = divl((uint32_t)(n >> 33), (uint32_t)(n >> 1), leading, &unused);
  quotient >>= 31 - shift;
  if (quotient > 0) quotient--;
  uint64_t rest = n - quotient * d;
  if (rest >= d) {
    quotient++;
    rest -= d;
  }
  if (remainder) *remainder = rest;
  return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d) { return __udivmoddi4(n, d, 0); }

uint64_t __umoddi3(uint64_t n, uint64_t d) {
  uint64_t rest;
  __udivmoddi4(n, d, &rest);
  return rest;
}

static uint64_t absolute(int64_t n) { return n < 0 ? -(uint64_t)n : (uint64_t)n; }

int64_t __divdi3(int64_t n, int64_t d) {
  uint64_t quotient = __udivdi3(absolute(n), absolute(d));
  return (n < 0) != (d < 0) ? (int64_t)-quotient : (int64_t)quotient;
}

int64_t __moddi3(int64_t n, int64_t d) {
  uint64_t rest = __umoddi3(absolute(n), absolute(d));
  return n < 0 ? (int64_t)-rest : (int64_t)rest;
}
