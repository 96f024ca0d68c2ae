#include <errno.h>
#include <signal.h>
#include <unistd.h>

const char *const sys_signame[NSIG + 1] = {
    NULL,   "HUP",  "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "EMT",    "FPE",  "KILL",  "BUS",
    "SEGV", "SYS",  "PIPE", "ALRM", "TERM", "URG",  "STOP", "TSTP",   "CONT", "CHLD",  "TTIN",
    "TTOU", "IO",   "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "INFO", "USR1", "USR2", "THR",
};

static uint32_t *word_of(sigset_t *set, int signo) { return &set->bits[(signo - 1) / 32]; }
static uint32_t bit_of(int signo) { return 1u << ((signo - 1) % 32); }

int sigemptyset(sigset_t *set) {
  *set = (sigset_t){{0}};
  return 0;
}

int sigfillset(sigset_t *set) {
  for (int i = 0; i < 4; i++) set->bits[i] = 0xFFFFFFFF;
  return 0;
}

int sigaddset(sigset_t *set, int signo) {
  *word_of(set, signo) |= bit_of(signo);
  return 0;
}

int sigdelset(sigset_t *set, int signo) {
  *word_of(set, signo) &= ~bit_of(signo);
  return 0;
}

int sigismember(const sigset_t *set, int signo) { return (set->bits[(signo - 1) / 32] & bit_of(signo)) != 0; }

/* BSD semantics: the handler stays, and interrupted calls are restarted. */
void (*signal(int signo, void (*handler)(int)))(int) {
  struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  if (sigaction(signo, &act, &old) == -1) return SIG_ERR;
  return old.sa_handler;
}

int killpg(pid_t pgrp, int signo) { return kill(-pgrp, signo); }
int raise(int signo) { return kill(getpid(), signo); }
