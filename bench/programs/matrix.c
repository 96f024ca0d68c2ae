/* Multiplies 64 x 64 integer matrices: loads with two strides, a multiplication each. */
#include "shim.h"

#define N 64

static u32 a[N][N], b[N][N], c[N][N];

u32 work(u32 rounds) {
  u32 seed = 1;
  for (u32 i = 0; i < N * N; i++) {
    seed = seed * 1664525u + 1013904223u;
    a[i / N][i % N] = seed >> 8;
    b[i % N][i / N] = seed >> 4;
  }
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < N; i++)
      for (u32 j = 0; j < N; j++) {
        u32 sum = round;
        for (u32 k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    a[round % N][0] = c[round % N][round % N];
  }
  return c[N - 1][N - 1] + a[0][0];
}
