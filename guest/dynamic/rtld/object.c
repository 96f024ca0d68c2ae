#include "rtld.h"

#include <sys/mman.h>

enum {
  DT_PLTRELSZ = 2,
  DT_HASH = 4,
  DT_STRTAB = 5,
  DT_SYMTAB = 6,
  DT_REL = 17,
  DT_RELSZ = 18,
  DT_JMPREL = 23,
  DT_INIT_ARRAY = 25,
  DT_INIT_ARRAYSZ = 27,
};
#define PT_DYNAMIC 2
#define MAP_NOCORE 0x20000

/* Reads what `dynamic` says: addresses in it are as in the file. */
void read_dynamic(object_t *object) {
  for (const Elf32_Dyn *d = object->dynamic; d->d_tag; d++) {
    const void *at = (const void *)(object->base + d->d_val);
    if (d->d_tag == DT_STRTAB) object->strings = at;
    else if (d->d_tag == DT_SYMTAB) object->symbols = at;
    else if (d->d_tag == DT_HASH) object->symbol_count = ((const uint32_t *)at)[1];
    else if (d->d_tag == DT_REL) object->rel = at;
    else if (d->d_tag == DT_RELSZ) object->rel_bytes = d->d_val;
    else if (d->d_tag == DT_JMPREL) object->plt_rel = at;
    else if (d->d_tag == DT_PLTRELSZ) object->plt_rel_bytes = d->d_val;
    else if (d->d_tag == DT_INIT_ARRAY) object->constructors = (void (**)(void))(uintptr_t)at;
    else if (d->d_tag == DT_INIT_ARRAYSZ) object->constructors_bytes = d->d_val;
  }
}

static int protection(uint32_t flags) {
  return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/* A segment over what is reserved: pages of the file, zeros behind its end in the last one, then pages of zeros. */
static void map_segment(const Elf32_Phdr *ph, uintptr_t base, int fd) {
  uintptr_t start = trunc_page(base + ph->p_vaddr);
  uintptr_t file_end = base + ph->p_vaddr + ph->p_filesz;
  uintptr_t end = base + ph->p_vaddr + ph->p_memsz;
  int flags = MAP_PRIVATE | MAP_FIXED | (ph->p_flags & PF_W ? 0 : MAP_NOCORE);
  if (file_end > start)
    sys_mmap(start, round_page(file_end) - start, protection(ph->p_flags), flags, fd, trunc_page(ph->p_offset));
  if (!(ph->p_flags & PF_W) || end == file_end) return;
  for (char *at = (char *)file_end; (uintptr_t)at < round_page(file_end); at++) *at = 0;
  if (round_page(end) > round_page(file_end))
    sys_mmap(round_page(file_end), round_page(end) - round_page(file_end), protection(ph->p_flags),
             MAP_PRIVATE | MAP_FIXED | MAP_ANON, -1, 0);
}

/* Maps a library wherever the kernel puts it: 1, or 0 when there is no such file. */
int map_object(const char *path, object_t *object) {
  static char head[PAGE_SIZE];
  int fd = sys_open(path);
  if (fd < 0) return 0;
  const Elf32_Ehdr *eh = (const Elf32_Ehdr *)head;
  if (sys_read(fd, head, sizeof head) < (int)sizeof *eh || eh->e_type != ET_DYN || eh->e_machine != EM_386 ||
      eh->e_phoff + eh->e_phnum * sizeof(Elf32_Phdr) > sizeof head)
    die("not a shared object:", path, "");
  const Elf32_Phdr *phdrs = (const Elf32_Phdr *)(head + eh->e_phoff);
  uint32_t end = 0;
  for (int n = 0; n < eh->e_phnum; n++)
    if (phdrs[n].p_type == PT_LOAD && phdrs[n].p_vaddr + phdrs[n].p_memsz > end)
      end = phdrs[n].p_vaddr + phdrs[n].p_memsz;
  object->base = (uintptr_t)sys_mmap(0, round_page(end), PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
  for (int n = 0; n < eh->e_phnum; n++) {
    if (phdrs[n].p_type == PT_LOAD) map_segment(&phdrs[n], object->base, fd);
    if (phdrs[n].p_type == PT_DYNAMIC) object->dynamic = (const Elf32_Dyn *)(object->base + phdrs[n].p_vaddr);
  }
  sys_close(fd);
  if (!object->dynamic) die("no dynamic section in", path, "");
  read_dynamic(object);
  return 1;
}
