/* sysctl(3) identifiers of FreeBSD 9.0 that the guest programs ask for. */
#ifndef SYS_SYSCTL_H
#define SYS_SYSCTL_H

#include <sys/types.h>

#define CTL_MAXNAME 24
#define CTL_KERN 1
#define CTL_VM 2
#define CTL_HW 6

#define KERN_PROC 14
#define KERN_PROC_ALL 0
#define KERN_PROC_PID 1
#define KERN_PROC_ARGS 7
#define KERN_PROC_PROC 8
#define KERN_PROC_PATHNAME 12
#define KERN_PROC_VMMAP 32
#define KERN_PROC_FILEDESC 33
#define KERN_PROC_GROUPS 34
#define KERN_PROC_AUXV 36
#define KERN_PROC_RLIMIT 37
#define KERN_PROC_PS_STRINGS 38
#define KERN_PROC_UMASK 39
#define KERN_PROC_OSREL 40
#define KERN_PROC_INC_THREAD 0x10

#define HW_NCPU 3

struct loadavg {
  uint32_t ldavg[3]; /* times fscale */
  long fscale;
};
ABI_SIZE(struct loadavg, 16);

/* Columns of kern.cp_time and kern.cp_times, in statistics clock ticks. */
enum { CP_USER, CP_NICE, CP_SYS, CP_INTR, CP_IDLE, CPUSTATES };

int sysctl(const int *name, unsigned name_count, void *old, size_t *old_len, const void *new_value, size_t new_len);
int sysctlbyname(const char *name, void *old, size_t *old_len, const void *new_value, size_t new_len);
/* Reads a value of unknown length into malloc'ed memory; NULL and errno if there is none. */
void *sysctl_dup(const int *name, unsigned name_count, size_t *len);

#endif
