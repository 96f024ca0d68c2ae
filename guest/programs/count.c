/*
 * The program of the paper: prints the numbers 0 to 99, one a line, slowly. Each line is one write(2), and the whole
 * state is the global `counter`, which a debugger can look at in a core.
 */
#include "usage.h"

#include <unistd.h>

static const char usage_text[] = "count [n [ms]]\n  prints 0 to n-1 (n = 100), ms = 200 milliseconds apart\n";

volatile int counter;

__attribute__((noinline)) static void write_line(int number) { printf("%d\n", number); }

__attribute__((noinline)) static void pause_ms(int ms) {
  if (ms > 0) usleep((useconds_t)ms * 1000);
}

__attribute__((noinline)) static void emit_number(int number, int ms) {
  write_line(number);
  pause_ms(ms);
  __asm__ volatile(""); /* no tail call: this frame stays in the backtrace */
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  argc -= optind;
  argv += optind;
  if (argc > 2) usage(usage_text);
  int limit = argc > 0 ? number_argument("n", argv[0], 0, 1000000000) : 100;
  int ms = argc > 1 ? number_argument("ms", argv[1], 0, 1000000) : 200;

  for (counter = 0; counter < limit; counter++) emit_number(counter, ms);
  return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
