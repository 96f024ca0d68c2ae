import { EBADF, EFAULT, EINTR, EINVAL } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { FD_SETSIZE, INFTIM, POLLERR, POLLHUP, POLLNVAL, POLLRDBAND, POLLRDNORM, POLLWRNORM } from '../abi/poll.ts';
import { SELECT_CHANNEL, type SelectResume } from '../kern/file-event.ts';
import type { Kernel } from '../kern/kernel.ts';
import { setSigmask, unmaskable } from '../kern/signal.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { copyinDeadline } from '../kern/umtx.ts';
import { getFile } from '../vfs/filedesc.ts';
import { FILES_PER_PROC_MAX } from '../vfs/limits.ts';
import { pollFile } from '../vfs/readiness.ts';
import type { SyscallRow } from './row.ts';

/* select(2), poll(2) and their forms with a signal mask: FreeBSD 9.1 kern/sys_generic.c. An interrupted one is never made again. */

type Args = readonly number[];
type Deadline = { readonly deadlineNs: number | null };

/** What a call asks of one descriptor: POLL bits. */
interface Wanted {
  readonly fd: number;
  readonly events: number;
}

const NS_PER_SEC = 1_000_000_000;
/** FreeBSD itimerfix: EINVAL beyond. */
const TIMEOUT_SEC_MAX = 100_000_000;
const POLLFD_SIZE = 8;

/** Looks at every descriptor: its POLL bits, POLLNVAL for one that is not open. Only what holds now is in the list. */
function scan(k: Kernel, td: Thread, wanted: readonly Wanted[]): (Wanted & { readonly revents: number })[] {
  const found = wanted.map(({ fd, events }) => {
    const file = getFile(k, td, fd);
    return { fd, events, revents: file ? pollFile(k, file, events) : POLLNVAL };
  });
  return found.filter(({ revents }) => revents !== 0);
}

/** The call's end when something holds or its time is over: null; otherwise how it waits. */
function waitFor(
  k: Kernel,
  td: Thread,
  wanted: readonly Wanted[],
  found: number,
  entry: SyscallEntry,
  { deadlineNs }: Deadline,
): SyscallResult | null {
  if (found > 0 || entry.woken === 'timeout' || (deadlineNs !== null && deadlineNs <= k.now())) return null;
  if (entry.woken === 'signal') return fail(EINTR);
  const { fds } = k.proc(td.pid);
  const resume: SelectResume = {
    files: wanted.flatMap(({ fd, events }) => (fds[fd] ? { file: fds[fd].file, events } : [])),
    deadlineNs,
  };
  return { kind: 'sleep', wchan: SELECT_CHANNEL, wmesg: 'select', deadlineNs, resume };
}

/** A deadline is worked out once, when the call begins. */
const deadlineOf = (entry: SyscallEntry, first: () => Deadline | Errno): Deadline | Errno =>
  entry.woken === 'first' ? first() : (entry.resume as SelectResume);

/** The mask given holds until the signals that it lets in have acted, or the call ends. EFAULT. */
function useSigmask(k: Kernel, td: Thread, at: number, entry: SyscallEntry): Errno | 0 {
  if (at === 0 || entry.woken !== 'first') return 0;
  const bytes = k.copyin(td.pid, at, 16);
  if (typeof bytes === 'number') return EFAULT;
  setSigmask(k, td.tid, unmaskable([...new Int32Array(bytes.buffer)]), { sigmaskAfter: td.sigmaskAfter ?? td.sigmask });
  return 0;
}

// ---- select ------------------------------------------------------------------------------------------------------------

/** What the sets for reading, writing and exceptions ask for, and what makes a descriptor stay in them (select_flags). */
const SET_EVENTS = [POLLRDNORM, POLLWRNORM, POLLRDBAND] as const;
const SET_RESULTS = [POLLRDNORM | POLLHUP | POLLERR, POLLWRNORM | POLLHUP | POLLERR, POLLRDBAND | POLLERR] as const;

/** struct timeval. */
function copyinTimeval(k: Kernel, td: Thread, at: number): Deadline | Errno {
  if (at === 0) return { deadlineNs: null };
  const bytes = k.copyin(td.pid, at, 8);
  if (typeof bytes === 'number') return EFAULT;
  const [sec, usec] = new Int32Array(bytes.buffer) as unknown as [number, number];
  if (sec < 0 || sec > TIMEOUT_SEC_MAX || usec < 0 || usec >= 1_000_000) return EINVAL;
  return { deadlineNs: k.now() + sec * NS_PER_SEC + usec * 1000 };
}

function select(
  k: Kernel,
  td: Thread,
  [count, ...addresses]: Args,
  entry: SyscallEntry,
  timeout: () => Deadline | Errno,
): SyscallResult {
  if (count! < 0) return fail(EINVAL);
  const fds = Math.min(count!, FILES_PER_PROC_MAX);
  const words = Math.ceil(fds / 32);
  const sets: (Uint32Array | null)[] = [];
  for (const at of addresses) {
    const bytes = at === 0 ? null : k.copyin(td.pid, at!, words * 4);
    if (typeof bytes === 'number') return fail(EFAULT);
    sets.push(bytes && new Uint32Array(bytes.buffer));
  }
  const deadline = deadlineOf(entry, timeout);
  if (typeof deadline === 'number') return fail(deadline);

  const wanted: Wanted[] = [];
  for (let fd = 0; fd < fds; fd++) {
    const events = sets.reduce((bits, set, n) => bits | (isSet(set, fd) ? SET_EVENTS[n]! : 0), 0);
    if (events) wanted.push({ fd, events });
  }
  const found = scan(k, td, wanted);
  if (found.some(({ revents }) => revents === POLLNVAL)) return fail(EBADF);
  const waiting = waitFor(k, td, wanted, found.length, entry, deadline);
  if (waiting) return waiting;

  let total = 0;
  for (const [n, set] of sets.entries()) {
    if (!set) continue;
    const out = new Uint32Array(words);
    for (const { fd, revents } of found) {
      if (!isSet(set, fd) || (revents & SET_RESULTS[n]!) === 0) continue;
      out[fd >> 5] = out[fd >> 5]! | (1 << (fd & 31));
      total++;
    }
    if (!k.copyout(td.pid, addresses[n]!, new Uint8Array(out.buffer))) return fail(EFAULT);
  }
  return ok(total);
}

const isSet = (set: Uint32Array | null, fd: number): boolean =>
  set !== null && (set[fd >> 5]! & (1 << (fd & 31))) !== 0;

function sys_select(k: Kernel, td: Thread, [nd, input, output, except, timeout]: Args, entry: SyscallEntry) {
  return select(k, td, [nd!, input!, output!, except!], entry, () => copyinTimeval(k, td, timeout!));
}

function sys_pselect(k: Kernel, td: Thread, [nd, input, output, except, timeout, sigmask]: Args, entry: SyscallEntry) {
  const error = useSigmask(k, td, sigmask!, entry);
  if (error) return fail(error);
  const relative = { absolute: false, id: 0 };
  return select(k, td, [nd!, input!, output!, except!], entry, () => copyinDeadline(k, td.pid, timeout!, relative));
}

// ---- poll --------------------------------------------------------------------------------------------------------------

function poll(
  k: Kernel,
  td: Thread,
  at: number,
  count: number,
  entry: SyscallEntry,
  timeout: () => Deadline | Errno,
): SyscallResult {
  if (count > FILES_PER_PROC_MAX && count > FD_SETSIZE) return fail(EINVAL);
  const bytes = k.copyin(td.pid, at, count * POLLFD_SIZE);
  if (typeof bytes === 'number') return fail(EFAULT);
  const deadline = deadlineOf(entry, timeout);
  if (typeof deadline === 'number') return fail(deadline);
  const view = new DataView(bytes.buffer);
  // struct pollfd: fd, events and revents (16 bits each). One with a negative descriptor is passed over.
  const wanted = Array.from({ length: count }, (_, n) => ({
    fd: view.getInt32(n * POLLFD_SIZE, true),
    events: view.getUint16(n * POLLFD_SIZE + 4, true),
  }));
  let found = 0;
  for (const [n, one] of wanted.entries()) {
    const [result] = one.fd < 0 ? [] : scan(k, td, [one]);
    view.setUint16(n * POLLFD_SIZE + 6, result?.revents ?? 0, true);
    if (result) found++;
  }
  const waiting = waitFor(k, td, wanted, found, entry, deadline);
  if (waiting) return waiting;
  return k.copyout(td.pid, at, bytes) ? ok(found) : fail(EFAULT);
}

function sys_poll(k: Kernel, td: Thread, [fds, count, timeoutMs]: Args, entry: SyscallEntry): SyscallResult {
  return poll(k, td, fds!, count!, entry, () => {
    if (timeoutMs === INFTIM) return { deadlineNs: null };
    return timeoutMs! < 0 ? EINVAL : { deadlineNs: k.now() + timeoutMs! * 1_000_000 };
  });
}

function sys_ppoll(k: Kernel, td: Thread, [fds, count, timeout, sigmask]: Args, entry: SyscallEntry): SyscallResult {
  const error = useSigmask(k, td, sigmask!, entry);
  if (error) return fail(error);
  return poll(k, td, fds!, count!, entry, () => copyinDeadline(k, td.pid, timeout!, { absolute: false, id: 0 }));
}

// biome-ignore format: one system call per line
export const selectSyscalls = [
  { number: 93, name: 'select', args: [['nd', 'int'], ['in', 'inout'], ['ou', 'inout'], ['ex', 'inout'], ['tv', 'in']], support: 'full', handler: sys_select },
  { number: 209, name: 'poll', args: [['fds', 'inout'], ['nfds', 'uint'], ['timeout', 'int']], support: 'full', handler: sys_poll },
  { number: 522, name: 'pselect', args: [['nd', 'int'], ['in', 'inout'], ['ou', 'inout'], ['ex', 'inout'], ['ts', 'in'], ['sm', 'in']], support: 'full', handler: sys_pselect },
  { number: 545, name: 'ppoll', args: [['fds', 'inout'], ['nfds', 'uint'], ['ts', 'in'], ['set', 'in']], since: '11.0', support: 'full', handler: sys_ppoll },
] as const satisfies readonly SyscallRow[];
