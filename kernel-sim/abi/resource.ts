/** Times, use of resources and limits as FreeBSD 9.0 i386 lays them out: sys/sys/_timeval.h, sys/sys/resource.h. */
import { layout } from './layout.ts';

export interface Timeval {
  readonly tv_sec: number;
  readonly tv_usec: number;
}

/** struct timeval: 8 bytes. */
export const timevalLayout = layout(8, [
  { name: 'tv_sec', at: 0, kind: 'i32' },
  { name: 'tv_usec', at: 4, kind: 'i32' },
]);

export const timevalOf = (ns: number): Timeval => ({
  tv_sec: Math.floor(ns / 1e9),
  tv_usec: Math.floor((ns % 1e9) / 1000),
});

/** struct rusage: 72 bytes. ru_maxrss in KiB, ru_ixrss to ru_isrss in KiB times statistics ticks. */
// biome-ignore format: one field per line
export const rusageLayout = layout(72, [
  { name: 'ru_utime', at: 0, kind: 'struct', of: timevalLayout },
  { name: 'ru_stime', at: 8, kind: 'struct', of: timevalLayout },
  { name: 'ru_maxrss', at: 16, kind: 'i32' },
  { name: 'ru_ixrss', at: 20, kind: 'i32' },
  { name: 'ru_idrss', at: 24, kind: 'i32' },
  { name: 'ru_isrss', at: 28, kind: 'i32' },
  { name: 'ru_minflt', at: 32, kind: 'i32' },
  { name: 'ru_majflt', at: 36, kind: 'i32' },
  { name: 'ru_nswap', at: 40, kind: 'i32' },
  { name: 'ru_inblock', at: 44, kind: 'i32' },
  { name: 'ru_oublock', at: 48, kind: 'i32' },
  { name: 'ru_msgsnd', at: 52, kind: 'i32' },
  { name: 'ru_msgrcv', at: 56, kind: 'i32' },
  { name: 'ru_nsignals', at: 60, kind: 'i32' },
  { name: 'ru_nvcsw', at: 64, kind: 'i32' },
  { name: 'ru_nivcsw', at: 68, kind: 'i32' },
]);

export type Rusage = typeof rusageLayout.zero;

export const RUSAGE_SELF = 0;
export const RUSAGE_CHILDREN = -1;
export const RUSAGE_THREAD = 1;

export const RLIMIT_CPU = 0;
export const RLIMIT_FSIZE = 1;
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_CORE = 4;
export const RLIMIT_RSS = 5;
export const RLIMIT_MEMLOCK = 6;
export const RLIMIT_NPROC = 7;
export const RLIMIT_NOFILE = 8;
export const RLIMIT_SBSIZE = 9;
export const RLIMIT_VMEM = 10;
export const RLIMIT_NPTS = 11;
export const RLIMIT_SWAP = 12;
export const RLIM_NLIMITS = 13;

/** No limit: larger than anything counted here. In memory it is 2^63 - 1. */
export const RLIM_INFINITY = Number.MAX_SAFE_INTEGER;
/** RLIM_INFINITY as the guest has it. */
export const RLIM_INFINITY_BITS = (1n << 63n) - 1n;

/** A limit as the 64 bits of rlim_t. */
export const rlimBits = (n: number): bigint => (n >= RLIM_INFINITY ? RLIM_INFINITY_BITS : BigInt(n));

export interface Rlimit {
  /** rlim_cur */
  readonly soft: number;
  /** rlim_max */
  readonly hard: number;
}

/** sizeof(struct rlimit). */
export const RLIMIT_SIZE = 16;

/** struct rlimit, one after the other: rlim_cur and rlim_max, signed 64 bits each. */
export function encodeRlimits(limits: readonly Rlimit[]): Uint8Array {
  const bytes = new Uint8Array(limits.length * RLIMIT_SIZE);
  const view = new DataView(bytes.buffer);
  limits.forEach(({ soft, hard }, i) => {
    view.setBigInt64(i * RLIMIT_SIZE, rlimBits(soft), true);
    view.setBigInt64(i * RLIMIT_SIZE + 8, rlimBits(hard), true);
  });
  return bytes;
}

/** What setrlimit(2) makes of the bytes: a negative limit is none. Differs: so is one of 2^53 - 1 or more. */
export function decodeRlimit(bytes: Uint8Array): Rlimit {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RLIMIT_SIZE);
  const value = (at: number): number => {
    const n = view.getBigInt64(at, true);
    return n < 0n || n > BigInt(RLIM_INFINITY) ? RLIM_INFINITY : Number(n);
  };
  return { soft: value(0), hard: value(8) };
}
