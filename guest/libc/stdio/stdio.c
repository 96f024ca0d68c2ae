#include "format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct FILE {
  int fd;
  bool failed;
  bool flush_each_call; /* stderr: a message leaves as one write even without a newline */
  size_t start, end;    /* bytes held: read but not taken, or put but not written */
  char buffer[BUFSIZ];
};

static FILE input = {.fd = STDIN_FILENO};
static FILE output = {.fd = STDOUT_FILENO};
static FILE errors = {.fd = STDERR_FILENO, .flush_each_call = true};
FILE *const stdin = &input;
FILE *const stdout = &output;
FILE *const stderr = &errors;

int fflush(FILE *f) {
  if (!f) {
    fflush(stderr);
    return fflush(stdout);
  }
  while (f->start < f->end) {
    ssize_t n = write(f->fd, f->buffer + f->start, f->end - f->start);
    if (n == -1 && errno == EINTR) continue;
    if (n <= 0) {
      f->failed = true;
      f->start = f->end = 0;
      return EOF;
    }
    f->start += (size_t)n;
  }
  f->start = f->end = 0;
  return 0;
}

static void put_file(void *sink, const char *text, size_t length) {
  FILE *f = sink;
  for (; length > 0; text++, length--) {
    if (f->end == sizeof f->buffer) fflush(f);
    f->buffer[f->end++] = *text;
    if (*text == '\n') fflush(f);
  }
}

static void end_call(FILE *f) {
  if (f->flush_each_call) fflush(f);
}

int vfprintf(FILE *f, const char *restrict format, va_list args) {
  int length = __format(put_file, f, format, args);
  end_call(f);
  return f->failed ? -1 : length;
}

int vprintf(const char *restrict format, va_list args) { return vfprintf(stdout, format, args); }

int fprintf(FILE *f, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int length = vfprintf(f, format, args);
  va_end(args);
  return length;
}

int printf(const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int length = vfprintf(stdout, format, args);
  va_end(args);
  return length;
}

/* One write(2) for the whole text, up to BUFSIZ. */
int vdprintf(int fd, const char *restrict format, va_list args) {
  FILE f = {.fd = fd, .flush_each_call = true};
  char text[BUFSIZ];
  int length = vsnprintf(text, sizeof text, format, args);
  if (length < (int)sizeof text) return (int)write(fd, text, (size_t)length);
  return vfprintf(&f, format, args);
}

int dprintf(int fd, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int length = vdprintf(fd, format, args);
  va_end(args);
  return length;
}

int fputc(int c, FILE *f) {
  char text = (char)c;
  put_file(f, &text, 1);
  end_call(f);
  return f->failed ? EOF : (unsigned char)c;
}

int putchar(int c) { return fputc(c, stdout); }

size_t fwrite(const void *data, size_t size, size_t count, FILE *f) {
  put_file(f, data, size * count);
  end_call(f);
  return f->failed ? 0 : count;
}

int fputs(const char *s, FILE *f) { return fwrite(s, 1, strlen(s), f) == strlen(s) ? 0 : EOF; }

int puts(const char *s) { return printf("%s\n", s); }

int ferror(FILE *f) { return f->failed; }

int fgetc(FILE *f) {
  if (f->start == f->end) {
    ssize_t n;
    do n = read(f->fd, f->buffer, sizeof f->buffer);
    while (n == -1 && errno == EINTR);
    if (n == -1) f->failed = true;
    if (n <= 0) return EOF;
    f->start = 0;
    f->end = (size_t)n;
  }
  return (unsigned char)f->buffer[f->start++];
}

int getchar(void) { return fgetc(stdin); }

ssize_t getline(char **line, size_t *capacity, FILE *f) {
  size_t length = 0;
  for (;;) {
    int c = fgetc(f);
    if (c == EOF && length == 0) return -1;
    if (!*line || length + 2 > *capacity) {
      size_t larger = *line ? *capacity * 2 : 128;
      char *moved = realloc(*line, larger);
      if (!moved) return -1;
      *line = moved;
      *capacity = larger;
    }
    if (c != EOF) (*line)[length++] = (char)c;
    if (c == EOF || c == '\n') {
      (*line)[length] = '\0';
      return (ssize_t)length;
    }
  }
}

void perror(const char *prefix) { fprintf(stderr, "%s: %s\n", prefix, strerror(errno)); }
