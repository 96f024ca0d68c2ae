/*
 * The native half of the debug-register oracle: runs machine code given on stdin under ptrace, with breakpoints in the real debug
 * registers, and reports each debug exception on stdout. A 32-bit Linux program. The layout of the records stands in ../protocol.ts
 * (a case) and ../debug-oracle.ts (what goes before it, and the result).
 */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE_BASE 0x10000000u
#define CODE_SIZE 0x2000u
#define DATA_BASE 0x20000000u
#define DATA_SIZE 0x3000u
#define EVENTS_MAX 64

struct setup {
  uint32_t dr[4], dr7, step;
};
struct case_header {
  uint32_t regs[8]; /* eax ecx edx ebx esp ebp esi edi */
  uint32_t eip, eflags;
  uint16_t selectors[6]; /* es cs ss ds fs gs */
  uint8_t code_length, mode;
  uint16_t steps;
  uint8_t patch_count, has_fx;
  uint16_t code_offset;
};
struct patch {
  uint32_t address, value;
};
struct event {
  uint32_t signo, code, eip, eflags, dr6, regs[8];
};

static uint8_t base[DATA_SIZE];
static struct user_regs_struct plain;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void take(void *to, size_t size) {
  if (fread(to, 1, size, stdin) != size) die("input ends");
}

static void set_debug_register(pid_t pid, int n, uint32_t value) {
  if (ptrace(PTRACE_POKEUSER, pid, (void *)(offsetof(struct user, u_debugreg) + 4 * n), (void *)value) != 0) die("debug register");
}

static uint32_t debug_register(pid_t pid, int n) {
  return (uint32_t)ptrace(PTRACE_PEEKUSER, pid, (void *)(offsetof(struct user, u_debugreg) + 4 * n), 0);
}

static void run(pid_t pid, const struct setup *setup, const struct case_header *c) {
  struct event events[EVENTS_MAX];
  uint32_t count = 0;
  struct user_regs_struct regs = plain;
  regs.eax = c->regs[0], regs.ecx = c->regs[1], regs.edx = c->regs[2], regs.ebx = c->regs[3];
  regs.esp = c->regs[4], regs.ebp = c->regs[5], regs.esi = c->regs[6], regs.edi = c->regs[7];
  regs.eip = c->eip, regs.eflags = c->eflags, regs.orig_eax = -1;
  regs.xes = c->selectors[0], regs.xcs = c->selectors[1], regs.xss = c->selectors[2];
  regs.xds = c->selectors[3], regs.xfs = c->selectors[4], regs.xgs = c->selectors[5];
  if (ptrace(PTRACE_SETREGS, pid, 0, &regs) != 0) die("registers");
  set_debug_register(pid, 7, 0);
  for (int i = 0; i < 4; i++) set_debug_register(pid, i, setup->dr[i]);
  set_debug_register(pid, 7, setup->dr7);
  for (;;) {
    set_debug_register(pid, 6, 0);
    if (ptrace(setup->step ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, 0, 0) != 0) die("continue");
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) die("the case is gone");
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, pid, 0, &info) != 0) die("signal");
    if (ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0) die("registers");
    struct event *e = &events[count++];
    e->signo = WSTOPSIG(status), e->code = (uint32_t)info.si_code;
    e->eip = regs.eip, e->eflags = regs.eflags, e->dr6 = debug_register(pid, 6);
    e->regs[0] = regs.eax, e->regs[1] = regs.ecx, e->regs[2] = regs.edx, e->regs[3] = regs.ebx;
    e->regs[4] = regs.esp, e->regs[5] = regs.ebp, e->regs[6] = regs.esi, e->regs[7] = regs.edi;
    /* INT3, which the kernel reports as its own, or a fault. */
    if (e->signo != SIGTRAP || info.si_code == SI_KERNEL || count == EVENTS_MAX) break;
  }
  fwrite(&count, sizeof count, 1, stdout);
  fwrite(events, sizeof *events, count, stdout);
}

int main(void) {
  uint8_t *code = mmap((void *)CODE_BASE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  uint8_t *data = mmap((void *)DATA_BASE, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (code == MAP_FAILED || data == MAP_FAILED) die("memory");
  take(base, sizeof base);
  memset(code, 0xcc, CODE_SIZE);
  pid_t pid = fork();
  if (pid == 0) {
    if (mprotect(code, CODE_SIZE, PROT_READ | PROT_EXEC) != 0) die("protection");
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    _exit(0);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) die("child");
  if (ptrace(PTRACE_SETOPTIONS, pid, 0, (void *)PTRACE_O_EXITKILL) != 0) die("options");
  if (ptrace(PTRACE_GETREGS, pid, 0, &plain) != 0) die("registers");
  alarm(600);
  struct setup setup;
  while (fread(&setup, sizeof setup, 1, stdin) == 1) {
    struct case_header c;
    uint8_t padding[4];
    take(&c, sizeof c);
    memcpy(data, base, sizeof base);
    take(code + c.code_offset, c.code_length);
    take(padding, -c.code_length & 3);
    for (int i = 0; i < c.patch_count; i++) {
      struct patch patch;
      take(&patch, sizeof patch);
      memcpy(data + (patch.address - DATA_BASE), &patch.value, 4);
    }
    run(pid, &setup, &c);
    memset(code + c.code_offset, 0xcc, c.code_length);
  }
  kill(pid, SIGKILL);
  return 0;
}
