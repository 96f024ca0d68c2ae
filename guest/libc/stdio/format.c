#include "format.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct spec {
  bool left, zero, plus, space, alternate;
  int width;
  int precision; /* -1: none given */
};

struct output {
  put_text *put;
  void *sink;
  int written;
};

static void emit(struct output *out, const char *text, size_t length) {
  if (length == 0) return;
  out->put(out->sink, text, length);
  out->written += (int)length;
}

static void repeat(struct output *out, char c, int count) {
  char block[32];
  memset(block, c, sizeof block);
  for (; count > 0; count -= (int)sizeof block)
    emit(out, block, count < (int)sizeof block ? (size_t)count : sizeof block);
}

/* prefix (sign or 0x), then zeros, then digits, padded to the width on one side. */
static void put_number(struct output *out, const struct spec *spec, const char *prefix, const char *digits, int count) {
  int prefix_length = (int)strlen(prefix);
  int zeros = spec->precision > count ? spec->precision - count : 0;
  if (spec->zero && !spec->left && spec->precision < 0 && spec->width > prefix_length + count)
    zeros = spec->width - prefix_length - count;
  int padding = spec->width - prefix_length - zeros - count;
  if (!spec->left) repeat(out, ' ', padding);
  emit(out, prefix, (size_t)prefix_length);
  repeat(out, '0', zeros);
  emit(out, digits, (size_t)count);
  if (spec->left) repeat(out, ' ', padding);
}

static void put_unsigned(struct output *out, const struct spec *spec, uint64_t value, unsigned base, bool upper,
                         const char *prefix) {
  char digits[24]; /* 2^64 needs 22 octal digits */
  char *p = digits + sizeof digits;
  const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (; value > UINT32_MAX; value /= base) *--p = alphabet[value % base];
  for (uint32_t low = (uint32_t)value; low > 0; low /= base) *--p = alphabet[low % base];
  int count = (int)(digits + sizeof digits - p);
  bool octal_zero = base == 8 && spec->alternate && spec->precision <= count;
  if ((count == 0 && spec->precision != 0) || octal_zero) {
    *--p = '0';
    count++;
  }
  put_number(out, spec, prefix, p, count);
}

static void put_string(struct output *out, const struct spec *spec, const char *s, size_t length) {
  int padding = spec->width - (int)length;
  if (!spec->left) repeat(out, ' ', padding);
  emit(out, s, length);
  if (spec->left) repeat(out, ' ', padding);
}

static int number_or_star(const char **format, va_list *args) {
  if (**format == '*') {
    (*format)++;
    return va_arg(*args, int);
  }
  int n = 0;
  while (isdigit((unsigned char)**format)) n = n * 10 + (*(*format)++ - '0');
  return n;
}

static const char *parse_spec(const char *format, struct spec *spec, va_list *args) {
  *spec = (struct spec){.precision = -1};
  for (;; format++) {
    if (*format == '-') spec->left = true;
    else if (*format == '0') spec->zero = true;
    else if (*format == '+') spec->plus = true;
    else if (*format == ' ') spec->space = true;
    else if (*format == '#') spec->alternate = true;
    else break;
  }
  spec->width = number_or_star(&format, args);
  if (spec->width < 0) {
    spec->left = true;
    spec->width = -spec->width;
  }
  if (*format == '.') {
    format++;
    spec->precision = number_or_star(&format, args);
  }
  return format;
}

int __format(put_text *put, void *sink, const char *format, va_list original) {
  struct output out = {put, sink, 0};
  va_list args;
  va_copy(args, original);
  for (;;) {
    size_t plain = strcspn(format, "%");
    emit(&out, format, plain);
    format += plain;
    if (*format == '\0') break;

    struct spec spec;
    format = parse_spec(format + 1, &spec, &args);
    int size = 4; /* of the argument, in bytes: 1, 2, 4 or 8 */
    for (;; format++) {
      if (*format == 'h') size = size == 2 ? 1 : 2;
      else if (*format == 'l') size = format[1] == 'l' ? (format++, 8) : 4;
      else if (*format == 'j' || *format == 'q') size = 8;
      else if (*format != 'z' && *format != 't') break;
    }

    char conversion = *format;
    if (conversion == '\0') break;
    format++;
    switch (conversion) {
    case 'd':
    case 'i': {
      int64_t value = size == 8 ? va_arg(args, int64_t) : va_arg(args, int32_t);
      if (size == 1) value = (int8_t)value;
      if (size == 2) value = (int16_t)value;
      const char *sign = value < 0 ? "-" : spec.plus ? "+" : spec.space ? " " : "";
      put_unsigned(&out, &spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, false, sign);
      break;
    }
    case 'u':
    case 'o':
    case 'x':
    case 'X': {
      uint64_t value = size == 8 ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
      if (size == 1) value = (uint8_t)value;
      if (size == 2) value = (uint16_t)value;
      unsigned base = conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16;
      bool prefixed = base == 16 && spec.alternate && value != 0;
      put_unsigned(&out, &spec, value, base, conversion == 'X', !prefixed ? "" : conversion == 'X' ? "0X" : "0x");
      break;
    }
    case 'p':
      put_unsigned(&out, &spec, va_arg(args, uint32_t), 16, false, "0x");
      break;
    case 'c': {
      char c = (char)va_arg(args, int);
      put_string(&out, &spec, &c, 1);
      break;
    }
    case 's': {
      const char *s = va_arg(args, const char *);
      if (!s) s = "(null)";
      put_string(&out, &spec, s, spec.precision < 0 ? strlen(s) : strnlen(s, (size_t)spec.precision));
      break;
    }
    case '%':
      emit(&out, "%", 1);
      break;
    default: /* an unknown conversion is printed as it stands */
      emit(&out, "%", 1);
      emit(&out, &conversion, 1);
      break;
    }
  }
  va_end(args);
  return out.written;
}
