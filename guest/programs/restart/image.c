#include "image.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

#define MUCH (16u * 1024 * 1024) /* no table of headers, symbols or notes is larger than this */

void read_at(int fd, const char *path, void *to, size_t length, uint32_t offset) {
  for (char *p = to; length > 0;) {
    ssize_t n = pread(fd, p, length, offset);
    if (n == -1) err(EXIT_FAILURE, "%s", path);
    if (n == 0) errx(EXIT_FAILURE, "%s: ends too early: no byte at offset %u", path, offset);
    p += n;
    length -= (size_t)n;
    offset += (uint32_t)n;
  }
}

static void *read_new(int fd, const char *path, size_t length, uint32_t offset) {
  if (length > MUCH) errx(EXIT_FAILURE, "%s: a table of %zu bytes at offset %u cannot be right", path, length, offset);
  void *bytes = malloc(length + 1);
  if (!bytes) err(EXIT_FAILURE, "malloc");
  read_at(fd, path, bytes, length, offset);
  ((char *)bytes)[length] = '\0';
  return bytes;
}

static int open_elf(const char *path, Elf32_Ehdr *header, uint16_t type, const char *kind) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) err(EXIT_FAILURE, "%s", path);
  read_at(fd, path, header, sizeof *header, 0);
  if (memcmp(header->e_ident, "\177ELF", 4) != 0 || header->e_ident[EI_CLASS] != ELFCLASS32 ||
      header->e_machine != EM_386 || header->e_type != type || header->e_phentsize != sizeof(Elf32_Phdr))
    errx(EXIT_FAILURE, "%s: not %s of i386", path, kind);
  return fd;
}

static Elf32_Phdr *read_program_headers(int fd, const char *path, const Elf32_Ehdr *header) {
  return read_new(fd, path, header->e_phnum * sizeof(Elf32_Phdr), header->e_phoff);
}

/* A stripped executable has no symbol table, which matters only to -m. */
static uint32_t find_symbol(int fd, const char *path, const Elf32_Ehdr *header, const char *wanted) {
  if (header->e_shnum == 0 || header->e_shentsize != sizeof(Elf32_Shdr)) return 0;
  uint32_t value = 0;
  Elf32_Shdr *sections = read_new(fd, path, header->e_shnum * sizeof *sections, header->e_shoff);
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header->e_shnum) continue;
    const Elf32_Shdr *names_section = &sections[sections[i].sh_link];
    Elf32_Sym *symbols = read_new(fd, path, sections[i].sh_size, sections[i].sh_offset);
    char *names = read_new(fd, path, names_section->sh_size, names_section->sh_offset);
    for (size_t n = 0; n < sections[i].sh_size / sizeof *symbols; n++) {
      const Elf32_Sym *symbol = &symbols[n];
      if (symbol->st_shndx != SHN_UNDEF && symbol->st_name < names_section->sh_size &&
          strcmp(names + symbol->st_name, wanted) == 0)
        value = symbol->st_value;
    }
    free(symbols);
    free(names);
  }
  free(sections);
  return value;
}

void read_executable(struct executable *executable, const char *path) {
  Elf32_Ehdr header;
  int fd = open_elf(path, &header, ET_EXEC, "an executable");
  Elf32_Phdr *segments = read_program_headers(fd, path, &header);
  *executable = (struct executable){.path = path, .entry = header.e_entry};
  executable->main_address = find_symbol(fd, path, &header, "main");
  for (int i = 0; i < header.e_phnum; i++) {
    uint32_t end = round_page(segments[i].p_vaddr + segments[i].p_memsz);
    if (segments[i].p_type == PT_LOAD && end > executable->break_base) executable->break_base = end;
  }
  free(segments);
  close(fd);
}

static void take_note(struct core *core, uint32_t type, const char *descriptor, uint32_t size) {
  if (type == NT_FPREGSET && core->thread_count == 1 && size == sizeof core->x87 && core->fpu_format == FPU_NONE) {
    memcpy(&core->x87, descriptor, size);
    core->fpu_format = FPU_X87;
  }
  if (type == NT_X86_XSTATE && core->thread_count == 1 && size >= sizeof core->fxsave) {
    memcpy(core->fxsave, descriptor, sizeof core->fxsave);
    core->fpu_format = FPU_FXSAVE;
  }
  if (type != NT_PRSTATUS) return;
  prstatus_t status;
  if (size != sizeof status)
    errx(EXIT_FAILURE, "%s: NT_PRSTATUS of %u bytes, not %zu", core->path, size, sizeof status);
  memcpy(&status, descriptor, sizeof status);
  if (status.pr_version != 1 || status.pr_gregsetsz != sizeof status.pr_reg)
    errx(EXIT_FAILURE, "%s: NT_PRSTATUS is not that of FreeBSD/i386", core->path);
  if (core->thread_count++ > 0) return;
  core->tid = status.pr_pid;
  core->signal = status.pr_cursig;
  core->registers = status.pr_reg;
}

static void read_notes(struct core *core, const Elf32_Phdr *segment) {
  char *notes = read_new(core->fd, core->path, segment->p_filesz, segment->p_offset);
  for (uint32_t at = 0; at + sizeof(Elf32_Nhdr) <= segment->p_filesz;) {
    Elf32_Nhdr header;
    memcpy(&header, notes + at, sizeof header);
    if (header.n_namesz > segment->p_filesz || header.n_descsz > segment->p_filesz) break;
    uint32_t name_at = at + sizeof header;
    uint32_t descriptor_at = name_at + ((header.n_namesz + 3) & ~3u);
    uint32_t end = descriptor_at + ((header.n_descsz + 3) & ~3u);
    if (end > segment->p_filesz) break;
    if (header.n_namesz == 8 && memcmp(notes + name_at, "FreeBSD", 8) == 0)
      take_note(core, header.n_type, notes + descriptor_at, header.n_descsz);
    at = end;
  }
  free(notes);
}

void read_core(struct core *core, const char *path) {
  Elf32_Ehdr header;
  *core = (struct core){.path = path};
  core->fd = open_elf(path, &header, ET_CORE, "a core file");
  core->segments = read_program_headers(core->fd, path, &header);
  for (int i = 0; i < header.e_phnum; i++) {
    Elf32_Phdr segment = core->segments[i];
    if (segment.p_type == PT_NOTE) read_notes(core, &segment);
    else if (segment.p_type == PT_LOAD && segment.p_memsz > 0) core->segments[core->segment_count++] = segment;
  }
  if (core->thread_count == 0) errx(EXIT_FAILURE, "%s: no NT_PRSTATUS note, so no registers", path);
}
