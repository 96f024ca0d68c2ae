/* Open files that go from process to process through a socket (SCM_RIGHTS), and who the kernel says sent them (SCM_CREDS). */
#include "usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] = "fdpass\n  passes a file and the end of a pipe to a child\n";

/* Control data: two descriptors, then credentials. */
struct control {
  struct cmsghdr rights;
  int fds[2];
  struct cmsghdr creds;
  struct cmsgcred cred;
};

static struct msghdr message_of(struct iovec *iov, struct control *control) {
  return (struct msghdr){.msg_iov = iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof *control};
}

static void send_files(int s, int first, int second) {
  char text[] = "two files";
  struct iovec iov = {text, sizeof text};
  struct control control = {
      .rights = {offsetof(struct control, creds), SOL_SOCKET, SCM_RIGHTS},
      .fds = {first, second},
      .creds = {sizeof control - offsetof(struct control, creds), SOL_SOCKET, SCM_CREDS},
  };
  struct msghdr message = message_of(&iov, &control);
  if (sendmsg(s, &message, 0) != (ssize_t)sizeof text) err(EXIT_FAILURE, "sendmsg");
}

/* The child reads on in the file where the parent stopped, and writes to the pipe what it found. */
static int child(int s, pid_t parent) {
  char text[32], line[32];
  struct iovec iov = {text, sizeof text};
  struct control control;
  struct msghdr message = message_of(&iov, &control);
  if (recvmsg(s, &message, 0) == -1) err(EXIT_FAILURE, "recvmsg");
  if (message.msg_controllen != sizeof control || control.creds.cmsg_type != SCM_CREDS) return 1;
  ssize_t length = read(control.fds[0], line, sizeof line);
  if (length == -1) err(EXIT_FAILURE, "read");
  char answer[96];
  int size = snprintf(answer, sizeof answer, "%s from %s: %.*s", text, control.cred.cmcred_pid == parent ? "the parent" : "?",
                      (int)length, line);
  return write(control.fds[1], answer, (size_t)size) == size ? 0 : 1;
}

int main(int argc, char **argv) {
  no_arguments(argc, argv, usage_text);

  const char *path = "/tmp/fdpass.text";
  int pair[2], ends[2], status;
  char skipped[5], answer[128];
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file == -1 || write(file, "once the rest\n", 14) != 14 || lseek(file, 0, SEEK_SET) != 0) err(EXIT_FAILURE, "%s", path);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 || pipe(ends) == -1) err(EXIT_FAILURE, "socketpair");
  pid_t parent = getpid(), pid = fork();
  if (pid == -1) err(EXIT_FAILURE, "fork");
  if (pid == 0) {
    /* Nothing but the socket: what comes must come through it. */
    close(file);
    close(ends[0]);
    close(ends[1]);
    close(pair[0]);
    _exit(child(pair[1], parent));
  }
  close(pair[1]);
  if (read(file, skipped, sizeof skipped) != (ssize_t)sizeof skipped) err(EXIT_FAILURE, "read");
  send_files(pair[0], file, ends[1]);
  close(ends[1]);
  ssize_t length = 0, more;
  while ((more = read(ends[0], answer + length, sizeof answer - (size_t)length)) > 0) length += more;
  if (waitpid(pid, &status, 0) == -1 || status != 0) errx(EXIT_FAILURE, "the child failed");
  printf("%.*s", (int)length, answer);
  /* The offset is the open file's, so the child has moved it. */
  printf("offset %d\n", (int)lseek(file, 0, SEEK_CUR));
  return EXIT_SUCCESS;
}
