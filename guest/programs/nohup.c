/* Runs a command that does not end when its terminal hangs up. Output goes where it went before. */
#include "usage.h"

#include <errno.h>
#include <signal.h>

static const char usage_text[] = "nohup command [argument ...]\n";

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc == optind) usage(usage_text);
  signal(SIGHUP, SIG_IGN);
  execvp(argv[optind], argv + optind);
  err(errno == ENOENT ? 127 : 126, "%s", argv[optind]);
}
