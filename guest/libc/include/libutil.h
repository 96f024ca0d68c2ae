/* Readers of kern.proc.* that hand out malloc'ed arrays, as FreeBSD's libutil does. NULL and errno on failure. */
#ifndef LIBUTIL_H
#define LIBUTIL_H

#include <sys/user.h>

struct kinfo_vmentry *kinfo_getvmmap(pid_t pid, int *count);
struct kinfo_proc *kinfo_getallproc(int *count);
/* All threads of one process, one record each. */
struct kinfo_proc *kinfo_getthreads(pid_t pid, int *count);

#endif
