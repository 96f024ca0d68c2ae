/* FreeBSD 9.0 sys/rtprio.h. */
#ifndef SYS_RTPRIO_H
#define SYS_RTPRIO_H

#include <sys/types.h>

#define RTP_LOOKUP 0
#define RTP_SET 1
#define RTP_PRIO_REALTIME 2
#define RTP_PRIO_NORMAL 3
#define RTP_PRIO_IDLE 4

struct rtprio {
  uint16_t type;
  uint16_t prio; /* 0 to 31, 0 goes first */
};

int rtprio(int function, pid_t pid, struct rtprio *priority);

#endif
