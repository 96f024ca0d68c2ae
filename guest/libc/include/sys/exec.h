/* struct ps_strings: where exec tells ps(1) about the arguments. */
#ifndef SYS_EXEC_H
#define SYS_EXEC_H

#include <sys/cdefs.h>

struct ps_strings {
  char **ps_argvstr;
  int ps_nargvstr;
  char **ps_envstr;
  int ps_nenvstr;
};
ABI_SIZE(struct ps_strings, 16);

extern struct ps_strings *__ps_strings;

#endif
