#include "sh.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define END (-1)
#define NOTHING (-2)

/* ---- characters */

struct source source_of_text(const char *text) {
  return (struct source){.text = text, .fd = -1, .pushed_back = NOTHING, .line = 1};
}

struct source source_of_fd(int fd, bool prompts) {
  return (struct source){.fd = fd, .prompts = prompts, .pushed_back = NOTHING, .line = 1};
}

static void prompt(const struct source *source, const char *text) {
  if (source->prompts) write(STDERR_FILENO, text, strlen(text));
}

/* What ^C interrupts is an empty line: the terminal has thrown away what was typed. */
static int read_byte(const struct source *source) {
  char byte;
  ssize_t n = read(source->fd, &byte, 1);
  if (n == -1 && errno == EINTR && source->prompts) {
    prompt(source, "\n");
    return '\n';
  }
  return n == 1 ? (unsigned char)byte : END;
}

static int next_char(struct source *source) {
  int c = source->pushed_back;
  if (c != NOTHING) {
    source->pushed_back = NOTHING;
    return c;
  }
  if (source->at_end) return END;
  if (source->text) {
    c = (unsigned char)*source->text;
    if (c) source->text++;
    else c = END;
  } else {
    c = read_byte(source);
  }
  if (c == END) source->at_end = true;
  if (c == '\n') source->line++;
  return c;
}

static void push_back(struct source *source, int c) { source->pushed_back = c; }

/* ---- tokens */

enum token_kind { T_WORD, T_OPERATOR, T_NEWLINE, T_END, T_ERROR };

struct parser {
  struct source *source;
  enum token_kind kind; /* of the token in hand */
  char *text;           /* of a word (raw) or operator */
  bool failed;
};

static void fail(struct parser *p, const char *format, ...) {
  if (p->failed) return;
  p->failed = true;
  char reason[128];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  warnx("line %d: syntax error: %s", p->source->line, reason);
}

static int need_char(struct parser *p, char closing) {
  int c = next_char(p->source);
  if (c == END) fail(p, "no closing %c", closing);
  if (c == '\n') prompt(p->source, "> ");
  return c;
}

static void read_substitution(struct parser *p, struct text *word, char open, char close);

/* Copies up to and with the closing quote. In double quotes a backslash hides a character, and $( ) may hold quotes. */
static void read_quoted(struct parser *p, struct text *word, char quote) {
  for (;;) {
    int c = need_char(p, quote);
    if (c == END) return;
    text_add(word, (char)c);
    if (c == quote) return;
    if (quote == '"' && c == '\\') {
      c = need_char(p, quote);
      if (c != END) text_add(word, (char)c);
    } else if (quote == '"' && c == '$') {
      c = next_char(p->source);
      if (c == '(') {
        text_add(word, '(');
        read_substitution(p, word, '(', ')');
      } else {
        push_back(p->source, c);
      }
    }
  }
}

static void read_substitution(struct parser *p, struct text *word, char open, char close) {
  for (int depth = 1; depth > 0;) {
    int c = need_char(p, close);
    if (c == END) return;
    text_add(word, (char)c);
    if (c == open) depth++;
    else if (c == close) depth--;
    else if (c == '\'' || c == '"') read_quoted(p, word, (char)c);
    else if (c == '\\' && (c = need_char(p, close)) != END) text_add(word, (char)c);
  }
}

static void read_word(struct parser *p, int c) {
  struct text word = {0};
  for (; c != END && !strchr(" \t\n;&|<>()", c); c = next_char(p->source)) {
    if (c == '\\') {
      int hidden = next_char(p->source);
      if (hidden == '\n') {
        prompt(p->source, "> ");
        continue;
      }
      text_add(&word, '\\');
      if (hidden != END) text_add(&word, (char)hidden);
      continue;
    }
    text_add(&word, (char)c);
    if (c == '\'' || c == '"') read_quoted(p, &word, (char)c);
    if (c == '$') {
      int open = next_char(p->source);
      if (open == '(' || open == '{') {
        text_add(&word, (char)open);
        read_substitution(p, &word, (char)open, open == '(' ? ')' : '}');
      } else {
        push_back(p->source, open);
      }
    }
  }
  push_back(p->source, c);
  p->kind = T_WORD;
  p->text = word.chars ? word.chars : arena_copy("", 0);
}

/* A digit straight in front of < or > names the descriptor and belongs to the operator: "2>". */
static void advance(struct parser *p) {
  struct source *source = p->source;
  int c = next_char(source);
  for (;;) {
    if (c == '\\') {
      int after = next_char(source);
      if (after != '\n') {
        push_back(source, after);
        break;
      }
      prompt(source, "> ");
    } else if (c != ' ' && c != '\t') {
      break;
    }
    c = next_char(source);
  }
  if (c == '#')
    while (c != '\n' && c != END) c = next_char(source);
  if (c == END) {
    p->kind = T_END;
    return;
  }
  if (c == '\n') {
    p->kind = T_NEWLINE;
    return;
  }
  int digit = 0;
  if (isdigit(c)) {
    int after = next_char(source);
    if (after == '<' || after == '>') {
      digit = c;
      c = after;
    } else {
      struct text number = {0};
      text_add(&number, (char)c);
      read_word(p, after);
      text_add_string(&number, p->text);
      p->text = number.chars;
      return;
    }
  }
  if (!strchr(";&|<>()", c)) {
    read_word(p, c);
    return;
  }
  char operator[4] = {0};
  int n = 0;
  if (digit) operator[n++] = (char)digit;
  operator[n++] = (char)c;
  int second = next_char(source);
  if ((strchr("&|;>", c) && second == c) || (strchr("<>", c) && second == '&')) operator[n++] = (char)second;
  else push_back(source, second);
  p->kind = T_OPERATOR;
  p->text = arena_copy(operator, (size_t)n);
}

static bool is_operator(const struct parser *p, const char *text) {
  return p->kind == T_OPERATOR && strcmp(p->text, text) == 0;
}

static bool is_word(const struct parser *p, const char *text) {
  return p->kind == T_WORD && strcmp(p->text, text) == 0;
}

static bool accept_word(struct parser *p, const char *text) {
  if (!is_word(p, text)) return false;
  advance(p);
  return true;
}

static void skip_newlines(struct parser *p) {
  while (p->kind == T_NEWLINE) {
    prompt(p->source, "> ");
    advance(p);
  }
}

static void expect_word(struct parser *p, const char *text) {
  skip_newlines(p);
  if (!accept_word(p, text)) fail(p, "expected %s", text);
}

/* ---- grammar */

static struct node *new_node(enum node_kind kind, struct node *left, struct node *right) {
  struct node *node = arena_alloc(sizeof *node);
  *node = (struct node){.kind = kind, .left = left, .right = right};
  return node;
}

static struct node *parse_list(struct parser *p, bool one_line);

/* A list over any number of lines, up to a word that closes it. */
static struct node *parse_body(struct parser *p) {
  skip_newlines(p);
  struct node *body = parse_list(p, false);
  if (!body) fail(p, "a command is missing");
  return body;
}

static bool parse_redirection(struct parser *p, struct redirection ***last) {
  if (p->kind != T_OPERATOR) return false;
  const char *operator = p->text;
  int fd = -1;
  if (isdigit((unsigned char)*operator)) fd = *operator++ - '0';
  if (*operator != '<' && *operator != '>') return false;
  struct redirection *r = arena_alloc(sizeof *r);
  r->fd = fd >= 0 ? fd : *operator == '>';
  r->kind = operator[1] == '&' ? DUPLICATE : *operator == '<' ? READ_FROM : operator[1] == '>' ? APPEND_TO : WRITE_TO;
  advance(p);
  if (p->kind != T_WORD) {
    fail(p, "a file name is missing");
    return false;
  }
  r->target = p->text;
  advance(p);
  **last = r;
  *last = &r->next;
  return true;
}

static struct node *parse_simple(struct parser *p) {
  struct node *node = new_node(SIMPLE, NULL, NULL);
  struct word **last_word = &node->words;
  struct redirection **last_redirection = &node->redirections;
  for (;;) {
    if (p->kind == T_WORD) {
      struct word *word = arena_alloc(sizeof *word);
      word->raw = p->text;
      *last_word = word;
      last_word = &word->next;
      advance(p);
    } else if (!parse_redirection(p, &last_redirection)) {
      break;
    }
  }
  if (!node->words && !node->redirections) {
    fail(p, p->kind == T_OPERATOR ? "%s unexpected" : "a command is missing%.0s", p->text ? p->text : "");
    return NULL;
  }
  return node;
}

/* Behind `if` or `elif`. */
static struct node *parse_if(struct parser *p) {
  struct node *node = new_node(IF, NULL, NULL);
  node->left = parse_body(p);
  expect_word(p, "then");
  node->right = parse_body(p);
  skip_newlines(p);
  if (accept_word(p, "elif")) {
    node->otherwise = parse_if(p);
    return node;
  }
  if (accept_word(p, "else")) node->otherwise = parse_body(p);
  expect_word(p, "fi");
  return node;
}

static struct node *parse_loop_body(struct parser *p) {
  expect_word(p, "do");
  struct node *body = parse_body(p);
  expect_word(p, "done");
  return body;
}

static struct node *parse_for(struct parser *p) {
  struct node *node = new_node(FOR, NULL, NULL);
  if (p->kind != T_WORD) {
    fail(p, "for needs a name");
    return NULL;
  }
  node->name = p->text;
  advance(p);
  struct word **last = &node->words;
  if (accept_word(p, "in")) {
    for (; p->kind == T_WORD; advance(p)) {
      struct word *word = arena_alloc(sizeof *word);
      word->raw = p->text;
      *last = word;
      last = &word->next;
    }
  } else {
    *last = arena_alloc(sizeof **last);
    (*last)->raw = arena_copy("\"$@\"", 4);
  }
  if (is_operator(p, ";")) advance(p);
  node->right = parse_loop_body(p);
  return node;
}

static struct node *parse_command(struct parser *p) {
  struct node *node;
  if (p->failed) return NULL;
  if (accept_word(p, "if")) {
    node = parse_if(p);
  } else if (is_word(p, "while") || is_word(p, "until")) {
    node = new_node(is_word(p, "while") ? WHILE : UNTIL, NULL, NULL);
    advance(p);
    node->left = parse_body(p);
    node->right = parse_loop_body(p);
  } else if (accept_word(p, "for")) {
    node = parse_for(p);
  } else if (accept_word(p, "{")) {
    node = new_node(GROUP, parse_body(p), NULL);
    expect_word(p, "}");
  } else if (is_operator(p, "(")) {
    advance(p);
    node = new_node(SUBSHELL, parse_body(p), NULL);
    skip_newlines(p);
    if (is_operator(p, ")")) advance(p);
    else fail(p, "expected )");
  } else {
    return parse_simple(p);
  }
  if (p->failed) return NULL;
  struct redirection **last = &node->redirections;
  while (parse_redirection(p, &last)) continue;
  return node;
}

static struct node *parse_pipeline(struct parser *p) {
  if (accept_word(p, "!")) return new_node(NOT, parse_pipeline(p), NULL);
  struct node *left = parse_command(p);
  if (p->failed || !is_operator(p, "|")) return left;
  advance(p);
  skip_newlines(p);
  return new_node(PIPELINE, left, parse_pipeline(p));
}

static struct node *parse_and_or(struct parser *p) {
  struct node *left = parse_pipeline(p);
  while (!p->failed && (is_operator(p, "&&") || is_operator(p, "||"))) {
    enum node_kind kind = *p->text == '&' ? AND : OR;
    advance(p);
    skip_newlines(p);
    left = new_node(kind, left, parse_pipeline(p));
  }
  return left;
}

static bool closes_list(const struct parser *p) {
  static const char *const closing[] = {"then", "else", "elif", "fi", "do", "done", "}"};
  if (p->kind == T_END || p->kind == T_ERROR || is_operator(p, ")")) return true;
  for (size_t i = 0; i < sizeof closing / sizeof *closing; i++)
    if (is_word(p, closing[i])) return true;
  return false;
}

static struct node *parse_list(struct parser *p, bool one_line) {
  struct node *list = NULL;
  while (!p->failed && !closes_list(p)) {
    if (p->kind == T_NEWLINE) {
      if (one_line) break;
      skip_newlines(p);
      continue;
    }
    struct node *node = parse_and_or(p);
    if (p->failed) return NULL;
    if (is_operator(p, "&")) {
      node = new_node(BACKGROUND, node, NULL);
      advance(p);
    } else if (is_operator(p, ";")) {
      advance(p);
    } else if (p->kind != T_NEWLINE && !closes_list(p)) {
      fail(p, "%s unexpected", p->text);
      return NULL;
    }
    list = list ? new_node(SEQUENCE, list, node) : node;
  }
  return list;
}

struct node *parse_line(struct source *source, bool *end, bool *error) {
  struct parser p = {.source = source};
  prompt(source, "$ ");
  advance(&p);
  struct node *list = parse_list(&p, true);
  if (!p.failed && p.kind != T_NEWLINE && p.kind != T_END) fail(&p, "%s unexpected", p.text);
  if (p.failed) /* leave the rest of the line alone */
    while (p.kind != T_NEWLINE && p.kind != T_END) {
      int c = next_char(source);
      p.kind = c == '\n' ? T_NEWLINE : c == END ? T_END : p.kind;
    }
  *end = p.kind == T_END;
  *error = p.failed;
  return p.failed ? NULL : list;
}
