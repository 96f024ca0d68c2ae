#include <stdlib.h>
#include <string.h>
#include <sys/exec.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp);
__dead void _start_c(int *argc_at, struct ps_strings *strings);

char **environ;
struct ps_strings *__ps_strings;
static const char *progname = "";

const char *getprogname(void) { return progname; }

/* argc_at: the word that holds argc, with argv[], NULL, envp[], NULL and the auxiliary vector above it. */
void _start_c(int *argc_at, struct ps_strings *strings) {
  int argc = *argc_at;
  char **argv = (char **)(argc_at + 1);
  environ = argv + argc + 1;
  __ps_strings = strings;
  if (argc > 0 && argv[0]) progname = basename_of(argv[0]);
  exit(main(argc, argv, environ));
}
