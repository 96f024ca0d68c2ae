#include "shim.h"
/* CRC-32 (the polynomial of Ethernet and zip) of pseudo-random bytes: bit by bit, then by table; both have to agree. */
static u8 data[8192];

static u32 by_bits(const u8 *p, u32 size) {
  u32 crc = ~0u;
  for (; size; size--) {
    crc ^= *p++;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

static u32 by_table(const u8 *p, u32 size) {
  static u32 table[256];
  for (u32 i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xedb88320u : table[i] >> 1;
  }
  u32 crc = ~0u;
  for (; size; size--) crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
  return ~crc;
}

void program(void) {
  static const u8 check[] = "123456789";
  put_hex(by_bits(check, 9));
  put_text(" ");
  u32 seed = 12345;
  for (u32 i = 0; i < sizeof data; i++) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = (u8)(seed >> 24);
  }
  put_hex(by_bits(data, sizeof data));
  put_text(" ");
  u32 sum = 0;
  for (u32 size = 0; size < sizeof data; size += 97) sum = sum * 31 + by_table(data + size % 5, size - size % 5);
  put_hex(by_table(data, sizeof data));
  put_text(" ");
  put_hex(sum);
  end_line();
}
