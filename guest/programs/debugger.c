/*
 * A debugger of a child with several threads: an INT3 at the start of a function that all of them call. Each stop is told by thread, an
 * argument is changed, the breakpoint is stepped over while the other threads stand still.
 */
#include "usage.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static const char usage_text[] = "debugger\n  sets a breakpoint in a child with threads and counts the stops\n";

#define THREADS 4
#define VISITS 5
#define INT3 0xCC

static volatile int sums[THREADS];

/* The breakpoint stands here. The stack holds the return address, then the arguments. */
__attribute__((noinline)) static void visit(int thread, int amount) { sums[thread] += amount; }

static void *walk(void *arg) {
  int me = (int)(intptr_t)arg;
  for (int n = 1; n <= VISITS; n++) visit(me, n);
  return NULL;
}

static int child(void) {
  pthread_t ids[THREADS];
  if (ptrace(PT_TRACE_ME, 0, NULL, 0) == -1) return 100;
  raise(SIGSTOP);
  for (int n = 0; n < THREADS; n++) pthread_create(&ids[n], NULL, walk, (void *)(intptr_t)n);
  int total = 0;
  for (int n = 0; n < THREADS; n++) {
    pthread_join(ids[n], NULL);
    total += sums[n];
  }
  return total;
}

static int request(int op, pid_t id, void *addr, int data) {
  int result = ptrace(op, id, addr, data);
  if (result == -1 && errno != 0) err(EXIT_FAILURE, "ptrace %d", op);
  return result;
}

/* The signal at which the child stands; 0: it has ended, with `status`. */
static int wait_for_stop(pid_t pid, int *status) {
  if (waitpid(pid, status, 0) != pid) err(EXIT_FAILURE, "waitpid");
  return WIFSTOPPED(*status) ? WSTOPSIG(*status) : 0;
}

static void put_byte(pid_t pid, void *at, uint8_t byte) {
  struct ptrace_io_desc io = {.piod_op = PIOD_WRITE_D, .piod_offs = at, .piod_addr = &byte, .piod_len = 1};
  request(PT_IO, pid, (caddr_t)&io, 0);
}

static void suspend_others(pid_t pid, lwpid_t but, int op) {
  lwpid_t lwps[THREADS + 1];
  int count = request(PT_GETLWPLIST, pid, (caddr_t)lwps, THREADS + 1);
  for (int n = 0; n < count; n++)
    if (lwps[n] != but) request(op, lwps[n], NULL, 0);
}

/* One stop at the breakpoint: what was called, by which thread; and on. */
static void at_breakpoint(pid_t pid, int counts[THREADS], lwpid_t lwps[THREADS]) {
  struct ptrace_lwpinfo info;
  struct reg regs;
  request(PT_LWPINFO, pid, (caddr_t)&info, sizeof info);
  lwpid_t lwp = info.pl_lwpid;
  request(PT_GETREGS, lwp, (caddr_t)&regs, 0);
  if (regs.r_eip != (uint32_t)(uintptr_t)visit + 1) errx(EXIT_FAILURE, "stopped at %#x", regs.r_eip);
  char *stack = (char *)(uintptr_t)regs.r_esp;
  int thread = request(PT_READ_D, pid, stack + 4, 0), amount = request(PT_READ_D, pid, stack + 8, 0);
  if (thread < 0 || thread >= THREADS || amount != ++counts[thread]) errx(EXIT_FAILURE, "visit(%d, %d)", thread, amount);
  if (lwps[thread] == 0) lwps[thread] = lwp;
  else if (lwps[thread] != lwp) errx(EXIT_FAILURE, "two threads with one argument");
  if (thread == 2) request(PT_WRITE_D, pid, stack + 8, 2 * amount);

  regs.r_eip--;
  request(PT_SETREGS, lwp, (caddr_t)&regs, 0);
  uint8_t original = *(uint8_t *)(uintptr_t)visit;
  put_byte(pid, (void *)(uintptr_t)visit, original);
  suspend_others(pid, lwp, PT_SUSPEND);
  int status;
  request(PT_STEP, lwp, (caddr_t)1, 0);
  if (wait_for_stop(pid, &status) != SIGTRAP) errx(EXIT_FAILURE, "no stop after a step: %#x", status);
  request(PT_LWPINFO, pid, (caddr_t)&info, sizeof info);
  request(PT_GETREGS, lwp, (caddr_t)&regs, 0);
  if (info.pl_lwpid != lwp || regs.r_eip == (uint32_t)(uintptr_t)visit) errx(EXIT_FAILURE, "the step went nowhere");
  put_byte(pid, (void *)(uintptr_t)visit, INT3);
  suspend_others(pid, lwp, PT_RESUME);
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) _exit(child());
  int status, stops = 0, counts[THREADS] = {0};
  lwpid_t lwps[THREADS] = {0};
  if (wait_for_stop(pid, &status) != SIGSTOP) errx(EXIT_FAILURE, "the child does not stop: %#x", status);
  printf("stopped with %d thread\n", request(PT_GETNUMLWPS, pid, NULL, 0));
  put_byte(pid, (void *)(uintptr_t)visit, INT3);
  request(PT_CONTINUE, pid, (caddr_t)1, 0);
  for (int signo; (signo = wait_for_stop(pid, &status)) != 0; stops++) {
    if (signo != SIGTRAP) errx(EXIT_FAILURE, "stopped by signal %d", signo);
    at_breakpoint(pid, counts, lwps);
    request(PT_CONTINUE, pid, (caddr_t)1, 0);
  }
  printf("%d stops:", stops);
  for (int n = 0; n < THREADS; n++) printf(" %d", counts[n]);
  int different = 1;
  for (int n = 1; n < THREADS; n++)
    for (int m = 0; m < n; m++) different &= lwps[n] != lwps[m];
  printf(" of %s threads\n", different ? "different" : "the same");
  int expected = THREADS * VISITS * (VISITS + 1) / 2 + VISITS * (VISITS + 1) / 2;
  printf("the child ended with %d, expected %d\n", WEXITSTATUS(status), expected);
  return WIFEXITED(status) && WEXITSTATUS(status) == expected ? EXIT_SUCCESS : EXIT_FAILURE;
}
