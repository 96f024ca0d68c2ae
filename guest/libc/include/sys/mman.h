#ifndef SYS_MMAN_H
#define SYS_MMAN_H

#include <sys/types.h>

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_STACK 0x400
#define MAP_ANON 0x1000
#define MS_SYNC 0
#define INHERIT_SHARE 0
#define INHERIT_COPY 1
#define INHERIT_NONE 2
#define MAP_FAILED ((void *)-1)

#define PAGE_SIZE 4096u
#define trunc_page(x) ((x) & ~(PAGE_SIZE - 1))
#define round_page(x) (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t len);
int msync(void *addr, size_t len, int flags);
int mincore(const void *addr, size_t len, char *vec);
int minherit(void *addr, size_t len, int inherit);
int shm_open(const char *path, int flags, mode_t mode);
int shm_unlink(const char *path);
int mprotect(void *addr, size_t len, int prot);

#endif
