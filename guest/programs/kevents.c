/* What a kqueue tells besides sockets: timers, signals, processes, files, its user's own events; once, on change, or switched off. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/event.h>
#include <sys/wait.h>

static const char usage_text[] = "kevents\n  asks a kqueue for events of every kind\n";

static int kq;

static void change(uintptr_t ident, short filter, unsigned flags, unsigned notes, int data) {
  struct kevent change;
  EV_SET(&change, ident, filter, (uint16_t)flags, notes, data, NULL);
  if (kevent(kq, &change, 1, NULL, 0, NULL) == -1) err(EXIT_FAILURE, "kevent");
}

static struct kevent next(void) {
  struct kevent event;
  if (kevent(kq, NULL, 0, &event, 1, NULL) != 1) err(EXIT_FAILURE, "kevent");
  return event;
}

/* How many events there are now. */
static int events_now(void) {
  struct kevent events[8];
  struct timespec at_once = {0, 0};
  return kevent(kq, NULL, 0, events, 8, &at_once);
}

static void timers(void) {
  change(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 2);
  struct kevent event = next();
  printf("timer %d: %d time, then %d\n", (int)event.ident, (int)event.data, events_now());
  change(2, EVFILT_TIMER, EV_ADD, 0, 1);
  usleep(5500);
  event = next();
  printf("timer %d: at least 4 times: %s\n", (int)event.ident, event.data >= 4 ? "yes" : "no");
  change(2, EVFILT_TIMER, EV_DELETE, 0, 0);
}

/* The knote sees a signal even if the process ignores it. */
static void signals(void) {
  signal(SIGUSR1, SIG_IGN);
  change(SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0);
  for (int n = 0; n < 3; n++) kill(getpid(), SIGUSR1);
  struct kevent event = next();
  printf("SIG%s: %d times, then %d\n", sys_signame[event.ident], (int)event.data, events_now());
  change(SIGUSR1, EVFILT_SIGNAL, EV_DELETE, 0, 0);
}

/* A child that forks, executes a program, and ends: each is told, also when one call gets all at once. */
static void processes(void) {
  int ends[2];
  char c;
  if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    if (read(ends[0], &c, 1) != 1) _exit(1);
    pid_t grandchild = fork();
    if (grandchild == 0) _exit(0);
    if (grandchild == -1 || waitpid(grandchild, NULL, 0) == -1) _exit(1);
    char *const argv[] = {"/bin/sh", "-c", "exit 3", NULL};
    execv(argv[0], argv);
    _exit(1);
  }
  change((uintptr_t)pid, EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_EXEC | NOTE_EXIT, 0);
  if (write(ends[1], "!", 1) != 1) err(EXIT_FAILURE, "write");
  unsigned seen = 0;
  struct kevent event;
  do {
    event = next();
    seen |= event.fflags;
  } while (!(event.fflags & NOTE_EXIT));
  int status;
  waitpid(pid, &status, 0);
  printf("process:%s%s%s, status %d and %d\n", seen & NOTE_FORK ? " fork" : "", seen & NOTE_EXEC ? " exec" : "",
         seen & NOTE_EXIT ? " exit" : "", WEXITSTATUS((int)event.data), WEXITSTATUS(status));
  close(ends[0]);
  close(ends[1]);
}

static void files(void) {
  const char *path = "/tmp/kevents.file", *other = "/tmp/kevents.other";
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd == -1) err(EXIT_FAILURE, "%s", path);
  change((uintptr_t)fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_EXTEND | NOTE_RENAME | NOTE_DELETE, 0);
  write(fd, "text", 4);
  unsigned written = next().fflags;
  pwrite(fd, "t", 1, 0);
  unsigned again = next().fflags;
  rename(path, other);
  unsigned renamed = next().fflags;
  unlink(other);
  unsigned deleted = next().fflags;
  printf("file: written and longer %s, written %s, renamed %s, deleted %s\n", written == (NOTE_WRITE | NOTE_EXTEND) ? "yes" : "no",
         again == NOTE_WRITE ? "yes" : "no", renamed == NOTE_RENAME ? "yes" : "no", deleted & NOTE_DELETE ? "yes" : "no");
  close(fd);
}

/* A pipe: level by level, on change only, switched off after each, and at its end. */
static void pipes(void) {
  int ends[2];
  char buffer[8];
  if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
  change((uintptr_t)ends[1], EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0, 0);
  struct kevent event = next();
  printf("writable: %s, then %d\n", event.filter == EVFILT_WRITE && event.data > 0 ? "yes" : "no", events_now());
  write(ends[1], "abc", 3);
  change((uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, 0);
  event = next();
  printf("readable: %d bytes, and %d event more\n", (int)event.data, events_now());
  change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, 0);
  change((uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0);
  events_now();
  int none = events_now();
  write(ends[1], "d", 1);
  printf("on change: %d, %d after a write\n", none, events_now());
  change((uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0, 0);
  change((uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0);
  int first = events_now(), second = events_now();
  change((uintptr_t)ends[0], EVFILT_READ, EV_ENABLE | EV_DISPATCH, 0, 0);
  printf("switched off after each: %d %d, on again %d\n", first, second, events_now());
  change((uintptr_t)ends[0], EVFILT_READ, EV_ENABLE, 0, 0);
  if (read(ends[0], buffer, sizeof buffer) != 4) err(EXIT_FAILURE, "read");
  close(ends[1]);
  event = next();
  printf("closed: %s, %d bytes\n", event.flags & EV_EOF ? "EV_EOF" : "?", (int)event.data);
  close(ends[0]);
  printf("a closed descriptor takes its events with it: %d\n", events_now());
}

static void users_own(void) {
  change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
  int before = events_now();
  change(7, EVFILT_USER, 0, NOTE_FFOR | 0x5, 0);
  change(7, EVFILT_USER, 0, NOTE_TRIGGER, 0);
  struct kevent event = next();
  printf("user: %d before, flags %#x, then %d\n", before, event.fflags, events_now());
  struct kevent unknown;
  EV_SET(&unknown, 99, EVFILT_USER, EV_DELETE, 0, 0, NULL);
  int result = kevent(kq, &unknown, 1, &event, 1, NULL);
  printf("unknown: %d event, %s\n", result, result == 1 && event.flags & EV_ERROR && event.data == ENOENT ? "ENOENT" : "?");
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);
  kq = kqueue();
  if (kq == -1) err(EXIT_FAILURE, "kqueue");
  timers();
  signals();
  processes();
  files();
  pipes();
  users_own();
  return EXIT_SUCCESS;
}
