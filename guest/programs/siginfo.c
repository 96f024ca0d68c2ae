/*
 * Signal handlers with SA_SIGINFO: what they are told about a fault and a sender, on which stack they run, which signals wait meanwhile.
 * A handler that puts right what was wrong returns to the instruction that failed.
 */
#include "usage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

static const char usage_text[] = "siginfo\n  takes faults and signals, and prints what the handlers see\n";

static char other_stack[16 * 1024];
static char *page;

static void handle(int signo, void (*handler)(int, siginfo_t *, void *), int flags, int also_blocked) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  if (also_blocked) sigaddset(&action.sa_mask, also_blocked);
  if (sigaction(signo, &action, NULL) == -1) err(EXIT_FAILURE, "sigaction");
}

static const char *which_stack(void) {
  char here;
  stack_t now;
  if (sigaltstack(NULL, &now) == -1) err(EXIT_FAILURE, "sigaltstack");
  int inside = &here >= other_stack && &here < other_stack + sizeof other_stack;
  if (inside != (now.ss_flags == SS_ONSTACK)) return "a confused stack";
  return inside ? "the other stack" : "the usual stack";
}

/* The page is there but may not be read, or is not there at all: either way it is after this. */
static void on_segv(int signo, siginfo_t *info, void *context) {
  (void)context;
  const char *why = info->si_code == SEGV_ACCERR ? "not allowed" : info->si_code == SEGV_MAPERR ? "not mapped" : "?";
  printf("SIG%s, %s, at byte %d of the page, on %s\n", sys_signame[signo], why, (int)((char *)info->si_addr - page), which_stack());
  if (info->si_code == SEGV_ACCERR) mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE);
  else mmap(page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
}

/* Goes on behind the instruction, which is 2 bytes long; int3 is a trap, so there eip is behind it already. */
static void on_instruction(int signo, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  int expected = signo == SIGFPE ? FPE_INTDIV : signo == SIGILL ? ILL_PRVOPC : TRAP_BRKPT;
  int at_eip = (uint32_t)(uintptr_t)info->si_addr == u->uc_mcontext.mc_eip;
  printf("SIG%s, %s code, %s eip, on %s\n", sys_signame[signo], info->si_code == expected ? "the right" : "a wrong",
         at_eip ? "at" : "not at", which_stack());
  if (signo != SIGTRAP) u->uc_mcontext.mc_eip += 2;
}

static void take_faults(void) {
  stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
  if (sigaltstack(&stack, NULL) == -1) err(EXIT_FAILURE, "sigaltstack");
  handle(SIGSEGV, on_segv, SA_ONSTACK, 0);
  page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_ANON | MAP_PRIVATE, -1, 0);
  if (page == MAP_FAILED) err(EXIT_FAILURE, "mmap");
  ((volatile char *)page)[5] = 'x';
  printf("written: %c\n", page[5]);
  munmap(page, PAGE_SIZE);
  printf("a fresh page: %d\n", ((volatile char *)page)[100]);

  handle(SIGFPE, on_instruction, 0, 0);
  handle(SIGILL, on_instruction, SA_ONSTACK, 0);
  handle(SIGTRAP, on_instruction, 0, 0);
  uint32_t zero = 0, low = 7, high = 0;
  __asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "c"(zero));
  printf("registers kept: %s\n", low == 7 && high == 0 ? "yes" : "no");
  __asm__ volatile("ud2");
  __asm__ volatile("int3");
}

static volatile int depth, deepest, calls, sender_seen;
static char order[16];

static void on_nested(int signo, siginfo_t *info, void *context) {
  (void)info, (void)context;
  if (++depth > deepest) deepest = depth;
  if (++calls < 3) raise(signo);
  depth--;
}

static int deepest_with(int flags) {
  depth = deepest = calls = 0;
  handle(SIGUSR1, on_nested, flags, 0);
  raise(SIGUSR1);
  return deepest;
}

static void note(char c) { order[strlen(order)] = c; }

static void on_first(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info, (void)context;
  note('<');
  raise(SIGUSR2);
  note('>');
}

static void on_second(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  sender_seen = info->si_code == SI_USER && info->si_pid == getpid();
  note('2');
}

static void nest(void) {
  printf("deepest: %d, with SA_NODEFER %d\n", deepest_with(0), deepest_with(SA_NODEFER));
  handle(SIGUSR2, on_second, 0, 0);
  handle(SIGUSR1, on_first, 0, 0);
  raise(SIGUSR1);
  note(' ');
  handle(SIGUSR1, on_first, 0, SIGUSR2);
  raise(SIGUSR1);
  printf("order: %s, sender %s\n", order, sender_seen ? "right" : "wrong");

  handle(SIGUSR1, on_second, SA_RESETHAND, 0);
  raise(SIGUSR1);
  struct sigaction now;
  sigaction(SIGUSR1, NULL, &now);
  printf("after SA_RESETHAND: %s\n", now.sa_handler == SIG_DFL ? "the default" : "still the handler");
}

static volatile int woken;
static void on_wake(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info, (void)context;
  woken++;
}

/* A signal waits while it is blocked, and comes as often as it was sent; sigsuspend(2) lets it in. */
static void block(void) {
  sigset_t blocked = {{0}}, before, pending;
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  handle(SIGUSR1, on_wake, 0, 0);
  raise(SIGUSR1);
  raise(SIGUSR1);
  sigpending(&pending);
  printf("pending: %s, handled %d times\n", sigismember(&pending, SIGUSR1) ? "yes" : "no", woken);
  sigprocmask(SIG_SETMASK, &before, NULL);
  printf("unblocked: handled %d times\n", woken);

  sigprocmask(SIG_BLOCK, &blocked, NULL);
  pid_t parent = getpid(), pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) _exit(kill(parent, SIGUSR1) != 0);
  int result = sigsuspend(&before);
  printf("sigsuspend: %s, handled %d times\n", result == -1 && errno == EINTR ? "EINTR" : "?", woken);
  sigprocmask(SIG_BLOCK, NULL, &pending);
  printf("blocked again: %s\n", sigismember(&pending, SIGUSR1) ? "yes" : "no");
  int status;
  if (waitpid(pid, &status, 0) != pid || status != 0) errx(EXIT_FAILURE, "the child failed");
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  take_faults();
  nest();
  block();
  return EXIT_SUCCESS;
}
