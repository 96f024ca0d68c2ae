/* FreeBSD 9.0 sys/ptrace.h. */
#ifndef SYS_PTRACE_H
#define SYS_PTRACE_H

#include <machine/reg.h>
#include <signal.h>

#define PT_TRACE_ME 0
#define PT_READ_I 1
#define PT_READ_D 2
#define PT_WRITE_I 4
#define PT_WRITE_D 5
#define PT_CONTINUE 7
#define PT_KILL 8
#define PT_STEP 9
#define PT_ATTACH 10
#define PT_DETACH 11
#define PT_IO 12
#define PT_LWPINFO 13
#define PT_GETNUMLWPS 14
#define PT_GETLWPLIST 15
#define PT_SUSPEND 18 /* of one thread: it stays where it is when the process goes on */
#define PT_RESUME 19
#define PT_GETREGS 33
#define PT_SETREGS 34
#define PT_GETFPREGS 35
#define PT_SETFPREGS 36
#define PT_GETXMMREGS 64 /* the 512-byte FXSAVE image */
#define PT_SETXMMREGS 65

#define PIOD_READ_D 1
#define PIOD_WRITE_D 2

struct ptrace_io_desc {
  int piod_op;
  void *piod_offs; /* in the traced process */
  void *piod_addr; /* here */
  size_t piod_len; /* becomes what was done */
};
ABI_SIZE(struct ptrace_io_desc, 16);

struct ptrace_lwpinfo {
  lwpid_t pl_lwpid;
  int pl_event;
  int pl_flags;
  sigset_t pl_sigmask;
  sigset_t pl_siglist;
  siginfo_t pl_siginfo;
  char pl_tdname[20];
  pid_t pl_child_pid;
};
ABI_SIZE(struct ptrace_lwpinfo, 132);

/* PT_READ_* answer with the word itself, so -1 is an error only if errno is set; errno is cleared first. */
int ptrace(int request, pid_t pid, caddr_t addr, int data);

#endif
