/* Contents of the notes of a core file: FreeBSD 9.0 sys/procfs.h. */
#ifndef SYS_PROCFS_H
#define SYS_PROCFS_H

#include <machine/reg.h>

typedef struct prstatus {
  int pr_version; /* 1 */
  uint32_t pr_statussz;
  uint32_t pr_gregsetsz;
  uint32_t pr_fpregsetsz;
  int pr_osreldate;
  int pr_cursig;
  pid_t pr_pid; /* the thread's id, not the process's */
  struct reg pr_reg;
} prstatus_t;
ABI_SIZE(prstatus_t, 104);

typedef struct prpsinfo {
  int pr_version; /* 1 */
  uint32_t pr_psinfosz;
  char pr_fname[17];
  char pr_psargs[81];
} prpsinfo_t;
ABI_SIZE(prpsinfo_t, 108);

typedef struct thrmisc {
  char pr_tname[20];
  uint32_t _pad;
} thrmisc_t;
ABI_SIZE(thrmisc_t, 24);

#endif
