import { EFAULT, EINVAL } from '../abi/errno.ts';
import type { Kernel } from '../kern/kernel.ts';
import { usageOf } from '../kern/proc.ts';
import type { Thread } from '../kern/state.ts';
import { INTERRUPTED } from '../kern/syscall.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

const NS_PER_SEC = 1_000_000_000;

// clock_gettime(2): FreeBSD sys/sys/time.h.
const REALTIME_CLOCKS: readonly number[] = [0, 9, 10, 13];
const MONOTONIC_CLOCKS: readonly number[] = [4, 5, 7, 8, 11, 12];
const CLOCK_VIRTUAL = 1;
const CLOCK_PROF = 2;
const CLOCK_THREAD_CPUTIME_ID = 14;
const CLOCK_PROCESS_CPUTIME_ID = 15;

/** A struct timespec: tv_sec, tv_nsec. */
function timespec(ns: number): Uint8Array {
  return new Uint8Array(Int32Array.from([Math.floor(ns / NS_PER_SEC), ns % NS_PER_SEC]).buffer);
}

function sys_gettimeofday(k: Kernel, td: Thread, [tvAt, tzAt]: readonly number[]): SyscallResult {
  if (tvAt !== 0) {
    const ns = k.now();
    const seconds = k.config.bootTimeSec + Math.floor(ns / NS_PER_SEC);
    const bytes = new Uint8Array(Int32Array.from([seconds, Math.floor((ns % NS_PER_SEC) / 1000)]).buffer);
    if (!k.copyout(td.pid, tvAt!, bytes)) return fail(EFAULT);
  }
  if (tzAt !== 0 && !k.copyout(td.pid, tzAt!, new Uint8Array(8))) return fail(EFAULT);
  return ok(0);
}

function readClock(k: Kernel, td: Thread, clock: number): Uint8Array | null {
  if (REALTIME_CLOCKS.includes(clock)) {
    const ns = k.now();
    const seconds = k.config.bootTimeSec + Math.floor(ns / NS_PER_SEC);
    return new Uint8Array(Int32Array.from([seconds, clock === 13 ? 0 : ns % NS_PER_SEC]).buffer);
  }
  if (MONOTONIC_CLOCKS.includes(clock)) return timespec(k.now());
  const { userNs, systemNs } = usageOf(k, k.proc(td.pid));
  if (clock === CLOCK_VIRTUAL) return timespec(userNs);
  if (clock === CLOCK_PROF || clock === CLOCK_PROCESS_CPUTIME_ID) return timespec(userNs + systemNs);
  if (clock === CLOCK_THREAD_CPUTIME_ID) return timespec(td.userNs + td.systemNs);
  return null;
}

function sys_clock_gettime(k: Kernel, td: Thread, [clock, at]: readonly number[]): SyscallResult {
  const bytes = readClock(k, td, clock!);
  if (!bytes) return fail(EINVAL);
  return k.copyout(td.pid, at!, bytes) ? ok(0) : fail(EFAULT);
}

function sys_clock_getres(k: Kernel, td: Thread, [clock, at]: readonly number[]): SyscallResult {
  if (!readClock(k, td, clock!)) return fail(EINVAL);
  if (at !== 0 && !k.copyout(td.pid, at!, timespec(k.config.cycleNs))) return fail(EFAULT);
  return ok(0);
}

/** nanosleep(2). `resume`: the deadline. An interrupted sleep says how much was left and is not made again. */
function sys_nanosleep(k: Kernel, td: Thread, [rqAt, rmAt]: readonly number[], entry: SyscallEntry): SyscallResult {
  if (entry.woken === 'first') {
    const bytes = k.copyin(td.pid, rqAt!, 8);
    if (typeof bytes === 'number') return fail(bytes);
    const [sec, nsec] = new Int32Array(bytes.buffer);
    if (nsec! < 0 || nsec! >= NS_PER_SEC) return fail(EINVAL);
    const ns = sec! * NS_PER_SEC + nsec!;
    if (ns <= 0) return ok(0);
    const deadlineNs = k.now() + ns;
    return { kind: 'sleep', wchan: '', wmesg: 'nanslp', deadlineNs, resume: deadlineNs };
  }
  const leftNs = (entry.resume as number) - k.now();
  if (entry.woken === 'timeout' || leftNs <= 0) return ok(0);
  if (rmAt !== 0 && !k.copyout(td.pid, rmAt!, timespec(leftNs))) return fail(EFAULT);
  return INTERRUPTED;
}

// biome-ignore format: one system call per line
export const timeSyscalls = [
  { number: 116, name: 'gettimeofday', args: [['tp', 'out'], ['tzp', 'out']], support: 'full', handler: sys_gettimeofday },
  { number: 232, name: 'clock_gettime', args: [['clock_id', 'int'], ['tp', 'out']], support: 'full', handler: sys_clock_gettime },
  { number: 234, name: 'clock_getres', args: [['clock_id', 'int'], ['tp', 'out']], support: 'full', handler: sys_clock_getres },
  { number: 240, name: 'nanosleep', args: [['rqtp', 'in'], ['rmtp', 'out']], support: 'full', handler: sys_nanosleep },
] as const satisfies readonly SyscallRow[];
