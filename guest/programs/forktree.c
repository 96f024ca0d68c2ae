/*
 * Forks a binary tree of processes. Every process tells its place in the tree by a pipe that all share; the root
 * sorts what arrives, so that the output does not depend on the order in which they ran.
 */
#include "usage.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "forktree [depth]\n  forks 2^depth - 2 processes below itself (depth = 4)\n";

static int compare_numbers(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* Node n has the children 2n and 2n+1, the root is 1. Returns how many processes of this subtree failed. */
static int grow(int node, int level, int depth, int report) {
  int failures = write(report, &node, sizeof node) != (ssize_t)sizeof node;
  if (level == depth) return failures;
  for (int child = 2 * node; child <= 2 * node + 1; child++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(grow(child, level + 1, depth, report));
  }
  for (int i = 0; i < 2; i++) {
    int status;
    if (wait(&status) == -1 || !WIFEXITED(status)) failures++;
    else failures += WEXITSTATUS(status);
  }
  return failures;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 1) usage(usage_text);
  int depth = optind < argc ? number_argument("depth", argv[optind], 1, 8) : 4;

  int ends[2];
  if (pipe(ends) == -1) err(EXIT_FAILURE, "pipe");
  int failures = grow(1, 1, depth, ends[1]);
  close(ends[1]);
  int nodes[256], count = 0;
  while (count < 256 && read(ends[0], &nodes[count], sizeof nodes[0]) == (ssize_t)sizeof nodes[0]) count++;
  qsort(nodes, (size_t)count, sizeof nodes[0], compare_numbers);
  for (int i = 0; i < count; i++) printf("%d%s", nodes[i], i + 1 < count ? " " : "\n");
  int expected = (1 << depth) - 1;
  if (failures > 0 || count != expected) errx(EXIT_FAILURE, "%d of %d processes reported", count, expected);
  return EXIT_SUCCESS;
}
