#include "sh.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define JOBS_MAX 64

static struct job jobs[JOBS_MAX];
static struct job *latest; /* of those that were stopped or put into the background */
static struct termios modes; /* the shell's own; a job may leave others behind */

static int status_value(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + (WIFSTOPPED(status) ? WSTOPSIG(status) : WTERMSIG(status));
}

static void nothing(int signo) { (void)signo; }

/* ^C interrupts the shell's reading, and ends what runs in the foreground. */
void job_control_begin(void) {
  struct sigaction interrupts = {.sa_handler = nothing};
  sigaction(SIGINT, &interrupts, NULL);
  shell.job_control = tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &modes) == 0;
  if (!shell.job_control) return;
  signal(SIGQUIT, SIG_IGN);
  signal(SIGTSTP, SIG_IGN);
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
}

/* Parent and child both do it, so that neither can be too early. */
static void join(const struct job *job, pid_t pid, bool foreground) {
  pid_t group = job->count > 0 ? job->pids[0] : pid;
  setpgid(pid, group);
  if (foreground) tcsetpgrp(STDIN_FILENO, group);
}

pid_t job_fork(struct job *job, bool foreground) {
  pid_t pid = fork();
  if (pid == -1) {
    warn("fork");
    return pid;
  }
  if (shell.job_control) join(job, pid ? pid : getpid(), foreground);
  if (pid == 0) job_forget_all();
  else job->pids[job->count++] = pid;
  return pid;
}

void job_forget_all(void) {
  static const int changed[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t i = 0; shell.interactive && i < sizeof changed / sizeof changed[0]; i++)
    signal(changed[i], SIG_DFL);
  shell.interactive = shell.job_control = false;
  memset(jobs, 0, sizeof jobs);
}

/* Collects what there is to know of a job. Returns false if it goes on (nohang). */
static bool collect(struct job *job, int options) {
  job->stopped = false;
  while (job->ended < job->count) {
    int status;
    pid_t pid;
    do pid = waitpid(job->pids[job->ended], &status, options);
    while (pid == -1 && errno == EINTR);
    if (pid == 0) return false;
    job->status = pid == -1 ? 127 : status_value(status);
    job->stopped = pid != -1 && WIFSTOPPED(status);
    if (job->stopped) return true;
    job->ended++;
    int signo = pid != -1 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (options & WNOHANG || signo == 0 || signo == SIGPIPE) continue;
    if (signo != SIGINT)
      fprintf(stderr, "%s%s%s%s\n", strsignal(signo), WCOREDUMP(status) ? " (core dumped)" : "",
              *job->what ? ": " : "", job->what);
    else if (shell.job_control) fputs("\n", stderr);
  }
  return true;
}

static struct job *keep(const struct job *job) {
  struct job *place = NULL;
  for (int i = 0; i < JOBS_MAX && !place; i++)
    if (jobs[i].count == 0) place = &jobs[i];
  for (int i = 0; i < JOBS_MAX && !place; i++) /* full: forget one that has ended */
    if (collect(&jobs[i], WNOHANG)) place = &jobs[i];
  if (!place) return NULL;
  *place = *job;
  return latest = place;
}

int job_foreground(struct job *job) {
  collect(job, shell.job_control ? WUNTRACED : 0);
  int status = job->status;
  if (shell.job_control) {
    tcsetpgrp(STDIN_FILENO, getpgrp());
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
  }
  if (job->stopped) {
    const struct job *kept = job >= jobs && job < jobs + JOBS_MAX ? (latest = job) : keep(job);
    if (kept) fprintf(stderr, "\n[%d] Stopped  %s\n", kept->pids[0], kept->what);
  } else if (job->ended == job->count) {
    job->count = 0;
  }
  return status;
}

void job_background(const struct job *job) { keep(job); }

void job_list(void) {
  for (int i = 0; i < JOBS_MAX; i++) {
    struct job *job = &jobs[i];
    if (job->count == 0) continue;
    bool was_stopped = job->stopped;
    bool known = collect(job, WNOHANG | WUNTRACED);
    if (!known && was_stopped) job->stopped = true; /* said before, and nothing has changed */
    if (job->stopped || !known) {
      printf("[%d] %s  %s\n", job->pids[0], job->stopped ? "Stopped" : "Running", job->what);
      continue;
    }
    if (job->status > 128) printf("[%d] %s  %s\n", job->pids[0], strsignal(job->status - 128), job->what);
    else if (job->status > 0) printf("[%d] Done(%d)  %s\n", job->pids[0], job->status, job->what);
    else printf("[%d] Done  %s\n", job->pids[0], job->what);
    job->count = 0;
  }
}

int job_wait(pid_t pid) {
  for (int i = 0; i < JOBS_MAX; i++) {
    if (jobs[i].count == 0 || jobs[i].pids[0] != pid) continue;
    collect(&jobs[i], WUNTRACED);
    if (!jobs[i].stopped) jobs[i].count = 0;
    return jobs[i].status;
  }
  return 127;
}

int job_wait_all(void) {
  for (int i = 0; i < JOBS_MAX; i++)
    if (jobs[i].count > 0 && !jobs[i].stopped) job_wait(jobs[i].pids[0]);
  return 0;
}

/* The job that fg and bg are for: [%]number, or the latest. */
static struct job *chosen(int argc, char **argv) {
  if (!shell.job_control) {
    warnx("%s: no job control", argv[0]);
    return NULL;
  }
  if (argc > 1) {
    pid_t pid = atoi(argv[1] + (*argv[1] == '%'));
    for (int i = 0; i < JOBS_MAX; i++)
      if (jobs[i].count > 0 && jobs[i].pids[0] == pid) return &jobs[i];
  } else if (latest && latest->count > 0) {
    return latest;
  }
  warnx("%s: no such job", argv[0]);
  return NULL;
}

int builtin_fg(int argc, char **argv) {
  struct job *job = chosen(argc, argv);
  if (!job) return 1;
  printf("%s\n", job->what);
  fflush(stdout);
  tcsetpgrp(STDIN_FILENO, job->pids[0]);
  kill(-job->pids[0], SIGCONT);
  return job_foreground(job);
}

int builtin_bg(int argc, char **argv) {
  struct job *job = chosen(argc, argv);
  if (!job) return 1;
  job->stopped = false;
  printf("[%d] %s\n", job->pids[0], job->what);
  kill(-job->pids[0], SIGCONT);
  return 0;
}
