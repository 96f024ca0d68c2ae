#include "shim.h"
/* Double precision: matrix product, series, Newton's method, conversions, comparisons with NaN, denormals and infinities. */
static double square_root(double x) {
  double r = x > 1 ? x : 1;
  for (int i = 0; i < 40; i++) r = (r + x / r) / 2;
  return r;
}

#define N 24
static double a[N][N], b[N][N], c[N][N];

void program(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = (i * 3 + j) / 7.0;
      b[i][j] = (double)(i - j) * 0.3 + 1e-3 * i;
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  double trace = 0;
  for (int i = 0; i < N; i++) trace += c[i][N - 1 - i];
  put_double(trace);
  end_line();

  double harmonic = 0, pi = 0, e = 1, term = 1;
  for (int i = 1; i <= 2000; i++) {
    harmonic += 1.0 / i;
    pi += (i & 1 ? 4.0 : -4.0) / (2 * i - 1);
    if (i < 25) e += term /= i;
  }
  put_double(harmonic);
  put_text(" ");
  put_double(pi);
  put_text(" ");
  put_double(e);
  end_line();
  for (int i = 1; i < 8; i++) {
    put_double(square_root(i * 1.7));
    put_text(" ");
  }
  end_line();

  volatile double zero = 0, big = 1e308, tiny = 4.9406564584124654e-324;
  double infinity = big * 10, nan = infinity - infinity, half = tiny * 0.5;
  put_double(infinity);
  put_text(" ");
  put_number((u32)(nan == nan) + 2 * (u32)(nan < 1) + 4 * (u32)(zero == -zero) + 8 * (u32)(half > 0) + 16 * (u32)(tiny > 0));
  put_text(" ");
  put_double(1 / -infinity);
  put_text(" ");
  put_double(tiny * 3 / 2);
  end_line();

  u32 sum = 0;
  for (int i = -300; i < 300; i++) {
    volatile double x = i * 0.7371;
    volatile float f = (float)x;
    sum = sum * 31 + (u32)(i32)x + (u32)(i32)(f * 3);
    sum ^= (u32)(i64)(x * 1e6);
    volatile double back = (double)(i64)i * 1e9 + (double)(u32)i;
    u64 bits;
    memcpy(&bits, (const void *)&back, 8);
    sum += (u32)bits ^ (u32)(bits >> 32);
  }
  put_hex(sum);
  end_line();
}
