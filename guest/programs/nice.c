#include "usage.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage_text[] = "nice [-n increment] command [argument ...]\n  increment: 10\n";

int main(int argc, char **argv) {
  int increment = 10, first = 1;
  if (argc > 1 && strcmp(argv[1], "-h") == 0) help(usage_text);
  if (argc > 2 && strcmp(argv[1], "-n") == 0) {
    increment = number_argument("increment", argv[2], -40, 40);
    first = 3;
  } else if (argc > 1 && argv[1][0] == '-' && isdigit((unsigned char)argv[1][1])) {
    increment = number_argument("increment", argv[1] + 1, 0, 40);
    first = 2;
  }
  if (first >= argc || argv[first][0] == '-') usage(usage_text);
  errno = 0;
  int now = getpriority(PRIO_PROCESS, 0);
  if (now == -1 && errno != 0) err(EXIT_FAILURE, "getpriority");
  if (setpriority(PRIO_PROCESS, 0, now + increment) == -1) warn("setpriority");
  execvp(argv[first], argv + first);
  err(errno == ENOENT ? 127 : 126, "%s", argv[first]);
}
