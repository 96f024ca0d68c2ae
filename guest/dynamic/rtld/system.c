#include "rtld.h"

#include <sys/syscall.h>

/* Arguments lie on the stack behind a return address; the carry flag says that the result is an errno. Negative errno on failure. */
static int system_call(int number, const uint32_t *args) {
  int result;
  uint8_t failed;
  __asm__ volatile("pushl %%ebx\n\t"
                   "movl %%esp, %%ebx\n\t"
                   "movl %%edx, %%esp\n\t"
                   "int $0x80\n\t"
                   "movl %%ebx, %%esp\n\t"
                   "popl %%ebx\n\t"
                   "setc %%cl"
                   : "=a"(result), "=c"(failed), "+d"(args)
                   : "a"(number)
                   : "memory", "cc");
  return failed ? -result : result;
}

int sys_open(const char *path) { return system_call(SYS_open, (uint32_t[]){0, (uint32_t)path, 0, 0}); }
int sys_close(int fd) { return system_call(SYS_close, (uint32_t[]){0, (uint32_t)fd}); }

int sys_read(int fd, void *buffer, size_t size) {
  return system_call(SYS_read, (uint32_t[]){0, (uint32_t)fd, (uint32_t)buffer, size});
}

void *sys_mmap(uintptr_t at, size_t size, int prot, int flags, int fd, uint32_t offset) {
  const uint32_t args[] = {0, at, size, (uint32_t)prot, (uint32_t)flags, (uint32_t)fd, offset, 0};
  int result = system_call(SYS_mmap, args);
  if (result < 0 && result > -100) die("no room to map", "a file", "");
  return (void *)result;
}

static size_t length(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

static void say(const char *text) {
  system_call(SYS_write, (uint32_t[]){0, 2, (uint32_t)text, length(text)});
}

void die(const char *what, const char *name, const char *more) {
  say("ld-elf.so.1: ");
  say(what);
  say(" ");
  say(name);
  say(more);
  say("\n");
  for (;;) system_call(SYS_exit, (uint32_t[]){0, 1});
}

int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}
