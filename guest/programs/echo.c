/* As in FreeBSD, echo has no -h: it prints whatever it is given, except a leading -n, which leaves the newline out. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  int newline = argc < 2 || strcmp(argv[1], "-n") != 0;
  for (int i = newline ? 1 : 2; i < argc; i++) printf("%s%s", argv[i], i + 1 < argc ? " " : "");
  if (newline) putchar('\n');
  fflush(stdout);
  return ferror(stdout) ? 1 : 0;
}
