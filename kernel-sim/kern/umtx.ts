import { EFAULT, EINTR, EINVAL, ETIMEDOUT } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { entryAt } from '../vm/map.ts';
import { isShared, sharedName } from '../vm/shared.ts';
import type { Kernel } from './kernel.ts';
import { lendTo, worthOf } from './lend.ts';
import { sleepersOn, wakeThread } from './sleep.ts';
import type { Thread } from './state.ts';
import { fail, RESTART, type SyscallEntry, type SyscallResult } from './syscall-result.ts';

/*
 * What the operations of _umtx_op(2) share: queues of sleepers by address, timeouts, and how a sleep ends. FreeBSD 9.1
 * kern/kern_umtx.c. A queue is a sleep channel; nothing but the sleeping threads and the words in user memory is kept.
 */

/** One word in user memory has queues of several kinds (TYPE_SIMPLE_WAIT and friends; a rwlock has one for readers and one for writers). */
export type UmtxQueue = 'wait' | 'umtx' | 'mutex' | 'pi' | 'pp' | 'cv' | 'rd' | 'wr' | 'sem';

/**
 * FreeBSD umtx_key_get: in shared memory a queue belongs to the place in the object, elsewhere to the address in the space. Differs:
 * whether the caller said USYNC_PROCESS_SHARED makes no difference.
 */
export function umtxChannel(k: Kernel, pid: Pid, queue: UmtxQueue, at: number): string {
  const { vmspace } = k.proc(pid);
  const entry = entryAt(k.vmspace(vmspace).map, at >>> 0);
  if (entry && isShared(entry)) return `umtx:${queue}:${sharedName(entry, at >>> 0, 1)}`;
  return `umtx:${queue}:${vmspace}:${(at >>> 0).toString(16)}`;
}

/** FreeBSD umtxq_count. */
export const umtxCount = (k: Kernel, pid: Pid, queue: UmtxQueue, at: number): number =>
  sleepersOn(k, umtxChannel(k, pid, queue, at)).length;

/** What a waiter is worth, with what it is lent itself. */
const waiterPriority = (td: Thread): number => Math.min(worthOf(td), td.lentPri);

/** The mutex of a queue belongs to this thread from now on (0: to nobody), which has the priority of who sleeps there. */
export function lendFromQueue(k: Kernel, pid: Pid, at: number, owner: Tid | 0): void {
  for (const { tid } of sleepersOn(k, umtxChannel(k, pid, 'pi', at))) lendTo(k, tid, owner);
}

/** Whom the sleepers on a mutex have found to be its owner; 0: there are none, or it was no thread. */
export const lentOwner = (k: Kernel, pid: Pid, at: number): Tid | 0 =>
  sleepersOn(k, umtxChannel(k, pid, 'pi', at)).find(({ lendsTo }) => lendsTo !== 0)?.lendsTo ?? 0;

/** FreeBSD umtxq_signal: wakes up to `count` sleepers, who has slept longest first; how many there were. */
export function umtxSignal(k: Kernel, pid: Pid, queue: UmtxQueue, at: number, count: number): number {
  const sleepers = sleepersOn(k, umtxChannel(k, pid, queue, at));
  // Priority-inheriting mutexes go to the best waiter.
  if (queue === 'pi') sleepers.sort((a, b) => waiterPriority(a) - waiterPriority(b));
  const woken = sleepers.slice(0, Math.max(0, count));
  for (const td of woken) wakeThread(k, td, 'wakeup');
  return woken.length;
}

/** FreeBSD kern_umtx_wake. */
export const umtxWake = (k: Kernel, pid: Pid, at: number, count: number): number =>
  umtxSignal(k, pid, 'wait', at, count);

/** What an operation that sleeps remembers. */
interface UmtxResume {
  readonly deadlineNs: number | null;
}

/** How an operation was entered: at its beginning, woken by another thread, or because its time was over or a signal came. */
export interface UmtxEntry {
  readonly first: boolean;
  readonly error: Errno | 0;
  readonly deadlineNs: number | null;
}

/** Layouts of a timeout: a timespec; from 10.0 on, when the size says so, {timespec, flags, clock}. */
const UMTX_TIME_SIZE = 16;
const UMTX_ABSTIME = 1;
const CLOCK_REALTIME = 0;
const NS_PER_SEC = 1_000_000_000;

/** Virtual time as a clock shows it, in ns. */
const clockNs = (k: Kernel, clock: number): number =>
  k.now() + (clock === CLOCK_REALTIME ? k.config.bootTimeSec * NS_PER_SEC : 0);

/** The deadline that a timespec and a clock mean; `absolute` in that clock's time. Null pointer: none. */
export function copyinDeadline(
  k: Kernel,
  pid: Pid,
  at: number,
  clock: { readonly absolute: boolean; readonly id: number },
): { readonly deadlineNs: number | null } | Errno {
  if (at === 0) return { deadlineNs: null };
  const bytes = k.copyin(pid, at, 8);
  if (typeof bytes === 'number') return EFAULT;
  const [sec, nsec] = new Int32Array(bytes.buffer) as unknown as [number, number];
  if (sec < 0 || nsec < 0 || nsec >= NS_PER_SEC) return EINVAL;
  const ns = sec * NS_PER_SEC + nsec;
  return { deadlineNs: clock.absolute ? ns - clockNs(k, clock.id) + k.now() : k.now() + ns };
}

/** `uaddr1` and `uaddr2` of an operation with a timeout: 9.0 takes a relative timespec, 10.0 also a size and a struct _umtx_time. */
export function copyinUmtxTimeout(
  k: Kernel,
  pid: Pid,
  size: number,
  at: number,
): { readonly deadlineNs: number | null } | Errno {
  let clock = { absolute: false, id: CLOCK_REALTIME };
  if (at !== 0 && size === UMTX_TIME_SIZE) {
    const flags = k.fuword(pid, (at + 8) >>> 0);
    const id = k.fuword(pid, (at + 12) >>> 0);
    if (flags === null || id === null) return EFAULT;
    clock = { absolute: (flags & UMTX_ABSTIME) !== 0, id };
  }
  return copyinDeadline(k, pid, at, clock);
}

/** Reads the entry of an operation whose timeout is `deadline` when it begins. */
export function umtxEntry(
  entry: SyscallEntry,
  deadline: () => { readonly deadlineNs: number | null } | Errno,
): UmtxEntry | Errno {
  if (entry.woken === 'first') {
    const read = deadline();
    return typeof read === 'number' ? read : { first: true, error: 0, ...read };
  }
  const { deadlineNs } = entry.resume as UmtxResume;
  const error = entry.woken === 'timeout' ? ETIMEDOUT : entry.woken === 'signal' ? EINTR : 0;
  return { first: false, error, deadlineNs };
}

/** Puts the caller to sleep on a queue; one whose time is over already gets ETIMEDOUT. */
export function umtxSleep(
  k: Kernel,
  td: Thread,
  queue: UmtxQueue,
  at: number,
  wmesg: string,
  { deadlineNs }: Pick<UmtxEntry, 'deadlineNs'>,
): SyscallResult {
  if (deadlineNs !== null && deadlineNs <= k.now()) return fail(ETIMEDOUT);
  const resume: UmtxResume = { deadlineNs };
  return { kind: 'sleep', wchan: umtxChannel(k, td.pid, queue, at), wmesg, deadlineNs, resume };
}

/** The end of an operation that is made again after a signal unless it has a timeout ("timed-locking is not restarted"). */
export const umtxRestartable = ({ error, deadlineNs }: UmtxEntry): SyscallResult =>
  error === EINTR && deadlineNs === null ? RESTART : fail(error as Errno);
