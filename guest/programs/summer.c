/* A server that waits by select(2), or by poll(2), for clients on an AF_UNIX socket, or by TCP; each sends numbers and gets their sum. */
#include "usage.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "summer [-pt] [clients]\n  4 clients; -p waits by poll(2), otherwise by select(2); -t: TCP, otherwise AF_UNIX\n";

#define CLIENTS_MAX 30
#define NUMBERS 20

static const struct sockaddr_un unix_name = {.sun_len = sizeof unix_name, .sun_family = AF_UNIX, .sun_path = "/tmp/summer.socket"};
/* The port is the kernel's choice. */
static struct sockaddr_in tcp_name = {.sin_len = sizeof tcp_name, .sin_family = AF_INET, .sin_addr = htonl(INADDR_LOOPBACK)};

/* Where the server listens. */
static const struct sockaddr *name = (const struct sockaddr *)&unix_name;
static socklen_t name_size = sizeof unix_name;

struct connection {
  int fd; /* -1: free */
  int sum;
};
static struct connection connections[CLIENTS_MAX];

/* Sends 1 to NUMBERS times its own number, one byte each, then says that this was all. */
static int client(int number) {
  int s = socket(name->sa_family, SOCK_STREAM, 0), sum = 0, expected = 0;
  if (s == -1 || connect(s, name, name_size) == -1) err(EXIT_FAILURE, "connect");
  for (int n = 1; n <= NUMBERS; n++) {
    uint8_t byte = (uint8_t)(n * number);
    expected += byte;
    if (write(s, &byte, 1) != 1) err(EXIT_FAILURE, "write");
  }
  if (shutdown(s, SHUT_WR) == -1) err(EXIT_FAILURE, "shutdown");
  return read(s, &sum, sizeof sum) == (ssize_t)sizeof sum && sum == expected ? 0 : 1;
}

/* Bytes of one connection; at their end the answer goes out, and the sum comes back. -1: there is more to come. */
static int serve(struct connection *c) {
  uint8_t bytes[7];
  ssize_t length = read(c->fd, bytes, sizeof bytes);
  if (length == -1) err(EXIT_FAILURE, "read");
  for (ssize_t n = 0; n < length; n++) c->sum += bytes[n];
  if (length > 0) return -1;
  if (write(c->fd, &c->sum, sizeof c->sum) != (ssize_t)sizeof c->sum) err(EXIT_FAILURE, "write");
  close(c->fd);
  c->fd = -1;
  return c->sum;
}

/* Waits until something can be read: marks in `ready` the listener (0) and the connections (from 1). */
static void wait_by_select(int listener, char *ready) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(listener, &set);
  int most = listener;
  for (int n = 0; n < CLIENTS_MAX; n++) {
    if (connections[n].fd < 0) continue;
    FD_SET(connections[n].fd, &set);
    if (connections[n].fd > most) most = connections[n].fd;
  }
  if (select(most + 1, &set, NULL, NULL, NULL) < 1) err(EXIT_FAILURE, "select");
  ready[0] = FD_ISSET(listener, &set);
  for (int n = 0; n < CLIENTS_MAX; n++) ready[n + 1] = connections[n].fd >= 0 && FD_ISSET(connections[n].fd, &set);
}

static void wait_by_poll(int listener, char *ready) {
  struct pollfd fds[CLIENTS_MAX + 1] = {{.fd = listener, .events = POLLIN}};
  for (int n = 0; n < CLIENTS_MAX; n++) fds[n + 1] = (struct pollfd){.fd = connections[n].fd, .events = POLLIN};
  if (poll(fds, CLIENTS_MAX + 1, -1) < 1) err(EXIT_FAILURE, "poll");
  for (int n = 0; n <= CLIENTS_MAX; n++) ready[n] = fds[n].revents != 0;
}

static int listen_for(int clients) {
  unlink(unix_name.sun_path);
  int listener = socket(name->sa_family, SOCK_STREAM, 0);
  socklen_t size = sizeof tcp_name;
  if (listener == -1 || bind(listener, name, name_size) == -1 || listen(listener, clients) == -1 ||
      (name->sa_family == AF_INET && getsockname(listener, (struct sockaddr *)&tcp_name, &size) == -1))
    err(EXIT_FAILURE, "listen");
  return listener;
}

int main(int argc, char **argv) {
  int option, by_poll = 0;
  while ((option = getopt(argc, argv, "pth")) != -1) {
    if (option == 'h') help(usage_text);
    if (option == 'p') by_poll = 1;
    else if (option == 't') name = (const struct sockaddr *)&tcp_name, name_size = sizeof tcp_name;
    else usage(usage_text);
  }
  if (argc - optind > 1) usage(usage_text);
  int clients = optind < argc ? number_argument("clients", argv[optind], 1, CLIENTS_MAX) : 4;

  int listener = listen_for(clients);
  for (int n = 0; n < CLIENTS_MAX; n++) connections[n].fd = -1;
  for (int n = 1; n <= clients; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(client(n));
  }
  int accepted = 0, total = 0;
  for (int served = 0; served < clients;) {
    char ready[CLIENTS_MAX + 1];
    by_poll ? wait_by_poll(listener, ready) : wait_by_select(listener, ready);
    if (ready[0]) {
      int fd = accept(listener, NULL, NULL);
      if (fd == -1) err(EXIT_FAILURE, "accept");
      connections[accepted++] = (struct connection){.fd = fd, .sum = 0};
    }
    for (int n = 0; n < CLIENTS_MAX; n++) {
      int sum = ready[n + 1] ? serve(&connections[n]) : -1;
      if (sum == -1) continue;
      total += sum;
      served++;
    }
  }
  int failed = 0, status;
  for (int n = 0; n < clients; n++) failed += wait(&status) == -1 || status != 0;
  unlink(unix_name.sun_path);
  printf("%s: %d clients, sum %d, %d failed\n", by_poll ? "poll" : "select", accepted, total, failed);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
