import type { Brand } from '../../emu/base/brand.ts';

export type Pid = Brand<number, 'Pid'>;
/** FreeBSD lwpid_t: from 100001 up, distinct from pids. */
export type Tid = Brand<number, 'Tid'>;
/** Index into a process's descriptor table. */
export type Fd = Brand<number, 'Fd'>;
export type Errno = Brand<number, 'Errno'>;
export type Signo = Brand<number, 'Signo'>;

export const pid = (n: number): Pid => n as Pid;
export const tid = (n: number): Tid => n as Tid;
export const fd = (n: number): Fd => n as Fd;
export const signo = (n: number): Signo => n as Signo;

/** FreeBSD PID_MAX, sys/sys/proc.h. */
export const PID_MAX = 99999;
/** First thread id: PID_MAX + 2. */
export const TID_MIN = 100001;
