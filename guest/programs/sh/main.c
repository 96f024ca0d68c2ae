#include "sh.h"
#include "usage.h"

#include <fcntl.h>
#include <unistd.h>

static const char usage_text[] =
    "sh [-i] [-c command [name [argument ...]]] [script [argument ...]]\n"
    "  runs the command, the script, or what standard input says; -i prompts\n";

struct shell shell;

int main(int argc, char **argv) {
  const char *command = NULL;
  int option;
  while ((option = getopt(argc, argv, "c:hi")) != -1) {
    switch (option) {
    case 'c':
      command = optarg;
      break;
    case 'i':
      shell.interactive = true;
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  argc -= optind;
  argv += optind;
  shell.pid = getpid();
  shell.name = argc > 0 ? argv[0] : "sh";
  shell.arguments = argv + (argc > 0);
  shell.argument_count = argc > 0 ? argc - 1 : 0;

  struct source source;
  if (command) {
    source = source_of_text(command);
  } else if (argc > 0) {
    int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (fd == -1) err(127, "%s", argv[0]);
    source = source_of_fd(fd, false);
  } else {
    shell.interactive = shell.interactive || isatty(STDIN_FILENO);
    source = source_of_fd(STDIN_FILENO, shell.interactive);
  }
  if (shell.interactive) job_control_begin();
  return run_source(&source);
}
