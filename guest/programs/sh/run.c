#include "sh.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVED_FD_MIN 10

bool is_assignment(const char *word) {
  if (!isalpha((unsigned char)*word) && *word != '_') return false;
  while (isalnum((unsigned char)*word) || *word == '_') word++;
  return *word == '=';
}

static void assign(const char *raw) {
  const char *equals = strchr(raw, '=');
  setenv(arena_copy(raw, (size_t)(equals - raw)), expand_one(equals + 1), 1);
}

static bool redirect(const struct redirection *r) {
  for (; r; r = r->next) {
    const char *target = expand_one(r->target);
    if (r->kind == DUPLICATE) {
      if (strcmp(target, "-") == 0) {
        close(r->fd);
      } else if (!isdigit((unsigned char)*target) || dup2(atoi(target), r->fd) == -1) {
        warnx("%s: not a descriptor", target);
        return false;
      }
      continue;
    }
    int flags = r->kind == READ_FROM  ? O_RDONLY
                : r->kind == WRITE_TO ? O_WRONLY | O_CREAT | O_TRUNC
                                      : O_WRONLY | O_CREAT | O_APPEND;
    int fd = open(target, flags, 0666);
    if (fd == -1) {
      warn("%s", target);
      return false;
    }
    if (fd != r->fd) {
      dup2(fd, r->fd);
      close(fd);
    }
  }
  return true;
}

/* For commands that run in the shell itself: descriptors are put aside and brought back. */
struct saved_fds {
  int aside[10]; /* -1: not touched, -2: was closed */
};

static void save_fds(struct saved_fds *saved, const struct redirection *r) {
  for (int i = 0; i < 10; i++) saved->aside[i] = -1;
  for (; r; r = r->next) {
    if (saved->aside[r->fd] != -1) continue;
    int aside = fcntl(r->fd, F_DUPFD, SAVED_FD_MIN);
    if (aside != -1) fcntl(aside, F_SETFD, FD_CLOEXEC);
    saved->aside[r->fd] = aside == -1 ? -2 : aside;
  }
}

static void restore_fds(const struct saved_fds *saved) {
  fflush(stdout);
  for (int i = 0; i < 10; i++) {
    if (saved->aside[i] == -1) continue;
    if (saved->aside[i] == -2) {
      close(i);
    } else {
      dup2(saved->aside[i], i);
      close(saved->aside[i]);
    }
  }
}

/* A file without a header that the kernel knows is taken for a script. */
__dead static void execute(char **argv) {
  execvp(argv[0], argv);
  if (errno == ENOEXEC) {
    int fd = open(argv[0], O_RDONLY);
    if (fd != -1) {
      shell.name = argv[0];
      shell.arguments = argv + 1;
      for (shell.argument_count = 0; argv[shell.argument_count + 1]; shell.argument_count++) continue;
      struct source source = source_of_fd(fd, false);
      exit(run_source(&source));
    }
    errno = ENOEXEC;
  }
  if (errno == ENOENT) errx(127, "%s: not found", argv[0]);
  err(126, "%s", argv[0]);
}

static const char *name_of(const struct node *node) {
  while (node && node->kind != SIMPLE) node = node->left;
  return node && node->words ? node->words->raw : "";
}

static int run_simple(struct node *node) {
  struct word *words = node->words;
  while (words && is_assignment(words->raw)) words = words->next;
  int argc;
  char **argv = expand_words(words, &argc);

  if (argc == 0) {
    shell.last_status = 0; /* $( ) in an assignment may set it */
    for (struct word *w = node->words; w != words; w = w->next) assign(w->raw);
    struct saved_fds saved;
    save_fds(&saved, node->redirections);
    bool ok = redirect(node->redirections);
    restore_fds(&saved);
    return ok ? shell.last_status : 1;
  }
  if (strcmp(argv[0], "exec") == 0) {
    if (!redirect(node->redirections)) exit(1);
    if (argc == 1) return 0;
    job_forget_all();
    execute(argv + 1);
  }
  builtin_function *builtin = find_builtin(argv[0]);
  if (builtin) {
    for (struct word *w = node->words; w != words; w = w->next) assign(w->raw);
    struct saved_fds saved;
    save_fds(&saved, node->redirections);
    int status = redirect(node->redirections) ? builtin(argc, argv) : 1;
    restore_fds(&saved);
    return status;
  }
  struct job job = {0};
  strlcpy(job.what, argv[0], sizeof job.what);
  pid_t pid = job_fork(&job, true);
  if (pid == -1) return 1;
  if (pid == 0) {
    for (struct word *w = node->words; w != words; w = w->next) assign(w->raw);
    if (!redirect(node->redirections)) _exit(1);
    execute(argv);
  }
  return job_foreground(&job);
}

/* In a child that has nothing else to do: a simple command needs no further fork. */
__dead static void run_and_exit(struct node *node) {
  if (node->kind == SIMPLE && node->words) {
    struct word *words = node->words;
    int argc;
    for (; words && is_assignment(words->raw); words = words->next) assign(words->raw);
    char **argv = expand_words(words, &argc);
    if (argc > 0 && !find_builtin(argv[0]) && strcmp(argv[0], "exec") != 0) {
      if (!redirect(node->redirections)) _exit(1);
      execute(argv);
    }
  }
  exit(run(node));
}

static int run_pipeline(struct node *node) {
  struct job job = {0};
  int input = -1;
  while (node && job.count < JOB_PIDS_MAX) {
    struct node *command = node->kind == PIPELINE ? node->left : node;
    node = node->kind == PIPELINE ? node->right : NULL;
    int ends[2] = {-1, -1};
    if (node && pipe(ends) == -1) {
      warn("pipe");
      break;
    }
    pid_t pid = job_fork(&job, true);
    if (pid == 0) {
      if (input != -1) {
        dup2(input, STDIN_FILENO);
        close(input);
      }
      if (node) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
      }
      run_and_exit(command);
    }
    if (input != -1) close(input);
    if (node) close(ends[1]);
    input = ends[0];
    if (pid == -1) break;
  }
  if (input != -1) close(input);
  return job.count > 0 ? job_foreground(&job) : 1;
}

/* A background command does not compete for the input; with job control the terminal sees to that. */
static int run_background(struct node *node) {
  bool stops_at_input = shell.job_control;
  struct job job = {0};
  strlcpy(job.what, name_of(node), sizeof job.what);
  pid_t pid = job_fork(&job, false);
  if (pid == -1) return 1;
  if (pid == 0) {
    int null = stops_at_input ? -1 : open("/dev/null", O_RDONLY);
    if (null != -1) {
      dup2(null, STDIN_FILENO);
      close(null);
    }
    run_and_exit(node);
  }
  shell.last_background = pid;
  job_background(&job);
  fprintf(stderr, "[%d]\n", pid);
  return 0;
}

/* True if a break or continue ends the loop that asks. */
static bool loop_ends(void) {
  if (shell.unwinding_loops == 0) return false;
  bool ours = --shell.unwinding_loops == 0;
  return !(ours && shell.continuing);
}

static int run_while(struct node *node) {
  int status = 0;
  shell.loop_depth++;
  for (;;) {
    arena_mark mark = arena_now();
    bool holds = (run(node->left) == 0) == (node->kind == WHILE);
    bool stop = !holds || loop_ends();
    if (!stop) {
      status = run(node->right);
      stop = loop_ends();
    }
    arena_release(mark);
    if (stop) break;
  }
  shell.loop_depth--;
  return status;
}

static int run_for(struct node *node) {
  int count, status = 0;
  char **values = expand_words(node->words, &count);
  shell.loop_depth++;
  for (int i = 0; i < count; i++) {
    arena_mark mark = arena_now();
    setenv(node->name, values[i], 1);
    status = run(node->right);
    bool stop = loop_ends();
    arena_release(mark);
    if (stop) break;
  }
  shell.loop_depth--;
  return status;
}

static int run_kind(struct node *node) {
  int status;
  switch (node->kind) {
  case SIMPLE:
    return run_simple(node);
  case PIPELINE:
    return run_pipeline(node);
  case AND:
    status = run(node->left);
    return status == 0 && !shell.unwinding_loops ? run(node->right) : status;
  case OR:
    status = run(node->left);
    return status != 0 && !shell.unwinding_loops ? run(node->right) : status;
  case SEQUENCE:
    status = run(node->left);
    return shell.unwinding_loops ? status : run(node->right);
  case BACKGROUND:
    return run_background(node->left);
  case NOT:
    return run(node->left) == 0;
  case GROUP:
    return run(node->left);
  case SUBSHELL: {
    struct job job = {0};
    pid_t pid = job_fork(&job, true);
    if (pid == 0) run_and_exit(node->left);
    return pid == -1 ? 1 : job_foreground(&job);
  }
  case IF:
    if (run(node->left) == 0) return run(node->right);
    return node->otherwise ? run(node->otherwise) : 0;
  case WHILE:
  case UNTIL:
    return run_while(node);
  case FOR:
    return run_for(node);
  }
  return 2;
}

int run(struct node *node) {
  if (node->kind == SIMPLE || !node->redirections) {
    shell.last_status = run_kind(node);
  } else {
    struct saved_fds saved;
    save_fds(&saved, node->redirections);
    shell.last_status = redirect(node->redirections) ? run_kind(node) : 1;
    restore_fds(&saved);
  }
  return shell.last_status;
}

int run_source(struct source *source) {
  for (bool end = false; !end;) {
    arena_mark mark = arena_now();
    bool error;
    struct node *line = parse_line(source, &end, &error);
    if (error) {
      shell.last_status = 2;
      if (!source->prompts) end = true;
    }
    if (line) run(line);
    arena_release(mark);
  }
  return shell.last_status;
}

/* What the command prints, without the newlines at its end. */
char *output_of(const char *command) {
  struct text output = {0};
  int ends[2];
  if (pipe(ends) == -1) return arena_copy("", 0);
  /* Not a job of its own: it is part of the command that it is for. */
  bool job_control = shell.job_control;
  shell.job_control = false;
  struct job job = {0};
  pid_t pid = job_fork(&job, true);
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    struct source source = source_of_text(command);
    exit(run_source(&source));
  }
  close(ends[1]);
  char piece[256];
  ssize_t n;
  while ((n = read(ends[0], piece, sizeof piece)) > 0)
    for (ssize_t i = 0; i < n; i++) text_add(&output, piece[i]);
  close(ends[0]);
  if (pid != -1) shell.last_status = job_foreground(&job);
  shell.job_control = job_control;
  while (output.length > 0 && output.chars[output.length - 1] == '\n') output.chars[--output.length] = '\0';
  return output.chars ? output.chars : arena_copy("", 0);
}
