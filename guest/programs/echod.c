/* An echo server on a kqueue, and its clients, by TCP inside the machine. The server ends when its last client has ended. */
#include "usage.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "echod [clients [lines]]\n  5 clients, 4 lines each\n";

/* One client: every line has to come back as it was. */
static int client(const struct sockaddr_in *name, int number, int lines) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (s == -1 || connect(s, (const struct sockaddr *)name, sizeof *name) == -1) err(EXIT_FAILURE, "connect");
  for (int n = 0; n < lines; n++) {
    char line[64], back[64];
    size_t length = (size_t)snprintf(line, sizeof line, "client %d says %d\n", number, n), got = 0;
    if (write(s, line, length) != (ssize_t)length) err(EXIT_FAILURE, "write");
    while (got < length) {
      ssize_t more = read(s, back + got, length - got);
      if (more <= 0) return 1;
      got += (size_t)more;
    }
    if (memcmp(line, back, length) != 0) return 1;
  }
  return 0;
}

static void watch(int kq, uintptr_t ident, short filter, unsigned notes) {
  struct kevent change;
  EV_SET(&change, ident, filter, EV_ADD, notes, 0, NULL);
  if (kevent(kq, &change, 1, NULL, 0, NULL) == -1) err(EXIT_FAILURE, "kevent");
}

/* What a client has sent goes back; 0 when it has closed. */
static ssize_t echo(int s) {
  char buffer[16];
  ssize_t length = read(s, buffer, sizeof buffer);
  if (length > 0 && write(s, buffer, (size_t)length) != length) err(EXIT_FAILURE, "write");
  return length;
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int clients = optind < argc ? number_argument("clients", argv[optind], 1, 100) : 5;
  int lines = optind + 1 < argc ? number_argument("lines", argv[optind + 1], 1, 10000) : 4;

  struct sockaddr_in name = {.sin_len = sizeof name, .sin_family = AF_INET, .sin_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener == -1 || bind(listener, (struct sockaddr *)&name, size) == -1 || listen(listener, clients) == -1 ||
      getsockname(listener, (struct sockaddr *)&name, &size) == -1)
    err(EXIT_FAILURE, "listen");
  int kq = kqueue();
  watch(kq, (uintptr_t)listener, EVFILT_READ, 0);
  for (int n = 0; n < clients; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(client(&name, n, lines));
    watch(kq, (uintptr_t)pid, EVFILT_PROC, NOTE_EXIT);
  }
  int connections = 0, open = 0, running = clients, failed = 0, status;
  size_t bytes = 0;
  while (running > 0 || open > 0) {
    struct kevent event;
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1) err(EXIT_FAILURE, "kevent");
    if (event.filter == EVFILT_PROC) {
      running--;
      failed += waitpid((pid_t)event.ident, &status, 0) == -1 || status != 0;
    } else if (event.ident == (uintptr_t)listener) {
      int s = accept(listener, NULL, NULL);
      if (s == -1) err(EXIT_FAILURE, "accept");
      connections++;
      open++;
      watch(kq, (uintptr_t)s, EVFILT_READ, 0);
    } else {
      ssize_t length = echo((int)event.ident);
      if (length > 0) bytes += (size_t)length;
      else {
        close((int)event.ident);
        open--;
      }
    }
  }
  printf("%d connections, %zu bytes echoed, %d clients failed\n", connections, bytes, failed);
  return failed == 0 && connections == clients ? EXIT_SUCCESS : EXIT_FAILURE;
}
