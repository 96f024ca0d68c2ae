#ifndef SYS_WAIT_H
#define SYS_WAIT_H

#include <sys/resource.h>

#define WNOHANG 1
#define WUNTRACED 2
#define WCONTINUED 4

#define WIFCONTINUED(status) ((status) == 0x13)
#define WIFSTOPPED(status) (((status) & 0x7F) == 0x7F)
#define WSTOPSIG(status) (((status) >> 8) & 0xFF)
#define WIFEXITED(status) (((status) & 0x7F) == 0)
#define WEXITSTATUS(status) (((status) >> 8) & 0xFF)
#define WIFSIGNALED(status) (!WIFSTOPPED(status) && !WIFEXITED(status) && !WIFCONTINUED(status))
#define WTERMSIG(status) ((status) & 0x7F)
#define WCOREDUMP(status) ((status) & 0x80)

pid_t wait(int *status);
pid_t waitpid(pid_t pid, int *status, int options);
pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage);

#endif
