import { EAGAIN, EFAULT, EINVAL } from '../abi/errno.ts';
import type { Signo } from '../abi/ids.ts';
import { SIG_MAX, SIGALRM } from '../abi/signal.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Itimer, KTimer, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { ITIMER_PROF, ITIMER_REAL, SIGEV_SIGNAL, SIGEV_THREAD_ID, setItimer, setTimer } from '../kern/timer.ts';
import type { SyscallRow } from './row.ts';

/* Timers: FreeBSD 9.1 kern/kern_time.c. */

type Args = readonly number[];

const NS_PER_SEC = 1_000_000_000;
/** A timer of more than 10^8 s is refused (itimerfix). */
const SECONDS_MAX = 100_000_000;
/** TIMER_MAX of a process. */
export const TIMERS_MAX = 32;
const TIMER_ABSTIME = 1;
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 4;
const SIGEV_NONE = 0;

/** FreeBSD itimerfix, itimespecfix: what is shorter than a clock tick (kern.clockrate) takes one. 0 is "off". */
const TICK_NS = 1_000_000;
const atLeastTick = (ns: number): number => (ns === 0 ? 0 : Math.max(ns, TICK_NS));

/** Two times of (seconds, parts): interval and value; null: EINVAL. */
function readPair(bytes: Uint8Array, partsPerSec: number): { intervalNs: number; valueNs: number } | null {
  const [intervalSec, interval, valueSec, value] = new Int32Array(bytes.buffer) as unknown as [
    number,
    number,
    number,
    number,
  ];
  for (const [sec, part] of [
    [intervalSec, interval],
    [valueSec, value],
  ] as const)
    if (sec < 0 || part < 0 || part >= partsPerSec) return null;
  const ns = NS_PER_SEC / partsPerSec;
  return {
    intervalNs: atLeastTick(intervalSec * NS_PER_SEC + interval * ns),
    valueNs: atLeastTick(valueSec * NS_PER_SEC + value * ns),
  };
}

function encodePair(intervalNs: number, valueNs: number, partsPerSec: number): Uint8Array {
  const ns = NS_PER_SEC / partsPerSec;
  const parts = [intervalNs, valueNs].flatMap((t) => [Math.floor(t / NS_PER_SEC), Math.floor((t % NS_PER_SEC) / ns)]);
  return new Uint8Array(Int32Array.from(parts).buffer);
}

/** struct itimerval of what is left; the real timer's value is a deadline. */
function itimerval(k: Kernel, which: number, { valueNs, intervalNs }: Itimer): Uint8Array {
  const leftNs =
    valueNs === 0 ? 0 : which === ITIMER_REAL ? Math.max(1000, valueNs - k.now()) : Math.max(1000, valueNs);
  return encodePair(intervalNs, leftNs, 1_000_000);
}

function sys_getitimer(k: Kernel, td: Thread, [which, at]: Args): SyscallResult {
  if (which! < ITIMER_REAL || which! > ITIMER_PROF) return fail(EINVAL);
  return k.copyout(td.pid, at!, itimerval(k, which!, k.proc(td.pid).itimers[which!]!)) ? ok() : fail(EFAULT);
}

function sys_setitimer(k: Kernel, td: Thread, [which, newAt, oldAt]: Args): SyscallResult {
  if (newAt === 0) return oldAt === 0 ? ok() : sys_getitimer(k, td, [which!, oldAt!]);
  if (which! < ITIMER_REAL || which! > ITIMER_PROF) return fail(EINVAL);
  const bytes = k.copyin(td.pid, newAt!, 16);
  if (typeof bytes === 'number') return fail(bytes);
  const wanted = readPair(bytes, 1_000_000);
  if (!wanted || wanted.valueNs > SECONDS_MAX * NS_PER_SEC) return fail(EINVAL);
  const old = k.proc(td.pid).itimers[which!]!;
  const valueNs = wanted.valueNs === 0 ? 0 : wanted.valueNs + (which === ITIMER_REAL ? k.now() : 0);
  setItimer(k, td.pid, which!, { valueNs, intervalNs: wanted.valueNs === 0 ? 0 : wanted.intervalNs });
  if (oldAt === 0) return ok();
  return k.copyout(td.pid, oldAt!, itimerval(k, which!, old)) ? ok() : fail(EFAULT);
}

// ---- POSIX timers ------------------------------------------------------------------------------------------------------

/** struct sigevent: notify, signo, value, thread id. */
function sys_ktimer_create(k: Kernel, td: Thread, [clock, eventAt, idAt]: Args): SyscallResult {
  if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return fail(EINVAL);
  const { timers } = k.proc(td.pid);
  let id = timers.indexOf(null);
  if (id < 0) id = timers.length;
  if (id >= TIMERS_MAX) return fail(EAGAIN);
  let event = [SIGEV_SIGNAL, SIGALRM as number, id, 0];
  if (eventAt !== 0) {
    const bytes = k.copyin(td.pid, eventAt!, 16);
    if (typeof bytes === 'number') return fail(bytes);
    event = [...new Uint32Array(bytes.buffer)];
  }
  const [notify, signo, value, tid] = event as [number, number, number, number];
  if (notify !== SIGEV_NONE && notify !== SIGEV_SIGNAL && notify !== SIGEV_THREAD_ID) return fail(EINVAL);
  if (notify !== SIGEV_NONE && (signo < 1 || signo > SIG_MAX)) return fail(EINVAL);
  if (!k.suword(td.pid, idAt!, id)) return fail(EFAULT);
  const idle = { deadlineNs: null, intervalNs: 0, overrun: 0 };
  setTimer(k, td.pid, id, { clock, notify, signo: signo as Signo, value, tid, ...idle });
  return ok();
}

const timerOf = (k: Kernel, td: Thread, id: number): KTimer | null => k.proc(td.pid).timers[id] ?? null;

function sys_ktimer_delete(k: Kernel, td: Thread, [id]: Args): SyscallResult {
  if (!timerOf(k, td, id!)) return fail(EINVAL);
  setTimer(k, td.pid, id!, null);
  return ok();
}

/** struct itimerspec of what is left. */
const itimerspec = (k: Kernel, { deadlineNs, intervalNs }: KTimer): Uint8Array =>
  encodePair(intervalNs, deadlineNs === null ? 0 : Math.max(1, deadlineNs - k.now()), NS_PER_SEC);

function sys_ktimer_settime(k: Kernel, td: Thread, [id, flags, newAt, oldAt]: Args): SyscallResult {
  const timer = timerOf(k, td, id!);
  if (!timer) return fail(EINVAL);
  const bytes = k.copyin(td.pid, newAt!, 16);
  if (typeof bytes === 'number') return fail(bytes);
  const wanted = readPair(bytes, NS_PER_SEC);
  if (!wanted) return fail(EINVAL);
  const bootNs = timer.clock === CLOCK_REALTIME ? k.config.bootTimeSec * NS_PER_SEC : 0;
  const absolute = (flags! & TIMER_ABSTIME) !== 0;
  const atNs = absolute ? Math.max(k.now(), wanted.valueNs - bootNs) : k.now() + wanted.valueNs;
  const armed = wanted.valueNs > 0;
  const old = itimerspec(k, timer);
  const next = { deadlineNs: armed ? atNs : null, intervalNs: armed ? wanted.intervalNs : 0, overrun: 0 };
  setTimer(k, td.pid, id!, { ...timer, ...next });
  return oldAt === 0 || k.copyout(td.pid, oldAt!, old) ? ok() : fail(EFAULT);
}

function sys_ktimer_gettime(k: Kernel, td: Thread, [id, at]: Args): SyscallResult {
  const timer = timerOf(k, td, id!);
  if (!timer) return fail(EINVAL);
  return k.copyout(td.pid, at!, itimerspec(k, timer)) ? ok() : fail(EFAULT);
}

function sys_ktimer_getoverrun(k: Kernel, td: Thread, [id]: Args): SyscallResult {
  const timer = timerOf(k, td, id!);
  return timer ? ok(timer.overrun) : fail(EINVAL);
}

// biome-ignore format: one system call per line
export const timerSyscalls = [
  { number: 83, name: 'setitimer', args: [['which', 'int'], ['itv', 'in'], ['oitv', 'out']], support: 'full', handler: sys_setitimer },
  { number: 86, name: 'getitimer', args: [['which', 'int'], ['itv', 'out']], support: 'full', handler: sys_getitimer },
  { number: 235, name: 'ktimer_create', args: [['clock_id', 'int'], ['evp', 'in'], ['timerid', 'out']], support: 'partial', note: 'no SIGEV_KEVENT', handler: sys_ktimer_create },
  { number: 236, name: 'ktimer_delete', args: [['timerid', 'int']], support: 'full', handler: sys_ktimer_delete },
  { number: 237, name: 'ktimer_settime', args: [['timerid', 'int'], ['flags', 'int'], ['value', 'in'], ['ovalue', 'out']], support: 'full', handler: sys_ktimer_settime },
  { number: 238, name: 'ktimer_gettime', args: [['timerid', 'int'], ['value', 'out']], support: 'full', handler: sys_ktimer_gettime },
  { number: 239, name: 'ktimer_getoverrun', args: [['timerid', 'int']], support: 'full', handler: sys_ktimer_getoverrun },
] as const satisfies readonly SyscallRow[];
