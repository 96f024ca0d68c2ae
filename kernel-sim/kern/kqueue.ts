import { EBADF, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, EPIPE, ESRCH } from '../abi/errno.ts';
import * as ev from '../abi/event.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { SIG_MAX } from '../abi/signal.ts';
import { isEndOpen } from '../vfs/pipe.ts';
import { type Condition, readCondition, writeCondition } from '../vfs/readiness.ts';
import { fileEvent } from './file-event.ts';
import type { Kernel } from './kernel.ts';
import { sharersOf } from './sharing.ts';
import { wakeup } from './sleep.ts';
import type { Knote, KqueueId, OpenFile, VnodeId } from './state.ts';

/*
 * Kernel event queues: FreeBSD 9.1 kern/kern_event.c. A knote is active from the moment its event happens until it has been reported
 * (EV_CLEAR, EV_DISPATCH) or a scan finds that its condition does not hold any more.
 */

/** What a change asks for: struct kevent. */
export interface Kevent {
  readonly ident: number;
  readonly filter: number;
  readonly flags: number;
  readonly fflags: number;
  readonly data: number;
  readonly udata: number;
}

export const kqueueChannel = (id: KqueueId): string => `kqueue:${id}`;

/** An empty queue of a process; no open file refers to it yet. */
export function newKqueue(k: Kernel, pid: Pid): KqueueId {
  const id = k.next('nextKqueue');
  k.state.kqueues.set(id, { id, pid, knotes: [] });
  return id;
}

/** Its last open file is gone. */
export function closeKqueue(k: Kernel, id: KqueueId): void {
  k.state.kqueues.delete(id);
  wakeup(k, kqueueChannel(id));
}

function setKnotes(k: Kernel, id: KqueueId, knotes: readonly Knote[]): void {
  k.state.kqueues.set(id, { ...k.state.kqueues.get(id)!, knotes });
}

/** Filters whose knotes ask for the state of an open file whenever it matters. */
const isFileFilter = (filter: number): boolean => filter === ev.EVFILT_READ || filter === ev.EVFILT_WRITE;
/** Filters whose identifier is a descriptor. */
export const isDescriptorFilter = (filter: number): boolean => isFileFilter(filter) || filter === ev.EVFILT_VNODE;

function conditionOf(k: Kernel, pid: Pid, knote: Knote): Condition {
  if (!isFileFilter(knote.filter)) return { ready: knote.active, data: knote.outData, eof: false };
  const entry = k.proc(pid).fds[knote.ident];
  if (!entry) return { ready: false, data: 0, eof: false };
  const file = k.file(entry.file);
  return knote.filter === ev.EVFILT_READ ? readCondition(k, file) : writeCondition(k, file);
}

/** A knote of the queue has become active: who sleeps in kevent(2) goes on, and who watches the queue itself learns of it. */
function queueReady(k: Kernel, id: KqueueId): void {
  wakeup(k, kqueueChannel(id));
  fileEvent(k, { kqueue: id });
}

// ---- changes -----------------------------------------------------------------------------------------------------------

/** FreeBSD kqueue_register: one change. */
export function registerEvent(k: Kernel, id: KqueueId, change: Kevent): Errno | 0 {
  const { pid, knotes } = k.state.kqueues.get(id)!;
  const { ident, filter, flags } = change;
  if (!ev.FILTERS.includes(filter)) return EINVAL;
  const old = knotes.find((knote) => knote.ident === ident && knote.filter === filter);
  if (isDescriptorFilter(filter) && !k.proc(pid).fds[ident]) return EBADF;
  if (flags & ev.EV_DELETE) {
    if (!old) return ENOENT;
    setKnotes(
      k,
      id,
      knotes.filter((knote) => knote !== old),
    );
    return 0;
  }
  if (!old && (flags & ev.EV_ADD) === 0) return ENOENT;
  if (!old && knoteCount(k) >= KNOTES_MAX) return ENOMEM;
  const refused = old ? 0 : attachError(k, id, change);
  if (refused) return refused;
  let next = old ?? newKnote(change);
  if (flags & ev.EV_ADD || filter === ev.EVFILT_USER) next = touch(k, next, change);
  if (flags & ev.EV_DISABLE) next = { ...next, disabled: true };
  else if (flags & (ev.EV_ENABLE | ev.EV_ADD)) next = { ...next, disabled: false };
  if (isFileFilter(filter) && conditionOf(k, pid, next).ready) next = { ...next, active: true };
  setKnotes(k, id, old ? knotes.map((knote) => (knote === old ? next : knote)) : [...knotes, next]);
  if (next.active && !next.disabled) queueReady(k, id);
  return 0;
}

/** Differs: FreeBSD has no limit but the kernel's memory. Two for each file that can be open, and room for others. */
const KNOTES_MAX = 1 << 15;

const knoteCount = (k: Kernel): number =>
  [...k.state.kqueues.values()].reduce((sum, { knotes }) => sum + knotes.length, 0);

/** Filters that only tell of changes since the last time. */
const ALWAYS_CLEAR: readonly number[] = [ev.EVFILT_SIGNAL, ev.EVFILT_PROC, ev.EVFILT_TIMER];

function newKnote({ ident, filter, flags }: Kevent): Knote {
  const kept = flags & (ev.EV_ONESHOT | ev.EV_CLEAR | ev.EV_DISPATCH);
  return {
    ident,
    filter,
    flags: ALWAYS_CLEAR.includes(filter) ? kept | ev.EV_CLEAR : kept,
    fflags: 0,
    data: 0,
    udata: 0,
    active: false,
    disabled: false,
    outFlags: 0,
    outFflags: 0,
    outData: 0,
    deadlineNs: null,
  };
}

/** What a filter's f_attach refuses. */
function attachError(k: Kernel, id: KqueueId, { ident, filter }: Kevent): Errno | 0 {
  switch (filter) {
    case ev.EVFILT_READ:
    case ev.EVFILT_WRITE:
    case ev.EVFILT_VNODE: {
      const { pid } = k.state.kqueues.get(id)!;
      return fileAttachError(k, id, k.file(k.proc(pid).fds[ident]!.file), filter);
    }
    case ev.EVFILT_PROC: {
      const p = k.findProc(ident);
      return p && p.state !== 'zombie' ? 0 : ESRCH;
    }
    case ev.EVFILT_SIGNAL:
      return ident >= 1 && ident <= SIG_MAX ? 0 : EINVAL;
    default:
      return 0;
  }
}

/** A queue may watch another, and not itself. */
function fileAttachError(k: Kernel, id: KqueueId, file: OpenFile, filter: number): Errno | 0 {
  if (filter === ev.EVFILT_VNODE) return file.kind === 'vnode' && k.vnode(file.vnode).type !== 'chr' ? 0 : EINVAL;
  if (file.kind === 'procdesc') return EOPNOTSUPP;
  if (file.kind === 'kqueue') return filter === ev.EVFILT_READ && file.kqueue !== id ? 0 : EINVAL;
  if (file.kind !== 'pipe' || filter === ev.EVFILT_READ) return 0;
  return isEndOpen(k.pipe(file.pipe), file.end === 'read' ? 'write' : 'read') ? 0 : EPIPE;
}

/** EV_ADD of a knote, new or there already; for EVFILT_USER every change (filt_usertouch). */
function touch(k: Kernel, knote: Knote, change: Kevent): Knote {
  if (knote.filter !== ev.EVFILT_USER) {
    const { fflags, data, udata } = change;
    const timer = knote.filter === ev.EVFILT_TIMER;
    const deadlineNs = timer ? k.now() + Math.max(1, data) * 1e6 : null;
    return { ...knote, fflags, data, udata, deadlineNs, ...(timer ? { outData: 0, active: false } : {}) };
  }
  const given = change.fflags & ev.NOTE_FFLAGSMASK;
  let { outFflags } = knote;
  switch ((change.fflags & ev.NOTE_FFCTRLMASK) >>> 0) {
    case ev.NOTE_FFAND:
      outFflags &= given;
      break;
    case ev.NOTE_FFOR:
      outFflags |= given;
      break;
    case ev.NOTE_FFCOPY:
      outFflags = given;
      break;
  }
  const udata = change.flags & ev.EV_ADD ? change.udata : knote.udata;
  const active = knote.active || (change.fflags & ev.NOTE_TRIGGER) !== 0;
  return { ...knote, outFflags, outData: change.data, udata, active };
}

// ---- events ------------------------------------------------------------------------------------------------------------

/** Something has happened: every knote for which `update` gives a record changes to it, and who waits for it is woken. */
function happen(k: Kernel, update: (knote: Knote, pid: Pid) => Knote | null): void {
  for (const { id } of [...k.state.kqueues.values()].sort((a, b) => a.id - b.id)) {
    const queue = k.state.kqueues.get(id)!;
    let fired = false;
    const knotes = queue.knotes.map((knote) => {
      const next = update(knote, queue.pid);
      // Two queues that watch each other come to an end because what is active cannot become active.
      if (next?.active && !knote.active && !next.disabled) fired = true;
      return next ?? knote;
    });
    if (!knotes.some((knote, n) => knote !== queue.knotes[n])) continue;
    setKnotes(k, id, knotes);
    if (fired) queueReady(k, id);
  }
}

/** Open files have changed: knotes on those that it `concerns` and whose condition holds now are active. */
export function fileKnotes(k: Kernel, concerns: (file: OpenFile) => boolean): void {
  if (k.state.kqueues.size === 0) return;
  happen(k, (knote, pid) => {
    if (!isFileFilter(knote.filter) || knote.active) return null;
    const entry = k.proc(pid).fds[knote.ident];
    if (!entry || !concerns(k.file(entry.file))) return null;
    return conditionOf(k, pid, knote).ready ? { ...knote, active: true } : null;
  });
}

/** A file or directory has changed: `notes` are NOTE_ bits of EVFILT_VNODE. */
export function vnodeEvent(k: Kernel, id: VnodeId, notes: number): void {
  if (k.state.kqueues.size === 0) return;
  happen(k, (knote, pid) => {
    const wanted = knote.fflags & notes;
    if (knote.filter !== ev.EVFILT_VNODE || wanted === 0) return null;
    const file = k.file(k.proc(pid).fds[knote.ident]!.file);
    if (file.kind !== 'vnode' || file.vnode !== id) return null;
    return { ...knote, active: true, outFflags: knote.outFflags | wanted };
  });
}

/** A signal was sent to a process, whatever becomes of it (NOTE_SIGNAL). */
export function signalEvent(k: Kernel, target: Pid, signo: number): void {
  if (k.state.kqueues.size === 0) return;
  happen(k, (knote, pid) =>
    knote.filter === ev.EVFILT_SIGNAL && knote.ident === signo && pid === target
      ? { ...knote, active: true, outData: knote.outData + 1 }
      : null,
  );
}

/** NOTE_EXIT, NOTE_FORK or NOTE_EXEC of a process; `data` is the wait status at exit. */
export function processEvent(k: Kernel, target: Pid, note: number, data: number): void {
  if (k.state.kqueues.size === 0) return;
  const last = note === ev.NOTE_EXIT;
  happen(k, (knote) => {
    if (knote.filter !== ev.EVFILT_PROC || knote.ident !== target) return null;
    if ((knote.fflags & note) === 0 && !last) return null;
    const outFflags = knote.outFflags | (knote.fflags & note);
    const outFlags = last ? ev.EV_EOF | ev.EV_ONESHOT : knote.outFlags;
    return {
      ...knote,
      active: true,
      outFflags,
      outFlags,
      flags: knote.flags | (last ? ev.EV_ONESHOT : 0),
      outData: data,
    };
  });
}

/** FreeBSD knote_fork: NOTE_FORK of the parent; knotes with NOTE_TRACK get one like them for the child. */
export function forkEvent(k: Kernel, parent: Pid, child: Pid): void {
  processEvent(k, parent, ev.NOTE_FORK, 0);
  for (const { id, knotes } of [...k.state.kqueues.values()].sort((a, b) => a.id - b.id)) {
    const follows = knotes.find(
      ({ filter, ident, fflags }) => filter === ev.EVFILT_PROC && ident === parent && fflags & ev.NOTE_TRACK,
    );
    if (!follows) continue;
    const born = { ident: child, active: true, outFflags: ev.NOTE_CHILD, outData: parent };
    const others = knotes.filter(({ filter, ident }) => filter !== ev.EVFILT_PROC || ident !== child);
    setKnotes(k, id, [...others, { ...follows, ...born }]);
    if (!follows.disabled) queueReady(k, id);
  }
}

/** When the next EVFILT_TIMER is due; Infinity: none. */
export function nextKqueueTimerNs(k: Kernel): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { knotes } of k.state.kqueues.values())
    for (const { deadlineNs } of knotes) if (deadlineNs !== null && deadlineNs < next) next = deadlineNs;
  return next;
}

export function runKqueueTimers(k: Kernel, nowNs: number): void {
  if (nextKqueueTimerNs(k) > nowNs) return;
  happen(k, (knote) => {
    if (knote.deadlineNs === null || knote.deadlineNs > nowNs) return null;
    const periodNs = Math.max(1, knote.data) * 1e6;
    const passed = Math.floor((nowNs - knote.deadlineNs) / periodNs) + 1;
    const once = (knote.flags & ev.EV_ONESHOT) !== 0;
    const deadlineNs = once ? null : knote.deadlineNs + passed * periodNs;
    return { ...knote, active: true, outData: knote.outData + (once ? 1 : passed), deadlineNs };
  });
}

/** close(2): the process's knotes on the descriptor go with it (knote_fdclose). */
export function descriptorClosed(k: Kernel, pid: Pid, fd: number): void {
  for (const { id, pid: owner, knotes } of k.state.kqueues.values()) {
    if (owner !== pid && !sharersOf(k, k.proc(pid), 'fds').some((p) => p.pid === owner)) continue;
    const left = knotes.filter((knote) => !isDescriptorFilter(knote.filter) || knote.ident !== fd);
    if (left.length < knotes.length) setKnotes(k, id, left);
  }
}

/**
 * A process lets go of a descriptor table that it has shared: its queues are those of one of the others. Its signals are nothing to them.
 * Differs: FreeBSD's queues belong to a table; EVFILT_SIGNAL asked for by a sharer is about itself there, and about `pid` here.
 */
export function handOverKqueues(k: Kernel, pid: Pid, to: Pid): void {
  for (const queue of [...k.state.kqueues.values()]) {
    if (queue.pid !== pid) continue;
    const knotes = queue.knotes.filter(({ filter }) => filter !== ev.EVFILT_SIGNAL);
    k.state.kqueues.set(queue.id, { ...queue, pid: to, knotes });
  }
}

/** FreeBSD kqueue_scan without the waiting: up to `count` events that are there, which are then reported. */
export function scanEvents(k: Kernel, id: KqueueId, count: number): Kevent[] {
  const { pid, knotes } = k.state.kqueues.get(id)!;
  const events: Kevent[] = [];
  const after: Knote[] = [];
  for (const knote of knotes) {
    if (!knote.active || knote.disabled || events.length >= count) {
      after.push(knote);
      continue;
    }
    const { ready, data, eof, error } = conditionOf(k, pid, knote);
    if (!ready) {
      after.push({ ...knote, active: false });
      continue;
    }
    const { ident, filter, udata } = knote;
    const flags = (knote.flags | knote.outFlags | (eof ? ev.EV_EOF : 0)) & 0xffff;
    events.push({ ident, filter, flags, fflags: error || knote.outFflags, data, udata });
    if (knote.flags & ev.EV_ONESHOT) continue;
    if (knote.flags & ev.EV_CLEAR) after.push({ ...knote, active: false, outData: 0, outFflags: 0 });
    else if (knote.flags & ev.EV_DISPATCH) after.push({ ...knote, active: false, disabled: true });
    else after.push(knote);
  }
  setKnotes(k, id, after);
  return events;
}
