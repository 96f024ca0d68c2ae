/*
 * Who goes first: realtime, normal and idle processes that are all bound to one CPU, and nice values that are handed on. The process that
 * starts the others has the highest priority of all, so that none of them runs before all are ready.
 */
#include "usage.h"

#include <errno.h>
#include <sched.h>
#include <sys/cpuset.h>
#include <sys/resource.h>
#include <sys/rtprio.h>
#include <sys/wait.h>

static const char usage_text[] = "priority\n  lets processes of several priorities compete for CPU 0\n";

static void set_class(pid_t pid, int type, int prio) {
  struct rtprio wanted = {.type = (uint16_t)type, .prio = (uint16_t)prio};
  if (rtprio(RTP_SET, pid, &wanted) == -1) err(EXIT_FAILURE, "rtprio");
}

static void bind_to_first_cpu(void) {
  cpuset_t mask = {{1}};
  if (cpuset_setaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof mask, &mask) == -1) err(EXIT_FAILURE, "cpuset_setaffinity");
}

struct runner {
  char letter;
  int type, prio;
};

/* In the order in which they are started and let go; the letters are the order in which they ought to run. */
static const struct runner runners[] = {
    {'f', RTP_PRIO_IDLE, 20}, {'d', RTP_PRIO_NORMAL, 0}, {'b', RTP_PRIO_REALTIME, 15},
    {'e', RTP_PRIO_IDLE, 4},  {'c', RTP_PRIO_REALTIME, 30}, {'a', RTP_PRIO_REALTIME, 7},
};
#define RUNNERS ((int)(sizeof runners / sizeof runners[0]))

/* Waits for the signal to start, works for a while, and says so several times: whoever goes first is not overtaken. */
static int run(int start, int report, char letter) {
  char c;
  if (read(start, &c, 1) != 1) return 1;
  for (int n = 0; n < 3; n++) {
    for (volatile int work = 0; work < 2000; work++)
      ;
    if (write(report, &letter, 1) != 1) return 1;
  }
  return 0;
}

static void compete(void) {
  int start[RUNNERS][2], report[2], failed = 0, status;
  pid_t pids[RUNNERS];
  set_class(0, RTP_PRIO_REALTIME, 0);
  if (pipe(report) == -1) err(EXIT_FAILURE, "pipe");
  for (int n = 0; n < RUNNERS; n++) {
    if (pipe(start[n]) == -1 || (pids[n] = fork()) == -1) err(EXIT_FAILURE, "fork");
    if (pids[n] == 0) _exit(run(start[n][0], report[1], runners[n].letter));
  }
  close(report[1]);
  for (int n = 0; n < RUNNERS; n++) set_class(pids[n], runners[n].type, runners[n].prio);
  for (int n = 0; n < RUNNERS; n++)
    if (write(start[n][1], "!", 1) != 1) err(EXIT_FAILURE, "write");
  for (int n = 0; n < RUNNERS; n++) failed += wait(&status) == -1 || status != 0;
  char order[3 * RUNNERS + 1] = "";
  ssize_t length = read(report[0], order, sizeof order - 1);
  printf("order: %.*s, %d failed\n", (int)length, order, failed);
}

static void print_class(const char *who, pid_t pid) {
  static const char *const names[] = {"?", "?", "realtime", "normal", "idle"};
  struct rtprio now = {0, 0};
  if (rtprio(RTP_LOOKUP, pid, &now) == -1) err(EXIT_FAILURE, "rtprio");
  printf("%s: %s", who, names[now.type <= RTP_PRIO_IDLE ? now.type : 0]);
  printf(now.type == RTP_PRIO_NORMAL ? "\n" : " %d\n", now.prio);
}

/* What a child reports of itself by its status. */
static int child_says(int (*question)(void)) {
  int status;
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) _exit(question());
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int own_nice(void) { return getpriority(PRIO_PROCESS, 0); }
static int nicer(void) { return setpriority(PRIO_PROCESS, 0, 12) == -1 ? 100 : own_nice(); }

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  bind_to_first_cpu();
  compete();
  print_class("the parent", 0);
  set_class(0, RTP_PRIO_IDLE, 3);
  print_class("then", getpid());
  set_class(0, RTP_PRIO_NORMAL, 0);
  print_class("at last", 0);
  struct rtprio wrong = {.type = RTP_PRIO_REALTIME, .prio = 32};
  printf("32: %s\n", rtprio(RTP_SET, 0, &wrong) == -1 && errno == EINVAL ? "EINVAL" : "?");

  if (setpriority(PRIO_PROCESS, 0, 5) == -1) err(EXIT_FAILURE, "setpriority");
  printf("nice %d, a child %d, a nicer child %d, still %d\n", own_nice(), child_says(own_nice), child_says(nicer), own_nice());
  setpriority(PRIO_PGRP, 0, 100);
  printf("of the group, at most: %d\n", getpriority(PRIO_PGRP, 0));
  printf("nobody: %s\n", getpriority(PRIO_PROCESS, 99999) == -1 && errno == ESRCH ? "ESRCH" : "?");
  return EXIT_SUCCESS;
}
