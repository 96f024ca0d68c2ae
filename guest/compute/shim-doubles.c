#include "shim.h"
/* What of shim.h has to do with floating point. */

void put_double(double value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  put_hex64(bits);
  put_char(' ');
  if ((bits >> 52 & 0x7ff) == 0x7ff) {
    put_text(bits & 0xfffffffffffffull ? "nan" : "inf");
    return;
  }
  if (bits >> 63) {
    put_char('-');
    value = -value;
  }
  if (value >= 1e9) {
    put_text("large");
    return;
  }
  u32 whole = (u32)(i64)value;
  put_number(whole);
  put_char('.');
  double rest = value - (double)whole;
  for (int n = 0; n < 6; n++) {
    rest *= 10;
    int digit = (int)rest;
    put_char((char)('0' + digit));
    rest -= digit;
  }
}

void put_long_double(long double value) {
  u32 words[3] = {0, 0, 0};
  memcpy(words, &value, 10);
  put_hex(words[2]);
  put_char(':');
  put_hex(words[1]);
  put_hex(words[0]);
}

void set_control_word(u16 word) {
  __asm__ volatile("fldcw %0" : : "m"(word));
}
