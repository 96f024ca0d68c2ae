/* Names, folders and offsets; and processes that append to one file, rename over one name, and make one file exclusively. */
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char usage_text[] = "files [processes]\n  4 processes that work in one folder\n";
static const char folder[] = "/tmp/files.folder";

static int processes = 4;

static int make(int dir, const char *name, int flags) {
  int fd = openat(dir, name, O_RDWR | O_CREAT | flags, 0640);
  if (fd == -1) err(EXIT_FAILURE, "%s", name);
  return fd;
}

static const char *refusal(int result, int wanted, const char *name) { return result == -1 && errno == wanted ? name : "?"; }

static void names(int dir) {
  struct stat a, b;
  int fd = make(dir, "one", O_EXCL);
  write(fd, "0123456789", 10);
  linkat(dir, "one", dir, "two", 0);
  symlink("two", "/tmp/files.folder/three");
  stat("/tmp/files.folder/three", &a);
  lstat("/tmp/files.folder/three", &b);
  printf("links %d, size %d, mode %o; the symbolic link's size %d\n", a.st_nlink, (int)a.st_size, a.st_mode & 07777, (int)b.st_size);
  unlinkat(dir, "one", 0);
  renameat(dir, "two", dir, "four");
  char text[16] = "";
  printf("the old name: %s, the dangling link: %s\n", refusal(openat(dir, "one", O_RDONLY), ENOENT, "ENOENT"),
         refusal(openat(dir, "three", O_RDONLY), ENOENT, "ENOENT"));
  pread(fd, text, 3, 4);
  printf("still open: %s, exclusive: %s\n", text, refusal(openat(dir, "four", O_CREAT | O_EXCL, 0600), EEXIST, "EEXIST"));
  truncate("/tmp/files.folder/four", 4);
  printf("cut: %d left, then %d\n", (int)read(fd, text, sizeof text), (int)lseek(fd, 0, SEEK_END));
  lseek(fd, 100, SEEK_SET);
  write(fd, "end", 3);
  fstat(fd, &a);
  pread(fd, text, 2, 50);
  printf("with a hole: size %d, zeros %s\n", (int)a.st_size, text[0] == 0 && text[1] == 0 ? "yes" : "no");
  close(fd);
  unlinkat(dir, "three", 0);
  unlinkat(dir, "four", 0);
}

/* In a folder: one appends to `log`, renames its own file over `latest`, and tries to be the one that makes `winner`. */
static int worker(int dir, int me) {
  char name[16], line[16];
  int log = openat(dir, "log", O_WRONLY | O_APPEND), won = 0;
  if (log == -1) return 100;
  snprintf(name, sizeof name, "own.%d", me);
  for (int n = 0; n < 5; n++) {
    int length = snprintf(line, sizeof line, "%d %d\n", me, n);
    if (write(log, line, (size_t)length) != length) return 101;
    int own = make(dir, name, O_EXCL);
    write(own, line, (size_t)length);
    close(own);
    if (renameat(dir, name, dir, "latest") == -1) return 102;
    int winner = openat(dir, n == 0 ? "winner" : "latest", O_RDWR | O_CREAT | (n == 0 ? O_EXCL : 0), 0600);
    if (winner == -1 && (n != 0 || errno != EEXIST)) return 103;
    if (n == 0) won = winner != -1;
    close(winner);
  }
  return won;
}

static int compare_lines(const void *a, const void *b) { return memcmp(a, b, 4); }

static void together(int dir) {
  close(make(dir, "log", 0));
  int won = 0, status;
  for (int n = 0; n < processes; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(worker(dir, n));
  }
  for (int n = 0; n < processes; n++) {
    if (wait(&status) == -1 || !WIFEXITED(status) || WEXITSTATUS(status) > 1) errx(EXIT_FAILURE, "a worker failed: %#x", status);
    won += WEXITSTATUS(status);
  }
  char log[9 * 5 * 4 + 1] = "", latest[8] = "";
  int fd = openat(dir, "log", O_RDONLY), size = (int)read(fd, log, sizeof log - 1);
  close(fd);
  qsort(log, (size_t)size / 4, 4, compare_lines);
  int whole = 1;
  for (int n = 0; n < processes * 5; n++) {
    char line[8];
    snprintf(line, sizeof line, "%d %d\n", n / 5, n % 5);
    whole &= memcmp(log + 4 * n, line, 4) == 0;
  }
  fd = openat(dir, "latest", O_RDONLY);
  printf("%d bytes appended, every line %s; %d winner; latest is %s\n", size, whole ? "once" : "?", won,
         read(fd, latest, sizeof latest) == 4 && latest[2] == '4' ? "a last one" : "?");
  close(fd);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(void) {
  DIR *dir = opendir(folder);
  if (!dir) err(EXIT_FAILURE, "%s", folder);
  char *found[10];
  int count = 0;
  for (struct dirent *entry; count < 10 && (entry = readdir(dir));) found[count++] = strdup(entry->d_name);
  closedir(dir);
  qsort(found, (size_t)count, sizeof found[0], compare_names);
  for (int n = 0; n < count; n++) printf("%s%s", found[n], n + 1 < count ? " " : "\n");
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 1) usage(usage_text);
  if (optind < argc) processes = number_argument("processes", argv[optind], 1, 9);

  umask(027);
  if (mkdir(folder, 0777) == -1) err(EXIT_FAILURE, "%s", folder);
  struct stat st;
  stat(folder, &st);
  int dir = open(folder, O_RDONLY | O_DIRECTORY);
  printf("folder: mode %o, links %d, again: %s\n", st.st_mode & 07777, st.st_nlink, refusal(mkdir(folder, 0777), EEXIST, "EEXIST"));
  names(dir);
  together(dir);
  list();
  printf("not empty: %s\n", refusal(rmdir(folder), ENOTEMPTY, "ENOTEMPTY"));
  unlinkat(dir, "log", 0);
  unlinkat(dir, "latest", 0);
  unlinkat(dir, "winner", 0);
  printf("removed: %s, still open, but empty for good: %s\n", rmdir(folder) == 0 ? "yes" : "no",
         refusal(openat(dir, "new", O_CREAT | O_RDWR, 0600), ENOENT, "ENOENT"));
  return EXIT_SUCCESS;
}
