/* Writers and a reader at a FIFO, and processes that take turns at a file by flock(2). */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage_text[] = "fifo [writers [records]]\n  4 writers, 12 records each\n";

#define WRITERS_MAX 20
static const char fifo_path[] = "/tmp/fifo", counter_path[] = "/tmp/fifo.counter";

struct record {
  int writer, number;
  char filler[100]; /* all the same: a torn record shows */
};

static int write_records(int writer, int records) {
  int fd = open(fifo_path, O_WRONLY);
  if (fd == -1) err(EXIT_FAILURE, "%s", fifo_path);
  for (int n = 0; n < records; n++) {
    struct record record = {.writer = writer, .number = n};
    memset(record.filler, writer + n, sizeof record.filler);
    if (write(fd, &record, sizeof record) != (ssize_t)sizeof record) err(EXIT_FAILURE, "write");
  }
  return 0;
}

/* Whole records, each writer's in order; the end comes when the last writer has closed. */
static int read_records(int writers, int records) {
  int fd = open(fifo_path, O_RDONLY), next[WRITERS_MAX] = {0}, count = 0;
  if (fd == -1) err(EXIT_FAILURE, "%s", fifo_path);
  struct record record;
  ssize_t length;
  while ((length = read(fd, &record, sizeof record)) > 0) {
    if (length != (ssize_t)sizeof record) errx(EXIT_FAILURE, "a part of a record");
    if (record.writer < 0 || record.writer >= writers || record.number != next[record.writer]++)
      errx(EXIT_FAILURE, "record %d of writer %d", record.number, record.writer);
    for (size_t i = 0; i < sizeof record.filler; i++)
      if (record.filler[i] != (char)(record.writer + record.number)) errx(EXIT_FAILURE, "a torn record");
    count++;
  }
  printf("%d of %d records, whole and in order\n", count, writers * records);
  close(fd);
  return count == writers * records;
}

/* Reads, adds, writes back: without the lock, turns would be lost. */
static int count_up(int turns) {
  int fd = open(counter_path, O_RDWR);
  if (fd == -1) err(EXIT_FAILURE, "%s", counter_path);
  for (int n = 0; n < turns; n++) {
    int value;
    if (flock(fd, LOCK_EX) == -1) err(EXIT_FAILURE, "flock");
    if (pread(fd, &value, sizeof value, 0) != (ssize_t)sizeof value) err(EXIT_FAILURE, "read");
    value++;
    if (pwrite(fd, &value, sizeof value, 0) != (ssize_t)sizeof value) err(EXIT_FAILURE, "write");
    flock(fd, LOCK_UN);
  }
  return 0;
}

static int all_ended(int count) {
  int failed = 0, status;
  for (int n = 0; n < count; n++) failed += wait(&status) == -1 || status != 0;
  return failed == 0;
}

static const char *refusal(int result, int wanted, const char *name) { return result == -1 && errno == wanted ? name : "?"; }

/* A lock belongs to the open file: a second open of the same file is somebody else, a duplicate is not. */
static void who_holds(void) {
  int fd = open(counter_path, O_RDWR), other = open(counter_path, O_RDWR), twin = dup(fd);
  flock(fd, LOCK_EX);
  printf("held: %s, by itself: %s\n", refusal(flock(other, LOCK_SH | LOCK_NB), EAGAIN, "EAGAIN"),
         flock(twin, LOCK_EX | LOCK_NB) == 0 ? "allowed" : "?");
  flock(fd, LOCK_SH);
  printf("shared: %s, and more: %s\n", flock(other, LOCK_SH | LOCK_NB) == 0 ? "allowed" : "?",
         refusal(flock(other, LOCK_EX | LOCK_NB), EAGAIN, "EAGAIN"));
}

static void without_partner(void) {
  printf("nobody reads: %s\n", refusal(open(fifo_path, O_WRONLY | O_NONBLOCK), ENXIO, "ENXIO"));
  int reader = open(fifo_path, O_RDONLY | O_NONBLOCK), writer = open(fifo_path, O_WRONLY);
  char c;
  printf("nothing there: %s\n", refusal((int)read(reader, &c, 1), EAGAIN, "EAGAIN"));
  close(reader);
  signal(SIGPIPE, SIG_IGN);
  printf("the reader has gone: %s\n", refusal((int)write(writer, "x", 1), EPIPE, "EPIPE"));
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int writers = optind < argc ? number_argument("writers", argv[optind], 1, WRITERS_MAX) : 4;
  int records = optind + 1 < argc ? number_argument("records", argv[optind + 1], 1, 1000) : 12;

  unlink(fifo_path);
  if (mkfifo(fifo_path, 0600) == -1) err(EXIT_FAILURE, "%s", fifo_path);
  int zero = 0, fd = open(counter_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd == -1 || write(fd, &zero, sizeof zero) != (ssize_t)sizeof zero) err(EXIT_FAILURE, "%s", counter_path);
  for (int n = 0; n < writers; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(write_records(n, records) || count_up(records));
  }
  int good = read_records(writers, records);
  good &= all_ended(writers);
  int turns = 0;
  if (pread(fd, &turns, sizeof turns, 0) != (ssize_t)sizeof turns) err(EXIT_FAILURE, "%s", counter_path);
  printf("%d turns at the counter\n", turns);
  who_holds();
  without_partner();
  unlink(fifo_path);
  return good && turns == writers * records ? EXIT_SUCCESS : EXIT_FAILURE;
}
