#include "usage.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage_text[] =
    "ls [-al] [file ...]\n"
    "  one name a line; -a dot files, too; -l mode, links, owner, size\n";

static bool show_dots, show_long;

static char kind_letter(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFDIR:
    return 'd';
  case S_IFCHR:
    return 'c';
  case S_IFBLK:
    return 'b';
  case S_IFLNK:
    return 'l';
  case S_IFIFO:
    return 'p';
  case S_IFSOCK:
    return 's';
  default:
    return '-';
  }
}

static void print_file(const char *directory, const char *name) {
  if (!show_long) {
    puts(name);
    return;
  }
  char path[1024];
  snprintf(path, sizeof path, "%s%s%s", directory, *directory ? "/" : "", name);
  struct stat st;
  if (lstat(path, &st) == -1) {
    warn("%s", path);
    return;
  }
  char mode[11] = "?rwxrwxrwx";
  mode[0] = kind_letter(st.st_mode);
  for (int bit = 0; bit < 9; bit++)
    if (!(st.st_mode >> (8 - bit) & 1)) mode[1 + bit] = '-';
  printf("%s %3u %4u %4u %8lld %s\n", mode, st.st_nlink, st.st_uid, st.st_gid, (long long)st.st_size, name);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool print_directory(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) {
    warn("%s", path);
    return false;
  }
  char **names = NULL;
  size_t count = 0, capacity = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] == '.' && !show_dots) continue;
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 32;
      names = realloc(names, capacity * sizeof *names);
      if (!names) err(EXIT_FAILURE, "realloc");
    }
    names[count++] = strdup(entry->d_name);
  }
  closedir(dir);
  if (count > 1) qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 0; i < count; i++) {
    print_file(path, names[i]);
    free(names[i]);
  }
  free(names);
  return true;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "1ahl")) != -1) {
    if (option == 'h') help(usage_text);
    else if (option == 'a') show_dots = true;
    else if (option == 'l') show_long = true;
    else if (option != '1') usage(usage_text);
  }
  bool ok = true;
  if (optind == argc) ok = print_directory(".");
  bool several = argc - optind > 1;
  for (int i = optind; i < argc; i++) {
    struct stat st;
    if (stat(argv[i], &st) == -1) {
      warn("%s", argv[i]);
      ok = false;
    } else if (!S_ISDIR(st.st_mode)) {
      print_file("", argv[i]);
    } else {
      if (several) printf("%s:\n", argv[i]);
      ok &= print_directory(argv[i]);
    }
  }
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
