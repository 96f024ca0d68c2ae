#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const descriptions[NSIG + 1] = {
    [SIGHUP] = "Hangup",
    [SIGINT] = "Interrupt",
    [SIGQUIT] = "Quit",
    [SIGILL] = "Illegal instruction",
    [SIGTRAP] = "Trace/BPT trap",
    [SIGABRT] = "Abort trap",
    [SIGEMT] = "EMT trap",
    [SIGFPE] = "Floating point exception",
    [SIGKILL] = "Killed",
    [SIGBUS] = "Bus error",
    [SIGSEGV] = "Segmentation fault",
    [SIGSYS] = "Bad system call",
    [SIGPIPE] = "Broken pipe",
    [SIGALRM] = "Alarm clock",
    [SIGTERM] = "Terminated",
    [SIGXCPU] = "Cputime limit exceeded",
    [SIGUSR1] = "User defined signal 1",
    [SIGUSR2] = "User defined signal 2",
};

char *strsignal(int signo) {
  static char text[24];
  if (signo > 0 && signo <= NSIG && descriptions[signo]) return (char *)(uintptr_t)descriptions[signo];
  snprintf(text, sizeof text, "Signal %d", signo);
  return text;
}
