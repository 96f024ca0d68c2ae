import { EBADF, EFAULT, EINTR, EINVAL, EMFILE } from '../abi/errno.ts';
import { EV_ERROR, EV_RECEIPT } from '../abi/event.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import { type Kevent, kqueueChannel, newKqueue, registerEvent, scanEvents } from '../kern/kqueue.ts';
import type { Thread } from '../kern/state.ts';
import { fail, giveWay, ITEMS_AT_ONCE, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { copyinDeadline } from '../kern/umtx.ts';
import { fdalloc, getFile, installDescriptor, newFile } from '../vfs/filedesc.ts';
import type { SyscallRow } from './row.ts';

/* kqueue(2) and kevent(2): FreeBSD 9.1 kern/kern_event.c. */

/** struct kevent: ident, filter (16 bits), flags (16 bits), fflags, data, udata. */
const KEVENT_SIZE = 20;
/** The kernel copies so many at a time (KQ_NEVENTS), and no call gives more here. */
const EVENTS_MAX = 1024;

function sys_kqueue(k: Kernel, td: Thread): SyscallResult {
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const flags = { readable: true, writable: true, append: false, nonblock: false, offset: 0 };
  const kqueue = newKqueue(k, td.pid);
  const file = newFile(k, { kind: 'kqueue', kqueue, ...flags });
  if (typeof file === 'number') {
    k.state.kqueues.delete(kqueue);
    return fail(file);
  }
  installDescriptor(k, td.pid, fd, file.id, false);
  return ok(fd);
}

function decodeKevent(bytes: Uint8Array): Kevent {
  const view = new DataView(bytes.buffer);
  return {
    ident: view.getUint32(0, true),
    filter: view.getInt16(4, true),
    flags: view.getUint16(6, true),
    fflags: view.getUint32(8, true),
    data: view.getInt32(12, true),
    udata: view.getUint32(16, true),
  };
}

function encodeKevents(events: readonly Kevent[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(events.length * KEVENT_SIZE));
  events.forEach(({ ident, filter, flags, fflags, data, udata }, n) => {
    const at = n * KEVENT_SIZE;
    view.setUint32(at, ident, true);
    view.setInt16(at + 4, filter, true);
    view.setUint16(at + 6, flags, true);
    view.setUint32(at + 8, fflags, true);
    view.setInt32(at + 12, data, true);
    view.setUint32(at + 16, udata, true);
  });
  return new Uint8Array(view.buffer);
}

/** What a call remembers that sleeps, or that others interrupt because it has many changes to make. */
interface KeventResume {
  readonly deadlineNs: number | null;
  /** How many changes have been made. */
  readonly changed: number;
  /** How many of them have become events with EV_ERROR. */
  readonly refused: number;
}

interface KeventCall {
  readonly changesAt: number;
  readonly changeCount: number;
  readonly eventsAt: number;
  readonly room: number;
}

/** kevent(2). An interrupted one is never made again: EINTR. */
function sys_kevent(k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry): SyscallResult {
  const [fd, changesAt, changeCount, eventsAt, room, timeoutAt] = args as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const file = getFile(k, td, fd);
  if (file?.kind !== 'kqueue') return fail(EBADF);
  if (changeCount < 0 || room < 0) return fail(EINVAL);
  const begun = entry.woken === 'first' ? beginning(k, td, timeoutAt) : (entry.resume as KeventResume);
  if (typeof begun === 'number') return fail(begun);
  const call = { changesAt, changeCount, eventsAt, room };
  const state = begun.changed < changeCount ? makeChanges(k, td, file.kqueue, call, begun) : begun;
  if (typeof state === 'number') return fail(state);
  if (state.changed < changeCount) return giveWay(k, state);
  if (state.refused > 0) return ok(state.refused);
  if (room === 0) return ok(0);
  const events = scanEvents(k, file.kqueue, Math.min(room, EVENTS_MAX));
  if (events.length > 0) return k.copyout(td.pid, eventsAt, encodeKevents(events)) ? ok(events.length) : fail(EFAULT);
  const { deadlineNs } = state;
  if (deadlineNs !== null && deadlineNs <= k.now()) return ok(0);
  if (entry.woken === 'signal') return fail(EINTR);
  return { kind: 'sleep', wchan: kqueueChannel(file.kqueue), wmesg: 'kqread', deadlineNs, resume: state };
}

function beginning(k: Kernel, td: Thread, timeoutAt: number): KeventResume | Errno {
  const read = copyinDeadline(k, td.pid, timeoutAt, { absolute: false, id: 0 });
  return typeof read === 'number' ? read : { ...read, changed: 0, refused: 0 };
}

/** Makes the next changes of a call. One that fails becomes an event with EV_ERROR where there is room for it, or ends the call. */
function makeChanges(
  k: Kernel,
  td: Thread,
  kqueue: number,
  { changesAt, changeCount, eventsAt, room }: KeventCall,
  state: KeventResume,
): KeventResume | Errno {
  const changed = Math.min(changeCount, state.changed + ITEMS_AT_ONCE);
  let { refused } = state;
  for (let n = state.changed; n < changed; n++) {
    const bytes = k.copyin(td.pid, (changesAt + n * KEVENT_SIZE) >>> 0, KEVENT_SIZE);
    if (typeof bytes === 'number') return EFAULT;
    const change = decodeKevent(bytes);
    const errno = registerEvent(k, kqueue, change);
    if (errno === 0 && (change.flags & EV_RECEIPT) === 0) continue;
    if (refused >= room) {
      if (errno) return errno;
      continue;
    }
    const told = encodeKevents([{ ...change, flags: EV_ERROR, data: errno }]);
    if (!k.copyout(td.pid, (eventsAt + refused * KEVENT_SIZE) >>> 0, told)) return EFAULT;
    refused++;
  }
  return { ...state, changed, refused };
}

// biome-ignore format: one system call per line
export const eventSyscalls = [
  { number: 362, name: 'kqueue', args: [], support: 'full', handler: sys_kqueue },
  { number: 363, name: 'kevent', args: [['fd', 'fd'], ['changelist', 'in'], ['nchanges', 'int'], ['eventlist', 'out'], ['nevents', 'int'], ['timeout', 'in']], support: 'partial', note: 'no EVFILT_AIO, EVFILT_FS', handler: sys_kevent },
] as const satisfies readonly SyscallRow[];
