#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static int digit_value(char c) {
  if (isdigit((unsigned char)c)) return c - '0';
  if (isalpha((unsigned char)c)) return tolower((unsigned char)c) - 'a' + 10;
  return INT_MAX;
}

/* Reads magnitude and sign; on overflow the magnitude is UINT64_MAX. *end stays at s if there is no digit. */
static uint64_t magnitude(const char *s, const char **end, int base, bool *negative) {
  *end = s;
  while (isspace((unsigned char)*s)) s++;
  *negative = *s == '-';
  if (*s == '-' || *s == '+') s++;
  bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16;
  if (hex && (base == 0 || base == 16)) {
    s += 2;
    base = 16;
  } else if (base == 0) {
    base = s[0] == '0' ? 8 : 10;
  }
  uint64_t value = 0;
  bool overflow = false;
  for (; digit_value(*s) < base; *end = ++s) {
    if (value > (UINT64_MAX >> 6)) overflow = true; /* base is at most 36 */
    value = value * (unsigned)base + (unsigned)digit_value(*s);
  }
  return overflow ? UINT64_MAX : value;
}

long strtol(const char *s, char **end, int base) {
  bool negative;
  const char *stop;
  uint64_t value = magnitude(s, &stop, base, &negative);
  if (end) *end = (char *)(uintptr_t)stop;
  if (value > (uint64_t)LONG_MAX + negative) {
    errno = ERANGE;
    return negative ? LONG_MIN : LONG_MAX;
  }
  return negative ? (long)-value : (long)value;
}

unsigned long strtoul(const char *s, char **end, int base) {
  bool negative;
  const char *stop;
  uint64_t value = magnitude(s, &stop, base, &negative);
  if (end) *end = (char *)(uintptr_t)stop;
  if (value > ULONG_MAX) {
    errno = ERANGE;
    return ULONG_MAX;
  }
  return negative ? -(unsigned long)value : (unsigned long)value;
}

/* OpenBSD's idea: a whole decimal number within bounds, or 0 and the reason in words. */
long long strtonum(const char *s, long long minimum, long long maximum, const char **problem) {
  bool negative;
  const char *stop;
  uint64_t value = magnitude(s, &stop, 10, &negative);
  *problem = NULL;
  long long n = 0;
  if (stop == s || *stop != '\0') *problem = "invalid";
  else if (value > LLONG_MAX) *problem = negative ? "too small" : "too large";
  else if ((n = negative ? -(long long)value : (long long)value) < minimum) *problem = "too small";
  else if (n > maximum) *problem = "too large";
  return *problem ? 0 : n;
}

int atoi(const char *s) { return (int)strtol(s, NULL, 10); }
int abs(int n) { return n < 0 ? -n : n; }
