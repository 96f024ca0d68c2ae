/* Memory shared by name and by inheritance: System V segments, shm_open(2), minherit(2). A tree of processes counts in all of it. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

static const char usage_text[] = "shm [depth [rounds]]\n  a tree of depth 3 (7 processes), 20 rounds each\n";

#define KEY 4711
static const char name[] = "/coreback.shm";
static int rounds = 20;
static volatile int *inherited, *copied;

static volatile int *attach(int flags) {
  int id = shmget(KEY, 0, 0);
  void *at = id == -1 ? (void *)-1 : shmat(id, NULL, flags);
  if (at == (void *)-1) err(EXIT_FAILURE, "shmat");
  return at;
}

static volatile int *map(int fd) {
  void *at = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) err(EXIT_FAILURE, "mmap");
  return at;
}

static void add(volatile int *counter) {
  for (int n = 0; n < rounds; n++) __sync_fetch_and_add(counter, 1);
}

/* Every process finds the memory by its name, counts, and has two children of its own. Returns how many processes failed. */
static int grow(int level) {
  volatile int *segment = attach(0);
  int fd = shm_open(name, O_RDWR, 0), failed = 0, status;
  if (fd == -1) err(EXIT_FAILURE, "shm_open");
  volatile int *object = map(fd);
  close(fd);
  add(segment);
  add(object);
  add(inherited);
  add(copied);
  for (int n = 0; level > 1 && n < 2; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(grow(level - 1));
  }
  for (int n = 0; level > 1 && n < 2; n++) failed += wait(&status) == -1 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (shmdt((const void *)(uintptr_t)segment) == -1) failed++;
  return failed;
}

static const char *refusal(int result, int wanted, const char *what) { return result == -1 && errno == wanted ? what : "?"; }

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int depth = optind < argc ? number_argument("depth", argv[optind], 1, 6) : 3;
  if (optind + 1 < argc) rounds = number_argument("rounds", argv[optind + 1], 1, 100000);

  int id = shmget(KEY, 3 * PAGE_SIZE, IPC_CREAT | IPC_EXCL | 0600);
  if (id == -1) err(EXIT_FAILURE, "shmget");
  printf("the key again: %s\n", refusal(shmget(KEY, 1, IPC_CREAT | IPC_EXCL), EEXIST, "EEXIST"));
  int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd == -1 || ftruncate(fd, PAGE_SIZE) == -1) err(EXIT_FAILURE, "shm_open");
  inherited = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
  copied = inherited + PAGE_SIZE / sizeof *inherited;
  if (minherit((void *)(uintptr_t)inherited, PAGE_SIZE, INHERIT_SHARE) == -1) err(EXIT_FAILURE, "minherit");

  volatile int *segment = attach(SHM_RDONLY), *object = map(fd);
  int failed = grow(depth), all = ((1 << depth) - 1) * rounds;
  printf("segment %d, object %d, inherited %d of %d; copied %d of %d\n", *segment, *object, *inherited, all, *copied, rounds);

  struct shmid_ds status;
  if (shmctl(id, IPC_STAT, &status) == -1) err(EXIT_FAILURE, "shmctl");
  printf("%u bytes, attached %d time\n", (unsigned)status.shm_segsz, status.shm_nattch);
  shmctl(id, IPC_RMID, NULL);
  printf("removed: %s, still there for us: %d\n", refusal(shmget(KEY, 0, 0), ENOENT, "ENOENT"), *segment);
  shmdt((const void *)(uintptr_t)segment);
  printf("detached: %s\n", refusal(shmctl(id, IPC_STAT, &status), EINVAL, "EINVAL"));
  shm_unlink(name);
  printf("unlinked: %s, still there for us: %d\n", refusal(shm_open(name, O_RDWR, 0), ENOENT, "ENOENT"), *object);
  return failed == 0 && *inherited == all && *copied == rounds ? EXIT_SUCCESS : EXIT_FAILURE;
}
