/* What restart needs to know of the two files it is given. */
#ifndef IMAGE_H
#define IMAGE_H

#include <machine/reg.h>
#include <stdbool.h>
#include <sys/elf.h>

enum { FPU_NONE, FPU_X87, FPU_FXSAVE };

struct executable {
  const char *path;
  uint32_t entry;
  uint32_t main_address; /* 0: there is no symbol of that name */
  uint32_t break_base;   /* first page behind .bss: where the heap of break(2) starts */
};

struct core {
  const char *path;
  int fd;
  unsigned segment_count; /* PT_LOADs only, in the order of the file */
  Elf32_Phdr *segments;
  int thread_count; /* NT_PRSTATUS notes seen; the structures below are the first one's */
  lwpid_t tid;
  int signal; /* what ended the process; 0 in a core by gcore */
  struct reg registers;
  /* The floating-point unit: as an FXSAVE image when the core has one, else x87 alone; 0: neither. */
  int fpu_format;
  struct fpreg x87;
  unsigned char fxsave[512];
};

void read_executable(struct executable *executable, const char *path);
void read_core(struct core *core, const char *path);
/* Reads all of it or ends the program. */
void read_at(int fd, const char *path, void *to, size_t length, uint32_t offset);

#endif
