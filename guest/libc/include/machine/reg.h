/* Register sets of ptrace(2) and core files: FreeBSD 9.0 sys/i386/include/reg.h. */
#ifndef MACHINE_REG_H
#define MACHINE_REG_H

#include <sys/types.h>

struct reg {
  uint32_t r_fs, r_es, r_ds;
  uint32_t r_edi, r_esi, r_ebp, r_isp, r_ebx, r_edx, r_ecx, r_eax;
  uint32_t r_trapno, r_err;
  uint32_t r_eip, r_cs, r_eflags, r_esp, r_ss, r_gs;
};
ABI_SIZE(struct reg, 76);
ABI_OFFSET(struct reg, r_eip, 52);

struct fpreg {
  uint32_t fpr_env[7]; /* control, status, tag, then the instruction and operand pointers */
  uint8_t fpr_acc[8][10];
  uint32_t fpr_ex_sw;
  uint8_t fpr_pad[64];
};
ABI_SIZE(struct fpreg, 176);

#define INITIAL_NPXCW 0x127F /* 53-bit precision, every exception masked */

#define PSL_C 0x1u
#define PSL_T 0x100u
#define PSL_USERCHANGE 0x00244DD5u /* the flags that PT_SETREGS lets a tracer change */

#endif
