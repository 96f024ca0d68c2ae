#include "tracee.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define INT3 0xCC

static pid_t doomed; /* the child while it is not yet a process in its own right */

static void kill_unfinished(void) {
  if (doomed != 0) kill(doomed, SIGKILL);
}

/* Returns the signal it stopped for. */
static int wait_for_stop(pid_t pid, const char *doing) {
  int status;
  while (waitpid(pid, &status, 0) == -1)
    if (errno != EINTR) err(EXIT_FAILURE, "%d: wait", pid);
  if (WIFSTOPPED(status)) return WSTOPSIG(status);
  doomed = 0;
  if (WIFEXITED(status)) errx(EXIT_FAILURE, "%d: %s: it exited with status %d", pid, doing, WEXITSTATUS(status));
  errx(EXIT_FAILURE, "%d: %s: it was killed by signal %d", pid, doing, WTERMSIG(status));
}

/* Other signals are passed on, except that faults of injected code are an answer: false. */
static bool continue_to_trap(pid_t pid, const char *doing, bool faults_are_answers) {
  for (int signo = 0;;) {
    if (ptrace(PT_CONTINUE, pid, (caddr_t)1, signo) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_CONTINUE)", pid);
    signo = wait_for_stop(pid, doing);
    if (signo == SIGTRAP) return true;
    if (faults_are_answers && (signo == SIGSEGV || signo == SIGBUS)) return false;
  }
}

pid_t start_tracee(const char *path) {
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    char *const arguments[] = {(char *)(uintptr_t)path, NULL};
    if (ptrace(PT_TRACE_ME, 0, NULL, 0) == -1) err(126, "ptrace(PT_TRACE_ME)");
    execv(path, arguments);
    err(126, "%s", path);
  }
  doomed = pid;
  atexit(kill_unfinished);
  int signo = wait_for_stop(pid, "exec");
  if (signo != SIGTRAP) errx(EXIT_FAILURE, "%d: stopped by signal %d, not by exec", pid, signo);
  return pid;
}

void get_registers(pid_t pid, struct reg *registers) {
  if (ptrace(PT_GETREGS, pid, (caddr_t)registers, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_GETREGS)", pid);
}

void set_registers(pid_t pid, const struct reg *registers) {
  if (ptrace(PT_SETREGS, pid, (caddr_t)(uintptr_t)registers, 0) == -1)
    err(EXIT_FAILURE, "%d: ptrace(PT_SETREGS)", pid);
}

void set_fpu(pid_t pid, const struct core *core) {
  bool whole = core->fpu_format == FPU_FXSAVE;
  const void *image = whole ? (const void *)core->fxsave : &core->x87;
  if (ptrace(whole ? PT_SETXMMREGS : PT_SETFPREGS, pid, (caddr_t)(uintptr_t)image, 0) == -1)
    err(EXIT_FAILURE, "%d: ptrace(%s)", pid, whole ? "PT_SETXMMREGS" : "PT_SETFPREGS");
}

static void transfer(pid_t pid, int operation, uint32_t address, void *here, size_t length) {
  while (length > 0) {
    struct ptrace_io_desc io = {operation, (void *)address, here, length};
    if (ptrace(PT_IO, pid, (caddr_t)&io, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_IO) at 0x%08x", pid, address);
    if (io.piod_len == 0) errx(EXIT_FAILURE, "%d: ptrace(PT_IO) at 0x%08x does nothing", pid, address);
    address += io.piod_len;
    here = (char *)here + io.piod_len;
    length -= io.piod_len;
  }
}

bool peek_tracee(pid_t pid, uint32_t address, void *to, size_t length) {
  struct ptrace_io_desc io = {PIOD_READ_D, (void *)address, to, length};
  return ptrace(PT_IO, pid, (caddr_t)&io, 0) == 0 && io.piod_len == length;
}

void read_tracee(pid_t pid, uint32_t address, void *to, size_t length) {
  transfer(pid, PIOD_READ_D, address, to, length);
}

void write_tracee(pid_t pid, uint32_t address, const void *from, size_t length) {
  transfer(pid, PIOD_WRITE_D, address, (void *)(uintptr_t)from, length);
}

void run_tracee_to(pid_t pid, uint32_t address, bool verbose) {
  uint8_t original, int3 = INT3;
  read_tracee(pid, address, &original, 1);
  write_tracee(pid, address, &int3, 1);
  if (verbose) printf("restart: breakpoint at 0x%08x in place of byte %02x\n", address, original);
  continue_to_trap(pid, "running to the breakpoint", false);

  struct reg registers;
  get_registers(pid, &registers);
  if (registers.r_eip != address + 1) /* eip is behind the INT3 */
    errx(EXIT_FAILURE, "%d: trapped at 0x%08x, not at the breakpoint", pid, registers.r_eip - 1);
  write_tracee(pid, address, &original, 1);
  registers.r_eip = address;
  set_registers(pid, &registers);
  if (verbose) printf("restart: breakpoint reached and taken out\n");
}

/*
 * Runs a few bytes of code, which must end in INT3, in place of what stands at the stopped eip; then puts bytes and
 * registers back. Returns false if the code faulted. *after: the registers at the INT3.
 */
static bool run_code(pid_t pid, const uint8_t *code, size_t length, const struct reg *with, struct reg *after) {
  struct reg before;
  uint8_t original[8];
  get_registers(pid, &before);
  read_tracee(pid, with->r_eip, original, length);
  write_tracee(pid, with->r_eip, code, length);
  set_registers(pid, with);
  bool trapped = continue_to_trap(pid, "running injected code", true);
  get_registers(pid, after);
  write_tracee(pid, with->r_eip, original, length);
  set_registers(pid, &before);
  return trapped;
}

/* FreeBSD's convention: number in eax, arguments above a return address, carry set if eax comes back as an errno. */
bool call_in_tracee(pid_t pid, uint32_t number, const uint32_t *arguments, unsigned count, uint32_t *result) {
  static const uint8_t code[] = {0xCD, 0x80, INT3}; /* int $0x80; int3 */
  struct reg with, after;
  get_registers(pid, &with);
  uint32_t frame[9] = {0};
  memcpy(frame + 1, arguments, count * sizeof *arguments);
  with.r_esp = ((with.r_esp - sizeof frame) & ~15u);
  with.r_eax = number;
  write_tracee(pid, with.r_esp, frame, sizeof frame);
  if (!run_code(pid, code, sizeof code, &with, &after))
    errx(EXIT_FAILURE, "%d: faulted in injected system call %u", pid, number);
  *result = after.r_eax;
  return !(after.r_eflags & PSL_C);
}

bool touch_in_tracee(pid_t pid, uint32_t address) {
  static const uint8_t code[] = {0x89, 0x01, INT3}; /* movl %eax, (%ecx); int3 */
  struct reg with, after;
  get_registers(pid, &with);
  with.r_eax = 0;
  with.r_ecx = address;
  with.r_esp = address; /* a kernel may look at esp before it calls a fault stack growth */
  return run_code(pid, code, sizeof code, &with, &after);
}

void release_tracee(pid_t pid) {
  if (ptrace(PT_DETACH, pid, (caddr_t)1, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_DETACH)", pid);
  doomed = 0;
}
