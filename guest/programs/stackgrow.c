/* Recurses deep enough that the kernel has to grow the stack, and checks every frame on return. */
#include "usage.h"

#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "stackgrow [kilobytes [seconds]]\n  uses that much stack (1024); seconds: sleep at the deepest point\n";

#define FRAME 2048

volatile int deepest;

__attribute__((noinline)) static unsigned descend(int level, int levels, int seconds) {
  volatile uint8_t frame[FRAME];
  for (int i = 0; i < FRAME; i += 64) frame[i] = (uint8_t)(level + i);
  deepest = level;
  unsigned damaged = 0;
  if (level < levels) damaged = descend(level + 1, levels, seconds);
  else if (seconds > 0) {
    printf("deepest frame: %d\n", level);
    sleep((unsigned)seconds);
  }
  for (int i = 0; i < FRAME; i += 64)
    if (frame[i] != (uint8_t)(level + i)) damaged++;
  return damaged;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int kilobytes = optind < argc ? number_argument("kilobytes", argv[optind], 1, 65000) : 1024;
  int seconds = optind + 1 < argc ? number_argument("seconds", argv[optind + 1], 0, 100000) : 0;
  unsigned damaged = descend(1, (kilobytes * 1024 + FRAME - 1) / FRAME, seconds);
  printf("%d frames of %d bytes, %u damaged\n", deepest, FRAME, damaged);
  return damaged == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
