/* One byte through a pipe: 100 write(2) and read(2) a round. */
#include "shim.h"

#define SYS_read 3

/* pipe(2) has the same number in both worlds, but FreeBSD gives the descriptors in EAX and EDX. */
static void make_pipe(u32 fds[2]) {
#ifdef __FreeBSD__
  __asm__ volatile("pushl $0\n\tint $0x80\n\taddl $4, %%esp" : "=a"(fds[0]), "=d"(fds[1]) : "a"(42) : "memory", "cc");
#else
  system_call(42, (u32)fds, 0, 0);
#endif
}

u32 work(u32 rounds) {
  u32 fds[2];
  u32 sum = 0;
  make_pipe(fds);
  for (u32 i = 0; i < rounds * 100; i++) {
    u8 byte = (u8)i;
    system_call(SYS_write, fds[1], (u32)&byte, 1);
    byte = 0;
    system_call(SYS_read, fds[0], (u32)&byte, 1);
    sum += byte;
  }
  return sum;
}
