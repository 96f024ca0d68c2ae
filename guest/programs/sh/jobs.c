#include "sh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define JOBS_MAX 64

struct job {
  pid_t pid; /* 0: free */
  bool ended;
  int status; /* $? value */
  char what[40];
};

static struct job jobs[JOBS_MAX];

static int status_value(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/* Returns false if it has not ended (nohang) or is no child of ours. */
static bool reap(struct job *job, int options) {
  if (job->ended) return true;
  int status;
  pid_t pid;
  do pid = waitpid(job->pid, &status, options);
  while (pid == -1 && errno == EINTR);
  if (pid == 0) return false;
  job->ended = true;
  job->status = pid == -1 ? 127 : status_value(status);
  return true;
}

void job_add(pid_t pid, const char *what) {
  struct job *place = NULL;
  for (int i = 0; i < JOBS_MAX && !place; i++)
    if (jobs[i].pid == 0) place = &jobs[i];
  for (int i = 0; i < JOBS_MAX && !place; i++) /* full: forget one that has ended */
    if (reap(&jobs[i], WNOHANG)) place = &jobs[i];
  if (!place) return;
  *place = (struct job){.pid = pid};
  strlcpy(place->what, what, sizeof place->what);
}

void job_list(void) {
  for (int i = 0; i < JOBS_MAX; i++) {
    struct job *job = &jobs[i];
    if (job->pid == 0) continue;
    if (!reap(job, WNOHANG)) {
      printf("[%d] Running  %s\n", job->pid, job->what);
      continue;
    }
    if (job->status > 128) printf("[%d] %s  %s\n", job->pid, strsignal(job->status - 128), job->what);
    else if (job->status > 0) printf("[%d] Done(%d)  %s\n", job->pid, job->status, job->what);
    else printf("[%d] Done  %s\n", job->pid, job->what);
    job->pid = 0;
  }
}

int job_wait(pid_t pid) {
  for (int i = 0; i < JOBS_MAX; i++) {
    if (jobs[i].pid != pid) continue;
    reap(&jobs[i], 0);
    jobs[i].pid = 0;
    return jobs[i].status;
  }
  return 127;
}

int job_wait_all(void) {
  for (int i = 0; i < JOBS_MAX; i++)
    if (jobs[i].pid != 0) job_wait(jobs[i].pid);
  return 0;
}

void job_forget_all(void) { memset(jobs, 0, sizeof jobs); }

int wait_foreground(pid_t pid, const char *what) {
  int status;
  while (waitpid(pid, &status, 0) == -1)
    if (errno != EINTR) return 127;
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGPIPE)
    fprintf(stderr, "%s%s%s%s\n", strsignal(WTERMSIG(status)), WCOREDUMP(status) ? " (core dumped)" : "",
            *what ? ": " : "", what);
  return status_value(status);
}
