/* The child that becomes the restarted process, seen from its tracer. A failure kills the child and ends restart. */
#ifndef TRACEE_H
#define TRACEE_H

#include "image.h"
#include <machine/reg.h>
#include <stdbool.h>

/* fork, PT_TRACE_ME, exec; returns when the child is stopped in front of its first instruction. */
pid_t start_tracee(const char *path);
/* Lets the child run up to `address`, by an INT3 there that is taken out again. */
void run_tracee_to(pid_t pid, uint32_t address, bool verbose);

void get_registers(pid_t pid, struct reg *registers);
void set_registers(pid_t pid, const struct reg *registers);
void set_fpu(pid_t pid, const struct core *core);
void read_tracee(pid_t pid, uint32_t address, void *to, size_t length);
/* As read_tracee, but false where nothing can be read. */
bool peek_tracee(pid_t pid, uint32_t address, void *to, size_t length);
void write_tracee(pid_t pid, uint32_t address, const void *from, size_t length);

/* Makes the child itself call the kernel. Returns false and the errno in *result if the call failed. */
bool call_in_tracee(pid_t pid, uint32_t number, const uint32_t *arguments, unsigned count, uint32_t *result);
/* Makes the child store a zero at an unused address of its stack, so that the kernel grows the stack down to it. */
bool touch_in_tracee(pid_t pid, uint32_t address);
/* PT_DETACH: from here on the child is a process like any other. */
void release_tracee(pid_t pid);

#endif
