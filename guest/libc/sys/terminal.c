#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int tcgetattr(int fd, struct termios *modes) { return ioctl(fd, TIOCGETA, modes); }

int tcsetattr(int fd, int when, const struct termios *modes) { return ioctl(fd, TIOCSETA + (unsigned)when, modes); }

void cfmakeraw(struct termios *modes) {
  modes->c_iflag = 0;
  modes->c_oflag &= ~(tcflag_t)OPOST;
  modes->c_lflag = 0;
  modes->c_cc[VMIN] = 1;
  modes->c_cc[VTIME] = 0;
}

int isatty(int fd) {
  struct termios modes;
  return tcgetattr(fd, &modes) == 0;
}

/* The slave's name, in a buffer that the next call overwrites. */
char *ptsname(int master) {
  static char name[24];
  int number;
  if (ioctl(master, TIOCGPTN, &number) == -1) return NULL;
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  return name;
}

pid_t tcgetpgrp(int fd) {
  int group;
  return ioctl(fd, TIOCGPGRP, &group) == -1 ? -1 : group;
}

int tcsetpgrp(int fd, pid_t group) {
  int value = group;
  return ioctl(fd, TIOCSPGRP, &value);
}
