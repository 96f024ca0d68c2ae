/*
 * top: who uses the processors. Prints for batch use, one block per display: load, one line per processor from the
 * differences of kern.cp_times (the first display: since boot), then the processes, busiest first.
 */
#include "processes.h"
#include "usage.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysctl.h>
#include <unistd.h>

static const char usage_text[] =
    "top [-bI] [-d count] [-s seconds] [number]\n"
    "  -d  displays (1), -s seconds between them (2), -I only processes that are not idle\n"
    "  -b  for compatibility: the output is always of batch form\n";

#define CPUS_MAX 32

struct ticks {
  unsigned long per_cpu[CPUS_MAX][CPUSTATES];
};

static int read_ticks(struct ticks *ticks) {
  size_t length = sizeof *ticks;
  if (sysctlbyname("kern.cp_times", ticks, &length, NULL, 0) == -1) err(EXIT_FAILURE, "kern.cp_times");
  return (int)(length / sizeof ticks->per_cpu[0]);
}

static void print_load(int process_count, const struct kinfo_proc *processes) {
  struct loadavg load = {.fscale = FSCALE};
  size_t length = sizeof load;
  if (sysctlbyname("vm.loadavg", &load, &length, NULL, 0) == -1) warn("vm.loadavg");
  printf("load averages:");
  for (int i = 0; i < 3; i++) {
    uint32_t hundredths = load.fscale > 0 ? load.ldavg[i] * 100 / (uint32_t)load.fscale : 0;
    printf("%s %u.%02u", i > 0 ? "," : "", hundredths / 100, hundredths % 100);
  }
  int counts[8] = {0};
  for (int i = 0; i < process_count; i++) counts[processes[i].ki_stat & 7]++;
  printf("\n%d processes:", process_count);
  static const char *const names[8] = {NULL, "starting", "running", "sleeping", "stopped", "zombie", "waiting", "lock"};
  const char *separator = " ";
  for (int state = 1; state < 8; state++) {
    if (counts[state] == 0) continue;
    printf("%s%d %s", separator, counts[state], names[state]);
    separator = ", ";
  }
  printf("\n");
}

/* Tenths of a percent, rounded; a processor that made no tick is shown as idle. */
static void print_cpus(const struct ticks *before, const struct ticks *now, int cpu_count) {
  static const char *const names[CPUSTATES] = {"user", "nice", "system", "interrupt", "idle"};
  for (int cpu = 0; cpu < cpu_count; cpu++) {
    unsigned long difference[CPUSTATES], total = 0;
    for (int state = 0; state < CPUSTATES; state++) {
      difference[state] = now->per_cpu[cpu][state] - before->per_cpu[cpu][state];
      total += difference[state];
    }
    if (total == 0) difference[CP_IDLE] = total = 1;
    printf("CPU %d: ", cpu);
    for (int state = 0; state < CPUSTATES; state++) {
      uint32_t tenths = (uint32_t)(((uint64_t)difference[state] * 1000 + total / 2) / total);
      printf("%3u.%u%% %s%s", tenths / 10, tenths % 10, names[state], state + 1 < CPUSTATES ? ", " : "\n");
    }
  }
}

static const char *state_text(const struct kinfo_proc *k, char *to, size_t size) {
  static const char *const names[8] = {"?", "START", "RUN", "SLEEP", "STOP", "ZOMB", "WAIT", "LOCK"};
  if (k->ki_stat == SRUN && k->ki_oncpu != NOCPU) snprintf(to, size, "CPU%d", k->ki_oncpu);
  else if (k->ki_stat == SSLEEP && k->ki_wmesg[0]) snprintf(to, size, "%.6s", k->ki_wmesg);
  else snprintf(to, size, "%s", names[k->ki_stat & 7]);
  return to;
}

static int compare_load(const void *a, const void *b) {
  const struct kinfo_proc *x = a, *y = b;
  if (x->ki_pctcpu != y->ki_pctcpu) return x->ki_pctcpu < y->ki_pctcpu ? 1 : -1;
  if (x->ki_runtime != y->ki_runtime) return x->ki_runtime < y->ki_runtime ? 1 : -1;
  return x->ki_pid - y->ki_pid;
}

static void print_process(const struct kinfo_proc *k) {
  char state[16], time[24];
  uint32_t percent = (uint32_t)((uint64_t)k->ki_pctcpu * 10000 / FSCALE);
  printf("%5d %4d %4d %6uK %6uK %-6s %2d %9s %3u.%02u%% %s\n", k->ki_pid, shown_priority(k), k->ki_nice,
         k->ki_size / 1024, (uint32_t)k->ki_rssize * 4, state_text(k, state, sizeof state), shown_cpu(k),
         shown_time(k, time, sizeof time), percent / 100, percent % 100, k->ki_comm);
}

static bool is_idle(const struct kinfo_proc *k) { return k->ki_stat != SRUN && k->ki_pctcpu == 0; }

static void display(const struct ticks *before, const struct ticks *now, int cpu_count, int rows, bool hide_idle) {
  int count;
  struct kinfo_proc *processes = kinfo_getallproc(&count);
  if (!processes) err(EXIT_FAILURE, "kern.proc.proc");
  qsort(processes, (size_t)count, sizeof *processes, compare_load);
  print_load(count, processes);
  print_cpus(before, now, cpu_count);
  printf("\n%5s %4s %4s %7s %7s %-6s %2s %9s %7s %s\n", "PID", "PRI", "NICE", "SIZE", "RES", "STATE", "C", "TIME",
         "WCPU", "COMMAND");
  for (int i = 0; i < count && rows > 0; i++) {
    if (hide_idle && is_idle(&processes[i])) continue;
    print_process(&processes[i]);
    rows--;
  }
  free(processes);
}

int main(int argc, char **argv) {
  int count = 1, delay = 2, rows = 1000;
  bool hide_idle = false;
  int option;
  while ((option = getopt(argc, argv, "bd:his:I")) != -1) {
    switch (option) {
    case 'b':
      break;
    case 'd':
      count = number_argument("count", optarg, 1, 1000000);
      break;
    case 's':
      delay = number_argument("seconds", optarg, 0, 86400);
      break;
    case 'i':
    case 'I':
      hide_idle = true;
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  if (argc - optind > 1) usage(usage_text);
  if (argc - optind == 1) rows = number_argument("number", argv[optind], 1, 100000);

  static struct ticks before, now;
  for (int i = 0; i < count; i++) {
    if (i > 0) {
      sleep((unsigned)delay);
      printf("\n");
    }
    int cpu_count = read_ticks(&now);
    display(&before, &now, cpu_count, rows, hide_idle);
    before = now;
  }
  return EXIT_SUCCESS;
}
