/* Files in memory: shared and private mappings, the end of a file, protection, holes; between processes. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage_text[] = "filemap\n  maps a file in several ways and looks who sees what\n";
static const char path[] = "/tmp/filemap";

static char *map(int fd, int pages, int prot, int flags) {
  char *at = mmap(NULL, (size_t)pages * PAGE_SIZE, prot, flags, fd, 0);
  if (at == MAP_FAILED) err(EXIT_FAILURE, "mmap");
  return at;
}

static void show(const char *what, int fd, const char *shared, const char *private) {
  char file[6] = "";
  if (pread(fd, file, 5, 0) != 5) err(EXIT_FAILURE, "read");
  printf("%s: file %s, shared %.5s, private %.5s\n", what, file, shared, private);
}

static int child_status(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid) err(EXIT_FAILURE, "waitpid");
  return status;
}

/* Who sees a write, and who does not. What a private page that was never written sees is left open by POSIX. */
static void views(int fd) {
  char *shared = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED), *private = map(fd, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  char *again = map(fd, 1, PROT_READ, MAP_SHARED);
  show("at first", fd, shared, private);
  memcpy(private, "alone", 5);
  show("stored in private", fd, shared, private);
  pwrite(fd, "write", 5, 0);
  show("write(2)", fd, shared, private);
  memcpy(shared, "store", 5);
  show("stored in shared", fd, shared, private);
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    memcpy(private, "child", 5);
    memcpy(shared, "child", 5);
    _exit(strncmp(again, "child", 5) != 0);
  }
  printf("status of the child: %d\n", WEXITSTATUS(child_status(pid)));
  show("stored by a child", fd, shared, private);
  if (msync(shared, PAGE_SIZE, MS_SYNC) == -1) err(EXIT_FAILURE, "msync");
  munmap(shared, PAGE_SIZE);
  munmap(private, PAGE_SIZE);
  printf("mapped on: %.5s\n", again);
  munmap(again, PAGE_SIZE);
}

/* What a child dies of when it touches an address. */
static const char *death(volatile char *at, int store) {
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    struct sigaction none = {.sa_handler = SIG_DFL};
    sigaction(SIGSEGV, &none, NULL);
    if (store) *at = 1;
    else (void)*at;
    _exit(0);
  }
  int status = child_status(pid);
  return WIFSIGNALED(status) ? sys_signame[WTERMSIG(status)] : "none";
}

/* The last page is filled up with zeros, which are not the file's; behind it there is nothing. */
static void end_of_file(int fd) {
  if (ftruncate(fd, PAGE_SIZE + 10) == -1) err(EXIT_FAILURE, "ftruncate");
  char *at = map(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED);
  at[PAGE_SIZE + 9] = 'l';
  at[PAGE_SIZE + 10] = 'x';
  struct stat st;
  fstat(fd, &st);
  printf("size %d, zeros: %s\n", (int)st.st_size, at[PAGE_SIZE + 11] == 0 && at[2 * PAGE_SIZE - 1] == 0 ? "yes" : "no");
  printf("behind the end: %s\n", death(at + 2 * PAGE_SIZE, 0));
  if (ftruncate(fd, 3 * PAGE_SIZE) == -1) err(EXIT_FAILURE, "ftruncate");
  printf("made longer: %s, %d\n", death(at + 2 * PAGE_SIZE, 1), at[2 * PAGE_SIZE]);
  if (ftruncate(fd, PAGE_SIZE) == -1) err(EXIT_FAILURE, "ftruncate");
  printf("made shorter: %s\n", death(at + PAGE_SIZE, 0));
  munmap(at, 4 * PAGE_SIZE);
}

static void protection(int fd) {
  char *at = map(fd, 1, PROT_READ, MAP_PRIVATE);
  printf("read only: %s, %s\n", death(at, 0), death(at, 1));
  mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE);
  printf("writable: %s\n", death(at, 1));
  mprotect(at, PAGE_SIZE, PROT_NONE);
  printf("nothing: %s, write(2) from it %s\n", death(at, 0), write(fd, at, 1) == -1 && errno == EFAULT ? "EFAULT" : "?");
  munmap(at, PAGE_SIZE);
  int readable = open(path, O_RDONLY);
  int refused = mmap(NULL, PAGE_SIZE, PROT_WRITE, MAP_SHARED, readable, 0) == MAP_FAILED && errno == EACCES;
  printf("shared for writing by a descriptor for reading: %s\n", refused ? "EACCES" : "?");
  close(readable);
}

/* Pages can be taken out of a mapping, and others put in their place. */
static void holes(void) {
  char *at = mmap(NULL, 5 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
  for (int n = 0; n < 5; n++) at[n * (int)PAGE_SIZE] = (char)('a' + n);
  munmap(at + PAGE_SIZE, PAGE_SIZE);
  mmap(at + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
  printf("a hole: %s; kept %c %c %c, new %d\n", death(at + PAGE_SIZE, 0), at[0], at[2 * PAGE_SIZE], at[4 * PAGE_SIZE],
         at[3 * PAGE_SIZE]);
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd == -1 || write(fd, "first text", 10) != 10) err(EXIT_FAILURE, "%s", path);
  views(fd);
  end_of_file(fd);
  protection(fd);
  holes();
  unlink(path);
  return EXIT_SUCCESS;
}
