import { EAGAIN, EBUSY, EDEADLK, EFAULT, EINTR, EINVAL, EPERM } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { PRI_MAX, PRI_MIN_REALTIME } from '../abi/priority.ts';
import type { Kernel } from './kernel.ts';
import { lendTo, relend, worthOf } from './lend.ts';
import type { Thread } from './state.ts';
import { fail, giveWay, ITEMS_AT_ONCE, ok, type SyscallEntry, type SyscallResult } from './syscall-result.ts';
import {
  copyinDeadline,
  copyinUmtxTimeout,
  lendFromQueue,
  lentOwner,
  type UmtxEntry,
  umtxCount,
  umtxEntry,
  umtxRestartable,
  umtxSignal,
  umtxSleep,
  umtxWake,
} from './umtx.ts';

/*
 * The operations of _umtx_op(2) (freebsd-i386-abi.md, C.6), each as FreeBSD 9.1 kern/kern_umtx.c does it. Calls are atomic here, so the
 * loops over casuword that the original needs are single comparisons. An operation that slept begins again at its top: `entry.error`
 * says what ended the sleep, and counts after a last try.
 */

/** Owner word of a mutex. */
const UNOWNED = 0;
const CONTESTED = 0x80000000;
const ownerOf = (word: number): number => word & 0x7fffffff;
const isContested = (word: number): boolean => word >= CONTESTED;
const contested = (word: number): number => (word | CONTESTED) >>> 0;

// struct umutex: m_owner, m_flags, m_ceilings[2].
const M_WORDS = 4;
const M_CEILING = 8;
const UMUTEX_ERROR_CHECK = 2;
const UMUTEX_PRIO_INHERIT = 4;
const UMUTEX_PRIO_PROTECT = 8;
const RTP_PRIO_MAX = 31;

// struct ucond: c_has_waiters, c_flags, c_clockid.
const C_CLOCKID = 8;
const CVWAIT_ABSTIME = 2;
const CVWAIT_CLOCKID = 4;
const CLOCK_THREAD_CPUTIME_ID = 14;

// struct urwlock: rw_state, rw_flags, rw_blocked_readers, rw_blocked_writers.
const RW_FLAGS = 4;
const RW_BLOCKED_READERS = 8;
const RW_BLOCKED_WRITERS = 12;
const WRITE_OWNER = 0x80000000;
const WRITE_WAITERS = 0x40000000;
const READ_WAITERS = 0x20000000;
const READERS = 0x1fffffff;
const PREFER_READER = 2;

// struct _usem: _has_waiters, _count, _flags.
const SEM_COUNT = 4;

type Addr = number;
const FAULT = fail(EFAULT);

interface Call {
  readonly obj: Addr;
  readonly val: number;
  readonly uaddr1: Addr;
  readonly uaddr2: Addr;
}

/** Reads the words of a structure; null: EFAULT. */
function words(k: Kernel, pid: Pid, at: Addr, count: number): number[] | null {
  const bytes = k.copyin(pid, at, count * 4);
  return typeof bytes === 'number' ? null : [...new Uint32Array(bytes.buffer)];
}

type Operation = (k: Kernel, td: Thread, call: Call, entry: SyscallEntry) => SyscallResult;

/** An operation with the timeout in uaddr1 and uaddr2. */
const timed =
  (run: (k: Kernel, td: Thread, call: Call, entry: UmtxEntry) => SyscallResult): Operation =>
  (k, td, call, entry) => {
    const state = umtxEntry(entry, () => copyinUmtxTimeout(k, td.pid, call.uaddr1, call.uaddr2));
    return typeof state === 'number' ? fail(state) : run(k, td, call, state);
  };

// ---- words -------------------------------------------------------------------------------------------------------------

/** WAIT, WAIT_UINT, WAIT_UINT_PRIVATE: long and int are the same here. */
const wait = timed((k, td, { obj, val }, entry) => {
  if (!entry.first) return entry.error ? fail(entry.error) : ok();
  const word = k.fuword(td.pid, obj);
  if (word === null) return FAULT;
  return word === val >>> 0 ? umtxSleep(k, td, 'wait', obj, 'uwait', entry) : ok();
});

const wake: Operation = (k, td, { obj, val }) => {
  umtxWake(k, td.pid, obj, val | 0);
  return ok();
};

/** NWAKE_PRIVATE: obj is an array of val addresses, as many as the caller's memory holds: others run in between. */
const nwake: Operation = (k, td, { obj, val }, entry) => {
  const from = entry.woken === 'first' ? 0 : (entry.resume as NwakeResume).next;
  const next = Math.min(val >>> 0, from + ITEMS_AT_ONCE);
  for (let n = from; n < next; n++) {
    const at = k.fuword(td.pid, (obj + 4 * n) >>> 0);
    if (at === null) return FAULT;
    umtxWake(k, td.pid, at, Number.POSITIVE_INFINITY);
  }
  const resume: NwakeResume = { next };
  return next === val >>> 0 ? ok() : giveWay(k, resume);
};

/** How far a call has come. */
interface NwakeResume {
  readonly next: number;
}

// ---- mutexes -----------------------------------------------------------------------------------------------------------

type LockMode = 'lock' | 'try' | 'wait';
const MUTEX_WMESG = { mutex: 'umtxn', pi: 'umtxpi', pp: 'umtxpp' } as const;

function queueOf(flags: number): keyof typeof MUTEX_WMESG | null {
  switch (flags & (UMUTEX_PRIO_INHERIT | UMUTEX_PRIO_PROTECT)) {
    case 0:
      return 'mutex';
    case UMUTEX_PRIO_INHERIT:
      return 'pi';
    case UMUTEX_PRIO_PROTECT:
      return 'pp';
    default:
      return null;
  }
}

function lock(k: Kernel, td: Thread, at: Addr, mode: LockMode, entry: UmtxEntry): SyscallResult {
  lendTo(k, td.tid, 0);
  const mutex = words(k, td.pid, at, M_WORDS);
  if (!mutex) return FAULT;
  const [owner, flags, ceiling] = mutex as [number, number, number];
  const queue = queueOf(flags);
  if (queue === null) return fail(EINVAL);
  const priority = queue === 'pp' ? ceilingPriority(ceiling) : PRI_MAX;
  // Nobody who is better than its ceiling may lock a mutex.
  if (queue === 'pp' && (priority === null || Math.min(worthOf(td), td.lentPri) < priority)) return fail(EINVAL);
  // A priority-protected mutex is never free in user mode: its unowned state is CONTESTED.
  const isFree = owner === CONTESTED || (owner === UNOWNED && queue !== 'pp');
  if (isFree && mode === 'wait') return ok();
  if (isFree) {
    if (!k.suword(td.pid, at, owner === CONTESTED ? contested(td.tid) : td.tid)) return FAULT;
    if (queue === 'pi') lendFromQueue(k, td.pid, at, td.tid);
    if (priority !== null && priority < td.inheritedPri) inherit(k, td, priority);
    return ok();
  }
  if (mode !== 'wait' && flags & UMUTEX_ERROR_CHECK && ownerOf(owner) === td.tid) return fail(EDEADLK);
  if (mode === 'try') return fail(EBUSY);
  if (entry.error) return umtxRestartable(entry);
  if (queue !== 'pp' && !k.suword(td.pid, at, contested(owner))) return FAULT;
  const sleep = umtxSleep(k, td, queue, at, MUTEX_WMESG[queue], entry);
  if (queue === 'pi' && sleep.kind === 'sleep') lendTo(k, td.tid, piOwner(k, td, at, owner));
  return sleep;
}

/** The priority of a ceiling (UPRI counts the other way); null: EINVAL. */
const ceilingPriority = (ceiling: number): number | null =>
  ceiling > RTP_PRIO_MAX ? null : PRI_MIN_REALTIME + RTP_PRIO_MAX - ceiling;

/** The holder of a priority-protected mutex is as good as its ceiling. Differs from the rest of user mode: root alone. */
function inherit(k: Kernel, td: Thread, inheritedPri: number): void {
  if (k.proc(td.pid).uid !== 0) return;
  k.setThread(td.tid, { inheritedPri });
  relend(k, td.tid);
}

/** FreeBSD pi_owner: whom the others there wait for, else the thread of the process that the word names. */
function piOwner(k: Kernel, td: Thread, at: Addr, word: number): Tid | 0 {
  const known = lentOwner(k, td.pid, at);
  if (known !== 0) return known;
  const owner = k.state.threads.get(ownerOf(word) as Tid);
  return owner?.pid === td.pid && owner.tid !== td.tid ? owner.tid : 0;
}

function unlock(k: Kernel, td: Thread, at: Addr): Errno | 0 {
  const mutex = words(k, td.pid, at, M_WORDS);
  if (!mutex) return EFAULT;
  const [owner, flags, , ceilingBefore] = mutex as [number, number, number, number];
  const queue = queueOf(flags);
  if (queue === null) return EINVAL;
  if (ownerOf(owner) !== td.tid) return EPERM;
  if (queue === 'pp') {
    // The second ceiling is the best of the mutexes that it still holds, as user mode keeps count of them; -1: it holds none.
    const priority = ceilingBefore === 0xffffffff ? PRI_MAX : ceilingPriority(ceilingBefore);
    if (priority === null) return EINVAL;
    if (!k.suword(td.pid, at, CONTESTED)) return EFAULT;
    umtxSignal(k, td.pid, queue, at, 1);
    inherit(k, td, priority);
    return 0;
  }
  const count = umtxCount(k, td.pid, queue, at);
  const lentTo = queue === 'pi' ? lentOwner(k, td.pid, at) : 0;
  // User mode has written another owner than the one that the others wait for.
  if (isContested(owner) && lentTo !== 0 && lentTo !== td.tid) return EPERM;
  const free = isContested(owner) && count > 1 ? CONTESTED : UNOWNED;
  if (!k.suword(td.pid, at, free)) return EFAULT;
  if (!isContested(owner)) return 0;
  if (queue === 'pi') lendFromQueue(k, td.pid, at, 0);
  umtxSignal(k, td.pid, queue, at, 1);
  return 0;
}

const mutexOperation = (mode: LockMode): Operation => timed((k, td, { obj }, entry) => lock(k, td, obj, mode, entry));

/** MUTEX_TRYLOCK never sleeps and reads no timeout. */
const mutexTrylock: Operation = (k, td, { obj }) =>
  lock(k, td, obj, 'try', { first: true, error: 0, deadlineNs: null });

const mutexUnlock: Operation = (k, td, { obj }) => {
  const error = unlock(k, td, obj);
  return error ? fail(error) : ok();
};

/** MUTEX_WAKE: the unlocker has made the word unowned in user mode; the contested bit goes with the last sleeper. */
const mutexWake: Operation = (k, td, { obj }) => {
  const mutex = words(k, td.pid, obj, 2);
  if (!mutex) return FAULT;
  const [owner, flags] = mutex as [number, number];
  if (ownerOf(owner) !== 0) return ok();
  const queue = queueOf(flags) ?? 'mutex';
  const count = umtxCount(k, td.pid, queue, obj);
  if (count <= 1 && owner === CONTESTED && !k.suword(td.pid, obj, UNOWNED)) return FAULT;
  if (count > 0) umtxSignal(k, td.pid, queue, obj, 1);
  return ok();
};

/** MUTEX_WAKE2 (9.1): as MUTEX_WAKE, but the flags come as an argument and the memory is looked at only while somebody sleeps. */
const mutexWake2: Operation = (k, td, { obj, val }) => {
  const queue = queueOf(val);
  if (queue === null) return fail(EINVAL);
  const count = umtxCount(k, td.pid, queue, obj);
  if (count === 0) return ok();
  const owner = k.fuword(td.pid, obj);
  if (owner === null) return FAULT;
  const repair = !isContested(owner) && (count > 1 || ownerOf(owner) !== 0);
  if (repair && !k.suword(td.pid, obj, contested(owner))) return FAULT;
  if (ownerOf(owner) === 0) umtxSignal(k, td.pid, queue, obj, 1);
  return ok();
};

/** SET_CEILING: uaddr1 gets the old one. */
const setCeiling: Operation = (k, td, { obj, val, uaddr1 }, entry) => {
  const mutex = words(k, td.pid, obj, 3);
  if (!mutex) return FAULT;
  const [owner, flags, old] = mutex as [number, number, number];
  if ((flags & UMUTEX_PRIO_PROTECT) === 0 || val >>> 0 > RTP_PRIO_MAX) return fail(EINVAL);
  if (owner !== CONTESTED && ownerOf(owner) !== td.tid) {
    if (entry.woken === 'signal') return umtxRestartable({ first: false, error: EINTR, deadlineNs: null });
    return umtxSleep(k, td, 'pp', obj, 'umtxpp', { deadlineNs: null });
  }
  if (!k.suword(td.pid, (obj + M_CEILING) >>> 0, val)) return FAULT;
  umtxSignal(k, td.pid, 'pp', obj, Number.POSITIVE_INFINITY);
  return uaddr1 === 0 || k.suword(td.pid, uaddr1, old) ? ok() : FAULT;
};

// ---- condition variables -----------------------------------------------------------------------------------------------

/** CV_WAIT: uaddr1 is the mutex, which is let go of; uaddr2 the timeout; val its flags. */
const cvWait: Operation = (k, td, { obj, val, uaddr1, uaddr2 }, entry) => {
  const state = umtxEntry(entry, () => {
    const clock = val & CVWAIT_CLOCKID ? k.fuword(td.pid, (obj + C_CLOCKID) >>> 0) : 0;
    if (clock === null) return EFAULT;
    if (clock >= CLOCK_THREAD_CPUTIME_ID) return EINVAL;
    return copyinDeadline(k, td.pid, uaddr2, { absolute: (val & CVWAIT_ABSTIME) !== 0, id: clock });
  });
  if (typeof state === 'number') return fail(state);
  if (state.first) {
    if (!k.suword(td.pid, obj, 1)) return FAULT;
    const error = unlock(k, td, uaddr1);
    if (error) return fail(error);
    const sleep = umtxSleep(k, td, 'cv', obj, 'ucond', state);
    if (sleep.kind === 'error' && umtxCount(k, td.pid, 'cv', obj) === 0) k.suword(td.pid, obj, 0);
    // The mutex is let go of already: a thread that starts anew from here has been woken for nothing, which it must expect.
    return sleep.kind === 'sleep' ? { ...sleep, shown: { eax: EINTR, carry: true } } : sleep;
  }
  if (!state.error) return ok();
  // Nobody has signalled: the last sleeper takes the mark with it.
  if (umtxCount(k, td.pid, 'cv', obj) === 0) k.suword(td.pid, obj, 0);
  return fail(state.error);
};

/** CV_SIGNAL, CV_BROADCAST, SEM_WAKE: wakes, and takes the mark "somebody waits" away with the last one. */
const signalQueue =
  (queue: 'cv' | 'sem', most: number): Operation =>
  (k, td, { obj }) => {
    if (k.fuword(td.pid, obj) === null) return FAULT;
    const count = umtxCount(k, td.pid, queue, obj);
    const woken = umtxSignal(k, td.pid, queue, obj, most);
    return count > woken || k.suword(td.pid, obj, 0) ? ok() : FAULT;
  };

// ---- semaphores --------------------------------------------------------------------------------------------------------

const semWait = timed((k, td, { obj }, entry) => {
  if (!entry.first) return entry.error ? fail(entry.error) : ok();
  const sem = words(k, td.pid, obj, 2);
  if (!sem) return FAULT;
  if (sem[0] === 0 && !k.suword(td.pid, obj, 1)) return FAULT;
  return sem[SEM_COUNT / 4] !== 0 ? ok() : umtxSleep(k, td, 'sem', obj, 'usem', entry);
});

// ---- reader-writer locks -----------------------------------------------------------------------------------------------

/** One more, or one less, of rw_blocked_readers or rw_blocked_writers; how many there are now. */
function addBlocked(k: Kernel, td: Thread, at: Addr, change: number): number | null {
  const count = k.fuword(td.pid, at);
  if (count === null) return null;
  return k.suword(td.pid, at, count + change) ? (count + change) >>> 0 : null;
}

/** A sleeper is back: it is no longer counted, and the last one takes the mark `bit` out of the state. */
function leaveBlocked(k: Kernel, td: Thread, obj: Addr, counter: number, bit: number): boolean {
  const left = addBlocked(k, td, (obj + counter) >>> 0, -1);
  if (left === null) return false;
  if (left > 0) return true;
  const state = k.fuword(td.pid, obj);
  return state !== null && k.suword(td.pid, obj, (state & ~bit) >>> 0);
}

const hasBit = (state: number, bit: number): boolean => (state & bit) !== 0;

/** RW_RDLOCK: val may say URWLOCK_PREFER_READER. */
const rwRdlock = timed((k, td, { obj, val }, entry) => {
  if (!entry.first && !leaveBlocked(k, td, obj, RW_BLOCKED_READERS, READ_WAITERS)) return FAULT;
  const rwlock = words(k, td.pid, obj, 2);
  if (!rwlock) return FAULT;
  const [state, flags] = rwlock as [number, number];
  const preferReader = hasBit(val | flags, PREFER_READER);
  const blockers = preferReader ? WRITE_OWNER : WRITE_OWNER | WRITE_WAITERS;
  if (!hasBit(state, blockers)) {
    if ((state & READERS) === READERS) return fail(EAGAIN);
    return k.suword(td.pid, obj, state + 1) ? ok() : FAULT;
  }
  if (entry.error) return umtxRestartable(entry);
  if (!k.suword(td.pid, obj, (state | READ_WAITERS) >>> 0)) return FAULT;
  return sleepBlocked(k, td, obj, RW_BLOCKED_READERS, 'rd', entry);
});

const rwWrlock = timed((k, td, { obj }, entry) => {
  if (!entry.first && !leaveBlocked(k, td, obj, RW_BLOCKED_WRITERS, WRITE_WAITERS)) return FAULT;
  const state = k.fuword(td.pid, obj);
  if (state === null) return FAULT;
  if (!hasBit(state, WRITE_OWNER | READERS)) return k.suword(td.pid, obj, (state | WRITE_OWNER) >>> 0) ? ok() : FAULT;
  if (entry.error) {
    // Readers that waited behind this writer need not wait for it any more.
    if (!hasBit(state, WRITE_OWNER | WRITE_WAITERS)) umtxSignal(k, td.pid, 'rd', obj, Number.POSITIVE_INFINITY);
    return umtxRestartable(entry);
  }
  if (!k.suword(td.pid, obj, (state | WRITE_WAITERS) >>> 0)) return FAULT;
  return sleepBlocked(k, td, obj, RW_BLOCKED_WRITERS, 'wr', entry);
});

function sleepBlocked(
  k: Kernel,
  td: Thread,
  obj: Addr,
  counter: number,
  queue: 'rd' | 'wr',
  entry: UmtxEntry,
): SyscallResult {
  if (addBlocked(k, td, (obj + counter) >>> 0, 1) === null) return FAULT;
  const sleep = umtxSleep(k, td, queue, obj, queue === 'rd' ? 'urdlck' : 'uwrlck', entry);
  const bit = queue === 'rd' ? READ_WAITERS : WRITE_WAITERS;
  if (sleep.kind === 'error' && !leaveBlocked(k, td, obj, counter, bit)) return FAULT;
  return sleep;
}

const rwUnlock: Operation = (k, td, { obj }) => {
  const rwlock = words(k, td.pid, obj, RW_FLAGS / 4 + 1);
  if (!rwlock) return FAULT;
  const [state, flags] = rwlock as [number, number];
  let next: number;
  if (hasBit(state, WRITE_OWNER)) next = (state & ~WRITE_OWNER) >>> 0;
  else if ((state & READERS) !== 0) next = state - 1;
  else return fail(EPERM);
  if (!k.suword(td.pid, obj, next)) return FAULT;
  const order = [
    { bit: WRITE_WAITERS, queue: 'wr', count: 1 },
    { bit: READ_WAITERS, queue: 'rd', count: Number.POSITIVE_INFINITY },
  ] as const;
  const first = (hasBit(flags, PREFER_READER) ? [...order].reverse() : order).find(({ bit }) => hasBit(state, bit));
  if (first) umtxSignal(k, td.pid, first.queue, obj, first.count);
  return ok();
};

// ---- the old umtx ------------------------------------------------------------------------------------------------------

/** LOCK and _umtx_lock(2): the word becomes `id`. */
function lockUmtx(k: Kernel, td: Thread, obj: Addr, id: number, entry: UmtxEntry): SyscallResult {
  const owner = k.fuword(td.pid, obj);
  if (owner === null) return FAULT;
  if (owner === UNOWNED || owner === CONTESTED)
    return k.suword(td.pid, obj, owner === CONTESTED ? contested(id) : id) ? ok() : FAULT;
  if (entry.error) return umtxRestartable(entry);
  if (!k.suword(td.pid, obj, contested(owner))) return FAULT;
  return umtxSleep(k, td, 'umtx', obj, 'umtx', entry);
}

function unlockUmtx(k: Kernel, td: Thread, obj: Addr, id: number): SyscallResult {
  const owner = k.fuword(td.pid, obj);
  if (owner === null) return FAULT;
  if (ownerOf(owner) !== ownerOf(id >>> 0)) return fail(EPERM);
  if (!isContested(owner)) return fail(EINVAL);
  const count = umtxCount(k, td.pid, 'umtx', obj);
  if (!k.suword(td.pid, obj, count <= 1 ? UNOWNED : CONTESTED)) return FAULT;
  umtxSignal(k, td.pid, 'umtx', obj, 1);
  return ok();
}

const oldLock = timed((k, td, { obj, val }, entry) => lockUmtx(k, td, obj, val, entry));
const oldUnlock: Operation = (k, td, { obj, val }) => unlockUmtx(k, td, obj, val);

/** By number (sys/sys/umtx.h). */
const OPERATIONS: readonly Operation[] = [
  oldLock,
  oldUnlock,
  wait,
  wake,
  mutexTrylock,
  mutexOperation('lock'),
  mutexUnlock,
  setCeiling,
  cvWait,
  signalQueue('cv', 1),
  signalQueue('cv', Number.POSITIVE_INFINITY),
  wait,
  rwRdlock,
  rwWrlock,
  rwUnlock,
  wait,
  wake,
  mutexOperation('wait'),
  mutexWake,
  semWait,
  signalQueue('sem', 1),
  nwake,
  mutexWake2,
];

export function umtxOp(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [obj, op, val, uaddr1, uaddr2] = args as [number, number, number, number, number];
  const operation = OPERATIONS[op];
  return operation ? operation(k, td, { obj, val, uaddr1, uaddr2 }, entry) : fail(EINVAL);
}

/** _umtx_lock(2) and _umtx_unlock(2): as LOCK and UNLOCK with the caller's id. */
export function umtxLock(k: Kernel, td: Thread, obj: number, entry: SyscallEntry): SyscallResult {
  const state = umtxEntry(entry, () => ({ deadlineNs: null }));
  return typeof state === 'number' ? fail(state) : lockUmtx(k, td, obj, td.tid, state);
}

export const umtxUnlock = (k: Kernel, td: Thread, obj: number): SyscallResult => unlockUmtx(k, td, obj, td.tid);
