/* FreeBSD sys/signal.h: numbers, sigset_t of 4 words, sigaction of 24 bytes. */
#ifndef SIGNAL_H
#define SIGNAL_H

#include <sys/types.h>

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGEMT 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGBUS 10
#define SIGSEGV 11
#define SIGSYS 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGURG 16
#define SIGSTOP 17
#define SIGTSTP 18
#define SIGCONT 19
#define SIGCHLD 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGIO 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGINFO 29
#define SIGUSR1 30
#define SIGUSR2 31
#define SIGTHR 32
#define NSIG 32
/* Realtime signals: queued one by one, the lowest number first. */
#define SIGRTMIN 65
#define SIGRTMAX 126

typedef struct {
  uint32_t bits[4]; /* signal s is bit (s-1)&31 of word (s-1)/32 */
} sigset_t;
ABI_SIZE(sigset_t, 16);

typedef struct siginfo {
  int si_signo;
  int si_errno;
  int si_code;
  pid_t si_pid;
  uid_t si_uid;
  int si_status;
  void *si_addr;
  void *si_value;
  int si_trapno;  /* of a timer: its id */
  int si_overrun;
  int reason_spare[6];
} siginfo_t;
ABI_SIZE(siginfo_t, 64);

struct sigaction {
  union {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, siginfo_t *, void *);
  };
  int sa_flags;
  sigset_t sa_mask;
};
ABI_SIZE(struct sigaction, 24);
ABI_OFFSET(struct sigaction, sa_mask, 8);

/* si_code: who sent it, */
#define SI_USER 0x10001
#define SI_QUEUE 0x10002
#define SI_TIMER 0x10003
#define SI_LWP 0x10007
/* or what happened. */
#define ILL_PRVOPC 5
#define FPE_INTDIV 2
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define TRAP_BRKPT 1
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

typedef struct {
  void *ss_sp;
  size_t ss_size;
  int ss_flags;
} stack_t;
#define SS_ONSTACK 1
#define SS_DISABLE 4

struct sigevent {
  int sigev_notify, sigev_signo;
  void *sigev_value;
  long reserved[8];
};
ABI_SIZE(struct sigevent, 44);
#define SIGEV_SIGNAL 1

#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)
#define SIG_ERR ((void (*)(int))-1)

#define SA_ONSTACK 1
#define SA_RESTART 2
#define SA_RESETHAND 4
#define SA_NOCLDSTOP 8
#define SA_NODEFER 0x10
#define SA_NOCLDWAIT 0x20
#define SA_SIGINFO 0x40

#define SIG_BLOCK 1
#define SIG_UNBLOCK 2
#define SIG_SETMASK 3

extern const char *const sys_signame[NSIG + 1]; /* "HUP" at 1; NULL at 0 */

int kill(pid_t pid, int signo);
int raise(int signo);
int sigaction(int signo, const struct sigaction *restrict act, struct sigaction *restrict old);
int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old);
int sigsuspend(const sigset_t *mask);
int sigpending(sigset_t *set);
int sigaltstack(const stack_t *restrict stack, stack_t *restrict old);
int sigqueue(pid_t pid, int signo, void *value);
/* Gives an errno; the others set it. */
int sigwait(const sigset_t *restrict set, int *restrict signo);
int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info);
struct timespec;
int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict timeout);
int killpg(pid_t pgrp, int signo);
void (*signal(int signo, void (*handler)(int)))(int);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signo);
int sigdelset(sigset_t *set, int signo);
int sigismember(const sigset_t *set, int signo);

#endif
