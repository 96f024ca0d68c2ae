#include "usage.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

static const char usage_text[] =
    "kill [-s name | -name | -number] pid ...\n"
    "       kill -l [status]\n"
    "  without a signal: TERM\n";

/* "INT", "SIGINT", "int" or "2"; -1 if it is none. */
static int signal_number(const char *text) {
  if (isdigit((unsigned char)*text)) {
    const char *problem;
    int n = (int)strtonum(text, 0, 127, &problem);
    return problem ? -1 : n;
  }
  if (strncasecmp(text, "SIG", 3) == 0) text += 3;
  for (int signo = 1; signo <= NSIG; signo++)
    if (strcasecmp(sys_signame[signo], text) == 0) return signo;
  return -1;
}

static int list(const char *status) {
  if (status) {
    int signo = number_argument("status", status, 0, 255) & 127;
    if (signo < 1 || signo > NSIG) errx(EXIT_FAILURE, "unknown signal; valid signals are 1 to %d", NSIG);
    printf("%s\n", sys_signame[signo]);
    return EXIT_SUCCESS;
  }
  for (int signo = 1; signo <= NSIG; signo++)
    printf("%s%s", sys_signame[signo], signo % 16 == 0 || signo == NSIG ? "\n" : " ");
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  int signo = SIGTERM, first = 1, status = EXIT_SUCCESS;
  if (argc < 2) usage(usage_text);
  if (strcmp(argv[1], "-h") == 0) help(usage_text);
  if (strcmp(argv[1], "-l") == 0) return list(argv[2]);
  if (argv[1][0] == '-' && strcmp(argv[1], "--") != 0) {
    const char *name = argv[1] + 1;
    first = 2;
    if (strcmp(name, "s") == 0 && argc > 2) {
      name = argv[2];
      first = 3;
    }
    signo = signal_number(name);
    if (signo == -1) errx(EXIT_FAILURE, "unknown signal: %s", name);
  }
  if (first < argc && strcmp(argv[first], "--") == 0) first++;
  if (first >= argc) usage(usage_text);
  for (int i = first; i < argc; i++) {
    const char *problem;
    pid_t pid = (pid_t)strtonum(argv[i], -99999, 99999, &problem);
    if (problem) {
      warnx("illegal process id: %s", argv[i]);
      status = EXIT_FAILURE;
    } else if (kill(pid, signo) == -1) {
      warn("%s", argv[i]);
      status = EXIT_FAILURE;
    }
  }
  return status;
}
