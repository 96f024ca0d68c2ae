#include "usage.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] = "cat [file ...]\n  - is standard input\n";

static bool copy(int fd, const char *name) {
  static char buffer[16384];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    for (ssize_t done = 0; done < n;) {
      ssize_t written = write(STDOUT_FILENO, buffer + done, (size_t)(n - done));
      if (written == -1) err(EXIT_FAILURE, "stdout");
      done += written;
    }
  if (n == -1) warn("%s", name);
  return n == 0;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "hu")) != -1)
    if (option != 'u') option == 'h' ? help(usage_text) : usage(usage_text);
  bool ok = true;
  if (optind == argc) ok = copy(STDIN_FILENO, "stdin");
  for (int i = optind; i < argc; i++) {
    if (strcmp(argv[i], "-") == 0) {
      ok &= copy(STDIN_FILENO, "stdin");
      continue;
    }
    int fd = open(argv[i], O_RDONLY);
    if (fd == -1) {
      warn("%s", argv[i]);
      ok = false;
      continue;
    }
    ok &= copy(fd, argv[i]);
    close(fd);
  }
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
