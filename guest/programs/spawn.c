/* Programs that start programs: vfork(2) and execve(2), pipelines, #! scripts, what a program inherits and what not. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage_text[] = "spawn\n  runs echo, cat, wc and scripts, which have to be in /bin\n";

static int wait_for(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid) err(EXIT_FAILURE, "waitpid");
  return status;
}

/* The child borrows its parent's memory until it executes a program: what it leaves in `error` the parent finds. */
static pid_t start(char *const argv[], char *const envp[], int in, int out, int *error) {
  volatile int why = 0;
  pid_t pid = vfork();
  if (pid == 0) {
    if (in != STDIN_FILENO) dup2(in, STDIN_FILENO);
    if (out != STDOUT_FILENO) dup2(out, STDOUT_FILENO);
    execve(argv[0], argv, envp);
    why = errno;
    _exit(127);
  }
  if (pid == -1) err(EXIT_FAILURE, "vfork");
  *error = why;
  return pid;
}

static void must_start(char *const argv[], char *const envp[]) {
  int error;
  pid_t pid = start(argv, envp, STDIN_FILENO, STDOUT_FILENO, &error);
  int status = wait_for(pid);
  if (error) errx(EXIT_FAILURE, "%s: %s", argv[0], strerror(error));
  if (status != 0) printf("status %#x\n", status);
}

/* echo | cat | cat | wc, all ends closed on exec but those that a program gets as its own. */
static void pipeline(void) {
  char *const stages[][3] = {{"/bin/echo", "a b c d e", NULL}, {"/bin/cat", NULL}, {"/bin/cat", NULL}, {"/bin/wc", "-w", NULL}};
  int in = STDIN_FILENO, error, failed = 0;
  pid_t pids[4];
  for (int n = 0; n < 4; n++) {
    int ends[2] = {-1, STDOUT_FILENO};
    if (n < 3) {
      if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
      fcntl(ends[0], F_SETFD, FD_CLOEXEC);
      fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    }
    pids[n] = start(stages[n], (char *const[]){NULL}, in, ends[1], &error);
    if (error) errx(EXIT_FAILURE, "%s: %s", stages[n][0], strerror(error));
    if (in != STDIN_FILENO) close(in);
    if (n < 3) close(ends[1]);
    in = ends[0];
  }
  for (int n = 0; n < 4; n++) failed += wait_for(pids[n]) != 0;
  printf("%d of the pipeline failed\n", failed);
}

static void script(const char *path, const char *text, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) err(EXIT_FAILURE, "%s", path);
  close(fd);
  chmod(path, mode);
}

static void refused(const char *what, const char *path, int wanted) {
  int error;
  pid_t pid = start((char *const[]){(char *)(uintptr_t)path, NULL}, (char *const[]){NULL}, STDIN_FILENO, STDOUT_FILENO, &error);
  int status = wait_for(pid);
  printf("%s: %s, status %d\n", what, error == wanted ? strerror(error) : "?", WEXITSTATUS(status));
}

/* A program starts with default actions, but goes on ignoring and blocking what was ignored and blocked. */
static void inherited(void) {
  sigset_t set = {{0}};
  sigaddset(&set, SIGUSR2);
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    char *const argv[] = {"/bin/sh", "-c", "kill -USR1 $$; kill -USR2 $$; echo survived; exit 5", NULL};
    execv(argv[0], argv);
    _exit(127);
  }
  printf("status %d\n", WEXITSTATUS(wait_for(pid)));
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  must_start((char *const[]){"/bin/echo", "hello", "from", "echo", NULL}, (char *const[]){NULL});
  pipeline();
  must_start((char *const[]){"/bin/sh", "-c", "echo \"$NAME and $0 and $1\"", "zero", "one", NULL},
             (char *const[]){"NAME=value", NULL});
  script("/tmp/spawn.script", "#!/bin/echo an argument\nnot read\n", 0700);
  must_start((char *const[]){"/tmp/spawn.script", "more", NULL}, (char *const[]){NULL});
  script("/tmp/spawn.sh", "#!/bin/sh\necho script $0 with $#: $2 $1\nexit 0\n", 0700);
  must_start((char *const[]){"/tmp/spawn.sh", "x", "y", NULL}, (char *const[]){NULL});
  inherited();

  refused("no such file", "/bin/none", ENOENT);
  script("/tmp/spawn.script", "words, not a program\n", 0700);
  refused("no program", "/tmp/spawn.script", ENOEXEC);
  script("/tmp/spawn.script", "#!/bin/none\n", 0700);
  refused("no interpreter", "/tmp/spawn.script", ENOENT);
  script("/tmp/spawn.script", "#!/bin/echo\n", 0600);
  refused("not executable", "/tmp/spawn.script", EACCES);
  refused("a folder", "/tmp", EACCES);
  return EXIT_SUCCESS;
}
