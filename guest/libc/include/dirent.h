#ifndef DIRENT_H
#define DIRENT_H

#include <sys/types.h>

struct dirent {
  uint32_t d_fileno;
  uint16_t d_reclen;
  uint8_t d_type;
  uint8_t d_namlen;
  char d_name[256];
};
ABI_SIZE(struct dirent, 264);

#define DT_DIR 4
#define DT_REG 8

typedef struct DIR DIR;

DIR *opendir(const char *path);
struct dirent *readdir(DIR *dir);
int closedir(DIR *dir);
ssize_t getdirentries(int fd, char *buf, size_t nbytes, long *base);

#endif
