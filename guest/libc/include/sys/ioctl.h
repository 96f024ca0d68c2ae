/* FreeBSD sys/ttycom.h. What is for terminals fails with ENOTTY on anything else. */
#ifndef SYS_IOCTL_H
#define SYS_IOCTL_H

#include <sys/types.h>

#define TIOCGPTN 0x4004740Fu
#define TIOCGETA 0x402C7413u
#define TIOCSETA 0x802C7414u /* and the next two numbers: after what is written has gone, after what is typed is gone too */
#define TIOCSCTTY 0x20007461u
#define TIOCGWINSZ 0x40087468u
#define TIOCSWINSZ 0x80087467u
#define TIOCSPGRP 0x80047476u
#define TIOCGPGRP 0x40047477u

struct winsize {
  unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};
ABI_SIZE(struct winsize, 8);

int ioctl(int fd, unsigned long request, ...);

#endif
