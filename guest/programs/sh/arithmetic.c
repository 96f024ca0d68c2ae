/* $(( )): + - * / %, comparisons, ! and parentheses, on long; names are variables, unset ones 0. */
#include "sh.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct state {
  const char *at;
  bool failed;
};

static void skip_space(struct state *s) {
  while (isspace((unsigned char)*s->at)) s->at++;
}

static bool accept(struct state *s, const char *operator) {
  skip_space(s);
  size_t length = strlen(operator);
  if (strncmp(s->at, operator, length) != 0) return false;
  s->at += length;
  return true;
}

static long comparison(struct state *s);

static long primary(struct state *s) {
  if (accept(s, "(")) {
    long value = comparison(s);
    if (!accept(s, ")")) s->failed = true;
    return value;
  }
  if (accept(s, "-")) return -primary(s);
  if (accept(s, "!")) return !primary(s);
  skip_space(s);
  if (isdigit((unsigned char)*s->at)) {
    char *end;
    long value = strtol(s->at, &end, 0);
    s->at = end;
    return value;
  }
  size_t length = 0;
  while (isalnum((unsigned char)s->at[length]) || s->at[length] == '_') length++;
  if (length == 0) {
    s->failed = true;
    return 0;
  }
  const char *value = getenv(arena_copy(s->at, length));
  s->at += length;
  return value ? strtol(value, NULL, 0) : 0;
}

static long product(struct state *s) {
  long value = primary(s);
  while (!s->failed) {
    skip_space(s);
    char operator = *s->at;
    if (operator == '\0' || !strchr("*/%", operator)) break;
    s->at++;
    long right = primary(s);
    if (operator == '*') value *= right;
    else if (right == 0) s->failed = true;
    else value = operator == '/' ? value / right : value % right;
  }
  return value;
}

static long sum(struct state *s) {
  long value = product(s);
  for (;;) {
    if (accept(s, "+")) value += product(s);
    else if (accept(s, "-")) value -= product(s);
    else return value;
  }
}

static long comparison(struct state *s) {
  long value = sum(s);
  for (;;) {
    if (accept(s, "==")) value = value == sum(s);
    else if (accept(s, "!=")) value = value != sum(s);
    else if (accept(s, "<=")) value = value <= sum(s);
    else if (accept(s, ">=")) value = value >= sum(s);
    else if (accept(s, "<")) value = value < sum(s);
    else if (accept(s, ">")) value = value > sum(s);
    else return value;
  }
}

bool evaluate(const char *expression, long *result) {
  struct state s = {expression, false};
  *result = comparison(&s);
  skip_space(&s);
  return !s.failed && *s.at == '\0';
}
