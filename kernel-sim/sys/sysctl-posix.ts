import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { SIGQUEUE_MAX } from '../kern/signal.ts';
import { AIO_LISTIO_MAX, AIO_QUEUE_MAX } from './aio.ts';
import type { SysctlRow } from './sysctl-row.ts';
import { TIMERS_MAX } from './timer.ts';

/** The edition of POSIX that a facility follows (FreeBSD sys/unistd.h, _POSIX_*). */
const POSIX_2001 = 200112;
/** SIGRTMIN 65 to SIGRTMAX 126. */
const RTSIG_COUNT = 62;

/**
 * p1003_1b: what sysconf(3) asks the kernel for, the page size that malloc(3) goes by among it. Numbers: FreeBSD 9.3 sys/posix4.h
 * (CTL_P1003_1B_*), values kern/posix4_mib.c. 0: there is no such thing.
 */
// biome-ignore format: one facility per line
const FACILITIES = [
  [1, 'asynchronous_io', POSIX_2001],
  [2, 'mapped_files', POSIX_2001],
  [3, 'memlock', 0],
  [4, 'memlock_range', 0],
  [5, 'memory_protection', 0],
  [6, 'message_passing', 0],
  [7, 'prioritized_io', 0],
  [8, 'priority_scheduling', POSIX_2001],
  [9, 'realtime_signals', POSIX_2001],
  [10, 'semaphores', 0],
  [11, 'fsync', POSIX_2001],
  [12, 'shared_memory_objects', POSIX_2001],
  [13, 'synchronized_io', 0],
  [14, 'timers', POSIX_2001],
  [15, 'aio_listio_max', AIO_LISTIO_MAX],
  [16, 'aio_max', AIO_QUEUE_MAX],
  [17, 'aio_prio_delta_max', 0],
  [18, 'delaytimer_max', 0x7fffffff],
  [19, 'mq_open_max', 0],
  [20, 'pagesize', PAGE_SIZE],
  [21, 'rtsig_max', RTSIG_COUNT],
  [22, 'sem_nsems_max', 0],
  [23, 'sem_value_max', 0],
  [24, 'sigqueue_max', SIGQUEUE_MAX],
  [25, 'timer_max', TIMERS_MAX],
] as const;

const description = (name: string): string => `sysconf(3): ${name.replaceAll('_', ' ')}`;

export const posixRows: readonly SysctlRow[] = FACILITIES.map(([number, name, value]) => ({
  mib: [9, number],
  name: `p1003_1b.${name}`,
  kind: 'int',
  description: description(name),
  read: () => value,
}));
