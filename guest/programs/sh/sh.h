/* A small POSIX-like shell: lists, pipelines, redirections, quotes, expansions, if, while, for. */
#ifndef SH_H
#define SH_H

#include <stdbool.h>
#include <sys/types.h>

/* Memory of a command lives in an arena and goes away with it. */
typedef struct block *arena_mark;
arena_mark arena_now(void);
void arena_release(arena_mark mark);
void *arena_alloc(size_t size);
char *arena_copy(const char *text, size_t length);

/* Text that grows, in the arena. */
struct text {
  char *chars;
  size_t length, capacity;
};
void text_add(struct text *t, char c);
void text_add_string(struct text *t, const char *s);

/* Words keep their quotes and dollars until they are expanded. */
struct word {
  struct word *next;
  char *raw;
};

enum redirection_kind { READ_FROM, WRITE_TO, APPEND_TO, DUPLICATE };
struct redirection {
  struct redirection *next;
  enum redirection_kind kind;
  int fd;
  char *target; /* raw word; for DUPLICATE a digit or "-" */
};

enum node_kind { SIMPLE, PIPELINE, AND, OR, SEQUENCE, BACKGROUND, NOT, GROUP, SUBSHELL, IF, WHILE, UNTIL, FOR };
struct node {
  enum node_kind kind;
  struct node *left, *right, *otherwise; /* IF: condition, then, else. WHILE: condition, body. FOR: right is the body */
  struct word *words;                    /* SIMPLE; FOR: the list */
  char *name;                            /* FOR: the variable */
  struct redirection *redirections;
};

/* Where commands come from: a string, or a descriptor read byte by byte so that children find the rest unread. */
struct source {
  const char *text; /* NULL: read fd */
  int fd;
  bool prompts;
  int pushed_back; /* -2: nothing */
  bool at_end;
  int line;
};
struct source source_of_text(const char *text);
struct source source_of_fd(int fd, bool prompts);

/* Parses up to the end of a line. NULL at the end of the input, for an empty line (*end tells which), or in error. */
struct node *parse_line(struct source *source, bool *end, bool *error);

/* The shell's state that expansions and builtins see. */
struct shell {
  int last_status;
  pid_t pid;
  pid_t last_background; /* 0: none yet */
  bool interactive;
  bool job_control; /* each job has a process group, and the terminal while it is in the foreground */
  const char *name; /* $0 */
  int argument_count;
  char **arguments;
  int loop_depth;
  int unwinding_loops; /* > 0: break or continue is on its way out */
  bool continuing;
};
extern struct shell shell;

/* One word to any number of fields (splitting what comes of unquoted expansions); or to exactly one string. */
char **expand_words(const struct word *words, int *count);
char *expand_one(const char *raw);
bool evaluate(const char *expression, long *result);

int run(struct node *node);
/* Runs everything a source holds; the status of the last command. */
int run_source(struct source *source);
char *output_of(const char *command);
bool is_assignment(const char *word);

typedef int builtin_function(int argc, char **argv);
builtin_function *find_builtin(const char *name);
int builtin_test(int argc, char **argv);

/* Jobs: what was started together, known by the number of its first process, which with job control is that of its group. */
#define JOB_PIDS_MAX 32
struct job {
  pid_t pids[JOB_PIDS_MAX];
  int count; /* 0: free */
  int ended; /* so many of the first have ended */
  bool stopped;
  int status; /* $? value of the last that has ended or stopped */
  char what[40];
};
void job_control_begin(void);
/* fork(2) of a process for a job, which is empty or has others already. The child has none of the shell's jobs. */
pid_t job_fork(struct job *job, bool foreground);
/* Waits for a job in the foreground; says on standard error if a signal killed or stopped it. Returns its $? value. */
int job_foreground(struct job *job);
void job_background(const struct job *job);
void job_list(void);
int job_wait(pid_t pid);
int job_wait_all(void);
/* In a process that is not the shell any more: signals as a program expects them, and none of the shell's jobs. */
void job_forget_all(void);
int builtin_fg(int argc, char **argv);
int builtin_bg(int argc, char **argv);

#endif
