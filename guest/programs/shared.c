/* Processes that add to counters: in anonymous shared memory by LOCKed instructions, and in a mapped file under fcntl(2) locks. */
#include "usage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "shared [processes [rounds]]\n  4 processes, 25 rounds each\n";

static void set_lock(int fd, short type) {
  struct flock lock = {.l_type = type};
  if (fcntl(fd, F_SETLKW, &lock) == -1) err(EXIT_FAILURE, "fcntl");
}

static void add(volatile int *atomic, volatile int *locked, const char *path, int rounds) {
  int fd = open(path, O_RDWR);
  if (fd == -1) err(EXIT_FAILURE, "%s", path);
  for (int n = 0; n < rounds; n++) {
    __sync_fetch_and_add(atomic, 1);
    set_lock(fd, F_WRLCK);
    *locked = *locked + 1;
    set_lock(fd, F_UNLCK);
  }
}

static volatile int *map(int flags, int fd) {
  void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (page == MAP_FAILED) err(EXIT_FAILURE, "mmap");
  return page;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int processes = optind < argc ? number_argument("processes", argv[optind], 1, 100) : 4;
  int rounds = optind + 1 < argc ? number_argument("rounds", argv[optind + 1], 1, 1000000) : 25;

  const char *path = "/tmp/shared.counter";
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd == -1 || ftruncate(fd, sizeof(int)) == -1) err(EXIT_FAILURE, "%s", path);
  volatile int *atomic = map(MAP_ANON | MAP_SHARED, -1), *locked = map(MAP_SHARED, fd);
  for (int n = 0; n < processes; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) {
      add(atomic, locked, path, rounds);
      _exit(0);
    }
  }
  int failed = 0, status;
  for (int n = 0; n < processes; n++) failed += wait(&status) == -1 || status != 0;
  int in_file = 0;
  if (pread(fd, &in_file, sizeof in_file, 0) != (ssize_t)sizeof in_file) err(EXIT_FAILURE, "%s", path);
  printf("%d processes, %d rounds: atomic %d, locked %d, in the file %d\n", processes, rounds, *atomic, *locked, in_file);
  int all = processes * rounds;
  return failed == 0 && *atomic == all && *locked == all && in_file == all ? EXIT_SUCCESS : EXIT_FAILURE;
}
