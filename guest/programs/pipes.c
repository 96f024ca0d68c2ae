/* A producer and a consumer. The stream is larger than any pipe's buffer, so both sides have to wait for each other. */
#include "usage.h"

#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "pipes [kilobytes]\n  sends that much (256) through a pipe and compares checksums\n";

#define BLOCK 1000 /* on purpose no divisor of the pipe's size */

static uint32_t mix(uint32_t sum, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

static uint32_t produce(int fd, size_t total) {
  uint8_t block[BLOCK];
  uint32_t sum = 2166136261u, seed = 1;
  while (total > 0) {
    size_t length = total < BLOCK ? total : BLOCK;
    for (size_t i = 0; i < length; i++) {
      seed = seed * 1664525u + 1013904223u;
      block[i] = (uint8_t)(seed >> 24);
    }
    for (size_t done = 0; done < length;) {
      ssize_t n = write(fd, block + done, length - done);
      if (n == -1) err(EXIT_FAILURE, "write");
      done += (size_t)n;
    }
    sum = mix(sum, block, length);
    total -= length;
  }
  return sum;
}

static uint32_t consume(int fd, size_t *total) {
  uint8_t block[777];
  uint32_t sum = 2166136261u;
  ssize_t n;
  for (*total = 0; (n = read(fd, block, sizeof block)) > 0; *total += (size_t)n) sum = mix(sum, block, (size_t)n);
  if (n == -1) err(EXIT_FAILURE, "read");
  return sum;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 1) usage(usage_text);
  size_t size = 1024 * (size_t)(optind < argc ? number_argument("kilobytes", argv[optind], 1, 100000) : 256);

  int data[2], answer[2];
  if (pipe(data) == -1 || pipe(answer) == -1) err(EXIT_FAILURE, "pipe");
  pid_t pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    close(data[0]);
    uint32_t sent = produce(data[1], size);
    _exit(write(answer[1], &sent, sizeof sent) == (ssize_t)sizeof sent ? 0 : 1);
  }
  close(data[1]);
  close(answer[1]);
  size_t received;
  uint32_t sum = consume(data[0], &received), sent = 0;
  int status;
  if (read(answer[0], &sent, sizeof sent) != (ssize_t)sizeof sent || waitpid(pid, &status, 0) == -1 || status != 0)
    errx(EXIT_FAILURE, "the producer failed");
  printf("%zu bytes, checksum sent %08x, received %08x\n", received, sent, sum);
  return sent == sum && received == size ? EXIT_SUCCESS : EXIT_FAILURE;
}
