#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int __break(const void *end);

extern char _end[]; /* from the linker: first byte behind .bss, where the kernel puts the first break */
static char *break_now = _end;

int brk(const void *addr) {
  if (__break(addr) == -1) return -1;
  break_now = (char *)(uintptr_t)addr;
  return 0;
}

void *sbrk(intptr_t increment) {
  char *before = break_now;
  if (increment != 0 && brk(before + increment) == -1) return (void *)-1;
  return before;
}
