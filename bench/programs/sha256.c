/* SHA-256 (FIPS 180-4) of 64 KiB: rotates, additions and many live values. The constants come from a generator: nobody compares digests. */
#include "shim.h"

#define SIZE 65536

static u32 k[64];
static u8 data[SIZE];

static inline u32 rotr(u32 x, int n) { return x >> n | x << (32 - n); }

static void block(u32 h[8], const u8 *p) {
  u32 w[64];
  for (int i = 0; i < 16; i++)
    w[i] = (u32)p[4 * i] << 24 | (u32)p[4 * i + 1] << 16 | (u32)p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    u32 s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
  for (int i = 0; i < 64; i++) {
    u32 s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    u32 t1 = x + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
    u32 s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    u32 t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    x = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
  h[4] += e;
  h[5] += f;
  h[6] += g;
  h[7] += x;
}

u32 work(u32 rounds) {
  u32 seed = 0x428a2f98u;
  for (int i = 0; i < 64; i++) k[i] = seed = seed * 1664525u + 1013904223u;
  for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * 7 + (i >> 8));
  u32 h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (u32 round = 0; round < rounds; round++)
    for (u32 i = 0; i < SIZE; i += 64) block(h, data + i);
  return h[0] ^ h[7];
}
