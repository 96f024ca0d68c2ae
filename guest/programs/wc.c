#include "usage.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] = "wc [-clw] [file ...]\n  counts lines, words, bytes\n";

struct counts {
  unsigned lines, words, bytes;
};

static bool show_lines, show_words, show_bytes;

static bool count_file(int fd, const char *name, struct counts *counts) {
  static char buffer[16384];
  bool in_word = false;
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) {
    counts->bytes += (unsigned)n;
    for (ssize_t i = 0; i < n; i++) {
      if (buffer[i] == '\n') counts->lines++;
      bool space = isspace((unsigned char)buffer[i]);
      if (!space && !in_word) counts->words++;
      in_word = !space;
    }
  }
  if (n == -1) warn("%s", name);
  return n == 0;
}

static void print_counts(const struct counts *counts, const char *name) {
  if (show_lines) printf(" %7u", counts->lines);
  if (show_words) printf(" %7u", counts->words);
  if (show_bytes) printf(" %7u", counts->bytes);
  printf("%s%s\n", *name ? " " : "", name);
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "chlw")) != -1) {
    if (option == 'h') help(usage_text);
    else if (option == 'c') show_bytes = true;
    else if (option == 'l') show_lines = true;
    else if (option == 'w') show_words = true;
    else usage(usage_text);
  }
  if (!show_lines && !show_words && !show_bytes) show_lines = show_words = show_bytes = true;
  bool ok = true;
  struct counts total = {0, 0, 0};
  if (optind == argc) {
    ok = count_file(STDIN_FILENO, "stdin", &total);
    print_counts(&total, "");
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  for (int i = optind; i < argc; i++) {
    struct counts counts = {0, 0, 0};
    int fd = open(argv[i], O_RDONLY);
    if (fd == -1) {
      warn("%s", argv[i]);
      ok = false;
      continue;
    }
    ok &= count_file(fd, argv[i], &counts);
    close(fd);
    print_counts(&counts, argv[i]);
    total.lines += counts.lines;
    total.words += counts.words;
    total.bytes += counts.bytes;
  }
  if (argc - optind > 1) print_counts(&total, "total");
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
