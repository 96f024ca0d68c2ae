/*
 * cpuset: binds processes to processors, as FreeBSD's cpuset(1). The paper's `cpuset -s 1 -l 0,1,3` changes set 1,
 * to which everything belongs by default, and so keeps all processes off processor 2.
 */
#include "usage.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <sys/cpuset.h>
#include <unistd.h>

static const char usage_text[] =
    "cpuset [-c] [-l list] [-s set] command [argument ...]\n"
    "       cpuset [-c] [-l list] [-s set] -p pid\n"
    "       cpuset [-cr] -l list [-s set | -t tid | -p pid]\n"
    "       cpuset -g [-cir] [-s set | -t tid | -p pid]\n"
    "  list: 0,1,3 or 0-2 or all; -c a new set (with -g: the set's list); -r the root set\n"
    "  -g prints the list, with -i the number of the set\n";

/* "all" is what the root set allows. */
static void parse_list(const char *list, cpuset_t *mask) {
  CPU_ZERO(mask);
  if (strcasecmp(list, "all") == 0) {
    if (cpuset_getaffinity(CPU_LEVEL_ROOT, CPU_WHICH_PID, -1, sizeof *mask, mask) == -1)
      err(EXIT_FAILURE, "getaffinity");
    return;
  }
  for (const char *p = list;;) {
    char *end;
    if (!isdigit((unsigned char)*p)) break;
    unsigned long first = strtoul(p, &end, 10), last = first;
    if (*end == '-' && isdigit((unsigned char)end[1])) last = strtoul(end + 1, &end, 10);
    if (last >= CPU_SETSIZE) errx(EX_USAGE, "list: only processors 0 to %d can be named: %s", CPU_SETSIZE - 1, list);
    if (first > last) break;
    for (; first <= last; first++) CPU_SET(first, mask);
    if (*end == '\0') return;
    if (*end != ',') break;
    p = end + 1;
  }
  errx(EX_USAGE, "list: malformed: %s", list);
}

static const char *const which_names[] = {NULL, "tid", "pid", "cpuset"};

static void print_affinity(int level, int which, id_t id) {
  cpuset_t mask;
  if (cpuset_getaffinity(level, which, id, sizeof mask, &mask) == -1) err(EXIT_FAILURE, "getaffinity");
  printf("%s %d mask:", which_names[which], (int)id);
  const char *separator = " ";
  for (unsigned n = 0; n < CPU_SETSIZE; n++) {
    if (!CPU_ISSET(n, &mask)) continue;
    printf("%s%u", separator, n);
    separator = ", ";
  }
  printf("\n");
}

static void print_set_number(int level, int which, id_t id) {
  cpusetid_t set;
  if (level == CPU_LEVEL_WHICH) level = CPU_LEVEL_CPUSET; /* an anonymous set has no number: its parent's */
  if (cpuset_getid(level, which, id, &set) == -1) err(EXIT_FAILURE, "getid");
  printf("%s %d cpuset id: %d\n", which_names[which], (int)id, set);
}

int main(int argc, char **argv) {
  int level = CPU_LEVEL_WHICH, which = CPU_WHICH_PID, targets = 0;
  id_t id = -1;
  cpusetid_t set = -1;
  const char *list = NULL;
  bool get = false, number = false, new_set = false, root = false, has_target = false;
  int option;
  while ((option = getopt(argc, argv, "cghil:p:rs:t:")) != -1) {
    switch (option) {
    case 'c':
      new_set = true;
      break;
    case 'g':
      get = true;
      break;
    case 'i':
      number = true;
      break;
    case 'r':
      root = true;
      break;
    case 'l':
      list = optarg;
      break;
    case 'p':
    case 't':
      which = option == 'p' ? CPU_WHICH_PID : CPU_WHICH_TID;
      id = number_argument(which_names[which], optarg, -1, 0x7FFFFFFF);
      has_target = true;
      targets++;
      break;
    case 's':
      set = number_argument("set", optarg, 0, 0x7FFFFFFF);
      break;
    case 'h':
      help(usage_text);
    default:
      usage(usage_text);
    }
  }
  argc -= optind;
  argv += optind;
  if (targets > 1 || (number && !get)) usage(usage_text);

  if (get) {
    if (argc > 0 || list || (set != -1 && has_target)) usage(usage_text);
    if (set != -1) {
      which = CPU_WHICH_CPUSET;
      id = set;
    }
    level = root ? CPU_LEVEL_ROOT : new_set ? CPU_LEVEL_CPUSET : CPU_LEVEL_WHICH;
    if (number) print_set_number(level, which, id);
    else print_affinity(level, which, id);
    return EXIT_SUCCESS;
  }

  cpuset_t mask;
  if (list) parse_list(list, &mask);

  if (argc > 0) { /* bind ourselves and become the command */
    if (has_target || root) usage(usage_text);
    cpusetid_t created;
    if (new_set && cpuset(&created) == -1) err(EXIT_FAILURE, "newid");
    if (set != -1 && cpuset_setid(CPU_WHICH_PID, -1, set) == -1) err(EXIT_FAILURE, "setid");
    level = new_set ? CPU_LEVEL_CPUSET : CPU_LEVEL_WHICH;
    if (list && cpuset_setaffinity(level, CPU_WHICH_PID, -1, sizeof mask, &mask) == -1)
      err(EXIT_FAILURE, "setaffinity");
    execvp(argv[0], argv);
    err(EXIT_FAILURE, "%s", argv[0]);
  }

  if (!list && !(set != -1 && has_target)) usage(usage_text);
  level = root ? CPU_LEVEL_ROOT : new_set ? CPU_LEVEL_CPUSET : CPU_LEVEL_WHICH;
  if (set != -1 && has_target) { /* move it into the set, then perhaps bind it inside */
    if (cpuset_setid(which, id, set) == -1) err(EXIT_FAILURE, "setid");
  } else if (set != -1) {
    which = CPU_WHICH_CPUSET;
    id = set;
  }
  if (list && cpuset_setaffinity(level, which, id, sizeof mask, &mask) == -1) err(EXIT_FAILURE, "setaffinity");
  return EXIT_SUCCESS;
}
