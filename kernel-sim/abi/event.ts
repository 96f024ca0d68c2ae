// FreeBSD 9.0 sys/sys/event.h.
export const EVFILT_READ = -1;
export const EVFILT_WRITE = -2;
export const EVFILT_VNODE = -4;
export const EVFILT_PROC = -5;
export const EVFILT_SIGNAL = -6;
export const EVFILT_TIMER = -7;
export const EVFILT_USER = -11;
/** Those that there are. */
export const FILTERS: readonly number[] = [
  EVFILT_READ,
  EVFILT_WRITE,
  EVFILT_VNODE,
  EVFILT_PROC,
  EVFILT_SIGNAL,
  EVFILT_TIMER,
  EVFILT_USER,
];

export const EV_ADD = 0x1;
export const EV_DELETE = 0x2;
export const EV_ENABLE = 0x4;
export const EV_DISABLE = 0x8;
export const EV_ONESHOT = 0x10;
export const EV_CLEAR = 0x20;
export const EV_RECEIPT = 0x40;
export const EV_DISPATCH = 0x80;
export const EV_ERROR = 0x4000;
export const EV_EOF = 0x8000;

export const NOTE_EXIT = 0x80000000;
export const NOTE_FORK = 0x40000000;
export const NOTE_EXEC = 0x20000000;
/** EVFILT_PROC: the knote follows forks; set in the events of a child that it came to in this way, with the parent as data. */
export const NOTE_TRACK = 0x1;
export const NOTE_CHILD = 0x4;

/** EVFILT_VNODE. */
export const NOTE_DELETE = 0x1;
export const NOTE_WRITE = 0x2;
export const NOTE_EXTEND = 0x4;
export const NOTE_ATTRIB = 0x8;
export const NOTE_LINK = 0x10;
export const NOTE_RENAME = 0x20;

/** EVFILT_USER. */
export const NOTE_FFAND = 0x40000000;
export const NOTE_FFOR = 0x80000000;
export const NOTE_FFCOPY = 0xc0000000;
export const NOTE_FFCTRLMASK = 0xc0000000;
export const NOTE_FFLAGSMASK = 0x00ffffff;
export const NOTE_TRIGGER = 0x01000000;
