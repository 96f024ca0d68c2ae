/* Fibonacci numbers by recursion: calls, returns and little else. */
#include "shim.h"

__attribute__((noinline)) static u32 fib(u32 n) {
  if (n < 2) return n;
  u32 first = fib(n - 1);
  __asm__ volatile("" : "+r"(first));
  return first + fib(n - 2);
}

u32 work(u32 rounds) {
  u32 sum = 0;
  for (u32 round = 0; round < rounds; round++) sum = sum * 31 + fib(20);
  return sum;
}
