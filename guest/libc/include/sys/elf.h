/* ELF32 headers and FreeBSD's note types. */
#ifndef SYS_ELF_H
#define SYS_ELF_H

#include <sys/types.h>

typedef struct {
  uint8_t e_ident[16];
  uint16_t e_type;
  uint16_t e_machine;
  uint32_t e_version;
  uint32_t e_entry;
  uint32_t e_phoff;
  uint32_t e_shoff;
  uint32_t e_flags;
  uint16_t e_ehsize;
  uint16_t e_phentsize;
  uint16_t e_phnum;
  uint16_t e_shentsize;
  uint16_t e_shnum;
  uint16_t e_shstrndx;
} Elf32_Ehdr;
ABI_SIZE(Elf32_Ehdr, 52);

typedef struct {
  uint32_t p_type;
  uint32_t p_offset;
  uint32_t p_vaddr;
  uint32_t p_paddr;
  uint32_t p_filesz;
  uint32_t p_memsz;
  uint32_t p_flags;
  uint32_t p_align;
} Elf32_Phdr;
ABI_SIZE(Elf32_Phdr, 32);

typedef struct {
  uint32_t sh_name;
  uint32_t sh_type;
  uint32_t sh_flags;
  uint32_t sh_addr;
  uint32_t sh_offset;
  uint32_t sh_size;
  uint32_t sh_link;
  uint32_t sh_info;
  uint32_t sh_addralign;
  uint32_t sh_entsize;
} Elf32_Shdr;
ABI_SIZE(Elf32_Shdr, 40);

typedef struct {
  uint32_t st_name;
  uint32_t st_value;
  uint32_t st_size;
  uint8_t st_info;
  uint8_t st_other;
  uint16_t st_shndx;
} Elf32_Sym;
ABI_SIZE(Elf32_Sym, 16);

typedef struct {
  uint32_t n_namesz;
  uint32_t n_descsz;
  uint32_t n_type;
} Elf32_Nhdr;

#define ELFCLASS32 1
#define ELFDATA2LSB 1
#define EV_CURRENT 1
#define ELFOSABI_FREEBSD 9
#define EI_CLASS 4
#define EI_DATA 5
#define EI_VERSION 6
#define EI_OSABI 7
#define ET_EXEC 2
#define ET_DYN 3
#define ET_CORE 4
#define EM_386 3
#define PT_LOAD 1
#define PT_INTERP 3
#define PT_NOTE 4
#define PF_X 1
#define PF_W 2
#define PF_R 4
#define SHT_SYMTAB 2
#define SHN_UNDEF 0

#define NT_PRSTATUS 1
#define NT_FPREGSET 2
#define NT_X86_XSTATE 0x202 /* of later releases: FXSAVE image, then the XSAVE header */
#define NT_PRPSINFO 3
#define NT_THRMISC 7
#define NT_PROCSTAT_PROC 8
#define NT_PROCSTAT_FILES 9
#define NT_PROCSTAT_VMMAP 10
#define NT_PROCSTAT_GROUPS 11
#define NT_PROCSTAT_UMASK 12
#define NT_PROCSTAT_RLIMIT 13
#define NT_PROCSTAT_OSREL 14
#define NT_PROCSTAT_PSSTRINGS 15
#define NT_PROCSTAT_AUXV 16

#endif
