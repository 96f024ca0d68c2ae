#include "sh.h"

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields under construction. A field exists once it has a character or a quote. */
struct fields {
  char **list;
  int count, capacity;
  struct text current;
  bool started;
  bool split; /* false: everything stays one field */
};

static void end_field(struct fields *f) {
  if (!f->started) return;
  if (f->count + 2 > f->capacity) {
    f->capacity = f->capacity ? f->capacity * 2 : 8;
    char **larger = arena_alloc((size_t)f->capacity * sizeof *larger);
    if (f->list) memcpy(larger, f->list, (size_t)f->count * sizeof *larger);
    f->list = larger;
  }
  f->list[f->count++] = f->current.chars ? f->current.chars : arena_copy("", 0);
  f->list[f->count] = NULL;
  f->current = (struct text){0};
  f->started = false;
}

static void add_char(struct fields *f, char c) {
  f->started = true;
  text_add(&f->current, c);
}

static void add_value(struct fields *f, const char *value, bool quoted) {
  for (; *value; value++) {
    if (!quoted && f->split && isspace((unsigned char)*value)) end_field(f);
    else add_char(f, *value);
  }
}

static const char *number_text(long n) {
  char text[16];
  return arena_copy(text, (size_t)snprintf(text, sizeof text, "%ld", n));
}

static const char *parameter(const char *name) {
  if (strcmp(name, "?") == 0) return number_text(shell.last_status);
  if (strcmp(name, "$") == 0) return number_text(shell.pid);
  if (strcmp(name, "!") == 0) return shell.last_background ? number_text(shell.last_background) : "";
  if (strcmp(name, "#") == 0) return number_text(shell.argument_count);
  if (isdigit((unsigned char)*name)) {
    int n = atoi(name);
    if (n == 0) return shell.name;
    return n <= shell.argument_count ? shell.arguments[n - 1] : NULL;
  }
  return getenv(name);
}

static void add_arguments(struct fields *f, bool quoted, bool separate) {
  for (int i = 0; i < shell.argument_count; i++) {
    if (i > 0) {
      if (!quoted || separate) end_field(f);
      else add_char(f, ' ');
    }
    if (quoted) f->started = true;
    add_value(f, shell.arguments[i], quoted);
  }
}

/* Where the bracket that opens at `at` closes; the parser has seen to it that it does. */
static const char *closing(const char *at, char open, char close) {
  int depth = 0;
  for (; *at; at++) {
    if (*at == open) depth++;
    else if (*at == close && --depth == 0) return at;
    else if (*at == '\\' && at[1]) at++;
    else if (*at == '\'') {
      const char *quote = strchr(at + 1, '\'');
      if (quote) at = quote;
    }
  }
  return at;
}

/* ${name}, ${name:-word}, ${name:+word}, ${name:?word} */
static void expand_braced(struct fields *f, const char *inside, size_t length, bool quoted) {
  char *name = arena_copy(inside, length);
  char *operator = strchr(name, ':');
  const char *word = "";
  if (operator && operator[1]) {
    word = operator + 2;
    *operator++ = '\0';
  }
  const char *value = parameter(name);
  bool missing = !value || !*value;
  if (operator && *operator == '-' && missing) value = expand_one(word);
  if (operator && *operator == '+') value = missing ? "" : expand_one(word);
  if (operator && *operator == '?' && missing) errx(1, "%s: %s", name, *word ? word : "parameter not set");
  if (value) add_value(f, value, quoted);
}

/* `p` is behind the dollar; returns where the text goes on. */
static const char *expand_dollar(struct fields *f, const char *p, bool quoted) {
  if (p[0] == '(' && p[1] == '(') {
    const char *end = closing(p, '(', ')');
    if (end > p + 2 && end[-1] == ')') {
      long value = 0;
      const char *expression = expand_one(arena_copy(p + 2, (size_t)(end - p - 3)));
      if (!evaluate(expression, &value)) warnx("arithmetic: cannot evaluate: %s", expression);
      add_value(f, number_text(value), quoted);
      return *end ? end + 1 : end;
    }
  }
  if (*p == '(') {
    const char *end = closing(p, '(', ')');
    add_value(f, output_of(arena_copy(p + 1, (size_t)(end - p - 1))), quoted);
    return *end ? end + 1 : end;
  }
  if (*p == '{') {
    const char *end = closing(p, '{', '}');
    expand_braced(f, p + 1, (size_t)(end - p - 1), quoted);
    return *end ? end + 1 : end;
  }
  if (*p == '@' || *p == '*') {
    add_arguments(f, quoted, *p == '@');
    return p + 1;
  }
  size_t length = 0;
  if (isalpha((unsigned char)*p) || *p == '_')
    while (isalnum((unsigned char)p[length]) || p[length] == '_') length++;
  else if (*p && strchr("?$!#0123456789", *p))
    length = 1;
  if (length == 0) {
    add_char(f, '$');
    return p;
  }
  const char *value = parameter(arena_copy(p, length));
  if (value) add_value(f, value, quoted);
  return p + length;
}

static void expand_into(struct fields *f, const char *p) {
  bool in_double = false;
  while (*p) {
    if (*p == '"') {
      /* "$@" without arguments is no field at all */
      if (strncmp(p, "\"$@\"", 4) != 0) f->started = true;
      in_double = !in_double;
      p++;
    } else if (*p == '\'' && !in_double) {
      f->started = true;
      for (p++; *p && *p != '\''; p++) add_char(f, *p);
      if (*p) p++;
    } else if (*p == '\\' && p[1]) {
      if (in_double && !strchr("$`\"\\\n", p[1])) add_char(f, '\\');
      if (p[1] != '\n') add_char(f, p[1]);
      p += 2;
    } else if (*p == '$') {
      p = expand_dollar(f, p + 1, in_double);
    } else {
      add_char(f, *p++);
    }
  }
}

char **expand_words(const struct word *words, int *count) {
  struct fields f = {.split = true};
  for (; words; words = words->next) {
    expand_into(&f, words->raw);
    end_field(&f);
  }
  *count = f.count;
  return f.list ? f.list : arena_alloc(sizeof(char *));
}

char *expand_one(const char *raw) {
  struct fields f = {.split = false};
  expand_into(&f, raw);
  return f.current.chars ? f.current.chars : arena_copy("", 0);
}
