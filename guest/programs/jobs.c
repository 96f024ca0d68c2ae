/*
 * Job control on a pseudo-terminal. One process is the user, who types at the master; another is the shell, a session of its own on the
 * slave, which starts jobs in the foreground and the background. The user types when the shell has said that the job is in its place.
 */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static const char usage_text[] = "jobs\n  stops, continues and ends jobs by the keys of a terminal\n";

static int terminal; /* the shell's and its jobs' */
static int asks[2];  /* what the shell wants to be typed: a byte, or the end */

static void type(char key) {
  if (write(asks[1], &key, 1) != 1) err(EXIT_FAILURE, "write");
}

static int rest_for_ever(void) {
  for (;;) sleep(1000);
}

static int read_line(void) {
  char line[16];
  ssize_t length = read(terminal, line, sizeof line);
  return length == -1 ? 100 + errno : (int)length;
}

static int read_ignoring(void) {
  signal(SIGTTIN, SIG_IGN);
  return read_line();
}

static int write_word(void) { return write(terminal, "word\n", 5) == 5 ? 0 : 1; }

/* A job of so many processes, in a group of its own; the group's number. */
static pid_t start(int (*work)(void), int processes) {
  pid_t group = 0;
  for (int n = 0; n < processes; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) {
      setpgid(0, group);
      signal(SIGTTOU, SIG_DFL);
      _exit(work());
    }
    setpgid(pid, group ? group : pid);
    if (!group) group = pid;
  }
  return group;
}

/* What became of one process of a job. */
static void tell(const char *what, pid_t group, int options) {
  int status;
  if (waitpid(-group, &status, options) == -1) err(EXIT_FAILURE, "waitpid");
  printf("%s: ", what);
  if (WIFSTOPPED(status)) printf("stopped by SIG%s\n", sys_signame[WSTOPSIG(status)]);
  else if (WIFCONTINUED(status)) printf("goes on\n");
  else if (WIFSIGNALED(status)) printf("killed by SIG%s\n", sys_signame[WTERMSIG(status)]);
  else printf("exited with %d\n", WEXITSTATUS(status));
}

static void to_foreground(pid_t group) {
  if (tcsetpgrp(terminal, group) == -1) err(EXIT_FAILURE, "tcsetpgrp");
}

static void keys(void) {
  pid_t job = start(rest_for_ever, 1);
  to_foreground(job);
  type('Z' - '@');
  tell("^Z", job, WUNTRACED);
  to_foreground(getpgrp());
  kill(-job, SIGCONT);
  tell("bg", job, WCONTINUED);
  to_foreground(job);
  type('C' - '@');
  tell("^C", job, WUNTRACED);
  job = start(rest_for_ever, 1);
  to_foreground(job);
  type('\\' - '@');
  tell("^\\", job, 0);
  job = start(rest_for_ever, 3);
  to_foreground(job);
  type('C' - '@');
  for (int n = 0; n < 3; n++) tell("^C for three", job, 0);
  to_foreground(getpgrp());
}

/* In the background a job may not read; it may write as long as the terminal does not forbid it. */
static void background(void) {
  pid_t job = start(read_line, 1);
  tell("reads in the background", job, WUNTRACED);
  to_foreground(job);
  kill(-job, SIGCONT);
  type('h');
  type('i');
  type('\r');
  tell("in the foreground", job, 0);
  to_foreground(getpgrp());
  tell("SIGTTIN ignored", start(read_ignoring, 1), 0);

  tell("writes in the background", start(write_word, 1), WUNTRACED);
  struct termios modes;
  tcgetattr(terminal, &modes);
  modes.c_lflag |= TOSTOP;
  tcsetattr(terminal, TCSANOW, &modes);
  job = start(write_word, 1);
  tell("with TOSTOP", job, WUNTRACED);
  to_foreground(job);
  kill(-job, SIGCONT);
  tell("in the foreground", job, 0);
  to_foreground(getpgrp());
}

/* Leaves a job in the foreground and one that is stopped: the end of the session's leader tells both. */
static void leave(void) {
  pid_t stopped = start(rest_for_ever, 1);
  kill(-stopped, SIGSTOP);
  tell("left behind", stopped, WUNTRACED);
  to_foreground(start(rest_for_ever, 1));
}

static int shell(const char *path) {
  if (setsid() == -1 || (terminal = open(path, O_RDWR)) == -1 || ioctl(terminal, TIOCSCTTY, 0) == -1) err(EXIT_FAILURE, "%s", path);
  signal(SIGTTOU, SIG_IGN); /* a shell hands the terminal over from the background */
  printf("session %s, group %s\n", getsid(0) == getpid() ? "its own" : "?", tcgetpgrp(terminal) == getpgrp() ? "in the foreground" : "?");
  keys();
  background();
  leave();
  return EXIT_SUCCESS;
}

/* Everything that has been on the screen, in one line. */
static void print_screen(int master) {
  char c;
  printf("screen: ");
  while (read(master, &c, 1) == 1) {
    if (c == '\r') printf("\\r");
    else if (c == '\n') printf("\\n");
    else putchar(c);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  int master = posix_openpt(O_RDWR), status, alive[2];
  if (master == -1 || pipe(asks) == -1 || pipe(alive) == -1) err(EXIT_FAILURE, "posix_openpt");
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    const char *path = ptsname(master);
    close(master);
    close(asks[0]);
    close(alive[0]);
    exit(shell(path));
  }
  close(asks[1]);
  close(alive[1]);
  /* Jobs have the pipe too: its end comes when the last one has gone. */
  for (char key; read(asks[0], &key, 1) == 1;)
    if (write(master, &key, 1) != 1) err(EXIT_FAILURE, "write");
  waitpid(pid, &status, 0);
  printf("the shell ended with %d, all jobs with it: %s\n", WEXITSTATUS(status), read(alive[0], &status, 1) == 0 ? "yes" : "no");
  print_screen(master);
  return EXIT_SUCCESS;
}
