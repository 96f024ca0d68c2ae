// FreeBSD 9.0 sys/sys/poll.h, sys/sys/select.h.
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLRDBAND = 0x80;
/** The same bit as POLLOUT. */
export const POLLWRNORM = POLLOUT;
/** Like POLLIN, and end of file does not count. */
export const POLLINIGNEOF = 0x2000;

/** poll(2): wait for ever. */
export const INFTIM = -1;
/** Descriptors of an fd_set. */
export const FD_SETSIZE = 1024;
