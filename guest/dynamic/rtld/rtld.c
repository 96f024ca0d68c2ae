#include "rtld.h"

#define OBJECTS_MAX 16
#define PATH_MAX 1024
enum { AT_NULL = 0, AT_PHDR = 3, AT_PHNUM = 5, AT_BASE = 7, AT_ENTRY = 9, AT_COUNT = 24 };
enum { DT_NEEDED = 1, PT_DYNAMIC = 2, PT_PHDR = 6 };

extern const Elf32_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
uintptr_t rtld(uint32_t *stack);

static object_t objects[OBJECTS_MAX];
static int object_count;
static const char *library_path;

/* The path of a library in one of the folders of a list. */
static int map_below(const char *folders, const char *name, object_t *object) {
  char path[PATH_MAX];
  while (*folders) {
    int n = 0;
    for (; *folders && *folders != ':' && n < PATH_MAX / 2; folders++) path[n++] = *folders;
    if (*folders == ':') folders++;
    path[n++] = '/';
    for (const char *from = name; *from && n < PATH_MAX - 1; from++) path[n++] = *from;
    path[n] = 0;
    if (map_object(path, object)) return 1;
  }
  return 0;
}

/* Maps what an object needs and is not there yet. Objects are searched in the order in which they come here. */
static void map_needed(const object_t *object) {
  for (const Elf32_Dyn *d = object->dynamic; d->d_tag; d++) {
    if (d->d_tag != DT_NEEDED) continue;
    const char *name = object->strings + d->d_val;
    int known = 0;
    while (known < object_count && !same(objects[known].name, name)) known++;
    if (known < object_count) continue;
    if (object_count == OBJECTS_MAX) die("too many libraries:", name, "");
    object_t *next = &objects[object_count];
    if (!(library_path && map_below(library_path, name, next)) && !map_below("/lib:/usr/lib", name, next))
      die("shared object not found:", name, "");
    next->name = name;
    object_count++;
  }
}

/* The program, by its headers in memory: it stands where PT_PHDR is found to be. */
static void find_program(const Elf32_Phdr *phdrs, uint32_t count) {
  object_t *program = &objects[object_count++];
  program->name = "the program";
  for (uint32_t n = 0; n < count; n++)
    if (phdrs[n].p_type == PT_PHDR) program->base = (uintptr_t)phdrs - phdrs[n].p_vaddr;
  for (uint32_t n = 0; n < count; n++)
    if (phdrs[n].p_type == PT_DYNAMIC) program->dynamic = (const Elf32_Dyn *)(program->base + phdrs[n].p_vaddr);
  if (!program->dynamic) die("not a dynamic program", "", "");
  read_dynamic(program);
}

static const char *variable(const char *entry, const char *name) {
  while (*name && *entry == *name) entry++, name++;
  return !*name && *entry == '=' ? entry + 1 : 0;
}

/* `stack`: argc, argv, NULL, the environment, NULL, pairs of AT_ number and value. Returns the program's entry point. */
uintptr_t rtld(uint32_t *stack) {
  uint32_t **environment = (uint32_t **)(stack + 1 + stack[0] + 1);
  uint32_t **auxv = environment;
  while (*auxv) auxv++;
  uint32_t aux[AT_COUNT] = {0};
  for (uint32_t *pair = (uint32_t *)(auxv + 1); pair[0] != AT_NULL; pair += 2)
    if (pair[0] < AT_COUNT) aux[pair[0]] = pair[1];

  /* Itself first: before that nothing may be used whose address stands in memory. */
  object_t self = {0};
  self.base = aux[AT_BASE];
  self.dynamic = _DYNAMIC;
  read_dynamic(&self);
  relocate(&self, &self, 1);

  for (uint32_t **entry = environment; *entry; entry++) {
    const char *found = variable((const char *)*entry, "LD_LIBRARY_PATH");
    if (found) library_path = found;
  }
  find_program((const Elf32_Phdr *)aux[AT_PHDR], aux[AT_PHNUM]);
  for (int n = 0; n < object_count; n++) map_needed(&objects[n]);
  /* Data that is copied into the program has to be relocated by then. */
  for (int n = object_count - 1; n >= 0; n--) relocate(&objects[n], objects, object_count);
  for (int n = object_count - 1; n > 0; n--)
    for (uint32_t c = 0; c < objects[n].constructors_bytes / sizeof(void *); c++) objects[n].constructors[c]();
  return aux[AT_ENTRY];
}
