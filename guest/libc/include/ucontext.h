/* What a handler with SA_SIGINFO gets third: FreeBSD 9.0 sys/ucontext.h, sys/i386/include/ucontext.h. */
#ifndef UCONTEXT_H
#define UCONTEXT_H

#include <signal.h>

typedef struct {
  sigset_t uc_sigmask;
  struct {
    uint32_t mc_onstack, mc_gs, mc_fs, mc_es, mc_ds;
    uint32_t mc_edi, mc_esi, mc_ebp, mc_isp, mc_ebx, mc_edx, mc_ecx, mc_eax;
    uint32_t mc_trapno, mc_err, mc_eip, mc_cs, mc_eflags, mc_esp, mc_ss;
    /* more: the state of the x87 and SSE */
  } uc_mcontext;
} ucontext_t;
ABI_OFFSET(ucontext_t, uc_mcontext.mc_eip, 76);

#endif
