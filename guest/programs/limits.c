/* What resource limits do to a process: errors, signals, and how it ends. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char usage_text[] = "limits\n  runs into limits of every kind\n";

static void limit(int which, int64_t soft, int64_t hard) {
  struct rlimit wanted = {soft, hard};
  if (setrlimit(which, &wanted) == -1) err(EXIT_FAILURE, "setrlimit");
}

static const char *refusal(int result, int wanted, const char *name) { return result == -1 && errno == wanted ? name : "?"; }

static volatile int last_signal;
static void note(int signo) { last_signal = signo; }

static void files(void) {
  limit(RLIMIT_NOFILE, 6, 10);
  int opened = 0, last = -1, fd;
  while ((fd = dup(STDOUT_FILENO)) != -1) {
    opened++;
    last = fd;
  }
  printf("files: %d opened, the last is %d, then %s", opened, last, refusal(fd, EMFILE, "EMFILE"));
  struct rlimit more = {12, 12}, allowed = {10, 10};
  printf(", more than the hard limit: %s", setrlimit(RLIMIT_NOFILE, &more) == 0 ? "root may" : "no");
  setrlimit(RLIMIT_NOFILE, &allowed);
  printf(", after that %s\n", dup2(STDOUT_FILENO, 10) == -1 && errno == EBADF ? "EBADF" : "?");
}

static void file_size(void) {
  limit(RLIMIT_FSIZE, 1000, 1000);
  signal(SIGXFSZ, note);
  char block[600] = "";
  int fd = open("/tmp/limits.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  int first = (int)write(fd, block, sizeof block), second = (int)write(fd, block, sizeof block);
  int third = (int)write(fd, block, sizeof block);
  printf("file size: %d, %d, %s with SIG%s\n", first, second, refusal(third, EFBIG, "EFBIG"), sys_signame[last_signal]);
}

static void memory(void) {
  limit(RLIMIT_AS, 16 << 20, 16 << 20);
  void *small = mmap(NULL, 1 << 20, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0);
  void *large = mmap(NULL, 32 << 20, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0);
  printf("memory: 1 MiB %s, 32 MiB %s\n", small == MAP_FAILED ? "no" : "yes", large == MAP_FAILED && errno == ENOMEM ? "ENOMEM" : "?");
}

static void cpu_time(void) {
  limit(RLIMIT_CPU, 1, 2);
  signal(SIGXCPU, note);
  while (last_signal != SIGXCPU)
    ;
  printf("CPU time: SIG%s after a second\n", sys_signame[last_signal]);
}

__attribute__((noinline)) static int deeper(int n) {
  volatile char block[1024];
  block[n % 1024] = (char)n;
  return n == 0 ? 0 : deeper(n - 1) + block[n % 1024];
}

static void stack(void) {
  limit(RLIMIT_STACK, 256 << 10, 256 << 10);
  limit(RLIMIT_CORE, 0, 0);
  deeper(100);
  printf("stack: 100 KiB are there\n");
  deeper(1000);
  printf("1000 KiB are there\n");
}

static void in_child(void (*test)(void)) {
  int status;
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    test();
    _exit(0);
  }
  if (waitpid(pid, &status, 0) != pid) err(EXIT_FAILURE, "waitpid");
  if (WIFSIGNALED(status)) printf("killed by SIG%s%s\n", sys_signame[WTERMSIG(status)], WCOREDUMP(status) ? ", core dumped" : "");
  else if (status != 0) printf("status %#x\n", status);
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  in_child(files);
  in_child(file_size);
  in_child(memory);
  in_child(cpu_time);
  in_child(stack);
  struct rlimit now;
  getrlimit(RLIMIT_NOFILE, &now);
  printf("the parent's are as they were: %s\n", now.rlim_cur > 6 ? "yes" : "no");
  return EXIT_SUCCESS;
}
