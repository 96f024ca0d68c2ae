/**
 * CRC-32 as in ISO/IEC 8802-3 (Ethernet), gzip and zlib: polynomial 0x04C11DB7, bits reversed, begun and ended with all ones. Finds
 * every change of up to 32 bits in a row.
 */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
/** The same for a byte that one, two or three others follow: four bytes at a time are twice as fast. */
const TABLE_1 = TABLE.map((crc) => TABLE[crc & 255]! ^ (crc >>> 8));
const TABLE_2 = TABLE_1.map((crc) => TABLE[crc & 255]! ^ (crc >>> 8));
const TABLE_3 = TABLE_2.map((crc) => TABLE[crc & 255]! ^ (crc >>> 8));

/** The checksum of bytes that follow others, whose checksum is `before`. Unsigned. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = TABLE_3[crc & 255]! ^ TABLE_2[(crc >>> 8) & 255]! ^ TABLE_1[(crc >>> 16) & 255]! ^ TABLE[crc >>> 24]!;
  }
  for (; at < bytes.length; at++) crc = TABLE[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
