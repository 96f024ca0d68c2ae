/* CRC-32 (IEEE 802.3, reflected) with a table, over 64 KiB: a chain of dependent loads, shifts and XORs. */
#include "shim.h"

#define SIZE 65536

static u32 table[256];
static u8 data[SIZE];

u32 work(u32 rounds) {
  for (u32 i = 0; i < 256; i++) {
    u32 crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
    table[i] = crc;
  }
  for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * 7 + (i >> 8));
  u32 crc = ~0u;
  for (u32 round = 0; round < rounds; round++)
    for (u32 i = 0; i < SIZE; i++) crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}
