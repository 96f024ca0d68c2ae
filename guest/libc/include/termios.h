/* FreeBSD sys/_termios.h: struct termios of 44 bytes, and the bits that programs here use. */
#ifndef TERMIOS_H
#define TERMIOS_H

#include <sys/types.h>

#define ICRNL 0x100
#define IXON 0x200
#define OPOST 1
#define ONLCR 2
#define ECHO 8
#define ECHONL 0x10
#define ISIG 0x80
#define ICANON 0x100
#define IEXTEN 0x400
#define TOSTOP 0x400000

#define VEOF 0
#define VERASE 3
#define VINTR 8
#define VSUSP 10
#define VMIN 16
#define VTIME 17
#define NCCS 20

#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2

typedef uint32_t tcflag_t;

struct termios {
  tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
  unsigned char c_cc[NCCS];
  uint32_t c_ispeed, c_ospeed;
};
ABI_SIZE(struct termios, 44);

int tcgetattr(int fd, struct termios *modes);
int tcsetattr(int fd, int when, const struct termios *modes);
void cfmakeraw(struct termios *modes);

#endif
