/*
 * A small run-time linker, as an oracle for how the kernel starts dynamic programs: it maps the libraries that a program needs, relocates
 * everything at once (no lazy binding), runs the libraries' constructors, and goes to the program's entry point. It stands alone, without libc.
 * Not there: thread-local storage, versions, dlopen, text relocations, destructors.
 */
#ifndef RTLD_H
#define RTLD_H

#include <sys/elf.h>

typedef struct {
  int32_t d_tag;
  uint32_t d_val;
} Elf32_Dyn;

typedef struct {
  uint32_t r_offset;
  uint32_t r_info;
} Elf32_Rel;

/* A program or a library in memory. */
typedef struct object {
  const char *name;
  uintptr_t base; /* what its addresses are to be added to */
  const Elf32_Dyn *dynamic;
  const char *strings;
  const Elf32_Sym *symbols;
  uint32_t symbol_count;
  const Elf32_Rel *rel;
  uint32_t rel_bytes;
  const Elf32_Rel *plt_rel;
  uint32_t plt_rel_bytes;
  void (**constructors)(void);
  uint32_t constructors_bytes;
} object_t;

/* system.c */
int sys_open(const char *path);
int sys_close(int fd);
int sys_read(int fd, void *buffer, size_t size);
void *sys_mmap(uintptr_t at, size_t size, int prot, int flags, int fd, uint32_t offset);
__dead void die(const char *what, const char *name, const char *more);
int same(const char *a, const char *b);

/* object.c */
void read_dynamic(object_t *object);
int map_object(const char *path, object_t *object);

/* relocate.c: objects in order of search, the program first. */
void relocate(const object_t *object, const object_t *objects, int count);

#endif
