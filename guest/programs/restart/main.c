/*
 * restart: the recovery of the paper, step for step (section 3.2). A child runs the executable up to its entry point
 * under ptrace; its memory and registers are then replaced by those of the core, and it is let go.
 *
 * Beyond the paper: the child is made to call break(2) and mmap(2) for memory that the core has and a fresh process
 * lacks, so programs that use malloc can be restarted; and a system call in which the checkpoint caught the process
 * is entered again (-n leaves that out), because a core keeps registers but not what the kernel was doing for them.
 * Descriptors, signal handlers, and TLS bases are in no FreeBSD 9.0 core: descriptors 0 to 2 are ours.
 */
#include "image.h"
#include "tracee.h"
#include "usage.h"

#include <errno.h>
#include <libutil.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
    "restart [-dmnv] executable core\n"
    "  continues the process of which core was taken, then waits for it\n"
    "  -d  leave it running and print its pid\n"
    "  -m  break at main, not at the entry point\n"
    "  -n  do not repeat a system call that the checkpoint interrupted\n"
    "  -v  say each step\n";

#define COPY_CHUNK (64u * 1024)

static bool verbose;

struct range {
  uint32_t start, end;
};

/* The first part of `wanted` that the child lacks; start == end if it lacks nothing. `map` is in address order. */
static struct range first_gap(struct range wanted, const struct kinfo_vmentry *map, int count) {
  for (int i = 0; i < count && wanted.start < wanted.end; i++) {
    if (map[i].kve_end <= wanted.start) continue;
    if (map[i].kve_start > wanted.start) {
      if (map[i].kve_start < wanted.end) wanted.end = (uint32_t)map[i].kve_start;
      break;
    }
    wanted.start = (uint32_t)map[i].kve_end;
  }
  if (wanted.start > wanted.end) wanted.start = wanted.end;
  return wanted;
}

/* Finds the first page that the core has and the child lacks, in core order; false if there is none. */
static bool find_gap(pid_t pid, const struct core *core, struct range *gap, uint32_t *flags, struct range *stack) {
  int count;
  struct kinfo_vmentry *map = kinfo_getvmmap(pid, &count);
  if (!map) err(EXIT_FAILURE, "%d: kern.proc.vmmap", pid);
  struct reg registers;
  get_registers(pid, &registers);
  for (int i = 0; i < count; i++)
    if (map[i].kve_start <= registers.r_esp && registers.r_esp <= map[i].kve_end)
      *stack = (struct range){(uint32_t)map[i].kve_start, (uint32_t)map[i].kve_end};
  bool found = false;
  for (unsigned i = 0; i < core->segment_count && !found; i++) {
    struct range wanted = {core->segments[i].p_vaddr, core->segments[i].p_vaddr + core->segments[i].p_memsz};
    *gap = first_gap(wanted, map, count);
    *flags = core->segments[i].p_flags;
    found = gap->start < gap->end;
  }
  free(map);
  return found;
}

static void inject_mmap(pid_t pid, struct range gap, uint32_t flags) {
  uint32_t protection =
      (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
  uint32_t arguments[] = {gap.start, gap.end - gap.start, protection, MAP_FIXED | MAP_ANON | MAP_PRIVATE,
                          (uint32_t)-1, 0, 0};
  uint32_t result;
  if (!call_in_tracee(pid, SYS_mmap, arguments, 7, &result))
    errx(EXIT_FAILURE, "%d: mmap of 0x%08x-0x%08x in the child: %s", pid, gap.start, gap.end, strerror((int)result));
  if (verbose) printf("restart: mmap of 0x%08x-0x%08x by the child\n", gap.start, gap.end);
}

static bool inject_break(pid_t pid, uint32_t end) {
  uint32_t result;
  if (!call_in_tracee(pid, SYS_break, &end, 1, &result)) return false;
  if (verbose) printf("restart: break to 0x%08x by the child\n", end);
  return true;
}

static bool grow_stack(pid_t pid, uint32_t down_to) {
  if (!touch_in_tracee(pid, down_to)) return false;
  if (verbose) printf("restart: stack grown down to 0x%08x by the child\n", down_to);
  return true;
}

/*
 * Gives the child every page that the core has. A gap that starts where the heap ends is heap: break(2) makes it, so
 * that the kernel's notion of the break is right, too. A gap that ends where the stack starts is stack: touching it
 * makes the kernel grow the stack. Where these fail, and for the rest, mmap(2).
 */
static void map_missing(pid_t pid, const struct executable *executable, const struct core *core) {
  uint32_t heap_end = executable->break_base;
  struct range gap, stack = {0, 0};
  uint32_t flags;
  while (find_gap(pid, core, &gap, &flags, &stack)) {
    bool done = false;
    if (gap.start == heap_end) {
      done = inject_break(pid, gap.end);
      heap_end = done ? gap.end : 0;
    } else if (gap.end == stack.start) {
      done = grow_stack(pid, gap.start);
      struct range after = gap;
      if (done && find_gap(pid, core, &after, &flags, &stack) && after.end == gap.end) done = false;
    }
    if (!done) inject_mmap(pid, gap, flags);
  }
}

static void restore_memory(pid_t pid, const struct core *core) {
  char *chunk = malloc(COPY_CHUNK);
  if (!chunk) err(EXIT_FAILURE, "malloc");
  for (unsigned i = 0; i < core->segment_count; i++) {
    const Elf32_Phdr *segment = &core->segments[i];
    for (uint32_t done = 0; done < segment->p_filesz;) {
      uint32_t length = segment->p_filesz - done < COPY_CHUNK ? segment->p_filesz - done : COPY_CHUNK;
      read_at(core->fd, core->path, chunk, length, segment->p_offset + done);
      write_tracee(pid, segment->p_vaddr + done, chunk, length);
      done += length;
    }
    if (verbose)
      printf("restart: restored 0x%08x-0x%08x\n", segment->p_vaddr, segment->p_vaddr + segment->p_filesz);
  }
  free(chunk);
}

/*
 * A process that was stopped inside a system call has its number still in eax, and eip behind `int $0x80`. Taken as
 * it is, the call would seem to have returned that number. It is told from a finished call by the instruction in
 * front, `mov $number, %eax`: eax is still that number. (A write of 4 bytes looks the same and is done twice.)
 */
static bool is_inside_system_call(pid_t pid, const struct reg *registers) {
  uint8_t code[7];
  uint32_t number;
  if (!peek_tracee(pid, registers->r_eip - sizeof code, code, sizeof code)) return false;
  memcpy(&number, code + 1, sizeof number);
  return code[0] == 0xB8 && code[5] == 0xCD && code[6] == 0x80 && number == registers->r_eax;
}

static void restore_registers(pid_t pid, const struct core *core, bool repeat) {
  struct reg registers = core->registers, fresh;
  get_registers(pid, &fresh);
  uint32_t changeable = PSL_USERCHANGE & ~PSL_T;
  registers.r_eflags = (fresh.r_eflags & ~changeable) | (registers.r_eflags & changeable);
  if (repeat && is_inside_system_call(pid, &registers)) {
    registers.r_eip -= 2;
    if (verbose) printf("restart: system call %u is entered again\n", registers.r_eax);
  }
  if (core->fpu_format != FPU_NONE) set_fpu(pid, core);
  set_registers(pid, &registers);
  if (verbose)
    printf("restart: registers: eip 0x%08x esp 0x%08x ebp 0x%08x eax 0x%08x eflags 0x%x\n", registers.r_eip,
           registers.r_esp, registers.r_ebp, registers.r_eax, registers.r_eflags);
}

/* The keys that end the process must not end us first: we have its status to hand on. */
static int wait_for_end(pid_t pid) {
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  int status;
  while (waitpid(pid, &status, 0) == -1)
    if (errno != EINTR) err(EXIT_FAILURE, "%d: wait", pid);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fprintf(stderr, "restart: %d: killed by signal %d%s\n", pid, WTERMSIG(status),
          WCOREDUMP(status) ? " (core dumped)" : "");
  return 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  bool detached = false, at_main = false, repeat = true;
  int option;
  while ((option = getopt(argc, argv, "dhmnv")) != -1) {
    switch (option) {
    case 'd':
      detached = true;
      break;
    case 'm':
      at_main = true;
      break;
    case 'n':
      repeat = false;
      break;
    case 'v':
      verbose = true;
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  if (argc - optind != 2) usage(usage_text);

  struct executable executable;
  struct core core;
  read_executable(&executable, argv[optind]);
  read_core(&core, argv[optind + 1]);
  if (verbose) {
    printf("restart: %s: entry point 0x%08x\n", executable.path, executable.entry);
    printf("restart: %s: %u segments, %d thread(s), first %d\n", core.path, core.segment_count, core.thread_count,
           core.tid);
  }
  if (core.thread_count > 1)
    errx(EXIT_FAILURE, "%s: has %d threads; only single-threaded processes can be restarted", core.path,
         core.thread_count);
  if (core.signal != 0)
    warnx("%s: the process died of signal %d and may do so again", core.path, core.signal);
  if (at_main && executable.main_address == 0) errx(EXIT_FAILURE, "%s: no symbol main", executable.path);

  pid_t pid = start_tracee(executable.path);
  if (verbose) printf("restart: child %d has executed %s\n", pid, executable.path);
  run_tracee_to(pid, at_main ? executable.main_address : executable.entry, verbose);
  map_missing(pid, &executable, &core);
  restore_memory(pid, &core);
  restore_registers(pid, &core, repeat);
  close(core.fd);
  if (verbose) printf("restart: detaching child %d\n", pid);
  release_tracee(pid);
  if (detached) {
    printf("%d\n", pid);
    return EXIT_SUCCESS;
  }
  return wait_for_end(pid);
}
