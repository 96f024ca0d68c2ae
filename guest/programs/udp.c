/* Datagrams between processes over 127.0.0.1: a ball that goes round, datagrams that are cut, peeked at, refused, and never come. */
#include "usage.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>

static const char usage_text[] = "udp [players [rounds]]\n  4 players, 5 rounds\n";

#define PLAYERS_MAX 20

static int bound_socket(struct sockaddr_in *name) {
  *name = (struct sockaddr_in){.sin_len = sizeof *name, .sin_family = AF_INET, .sin_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof *name;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  if (s == -1 || bind(s, (struct sockaddr *)name, size) == -1 || getsockname(s, (struct sockaddr *)name, &size) == -1)
    err(EXIT_FAILURE, "bind");
  return s;
}

static void send_to(int s, const struct sockaddr_in *to, const void *data, size_t length) {
  if (sendto(s, data, length, 0, (const struct sockaddr *)to, sizeof *to) != (ssize_t)length) err(EXIT_FAILURE, "sendto");
}

struct ball {
  int passes, sum;
};

/* Takes the ball from the player before, and from nobody else, and passes it on. */
static int play(int me, int players, int rounds, const int *sockets, const struct sockaddr_in *names) {
  int before = (me + players - 1) % players, after = (me + 1) % players;
  for (int n = 0; n < rounds; n++) {
    struct ball ball;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    if (recvfrom(sockets[me], &ball, sizeof ball, 0, (struct sockaddr *)&from, &size) != (ssize_t)sizeof ball) return 1;
    if (size != sizeof from || from.sin_port != names[before].sin_port || ball.passes % players != me) return 2;
    ball.sum += ball.passes++;
    send_to(sockets[me], &names[after], &ball, sizeof ball);
  }
  return 0;
}

static void odd_datagrams(void) {
  struct sockaddr_in here, there;
  int in = bound_socket(&here), out = bound_socket(&there);
  char buffer[16];
  if (connect(out, (struct sockaddr *)&here, sizeof here) == -1) err(EXIT_FAILURE, "connect");
  write(out, "a long datagram", 15);
  write(out, "", 0);
  write(out, "short", 5);
  printf("peeked %d,", (int)recvfrom(in, buffer, 3, MSG_PEEK, NULL, NULL));
  printf(" cut to %d,", (int)read(in, buffer, 6));
  printf(" empty %d,", (int)read(in, buffer, sizeof buffer));
  printf(" whole %d\n", (int)read(in, buffer, sizeof buffer));
  int got = (int)recvfrom(in, buffer, sizeof buffer, MSG_DONTWAIT, NULL, NULL);
  printf("none there: %s\n", got == -1 && errno == EAGAIN ? "EAGAIN" : "?");
  struct timeval soon = {.tv_usec = 3000};
  setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  got = (int)read(in, buffer, sizeof buffer);
  printf("none comes: %s\n", got == -1 && errno == EAGAIN ? "EAGAIN" : "?");
  close(in);
  write(out, "x", 1);
  got = (int)write(out, "y", 1);
  printf("nobody there: %s\n", got == -1 ? strerror(errno) : "sent");
}

int main(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "h")) != -1) option == 'h' ? help(usage_text) : usage(usage_text);
  if (argc - optind > 2) usage(usage_text);
  int players = optind < argc ? number_argument("players", argv[optind], 2, PLAYERS_MAX) : 4;
  int rounds = optind + 1 < argc ? number_argument("rounds", argv[optind + 1], 1, 1000) : 5;

  struct sockaddr_in names[PLAYERS_MAX];
  int sockets[PLAYERS_MAX], failed = 0, status;
  for (int n = 0; n < players; n++) sockets[n] = bound_socket(&names[n]);
  for (int n = 1; n < players; n++) {
    pid_t pid = fork();
    if (pid == -1) err(EXIT_FAILURE, "fork");
    if (pid == 0) _exit(play(n, players, rounds, sockets, names));
  }
  /* Player 0 is the parent, who serves: as if the last player had passed the ball. */
  struct ball ball = {0, 0};
  send_to(sockets[players - 1], &names[0], &ball, sizeof ball);
  failed += play(0, players, rounds, sockets, names);
  for (int n = 1; n < players; n++) failed += wait(&status) == -1 || status != 0;
  /* After the last round the ball lies with player 0 again. */
  if (read(sockets[0], &ball, sizeof ball) != (ssize_t)sizeof ball) err(EXIT_FAILURE, "read");
  printf("%d passes, sum %d, %d players failed\n", ball.passes, ball.sum, failed);
  odd_datagrams();
  return failed == 0 && ball.passes == players * rounds ? EXIT_SUCCESS : EXIT_FAILURE;
}
