#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int __getcwd(char *buf, size_t size);

char *getcwd(char *buf, size_t size) { return __getcwd(buf, size) == -1 ? NULL : buf; }

struct DIR {
  int fd;
  size_t used, filled;
  long base;
  _Alignas(4) char records[4096];
};

DIR *opendir(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1) return NULL;
  DIR *dir = calloc(1, sizeof *dir);
  if (!dir) {
    close(fd);
    return NULL;
  }
  dir->fd = fd;
  return dir;
}

struct dirent *readdir(DIR *dir) {
  for (;;) {
    if (dir->used >= dir->filled) {
      ssize_t n = getdirentries(dir->fd, dir->records, sizeof dir->records, &dir->base);
      if (n <= 0) return NULL;
      dir->filled = (size_t)n;
      dir->used = 0;
    }
    struct dirent *entry = (struct dirent *)(void *)(dir->records + dir->used);
    if (entry->d_reclen == 0) return NULL;
    dir->used += entry->d_reclen;
    if (entry->d_fileno != 0) return entry; /* 0: a removed entry */
  }
}

int closedir(DIR *dir) {
  int result = close(dir->fd);
  free(dir);
  return result;
}
