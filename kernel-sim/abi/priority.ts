// FreeBSD 9.0 sys/sys/priority.h, sys/sys/rtprio.h, sys/sys/runq.h. Numerically lower is better.
export const PRI_ITHD = 1;
export const PRI_REALTIME = 2;
export const PRI_TIMESHARE = 3;
export const PRI_IDLE = 4;
export const PRI_FIFO_BIT = 8;
/** The class without the FIFO bit. */
export const priBase = (priClass: number): number => priClass & ~PRI_FIFO_BIT;

export const PRI_MIN_REALTIME = 48;
export const PRI_MAX_REALTIME = 79;
export const PRI_MIN_KERN = 80;
export const PRI_MIN_TIMESHARE = 120;
export const PRI_MAX_TIMESHARE = 223;
export const PUSER = PRI_MIN_TIMESHARE;
export const PRI_MIN_IDLE = 224;
export const PRI_MAX_IDLE = 255;
/** Worse than any: nothing is lent. */
export const PRI_MAX = 255;

/** ULE splits the timeshare range: interactive threads below, batch threads above (sched_ule.c). */
export const PRI_MIN_INTERACT = 120;
export const PRI_MAX_INTERACT = 151;
export const PRI_MIN_BATCH = 152;
export const PRI_MAX_BATCH = 223;

export const RQ_NQS = 64;
/** Priorities to a queue. */
export const RQ_PPQ = 4;

export const PRIO_MIN = -20;
export const PRIO_MAX = 20;

export const RTP_PRIO_REALTIME = 2;
export const RTP_PRIO_NORMAL = 3;
export const RTP_PRIO_IDLE = 4;
export const RTP_PRIO_FIFO = 10;
