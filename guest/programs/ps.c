#include "processes.h"
#include "usage.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

static const char usage_text[] =
    "ps [-aHx] [-o columns] [-p pid]\n"
    "  columns: pid,ppid,pgid,tid,uid,user,stat,pri,ni,cpu,%cpu,vsz,rss,wchan,time,nlwp,comm,command\n"
    "  -H one line per thread, -a -x for compatibility: all processes are listed\n";

static void show_stat(const struct kinfo_proc *k, char *to, size_t size) {
  static const char letters[8] = "?IRSTZWL";
  snprintf(to, size, "%c%s%s", letters[k->ki_stat & 7], k->ki_nice < 0 ? "<" : k->ki_nice > 0 ? "N" : "",
           k->ki_stat == SRUN && k->ki_oncpu != NOCPU ? "+" : "");
}

/* The arguments, joined by spaces; the name in brackets if the kernel keeps none. */
static void show_command(const struct kinfo_proc *k, char *to, size_t size) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_ARGS, k->ki_pid};
  size_t length;
  char *arguments = k->ki_stat == SZOMB ? NULL : sysctl_dup(name, 4, &length);
  if (!arguments || length == 0) {
    snprintf(to, size, k->ki_stat == SZOMB ? "<%s>" : "[%s]", k->ki_comm);
  } else {
    arguments[length - 1] = '\0';
    for (size_t i = 0; i + 1 < length; i++)
      if (arguments[i] == '\0') arguments[i] = ' ';
    strlcpy(to, arguments, size);
  }
  free(arguments);
}

static void show_percent(const struct kinfo_proc *k, char *to, size_t size) {
  uint32_t tenths = (uint32_t)((uint64_t)k->ki_pctcpu * 1000 / FSCALE);
  snprintf(to, size, "%u.%u", tenths / 10, tenths % 10);
}

#define SHOW(function_name, format, ...)                                                                               \
  static void function_name(const struct kinfo_proc *k, char *to, size_t size) {                                      \
    snprintf(to, size, format, __VA_ARGS__);                                                                           \
  }
SHOW(show_pid, "%d", k->ki_pid)
SHOW(show_ppid, "%d", k->ki_ppid)
SHOW(show_pgid, "%d", k->ki_pgid)
SHOW(show_tid, "%d", k->ki_tid)
SHOW(show_uid, "%u", k->ki_uid)
SHOW(show_user, "%.17s", k->ki_login)
SHOW(show_priority, "%d", shown_priority(k))
SHOW(show_nice, "%d", k->ki_nice)
SHOW(show_cpu, "%d", shown_cpu(k))
SHOW(show_size, "%u", k->ki_size / 1024)
SHOW(show_resident, "%u", (uint32_t)k->ki_rssize * 4)
SHOW(show_wait, "%s", k->ki_wmesg[0] ? k->ki_wmesg : "-")
SHOW(show_threads, "%d", k->ki_numthreads)
SHOW(show_name, "%s", k->ki_comm)

static void show_runtime(const struct kinfo_proc *k, char *to, size_t size) { shown_time(k, to, size); }

static const struct column {
  const char *keyword, *title;
  int width; /* negative: left */
  void (*show)(const struct kinfo_proc *k, char *to, size_t size);
} columns[] = {
    {"pid", "PID", 5, show_pid},
    {"ppid", "PPID", 5, show_ppid},
    {"pgid", "PGID", 5, show_pgid},
    {"tid", "LWP", 6, show_tid},
    {"lwp", "LWP", 6, show_tid},
    {"uid", "UID", 4, show_uid},
    {"user", "USER", -8, show_user},
    {"stat", "STAT", -4, show_stat},
    {"state", "STAT", -4, show_stat},
    {"pri", "PRI", 3, show_priority},
    {"ni", "NI", 3, show_nice},
    {"nice", "NI", 3, show_nice},
    {"cpu", "C", 2, show_cpu},
    {"%cpu", "%CPU", 5, show_percent},
    {"pcpu", "%CPU", 5, show_percent},
    {"vsz", "VSZ", 6, show_size},
    {"rss", "RSS", 6, show_resident},
    {"wchan", "MWCHAN", -8, show_wait},
    {"time", "TIME", 9, show_runtime},
    {"nlwp", "NLWP", 4, show_threads},
    {"comm", "COMMAND", -12, show_name},
    {"command", "COMMAND", -1, show_command},
    {"args", "COMMAND", -1, show_command},
};

#define COLUMNS_MAX 24
static const struct column *chosen[COLUMNS_MAX];
static int chosen_count;

static void choose(char *list) {
  for (char *keyword; (keyword = strsep(&list, ", ")) != NULL;) {
    if (*keyword == '\0') continue;
    const struct column *column = NULL;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
      if (strcmp(columns[i].keyword, keyword) == 0) column = &columns[i];
    if (!column) errx(EX_USAGE, "%s: keyword not found", keyword);
    if (chosen_count < COLUMNS_MAX) chosen[chosen_count++] = column;
  }
}

static void print_row(const struct kinfo_proc *k) {
  for (int i = 0; i < chosen_count; i++) {
    char text[512];
    if (k) chosen[i]->show(k, text, sizeof text);
    else strlcpy(text, chosen[i]->title, sizeof text);
    bool last = i + 1 == chosen_count;
    if (last && chosen[i]->width < 0) printf("%s", text); /* no blanks at the end */
    else printf("%*s", chosen[i]->width, text);
    printf(last ? "\n" : " ");
  }
}

int main(int argc, char **argv) {
  bool threads = false;
  pid_t only = 0;
  int option;
  while ((option = getopt(argc, argv, "aHho:p:x")) != -1) {
    switch (option) {
    case 'a':
    case 'x':
      break;
    case 'H':
      threads = true;
      break;
    case 'o':
      choose(optarg);
      break;
    case 'p':
      only = number_argument("pid", optarg, 0, 99999);
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  if (argc != optind) usage(usage_text);
  if (chosen_count == 0) {
    char standard[] = "pid,ppid,stat,pri,ni,cpu,time,command", with_threads[] = "pid,tid,stat,pri,ni,cpu,time,command";
    choose(threads ? with_threads : standard);
  }

  int count, printed = 0;
  struct kinfo_proc *processes = kinfo_getallproc(&count);
  if (!processes) err(EXIT_FAILURE, "kern.proc.proc");
  qsort(processes, (size_t)count, sizeof *processes, compare_pids);
  print_row(NULL);
  for (int i = 0; i < count; i++) {
    if (only != 0 && processes[i].ki_pid != only) continue;
    int thread_count = 0;
    struct kinfo_proc *records = threads ? kinfo_getthreads(processes[i].ki_pid, &thread_count) : NULL;
    if (!records) print_row(&processes[i]);
    for (int t = 0; t < thread_count; t++) print_row(&records[t]);
    free(records);
    printed++;
  }
  free(processes);
  return printed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
