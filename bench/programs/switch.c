/* Two threads hand a word over, each waiting for the other: 200 switches a round, on one CPU. */
#include "shim.h"

static volatile u32 turn;
static u8 stack[16384] __attribute__((aligned(16)));

#ifdef __FreeBSD__
#define SYS_umtx_op 454
#define SYS_thr_new 455
#define UMTX_OP_WAKE 3
#define UMTX_OP_WAIT_UINT 11
/* _umtx_op(2) has a fifth argument, the timeout. */
static void umtx(u32 op, u32 value) {
  u32 number = SYS_umtx_op;
  __asm__ volatile("pushl $0\n\tpushl $0\n\tpushl %3\n\tpushl %2\n\tpushl %1\n\tpushl $0\n\tint $0x80\n\taddl $24, %%esp"
                   : "+a"(number)
                   : "r"(&turn), "r"(op), "r"(value)
                   : "memory", "cc", "edx");
}
static void wait_while(u32 value) { umtx(UMTX_OP_WAIT_UINT, value); }
static void wake(void) { umtx(UMTX_OP_WAKE, 1); }
static void start(void (*entry)(void)) {
  /* struct thr_param: entry, argument, stack, its size, TLS, its size, two places for the id, flags, rtprio, spare. */
  u32 id[2];
  u32 param[13] = {(u32)entry, 0, (u32)stack, sizeof stack, 0, 0, (u32)&id[0], (u32)&id[1], 0, 0, 0, 0, 0};
  system_call(SYS_thr_new, (u32)param, sizeof param, 0);
}
#else
#define SYS_clone 120
#define SYS_futex 240
#define SYS_sched_setaffinity 241
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
/* CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_SYSVSEM */
#define CLONE_FLAGS 0x50f00
static void wait_while(u32 value) { system_call4(SYS_futex, (u32)&turn, FUTEX_WAIT, value, 0); }
static void wake(void) { system_call4(SYS_futex, (u32)&turn, FUTEX_WAKE, 1, 0); }
static void start(void (*entry)(void)) {
  u32 first_cpu = 1;
  system_call(SYS_sched_setaffinity, 0, sizeof first_cpu, (u32)&first_cpu);
  u32 *top = (u32 *)(stack + sizeof stack - 16);
  *top = (u32)entry;
  __asm__ volatile("int $0x80\n\ttestl %%eax, %%eax\n\tjnz 1f\n\tpopl %%eax\n\tcall *%%eax\n1:"
                   :
                   : "a"(SYS_clone), "b"(CLONE_FLAGS), "c"(top), "d"(0), "S"(0), "D"(0)
                   : "memory", "cc");
}
#endif

static void pass(u32 mine) {
  while (turn != mine) wait_while(1 - mine);
  turn = 1 - mine;
  wake();
}

static void other(void) {
  for (;;) pass(1);
}

u32 work(u32 rounds) {
  start(other);
  for (u32 i = 0; i < rounds * 100; i++) pass(0);
  while (turn != 0) wait_while(1);
  return rounds;
}
