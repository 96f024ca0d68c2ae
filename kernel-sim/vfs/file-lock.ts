import { EAGAIN, EDEADLK } from '../abi/errno.ts';
import type { Pid } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import { wakeup } from '../kern/sleep.ts';
import type { FileLock, LockOwner, OpenFile, Proc, Thread, VnodeId } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';

/*
 * Advisory locks on files: fcntl(2) locks of a process on ranges of bytes, flock(2) locks of an open file on all of it. Both kinds stand
 * in each other's way, as in FreeBSD 9.1 kern/kern_lockf.c. Who waits for a lock is a sleeping thread and tries again when one goes.
 */

/** The end of a lock that has none. */
export const LOCK_TO_END = Number.MAX_SAFE_INTEGER;

const lockChannel = (vnode: VnodeId): string => `lock:${vnode}`;

/** What a thread that waits for a lock remembers. */
export interface LockResume {
  /** The open file of the call: the descriptor may be another by the time it wakes. */
  readonly file: number;
  readonly vnode: VnodeId;
  readonly wanted: FileLock;
}

const sameOwner = (a: LockOwner, b: LockOwner): boolean =>
  'pid' in a ? 'pid' in b && a.pid === b.pid : 'file' in b && a.file === b.file;

const overlaps = (a: FileLock, b: FileLock): boolean => a.start < b.end && b.start < a.end;

const locksOf = (k: Kernel, vnode: VnodeId): readonly FileLock[] => k.state.fileLocks.get(vnode) ?? [];

function setLocks(k: Kernel, vnode: VnodeId, locks: readonly FileLock[]): void {
  if (locks.length === 0) k.state.fileLocks.delete(vnode);
  else k.state.fileLocks.set(vnode, locks);
}

/** The first lock that stands in the way of another, if any. */
export function blockingLock(k: Kernel, vnode: VnodeId, wanted: FileLock): FileLock | undefined {
  return locksOf(k, vnode).find((held) => isInTheWay(held, wanted));
}

const isInTheWay = (held: FileLock, wanted: FileLock): boolean =>
  !sameOwner(held.owner, wanted.owner) && overlaps(held, wanted) && (held.exclusive || wanted.exclusive);

/** The locks without those parts of the owner's own that lie in a range. */
function without(locks: readonly FileLock[], range: FileLock): FileLock[] {
  return locks.flatMap((held) => {
    if (!sameOwner(held.owner, range.owner) || !overlaps(held, range)) return [held];
    const parts = [
      { ...held, end: range.start },
      { ...held, start: range.end },
    ];
    return parts.filter(({ start, end }) => start < end);
  });
}

/** Neighbours of one owner and kind become one. */
function merged(locks: readonly FileLock[], added: FileLock): FileLock[] {
  let next = added;
  const rest = locks.filter((held) => {
    const joins = sameOwner(held.owner, next.owner) && held.exclusive === next.exclusive;
    if (!joins || held.end < next.start || held.start > next.end) return true;
    next = { ...next, start: Math.min(held.start, next.start), end: Math.max(held.end, next.end) };
    return false;
  });
  // What has grown may touch another now.
  return rest.length === locks.length ? [...rest, next] : merged(rest, next);
}

/** Takes the owner's locks away in a range; who waits for one tries again. */
export function unlock(k: Kernel, vnode: VnodeId, range: FileLock): void {
  const before = locksOf(k, vnode);
  if (!before.some((held) => sameOwner(held.owner, range.owner) && overlaps(held, range))) return;
  setLocks(k, vnode, without(before, range));
  wakeup(k, lockChannel(vnode));
}

/**
 * FreeBSD lf_setlock: gets a lock, waiting for it if that is asked for. EAGAIN when it would have to wait; EDEADLK when it would
 * wait for ever, because those in the way wait for this process.
 */
export function lock(
  k: Kernel,
  file: OpenFile,
  vnode: VnodeId,
  wanted: FileLock,
  waits: boolean,
  entry: SyscallEntry,
): SyscallResult {
  const isFlock = 'file' in wanted.owner;
  if (!blockingLock(k, vnode, wanted)) {
    const before = locksOf(k, vnode);
    const weakens = before.some((held) => sameOwner(held.owner, wanted.owner) && held.exclusive && !wanted.exclusive);
    setLocks(k, vnode, merged(without(before, wanted), wanted));
    if (weakens) wakeup(k, lockChannel(vnode));
    return ok();
  }
  if (!waits) return fail(EAGAIN);
  if (entry.woken === 'signal') return RESTART;
  if ('pid' in wanted.owner && waitsForItself(k, wanted.owner.pid, vnode, wanted)) return fail(EDEADLK);
  // A shared lock is given up before its owner waits for an exclusive one, or two such would wait for each other.
  if (isFlock) unlock(k, vnode, wanted);
  const resume: LockResume = { file: file.id, vnode, wanted };
  return { kind: 'sleep', wchan: lockChannel(vnode), wmesg: 'lockf', resume };
}

/** Would the processes in the way of a lock have to wait for `pid` themselves? */
function waitsForItself(k: Kernel, pid: Pid, vnode: VnodeId, wanted: FileLock): boolean {
  const seen = new Set<Pid>();
  const visit = (at: VnodeId, request: FileLock): boolean => {
    for (const held of locksOf(k, at)) {
      if (!isInTheWay(held, request) || !('pid' in held.owner)) continue;
      if (held.owner.pid === pid) return true;
      if (seen.has(held.owner.pid)) continue;
      seen.add(held.owner.pid);
      for (const { vnode: next, wanted: more } of waitingLocks(k, held.owner.pid)) if (visit(next, more)) return true;
    }
    return false;
  };
  return visit(vnode, wanted);
}

/** The fcntl(2) locks that threads of a process wait for. */
function waitingLocks(k: Kernel, pid: Pid): LockResume[] {
  const isWaiting = (td: Thread): boolean => td.sleep?.wchan.startsWith('lock:') ?? false;
  const owners = [...k.state.procs.values()].filter((p) => lockOwnerOf(p) === pid);
  const threads = owners.flatMap((p) => p.threads.map((tid) => k.thread(tid))).filter(isWaiting);
  return threads.map((td) => td.pending!.resume as LockResume).filter(({ wanted }) => 'pid' in wanted.owner);
}

/** FreeBSD p_leader: whose locks those that a process sets with fcntl(2) are. */
export const lockOwnerOf = ({ pid, leader }: Proc): Pid => leader || pid;

/** A process closes a descriptor: all its fcntl(2) locks on the file are gone, whatever other descriptors it has there. */
export function dropProcessLocks(k: Kernel, pid: Pid, file: OpenFile): void {
  if (file.kind === 'vnode' && k.state.fileLocks.has(file.vnode))
    unlock(k, file.vnode, { owner: { pid }, exclusive: true, start: 0, end: LOCK_TO_END });
}

/** The last reference to an open file is gone, and with it its flock(2) lock. */
export function dropFileLock(k: Kernel, { id, vnode }: { readonly id: number; readonly vnode: VnodeId }): void {
  if (k.state.fileLocks.has(vnode))
    unlock(k, vnode, { owner: { file: id }, exclusive: true, start: 0, end: LOCK_TO_END });
}

/** FreeBSD lf_purgelocks: nobody has the file open any more, and who waits for a lock finds that out. */
export function purgeLocks(k: Kernel, vnode: VnodeId): void {
  k.state.fileLocks.delete(vnode);
  wakeup(k, lockChannel(vnode));
}

/** What must hold of locks: one line for each thing that is wrong. */
export function checkLocks(k: Kernel): string[] {
  const problems: string[] = [];
  for (const [vnode, locks] of k.state.fileLocks) {
    const opens = (id: number): boolean => {
      const file = k.state.files.get(id);
      return file?.kind === 'vnode' && file.vnode === vnode;
    };
    if (locks.length === 0) problems.push(`vnode ${vnode} has an empty list of locks`);
    locks.forEach((held, n) => {
      if (held.start < 0 || held.start >= held.end)
        problems.push(`vnode ${vnode}: a lock from ${held.start} to ${held.end}`);
      const { owner } = held;
      const isThere =
        'file' in owner
          ? opens(owner.file)
          : [...k.state.procs.values()].some(
              (p) => lockOwnerOf(p) === owner.pid && p.fds.some((entry) => entry && opens(entry.file)),
            );
      if (!isThere) problems.push(`vnode ${vnode}: ${JSON.stringify(owner)} holds a lock and does not have it open`);
      for (const other of locks.slice(n + 1)) {
        const conflict = sameOwner(owner, other.owner) ? overlaps(held, other) : isInTheWay(held, other);
        if (conflict) problems.push(`vnode ${vnode}: two locks at ${other.start} that cannot both be held`);
      }
    });
  }
  return problems;
}
