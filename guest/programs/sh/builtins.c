#include "sh.h"

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int builtin_colon(int argc, char **argv) {
  (void)argc, (void)argv;
  return 0;
}

static int builtin_cd(int argc, char **argv) {
  const char *to = argc > 1 ? argv[1] : getenv("HOME");
  if (!to) to = "/";
  if (chdir(to) == -1) {
    warn("cd: %s", to);
    return 1;
  }
  return 0;
}

static int builtin_pwd(int argc, char **argv) {
  (void)argc, (void)argv;
  char path[1024];
  if (!getcwd(path, sizeof path)) {
    warn("pwd");
    return 1;
  }
  puts(path);
  return 0;
}

__dead static int builtin_exit(int argc, char **argv) { exit(argc > 1 ? atoi(argv[1]) & 0xFF : shell.last_status); }

static int builtin_wait(int argc, char **argv) {
  if (argc < 2) return job_wait_all();
  int status = 0;
  for (int i = 1; i < argc; i++) status = job_wait(atoi(argv[i]));
  return status;
}

static int builtin_jobs(int argc, char **argv) {
  (void)argc, (void)argv;
  job_list();
  return 0;
}

/* Every variable of this shell is in the environment, so export only sets. */
static int builtin_export(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (!equals) continue;
    *equals = '\0';
    setenv(argv[i], equals + 1, 1);
  }
  return 0;
}

static int builtin_unset(int argc, char **argv) {
  for (int i = 1; i < argc; i++) unsetenv(argv[i]);
  return 0;
}

static int leave_loop(int argc, char **argv, bool continuing) {
  int levels = argc > 1 ? atoi(argv[1]) : 1;
  if (shell.loop_depth == 0) return 0;
  shell.unwinding_loops = levels < 1 ? 1 : levels > shell.loop_depth ? shell.loop_depth : levels;
  shell.continuing = continuing;
  return 0;
}

static int builtin_break(int argc, char **argv) { return leave_loop(argc, argv, false); }
static int builtin_continue(int argc, char **argv) { return leave_loop(argc, argv, true); }

static int builtin_shift(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 1;
  if (n < 0 || n > shell.argument_count) return 1;
  shell.arguments += n;
  shell.argument_count -= n;
  return 0;
}

/* With one operand each variable on a line of its own; no splitting of the line into several. */
static int builtin_read(int argc, char **argv) {
  struct text line = {0};
  char c = '\0';
  while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') text_add(&line, c);
  if (argc > 1) setenv(argv[1], line.chars ? line.chars : "", 1);
  return c == '\n' || line.length > 0 ? 0 : 1;
}

static bool unary_test(char operator, const char *operand, bool *known) {
  struct stat st;
  *known = true;
  switch (operator) {
  case 'n':
    return *operand != '\0';
  case 'z':
    return *operand == '\0';
  case 'e':
    return stat(operand, &st) == 0;
  case 'f':
    return stat(operand, &st) == 0 && S_ISREG(st.st_mode);
  case 'd':
    return stat(operand, &st) == 0 && S_ISDIR(st.st_mode);
  case 's':
    return stat(operand, &st) == 0 && st.st_size > 0;
  case 'x':
    return access(operand, X_OK) == 0;
  case 'r':
    return access(operand, R_OK) == 0;
  default:
    *known = false;
    return false;
  }
}

static bool binary_test(const char *left, const char *operator, const char *right, bool *known) {
  long a = strtol(left, NULL, 10), b = strtol(right, NULL, 10);
  *known = true;
  if (strcmp(operator, "=") == 0) return strcmp(left, right) == 0;
  if (strcmp(operator, "!=") == 0) return strcmp(left, right) != 0;
  if (strcmp(operator, "-eq") == 0) return a == b;
  if (strcmp(operator, "-ne") == 0) return a != b;
  if (strcmp(operator, "-lt") == 0) return a < b;
  if (strcmp(operator, "-le") == 0) return a <= b;
  if (strcmp(operator, "-gt") == 0) return a > b;
  if (strcmp(operator, "-ge") == 0) return a >= b;
  *known = false;
  return false;
}

int builtin_test(int argc, char **argv) {
  if (strcmp(argv[0], "[") == 0 && strcmp(argv[--argc], "]") != 0) {
    warnx("[: missing ]");
    return 2;
  }
  int first = 1;
  bool negated = argc > 2 && strcmp(argv[1], "!") == 0;
  if (negated) first++;
  bool known = true, result = false;
  switch (argc - first) {
  case 0:
    break;
  case 1:
    result = *argv[first] != '\0';
    break;
  case 2:
    known = argv[first][0] == '-' && argv[first][1] != '\0' && argv[first][2] == '\0';
    if (known) result = unary_test(argv[first][1], argv[first + 1], &known);
    break;
  case 3:
    result = binary_test(argv[first], argv[first + 1], argv[first + 2], &known);
    break;
  default:
    known = false;
  }
  if (!known) {
    warnx("%s: cannot understand this condition", argv[0]);
    return 2;
  }
  return result == negated;
}

builtin_function *find_builtin(const char *name) {
  static const struct {
    const char *name;
    builtin_function *function;
  } rows[] = {
      {":", builtin_colon},       {"[", builtin_test},          {"bg", builtin_bg},         {"break", builtin_break},
      {"cd", builtin_cd},         {"continue", builtin_continue}, {"exit", builtin_exit},   {"export", builtin_export},
      {"fg", builtin_fg},         {"jobs", builtin_jobs},       {"pwd", builtin_pwd},       {"read", builtin_read},
      {"shift", builtin_shift},   {"test", builtin_test},       {"unset", builtin_unset},   {"wait", builtin_wait},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(rows[i].name, name) == 0) return rows[i].function;
  return NULL;
}
