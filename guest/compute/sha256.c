#include "shim.h"
/* SHA-256 (FIPS 180-4). The constants are computed: fractional parts of square and cube roots of primes, by integer search. */
static u32 k[64], h0[8];

static u32 root_fraction(u32 prime, int cube) {
  /* floor(frac(root) * 2^32) by bisection on 64-bit integers scaled by 2^32 (square) or on 96-bit by halves (cube). */
  u64 low = 0, high = (u64)32 << 32;
  while (high - low > 1) {
    u64 mid = low + (high - low) / 2;
    /* mid^2 or mid^3 against prime, in units of 2^-32 a factor, with 128 bits in four words. */
    u32 product[8] = {(u32)mid, (u32)(mid >> 32)};
    int factors = cube ? 2 : 1;
    for (int f = 0; f < factors; f++) {
      u32 next[8] = {0};
      for (int i = 0; i < 6; i++) {
        u64 carry = 0;
        for (int j = 0; j < 2; j++) {
          u64 sum = (u64)product[i] * (j ? (u32)(mid >> 32) : (u32)mid) + next[i + j] + carry;
          next[i + j] = (u32)sum;
          carry = sum >> 32;
        }
        for (int j = i + 2; carry && j < 8; j++) {
          carry += next[j];
          next[j] = (u32)carry;
          carry >>= 32;
        }
      }
      for (int i = 0; i < 8; i++) product[i] = next[i];
    }
    u32 whole = product[cube ? 3 : 2];
    int above = product[cube ? 4 : 3] != 0 || whole >= prime;
    if (above) high = mid;
    else low = mid;
  }
  return (u32)low;
}

static u32 rotr(u32 x, int n) { return x >> n | x << (32 - n); }

static void block(u32 state[8], const u8 *data) {
  u32 w[64];
  for (int i = 0; i < 16; i++)
    w[i] = (u32)data[4 * i] << 24 | (u32)data[4 * i + 1] << 16 | (u32)data[4 * i + 2] << 8 | data[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    u32 s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    u32 s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 v[8];
  for (int i = 0; i < 8; i++) v[i] = state[i];
  for (int i = 0; i < 64; i++) {
    u32 s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
    u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
    u32 s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
    u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j > 0; j--) v[j] = v[j - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

void program(void) {
  int found = 0;
  for (u32 n = 2; found < 64; n++) {
    int prime = 1;
    for (u32 d = 2; d * d <= n; d++)
      if (n % d == 0) prime = 0;
    if (!prime) continue;
    k[found] = root_fraction(n, 1);
    if (found < 8) h0[found] = root_fraction(n, 0);
    found++;
  }
  static u8 data[64 * 40];
  for (u32 i = 0; i < sizeof data; i++) data[i] = (u8)(i * 31 + (i >> 5));
  data[sizeof data - 64] = 0x80;
  for (u32 i = sizeof data - 63; i < sizeof data; i++) data[i] = 0;
  u32 bits = (sizeof data - 64) * 8;
  for (int i = 0; i < 4; i++) data[sizeof data - 1 - i] = (u8)(bits >> (8 * i));
  u32 state[8];
  for (int i = 0; i < 8; i++) state[i] = h0[i];
  for (u32 at = 0; at < sizeof data; at += 64) block(state, data + at);
  for (int i = 0; i < 8; i++) put_hex(state[i]);
  end_line();
}
