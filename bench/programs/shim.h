/*
 * The same compute kernel for two worlds: an i386 FreeBSD guest and a 32-bit Linux process. Nothing but these few lines differs.
 * Each program defines `unsigned work(unsigned rounds)`; `prog N` does N rounds and prints a checksum, by which runs are compared.
 */
#ifndef SHIM_H
#define SHIM_H

typedef unsigned char u8;
typedef unsigned int u32;

u32 work(u32 rounds);

#ifdef __FreeBSD__
#define SYS_exit 1
#define SYS_write 4
#define SYS_getpid 20
/* Arguments on the stack, above a return address. */
static inline u32 system_call4(u32 number, u32 a, u32 b, u32 c, u32 d) {
  u32 result;
  __asm__ volatile("pushl %5\n\tpushl %4\n\tpushl %3\n\tpushl %2\n\tpushl $0\n\tint $0x80\n\taddl $20, %%esp"
                   : "=a"(result)
                   : "a"(number), "r"(a), "r"(b), "r"(c), "r"(d)
                   : "memory", "cc", "edx");
  return result;
}
#else
/* exit_group(2) */
#define SYS_exit 252
#define SYS_write 4
#define SYS_getpid 20
static inline u32 system_call4(u32 number, u32 a, u32 b, u32 c, u32 d) {
  u32 result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
  return result;
}
#endif

static inline u32 system_call(u32 number, u32 a, u32 b, u32 c) { return system_call4(number, a, b, c, 0); }

#endif
