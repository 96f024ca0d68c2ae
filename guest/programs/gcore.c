/*
 * gcore: the checkpoint of the paper. Attaches to a process, writes it into an ELF core file, and lets it go on.
 *
 * File: ELF header, program headers (PT_NOTE, then a PT_LOAD per memory region), notes, zeros up to a page boundary,
 * memory. The notes are NT_PRPSINFO, then NT_PRSTATUS, NT_FPREGSET, NT_THRMISC for each thread: all that FreeBSD 9.0
 * knows. The NT_PROCSTAT notes of 9.2 follow unless -9, because debuggers find symbols by the auxiliary vector.
 * As FreeBSD's gcore, and unlike its kernel: every PT_LOAD is readable and writable, pr_cursig is 0.
 */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <libutil.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/elf.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/ptrace.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
    "gcore [-9fs] [-c core] [executable] pid\n"
    "  writes a core file of a running process: core.<pid>, or the -c name\n"
    "  -9  only the notes that FreeBSD 9.0 writes\n"
    "  -f  memory of devices, too\n"
    "  -s  for compatibility: the process always stands still while it is read\n";

#define OSRELDATE 900044
#define COPY_CHUNK (64u * 1024)

static pid_t target;
static bool attached;
static char temporary[1024]; /* the unfinished file, "" when there is none */

/* However this program ends, the process goes on and no half a core stays behind. */
static void clean_up(void) {
  if (attached) ptrace(PT_DETACH, target, (caddr_t)1, 0);
  attached = false;
  if (temporary[0]) unlink(temporary);
  temporary[0] = '\0';
}

static void stop_by_signal(int signo) {
  clean_up();
  _exit(128 + signo);
}

struct buffer {
  char *bytes;
  size_t length, capacity;
};

static void append(struct buffer *b, const void *bytes, size_t length) {
  if (b->length + length > b->capacity) {
    b->capacity = (b->length + length) * 2;
    b->bytes = realloc(b->bytes, b->capacity);
    if (!b->bytes) err(EXIT_FAILURE, "realloc");
  }
  memcpy(b->bytes + b->length, bytes, length);
  b->length += length;
}

/* The descriptor is padded to 4 bytes; n_descsz is its true size. */
static void append_note(struct buffer *notes, uint32_t type, const void *descriptor, size_t size) {
  static const char zeros[4];
  Elf32_Nhdr header = {.n_namesz = 8, .n_descsz = size, .n_type = type};
  append(notes, &header, sizeof header);
  append(notes, "FreeBSD", 8);
  append(notes, descriptor, size);
  append(notes, zeros, -size & 3);
}

/* Another signal may be reported before the SIGSTOP of PT_ATTACH: the process gets it, and we wait on. */
static void attach(void) {
  if (ptrace(PT_ATTACH, target, NULL, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_ATTACH)", target);
  attached = true;
  for (;;) {
    int status;
    if (waitpid(target, &status, 0) == -1) {
      if (errno == EINTR) continue;
      err(EXIT_FAILURE, "%d: wait", target);
    }
    if (!WIFSTOPPED(status)) {
      attached = false;
      errx(EXIT_FAILURE, "%d: ended before it could be read", target);
    }
    if (WSTOPSIG(status) == SIGSTOP) return;
    if (ptrace(PT_CONTINUE, target, (caddr_t)1, WSTOPSIG(status)) == -1)
      err(EXIT_FAILURE, "%d: ptrace(PT_CONTINUE)", target);
  }
}

static bool is_dumped(const struct kinfo_vmentry *entry, bool with_devices) {
  if (!(entry->kve_protection & KVME_PROT_READ)) return false;
  if (entry->kve_flags & KVME_FLAG_NOCOREDUMP) return false;
  switch (entry->kve_type) {
  case KVME_TYPE_DEFAULT:
  case KVME_TYPE_VNODE:
  case KVME_TYPE_SWAP:
    return true;
  case KVME_TYPE_DEVICE:
  case KVME_TYPE_PHYS:
    return with_devices;
  default:
    return false;
  }
}

/* Program headers of the memory; offsets are filled in when the size of the notes is known. */
static Elf32_Phdr *list_segments(bool with_devices, unsigned *count) {
  int entry_count;
  struct kinfo_vmentry *map = kinfo_getvmmap(target, &entry_count);
  if (!map) err(EXIT_FAILURE, "%d: kern.proc.vmmap", target);
  Elf32_Phdr *segments = calloc((size_t)entry_count + 1, sizeof *segments);
  if (!segments) err(EXIT_FAILURE, "calloc");
  *count = 0;
  for (int i = 0; i < entry_count; i++) {
    if (!is_dumped(&map[i], with_devices)) continue;
    uint32_t size = (uint32_t)(map[i].kve_end - map[i].kve_start);
    segments[(*count)++] = (Elf32_Phdr){
        .p_type = PT_LOAD,
        .p_vaddr = (uint32_t)map[i].kve_start,
        .p_filesz = size,
        .p_memsz = size,
        .p_flags = PF_R | PF_W | (map[i].kve_protection & KVME_PROT_EXEC ? PF_X : 0),
        .p_align = PAGE_SIZE,
    };
  }
  free(map);
  return segments;
}

static void append_process_note(struct buffer *notes, const struct kinfo_proc *process) {
  prpsinfo_t info = {.pr_version = 1, .pr_psinfosz = sizeof info};
  strlcpy(info.pr_fname, process->ki_comm, sizeof info.pr_fname);
  strlcpy(info.pr_psargs, process->ki_comm, sizeof info.pr_psargs);
  append_note(notes, NT_PRPSINFO, &info, sizeof info);
}

static void append_thread_notes(struct buffer *notes, lwpid_t tid, const struct kinfo_proc *threads, int thread_count,
                                bool strict) {
  prstatus_t status = {
      .pr_version = 1,
      .pr_statussz = sizeof status,
      .pr_gregsetsz = sizeof(struct reg),
      .pr_fpregsetsz = sizeof(struct fpreg),
      .pr_osreldate = OSRELDATE,
      .pr_pid = tid,
  };
  if (ptrace(PT_GETREGS, tid, (caddr_t)&status.pr_reg, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_GETREGS)", tid);
  append_note(notes, NT_PRSTATUS, &status, sizeof status);

  struct fpreg fp = {.fpr_env = {INITIAL_NPXCW}}; /* what a process that never used the FPU has */
  if (ptrace(PT_GETFPREGS, tid, (caddr_t)&fp, 0) == -1 && errno != EINVAL && errno != ENOSYS)
    err(EXIT_FAILURE, "%d: ptrace(PT_GETFPREGS)", tid);
  append_note(notes, NT_FPREGSET, &fp, sizeof fp);

  thrmisc_t misc = {.pr_tname = ""};
  for (int i = 0; i < thread_count; i++)
    if (threads[i].ki_tid == tid) strlcpy(misc.pr_tname, threads[i].ki_tdname, sizeof threads[i].ki_tdname);
  if (misc.pr_tname[0] == '\0') strlcpy(misc.pr_tname, threads[0].ki_comm, sizeof misc.pr_tname);
  append_note(notes, NT_THRMISC, &misc, sizeof misc);

  /* XMM registers and MXCSR have no place in the notes of 9.0. The header says that x87 and SSE state follow. */
  struct { unsigned char fxsave[512], header[64]; } xstate = {.header = {3}};
  if (!strict && ptrace(PT_GETXMMREGS, tid, (caddr_t)xstate.fxsave, 0) == 0) {
    memcpy(xstate.fxsave + 464, (const unsigned char[8]){3}, 8);
    append_note(notes, NT_X86_XSTATE, &xstate, sizeof xstate);
  }
}

/* Each is the size of one record, then what sysctl says. A kernel that lacks one is no error. */
static void append_procstat_notes(struct buffer *notes) {
  static const struct {
    uint32_t type;
    int oid;
    int record_size;
  } rows[] = {
      {NT_PROCSTAT_PROC, KERN_PROC_PID | KERN_PROC_INC_THREAD, sizeof(struct kinfo_proc)},
      {NT_PROCSTAT_FILES, KERN_PROC_FILEDESC, 1392},
      {NT_PROCSTAT_VMMAP, KERN_PROC_VMMAP, sizeof(struct kinfo_vmentry)},
      {NT_PROCSTAT_GROUPS, KERN_PROC_GROUPS, sizeof(gid_t)},
      {NT_PROCSTAT_UMASK, KERN_PROC_UMASK, sizeof(mode_t)},
      {NT_PROCSTAT_OSREL, KERN_PROC_OSREL, sizeof(int)},
      {NT_PROCSTAT_PSSTRINGS, KERN_PROC_PS_STRINGS, sizeof(uint32_t)},
      {NT_PROCSTAT_AUXV, KERN_PROC_AUXV, 8},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int name[4] = {CTL_KERN, KERN_PROC, rows[i].oid, target};
    size_t length;
    char *value = sysctl_dup(name, 4, &length);
    if (!value) continue;
    struct buffer descriptor = {0};
    append(&descriptor, &rows[i].record_size, sizeof(int));
    append(&descriptor, value, length);
    if (length > 0) append_note(notes, rows[i].type, descriptor.bytes, descriptor.length);
    free(descriptor.bytes);
    free(value);
  }
}

static void append_all_notes(struct buffer *notes, bool strict) {
  int thread_count;
  struct kinfo_proc *threads = kinfo_getthreads(target, &thread_count);
  if (!threads) err(EXIT_FAILURE, "%d: kern.proc.pid", target);
  append_process_note(notes, threads);

  int tid_count = ptrace(PT_GETNUMLWPS, target, NULL, 0);
  if (tid_count == -1) err(EXIT_FAILURE, "%d: ptrace(PT_GETNUMLWPS)", target);
  lwpid_t *tids = calloc((size_t)tid_count, sizeof *tids);
  if (!tids) err(EXIT_FAILURE, "calloc");
  tid_count = ptrace(PT_GETLWPLIST, target, (caddr_t)tids, tid_count);
  if (tid_count == -1) err(EXIT_FAILURE, "%d: ptrace(PT_GETLWPLIST)", target);
  for (int i = 0; i < tid_count; i++) append_thread_notes(notes, tids[i], threads, thread_count, strict);
  free(tids);
  free(threads);
  if (!strict) append_procstat_notes(notes);
}

static void write_all(int fd, const void *bytes, size_t length) {
  for (const char *p = bytes; length > 0;) {
    ssize_t n = write(fd, p, length);
    if (n <= 0) err(EXIT_FAILURE, "%s", temporary);
    p += n;
    length -= (size_t)n;
  }
}

/* A page that cannot be read (past the end of its file, say) is written as zeros, as the kernel does. */
static void copy_memory(int fd, const Elf32_Phdr *segment, char *chunk) {
  for (uint32_t done = 0; done < segment->p_filesz;) {
    uint32_t length = segment->p_filesz - done;
    if (length > COPY_CHUNK) length = COPY_CHUNK;
    struct ptrace_io_desc io = {
        .piod_op = PIOD_READ_D,
        .piod_offs = (void *)(segment->p_vaddr + done),
        .piod_addr = chunk,
        .piod_len = length,
    };
    if (ptrace(PT_IO, target, (caddr_t)&io, 0) == -1 || io.piod_len == 0) {
      if (errno != 0 && errno != EFAULT && errno != EINVAL) err(EXIT_FAILURE, "%d: ptrace(PT_IO)", target);
      if (length > PAGE_SIZE) length = PAGE_SIZE;
      memset(chunk, 0, length);
    } else {
      length = io.piod_len;
    }
    write_all(fd, chunk, length);
    done += length;
  }
}

static void write_core(int fd, bool strict, bool with_devices) {
  unsigned segment_count;
  Elf32_Phdr *segments = list_segments(with_devices, &segment_count);
  struct buffer notes = {0};
  append_all_notes(&notes, strict);

  Elf32_Ehdr header = {
      .e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT, ELFOSABI_FREEBSD},
      .e_type = ET_CORE,
      .e_machine = EM_386,
      .e_version = EV_CURRENT,
      .e_phoff = sizeof header,
      .e_ehsize = sizeof header,
      .e_phentsize = sizeof(Elf32_Phdr),
      .e_phnum = (uint16_t)(segment_count + 1),
      .e_shentsize = sizeof(Elf32_Shdr),
  };
  uint32_t notes_at = sizeof header + header.e_phnum * sizeof(Elf32_Phdr);
  Elf32_Phdr note_segment = {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes.length};
  if (!strict) {
    note_segment.p_flags = PF_R;
    note_segment.p_align = 4;
  }
  uint32_t notes_end = notes_at + notes.length;
  uint32_t offset = round_page(notes_end);
  for (unsigned i = 0; i < segment_count; i++) {
    segments[i].p_offset = offset;
    offset += segments[i].p_filesz;
  }

  char *chunk = malloc(COPY_CHUNK);
  if (!chunk) err(EXIT_FAILURE, "malloc");
  write_all(fd, &header, sizeof header);
  write_all(fd, &note_segment, sizeof note_segment);
  write_all(fd, segments, segment_count * sizeof *segments);
  write_all(fd, notes.bytes, notes.length);
  memset(chunk, 0, PAGE_SIZE);
  write_all(fd, chunk, round_page(notes_end) - notes_end);
  for (unsigned i = 0; i < segment_count; i++) copy_memory(fd, &segments[i], chunk);
  free(chunk);
  free(notes.bytes);
  free(segments);
}

/* With an executable named on the command line, only its ELF header is looked at: the map of memory says the rest. */
static void check_executable(const char *path) {
  Elf32_Ehdr header;
  int fd = open(path, O_RDONLY);
  if (fd == -1) err(EXIT_FAILURE, "%s", path);
  ssize_t n = read(fd, &header, sizeof header);
  close(fd);
  if (n != (ssize_t)sizeof header || memcmp(header.e_ident, "\177ELF", 4) != 0 || header.e_machine != EM_386)
    errx(EXIT_FAILURE, "%s: not an i386 ELF executable", path);
}

int main(int argc, char **argv) {
  const char *core_name = NULL;
  bool strict = false, with_devices = false;
  int option;
  while ((option = getopt(argc, argv, "9c:fhs")) != -1) {
    switch (option) {
    case '9':
      strict = true;
      break;
    case 'c':
      core_name = optarg;
      break;
    case 'f':
      with_devices = true;
      break;
    case 's':
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  argc -= optind;
  argv += optind;
  if (argc < 1 || argc > 2) usage(usage_text);
  target = number_argument("pid", argv[argc - 1], 1, 99999);
  if (argc == 2) check_executable(argv[0]);

  char default_name[32];
  if (!core_name) {
    snprintf(default_name, sizeof default_name, "core.%d", target);
    core_name = default_name;
  }
  static const int ending_signals[] = {SIGHUP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++)
    signal(ending_signals[i], stop_by_signal);
  atexit(clean_up);

  attach();
  snprintf(temporary, sizeof temporary, "%s.tmp", core_name);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd == -1) {
    int why = errno;
    temporary[0] = '\0';
    errno = why;
    err(EXIT_FAILURE, "%s.tmp", core_name);
  }
  write_core(fd, strict, with_devices);
  attached = false;
  if (ptrace(PT_DETACH, target, (caddr_t)1, 0) == -1) err(EXIT_FAILURE, "%d: ptrace(PT_DETACH)", target);

  /* The old core is replaced in one step: whoever restarts from it finds a whole one. */
  if (fsync(fd) == -1 && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    err(EXIT_FAILURE, "%s", temporary);
  if (close(fd) == -1 || rename(temporary, core_name) == -1) err(EXIT_FAILURE, "%s", core_name);
  temporary[0] = '\0';
  return EXIT_SUCCESS;
}
