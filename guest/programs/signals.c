/* Signal handlers: a frame and back, a call that is interrupted, one that is restarted, a fault. Prints what happened. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int last_signal, calls;

static void note(int signo) {
  last_signal = signo;
  calls++;
}

static void on_segv(int signo) {
  printf("handler of signal %d\n", signo);
  exit(7);
}

static void handle(int signo, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  if (sigaction(signo, &action, NULL) < 0) {
    printf("sigaction: errno %d\n", errno);
    exit(1);
  }
}

/* A child that signals us while we wait for it, and ends a little later. */
static int disturber(int code) {
  int pid = fork();
  if (pid == 0) {
    usleep(50000);
    kill(getppid(), SIGUSR1);
    usleep(50000);
    _exit(code);
  }
  return pid;
}

int main(void) {
  int status = 0;
  handle(SIGUSR1, note, 0);
  kill(getpid(), SIGUSR1);
  printf("signal %d, %d call\n", last_signal, calls);

  int pid = disturber(3);
  int got = wait4(pid, &status, 0, NULL);
  printf("interrupted: %s, %d calls\n", got < 0 && errno == EINTR ? "EINTR" : "no", calls);
  got = wait4(pid, &status, 0, NULL);
  printf("then: %s, status %d\n", got == pid ? "the child" : "no", WEXITSTATUS(status));

  handle(SIGUSR1, note, SA_RESTART);
  pid = disturber(4);
  got = wait4(pid, &status, 0, NULL);
  printf("restarted: %s, status %d, %d calls\n", got == pid ? "the child" : "no", WEXITSTATUS(status), calls);

  handle(SIGSEGV, on_segv, 0);
  *(volatile int *)8 = 1;
  return 0;
}
