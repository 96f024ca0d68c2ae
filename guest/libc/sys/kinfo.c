#include <errno.h>
#include <libutil.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>

/* Records come packed: each says its own size, and only as much of the path as there is. */
struct kinfo_vmentry *kinfo_getvmmap(pid_t pid, int *count) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_VMMAP, pid};
  size_t length;
  char *packed = sysctl_dup(name, 4, &length);
  if (!packed) return NULL;
  int n = 0;
  for (size_t at = 0; at + 4 <= length; n++) {
    int size = *(int *)(void *)(packed + at);
    if (size <= 0) break;
    at += (size_t)size;
  }
  struct kinfo_vmentry *entries = calloc((size_t)n + 1, sizeof *entries);
  if (entries) {
    size_t at = 0;
    for (int i = 0; i < n; i++) {
      size_t size = *(unsigned *)(void *)(packed + at);
      memcpy(&entries[i], packed + at, size < sizeof *entries ? size : sizeof *entries);
      at += size;
    }
  }
  free(packed);
  *count = n;
  return entries;
}

static struct kinfo_proc *proc_records(const int *name, unsigned name_count, int *count) {
  size_t length;
  struct kinfo_proc *records = sysctl_dup(name, name_count, &length);
  if (!records) return NULL;
  *count = (int)(length / sizeof *records);
  if (*count > 0 && records[0].ki_structsize == sizeof *records) return records;
  free(records);
  errno = ESRCH;
  return NULL;
}

struct kinfo_proc *kinfo_getallproc(int *count) {
  int name[3] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
  return proc_records(name, 3, count);
}

struct kinfo_proc *kinfo_getthreads(pid_t pid, int *count) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID | KERN_PROC_INC_THREAD, pid};
  return proc_records(name, 4, count);
}
