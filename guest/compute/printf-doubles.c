#include "shim.h"
/* Doubles in decimal as printf's %.16e, %.6f and %g have them: exact, by arithmetic on long numbers, rounded half to even. */

/* A number in base 65536, lowest digit first: 2^1023 has 64 of them, 2^-1074 times 10^1074 has 156. */
#define DIGITS_MAX 170
#define TEXT_MAX 1200
static u32 digits[DIGITS_MAX];
static int count;

static void multiply(u32 by) {
  u32 carry = 0;
  for (int i = 0; i < count; i++) {
    carry += digits[i] * by;
    digits[i] = carry & 0xffff;
    carry >>= 16;
  }
  if (carry) digits[count++] = carry;
}

/* Divides by 10000; returns what is left. */
static u32 divide(void) {
  u32 rest = 0;
  for (int i = count - 1; i >= 0; i--) {
    rest = rest << 16 | digits[i];
    digits[i] = rest / 10000;
    rest %= 10000;
  }
  while (count && digits[count - 1] == 0) count--;
  return rest;
}

/* All decimal digits of |value|, without a zero in front, and how many of them stand behind the point. */
static char text[TEXT_MAX];
static int text_count, behind_point;

static void to_decimal(double value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  int exponent = (int)(bits >> 52 & 0x7ff);
  u64 significand = bits & 0xfffffffffffffull;
  if (exponent) significand |= 1ull << 52;
  else exponent = 1;
  exponent -= 1075;
  for (count = 0; significand; significand >>= 16) digits[count++] = (u32)significand & 0xffff;
  /* s * 2^-n is s * 5^n / 10^n. */
  for (int i = 0; i < exponent; i++) multiply(2);
  for (int i = 0; i > exponent; i--) multiply(5);
  behind_point = exponent < 0 ? -exponent : 0;
  char *at = text + TEXT_MAX;
  while (count) {
    u32 four = divide();
    for (int i = 0; i < 4; i++, four /= 10) *--at = (char)('0' + four % 10);
  }
  while (at < text + TEXT_MAX && *at == '0') at++;
  text_count = (int)(text + TEXT_MAX - at);
  for (int i = 0; i < text_count; i++) text[i] = at[i];
}

/* Keeps the first `keep` digits, rounded; what is left of a negative number of them is nothing. A carry makes them one more. */
static void round_to(int keep) {
  if (keep >= text_count) return;
  int up = 0;
  if (keep >= 0) {
    up = text[keep] > '5';
    if (text[keep] == '5') {
      up = keep > 0 && (text[keep - 1] & 1);
      for (int i = keep + 1; i < text_count; i++) up |= text[i] != '0';
    }
  }
  behind_point -= text_count - keep;
  text_count = keep > 0 ? keep : 0;
  int i = text_count - 1;
  while (up && i >= 0 && text[i] == '9') text[i--] = '0';
  if (!up) return;
  if (i >= 0) {
    text[i]++;
    return;
  }
  for (int k = text_count; k > 0; k--) text[k] = text[k - 1];
  text[0] = '1';
  text_count++;
}

static void put_digit(int index) {
  char digit[2] = {index >= 0 && index < text_count ? text[index] : '0', 0};
  put_text(digit);
}

/* %.PRECISIONf: digit n stands before the point when n < text_count - behind_point. */
static void put_fixed(double value, int precision) {
  to_decimal(value);
  round_to(text_count - behind_point + precision);
  int before = text_count - behind_point;
  for (int i = before > 0 ? 0 : before - 1; i < before; i++) put_digit(i);
  put_text(".");
  for (int i = 0; i < precision; i++) put_digit(before + i);
}

static int decimal_exponent(void) { return text_count ? text_count - behind_point - 1 : 0; }

static void put_exponent(int exponent) {
  put_text(exponent < 0 ? "e-" : "e+");
  u32 magnitude = (u32)(exponent < 0 ? -exponent : exponent);
  if (magnitude < 10) put_text("0");
  put_number(magnitude);
}

/* %.PRECISIONe */
static void put_scientific(double value, int precision) {
  to_decimal(value);
  round_to(precision + 1);
  for (int i = 0; i <= precision; i++) {
    put_digit(i);
    if (i == 0) put_text(".");
  }
  put_exponent(decimal_exponent());
}

/* %g: six significant digits, no zeros at the end. */
static void put_general(double value) {
  to_decimal(value);
  round_to(6);
  int exponent = decimal_exponent();
  int last = text_count - 1;
  while (last > 0 && text[last] == '0') last--;
  if (exponent < -4 || exponent >= 6) {
    put_digit(0);
    if (last > 0) put_text(".");
    for (int i = 1; i <= last; i++) put_digit(i);
    put_exponent(exponent);
    return;
  }
  for (int i = exponent < 0 ? exponent : 0; i <= (exponent > last ? exponent : last); i++) {
    if (i == exponent + 1) put_text(".");
    put_digit(i);
  }
}

static void print(double value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  put_hex64(bits);
  if ((bits >> 52 & 0x7ff) == 0x7ff) {
    put_text(bits & 0xfffffffffffffull ? " nan" : bits >> 63 ? " -inf" : " inf");
    end_line();
    return;
  }
  const char *sign = bits >> 63 ? " -" : " ";
  put_text(sign);
  put_scientific(value, 16);
  put_text(sign);
  put_fixed(value, 6);
  put_text(sign);
  put_general(value);
  end_line();
}

void program(void) {
  static const double given[] = {0, 1, -1, 0.1, 0.5, 1.5, 2.5, 9.5, 99999.95, 999999.5, 123456.7, 1e-5, 0.0001, 1e15, 1e22, 1e23,
                                 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.0000005, 1e-7};
  for (u32 i = 0; i < sizeof given / sizeof *given; i++) print(given[i]);
  volatile double zero = 0, product = 1, sum = 0;
  print(-zero);
  print(1 / zero);
  print(zero / zero);
  for (int i = 1; i <= 40; i++) {
    sum += 1.0 / (i * i);
    product *= 1 - 1.0 / (3 * i + 0.7);
    if (i % 8 == 0) {
      print(sum);
      print(product * 1e10);
      print(-sum / (product * product));
    }
  }
}
