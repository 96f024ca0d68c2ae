/* Process groups, sessions, orphans, and everything that wait(2) tells of a child: its end, its stops, its going on. */
#include "usage.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static const char usage_text[] = "procs\n  starts, stops and ends processes in groups\n";

static pid_t fork_or_die(void) {
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  return pid;
}

static _Noreturn void sleep_for_ever(void) {
  for (;;) sleep(1000);
}

static void print_status(const char *what, pid_t expected, pid_t got, int status) {
  printf("%s: ", what);
  if (got == -1) printf("%s\n", errno == ECHILD ? "ECHILD" : "error");
  else if (got == 0) printf("nothing yet\n");
  else if (got != expected) printf("another child\n");
  else if (WIFEXITED(status)) printf("exited with %d\n", WEXITSTATUS(status));
  else if (WIFSTOPPED(status)) printf("stopped by SIG%s\n", sys_signame[WSTOPSIG(status)]);
  else if (WIFCONTINUED(status)) printf("goes on\n");
  else printf("killed by SIG%s%s\n", sys_signame[WTERMSIG(status)], WCOREDUMP(status) ? ", core dumped" : "");
}

static void expect(const char *what, pid_t pid, int options) {
  int status = 0;
  pid_t got = waitpid(pid, &status, options);
  print_status(what, pid, got, status);
}

static void one_child(void) {
  pid_t pid = fork_or_die();
  if (pid == 0) sleep_for_ever();
  setpgid(pid, 0); /* ours may be orphaned, and SIGTSTP would do nothing there */
  expect("sleeping", pid, WNOHANG);
  kill(pid, SIGSTOP);
  expect("SIGSTOP", pid, WUNTRACED);
  expect("told once", pid, WUNTRACED | WNOHANG);
  kill(pid, SIGCONT);
  expect("SIGCONT", pid, WCONTINUED);
  kill(pid, SIGTSTP);
  expect("SIGTSTP", pid, WUNTRACED);
  kill(pid, SIGTERM); /* waits until the process goes on */
  expect("SIGTERM while stopped", pid, WNOHANG);
  kill(pid, SIGCONT);
  expect("SIGCONT", pid, 0);
  expect("gone", pid, 0);
  pid = fork_or_die();
  if (pid == 0) sleep_for_ever();
  kill(pid, SIGSTOP);
  expect("another", pid, WUNTRACED);
  kill(pid, SIGKILL);
  expect("SIGKILL while stopped", pid, 0);
}

/* Two groups of three; a signal to one leaves the other alone. */
static void groups(void) {
  pid_t pids[6], leaders[2] = {0, 0};
  for (int n = 0; n < 6; n++) {
    pids[n] = fork_or_die();
    if (pids[n] == 0) sleep_for_ever();
    if (setpgid(pids[n], leaders[n / 3]) == -1) err(EXIT_FAILURE, "setpgid");
    if (n % 3 == 0) leaders[n / 3] = pids[n];
  }
  printf("groups: %s, %s\n", getpgid(pids[2]) == leaders[0] ? "right" : "wrong", getpgid(pids[3]) == pids[3] ? "right" : "wrong");
  killpg(leaders[0], SIGINT);
  int status, killed = 0, other = 0;
  for (int n = 0; n < 3; n++)
    killed += waitpid(-leaders[0], &status, 0) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
  printf("first group: %d killed, then %s\n", killed, waitpid(-leaders[0], &status, 0) == -1 && errno == ECHILD ? "ECHILD" : "?");
  printf("second group: %s\n", waitpid(-leaders[1], &status, WNOHANG) == 0 ? "alive" : "?");
  kill(-leaders[1], SIGHUP);
  for (int n = 0; n < 3; n++) other += wait(&status) > 0 && WTERMSIG(status) == SIGHUP;
  printf("second group: %d killed, then %s\n", other, kill(-leaders[1], 0) == -1 && errno == ESRCH ? "ESRCH" : "?");
}

static int session(void) {
  pid_t me = getpid();
  if (setsid() != me || getpgrp() != me || getsid(0) != me) return 1;
  if (setsid() != -1 || errno != EPERM) return 2; /* a leader already */
  if (setpgid(0, 0) != -1 || errno != EPERM) return 3;
  pid_t pid = fork_or_die();
  if (pid == 0) _exit(getsid(0) == me && getpgrp() == me && setpgid(0, 0) == 0 && getpgrp() == getpid() ? 0 : 1);
  int status;
  return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 4;
}

/* The child of a process that ends goes to process 1; what it finds comes by a pipe. */
static void orphan(void) {
  int ends[2], found = 0;
  char c;
  if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
  pid_t pid = fork_or_die();
  if (pid == 0) {
    pid_t parent = getpid();
    if (fork_or_die() != 0) _exit(0);
    while (getppid() == parent) usleep(1000);
    int now = getppid();
    _exit(write(ends[1], &now, sizeof now) != (ssize_t)sizeof now);
  }
  expect("the parent", pid, 0);
  if (read(ends[0], &found, sizeof found) != (ssize_t)sizeof found) err(EXIT_FAILURE, "read");
  close(ends[1]);
  printf("the orphan's parent is %d, its end was %s\n", found, read(ends[0], &c, 1) == 0 ? "seen" : "?");
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  one_child();
  groups();
  pid_t pid = fork_or_die();
  if (pid == 0) _exit(session());
  expect("session", pid, 0);
  orphan();
  expect("no children", -1, 0);
  return EXIT_SUCCESS;
}
