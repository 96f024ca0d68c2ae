/* ioctl(2) commands. Source: FreeBSD 9.0 sys/sys/ttycom.h, sys/sys/filio.h. */

export const FIOCLEX = 0x20006601;
export const FIONCLEX = 0x20006602;
export const FIONREAD = 0x4004667f;
export const FIONBIO = 0x8004667e;
export const FIOASYNC = 0x8004667d;
export const FIOSETOWN = 0x8004667c;
export const FIOGETOWN = 0x4004667b;
/** struct fiodgname_arg {int len; void *buf}: the name of a device below /dev. */
export const FIODGNAME = 0x80086678;
/** An int: the type that the device's driver gives it (D_TTY), 0 for most. */
export const FIODTYPE = 0x4004667a;
/** The owner of a socket, as a group: FreeBSD sys/sys/sockio.h. */
export const SIOCSPGRP = 0x80047308;
export const SIOCGPGRP = 0x40047309;
export const FIONWRITE = 0x40046677;

export const TIOCEXCL = 0x2000740d;
export const TIOCNXCL = 0x2000740e;
export const TIOCGPTN = 0x4004740f;
export const TIOCFLUSH = 0x80047410;
export const TIOCGETA = 0x402c7413;
export const TIOCSETA = 0x802c7414;
export const TIOCSETAW = 0x802c7415;
export const TIOCSETAF = 0x802c7416;
export const TIOCGETD = 0x4004741a;
export const TIOCPTMASTER = 0x2000741c;
export const TIOCDRAIN = 0x2000745e;
export const TIOCSIG = 0x2004745f;
export const TIOCSCTTY = 0x20007461;
export const TIOCGSID = 0x40047463;
export const TIOCSTAT = 0x20007465;
export const TIOCSWINSZ = 0x80087467;
export const TIOCGWINSZ = 0x40087468;
export const TIOCSTART = 0x2000746e;
export const TIOCSTOP = 0x2000746f;
/** 9.0 knows the number and no terminal answers to it. */
export const TIOCNOTTY = 0x20007471;
export const TIOCSTI = 0x80017472;
/** Packet mode of a master: what its reads begin with. */
export const TIOCPKT = 0x80047470;
export const TIOCPKT_DATA = 0;
export const TIOCPKT_FLUSHREAD = 1;
export const TIOCPKT_FLUSHWRITE = 2;
export const TIOCPKT_STOP = 4;
export const TIOCPKT_START = 8;
export const TIOCPKT_NOSTOP = 0x10;
export const TIOCPKT_DOSTOP = 0x20;
export const TIOCOUTQ = 0x40047473;
export const TIOCSPGRP = 0x80047476;
export const TIOCGPGRP = 0x40047477;

/** TIOCFLUSH: FREAD and FWRITE of sys/sys/fcntl.h. */
export const FREAD = 1;
export const FWRITE = 2;
