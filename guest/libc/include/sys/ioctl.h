#ifndef SYS_IOCTL_H
#define SYS_IOCTL_H

#define TIOCGETA 0x402C7413u /* fills a struct termios of 44 bytes; fails with ENOTTY on anything but a terminal */

int ioctl(int fd, unsigned long request, ...);

#endif
