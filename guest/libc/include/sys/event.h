#ifndef SYS_EVENT_H
#define SYS_EVENT_H

#include <sys/types.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_PROC (-5)
#define EV_ADD 0x1
#define EV_DELETE 0x2
#define EV_EOF 0x8000
#define NOTE_EXIT 0x80000000u

struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void *udata;
};

#define EV_SET(k, id, f, fl, ff, d, u) \
  (*(k) = (struct kevent){.ident = (uintptr_t)(id), .filter = (f), .flags = (fl), .fflags = (ff), .data = (d), .udata = (u)})

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
           const struct timespec *timeout);

#endif
