#include "rtld.h"

/* System V ABI, Intel386 Supplement: S symbol, A what stands there, P the place, B the base. */
enum {
  R_386_NONE = 0,
  R_386_32 = 1,       /* S + A */
  R_386_PC32 = 2,     /* S + A - P */
  R_386_COPY = 5,     /* the library's data, where the program has room for it */
  R_386_GLOB_DAT = 6, /* S */
  R_386_JMP_SLOT = 7, /* S */
  R_386_RELATIVE = 8, /* B + A */
};
#define TYPE(r) ((r)->r_info & 0xff)
#define SYMBOL(r) ((r)->r_info >> 8)
#define STB_WEAK 2

/*
 * The address of a symbol by the first object that defines it. A program not made to be moved has the address of a library's function in
 * its own code (st_value of an undefined symbol): it stands for the function everywhere but in a jump slot.
 */
static uintptr_t find(const object_t *object, const Elf32_Rel *r, const object_t *objects, int count) {
  const Elf32_Sym *wanted = &object->symbols[SYMBOL(r)];
  const char *name = object->strings + wanted->st_name;
  for (int n = TYPE(r) == R_386_COPY ? 1 : 0; n < count; n++) {
    const object_t *in = &objects[n];
    for (uint32_t s = 1; s < in->symbol_count; s++) {
      const Elf32_Sym *found = &in->symbols[s];
      if (found->st_value == 0 || (found->st_shndx == SHN_UNDEF && TYPE(r) == R_386_JMP_SLOT)) continue;
      if (found->st_info >> 4 != 0 && same(in->strings + found->st_name, name)) return in->base + found->st_value;
    }
  }
  if (wanted->st_info >> 4 != STB_WEAK) die("undefined symbol", name, "");
  return 0;
}

static void copy(char *to, const char *from, uint32_t size) {
  while (size-- > 0) *to++ = *from++;
}

static void relocate_one(const object_t *object, const Elf32_Rel *r, const object_t *objects, int count) {
  uint32_t *place = (uint32_t *)(object->base + r->r_offset);
  switch (TYPE(r)) {
  case R_386_NONE: break;
  case R_386_32: *place += find(object, r, objects, count); break;
  case R_386_PC32: *place += find(object, r, objects, count) - (uintptr_t)place; break;
  case R_386_COPY:
    copy((char *)place, (const char *)find(object, r, objects, count), object->symbols[SYMBOL(r)].st_size);
    break;
  case R_386_GLOB_DAT:
  case R_386_JMP_SLOT: *place = find(object, r, objects, count); break;
  case R_386_RELATIVE: *place += object->base; break;
  default: die("a relocation that is not supported in", object->name, "");
  }
}

void relocate(const object_t *object, const object_t *objects, int count) {
  for (uint32_t n = 0; n < object->rel_bytes / sizeof(Elf32_Rel); n++)
    relocate_one(object, &object->rel[n], objects, count);
  for (uint32_t n = 0; n < object->plt_rel_bytes / sizeof(Elf32_Rel); n++)
    relocate_one(object, &object->plt_rel[n], objects, count);
}
