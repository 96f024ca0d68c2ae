#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int __getpriority(int which, int who);

pid_t waitpid(pid_t pid, int *status, int options) { return wait4(pid, status, options, NULL); }
pid_t wait(int *status) { return wait4(-1, status, 0, NULL); }

/* -1 is a legal priority: clear errno for callers who ask. */
int getpriority(int which, int who) {
  errno = 0;
  return __getpriority(which, who);
}

int nice(int increment) {
  int now = getpriority(PRIO_PROCESS, 0);
  if (now == -1 && errno != 0) return -1;
  return setpriority(PRIO_PROCESS, 0, now + increment);
}

int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

/* Looks along PATH unless the name holds a slash. EACCES is reported only if nothing better was found later on. */
int execvp(const char *file, char *const argv[]) {
  if (strchr(file, '/')) return execv(file, argv);
  const char *path = getenv("PATH");
  if (!path) path = "/sbin:/bin:/usr/sbin:/usr/bin";
  bool denied = false;
  for (;;) {
    size_t length = strcspn(path, ":");
    char full[1024];
    int n = length ? snprintf(full, sizeof full, "%.*s/%s", (int)length, path, file)
                   : snprintf(full, sizeof full, "./%s", file);
    if (n < (int)sizeof full) {
      execv(full, argv);
      if (errno == EACCES) denied = true;
      else if (errno != ENOENT && errno != ENOTDIR) return -1;
    }
    if (path[length] == '\0') break;
    path += length + 1;
  }
  errno = denied ? EACCES : ENOENT;
  return -1;
}
