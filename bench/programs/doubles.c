/* Multiplies 48 x 48 matrices of doubles, by the x87 or by SSE2. The x87 works at 53 bits on both systems, as FreeBSD has it. */
#include "shim.h"

#define N 48

static double a[N][N], b[N][N], c[N][N];

u32 work(u32 rounds) {
#ifndef __SSE2__
  unsigned short control = 0x127f;
  __asm__ volatile("fldcw %0" : : "m"(control));
#endif
  u32 seed = 1;
  for (u32 i = 0; i < N * N; i++) {
    seed = seed * 1664525u + 1013904223u;
    a[i / N][i % N] = (double)(int)(seed >> 8) / 1048576.0;
    b[i % N][i / N] = (double)(int)(seed >> 4) / 16777216.0;
  }
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < N; i++)
      for (u32 j = 0; j < N; j++) {
        double sum = 0;
        for (u32 k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    a[round % N][0] = c[round % N][round % N] / 65536.0;
  }
  union {
    double d;
    u32 w[2];
  } u = {c[N - 1][N - 1] + a[0][0]};
  return u.w[0] ^ u.w[1];
}
