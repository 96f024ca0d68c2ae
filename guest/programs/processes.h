/* How ps and top show what kern.proc says. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <libutil.h>
#include <stdio.h>
#include <stdlib.h>

static inline int compare_pids(const void *a, const void *b) {
  return ((const struct kinfo_proc *)a)->ki_pid - ((const struct kinfo_proc *)b)->ki_pid;
}

/* The priority as FreeBSD's tools count it: 0 is PZERO. */
static inline int shown_priority(const struct kinfo_proc *k) { return k->ki_pri.pri_level - PZERO; }

/* The processor it runs on, or ran on last; -1 if it has never run. */
static inline int shown_cpu(const struct kinfo_proc *k) {
  int cpu = k->ki_oncpu != NOCPU ? k->ki_oncpu : k->ki_lastcpu;
  return cpu == NOCPU ? -1 : cpu;
}

/* "3:07.42": minutes, seconds, hundredths of processor time. */
static inline const char *shown_time(const struct kinfo_proc *k, char *to, size_t size) {
  uint64_t hundredths = k->ki_runtime / 10000;
  uint32_t seconds = (uint32_t)(hundredths / 100);
  snprintf(to, size, "%u:%02u.%02u", seconds / 60, seconds % 60, (uint32_t)(hundredths % 100));
  return to;
}

#endif
