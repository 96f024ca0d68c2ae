import { sameValue } from '../../emu/base/same-value.ts';
import type { Pid } from '../abi/ids.ts';
import { SIGKILL } from '../abi/signal.ts';
import { dropProcessLocks, lockOwnerOf } from '../vfs/file-lock.ts';
import { leaveTable, releaseFile, retainFile } from '../vfs/filedesc.ts';
import { setFileData } from '../vfs/vnode.ts';
import { forgetFilePages } from '../vm/shared.ts';
import { releaseCpuset } from './cpuset.ts';
import { credentialsOf } from './credentials.ts';
import { exitProcess } from './exit.ts';
import type { Kernel } from './kernel.ts';
import { isDescriptorFilter } from './kqueue.ts';
import { INIT_PID } from './proc.ts';
import { NOTHING_SINCE, setTree } from './rollback-point.ts';
import type {
  FdEntry,
  OpenFile,
  Pipe,
  Proc,
  Recovery,
  RollbackPoint,
  SigInfo,
  SincePoint,
  TreePoint,
} from './state.ts';

/*
 * Takes processes that have lost their threads and memory back to a rollback point, as far as the kernel's records go: children,
 * descriptors, pipes, files, signals, timers. What other processes share is left alone. docs/recovery.md says it for users.
 */

/** `points`: one for each process that goes back; what only these processes can have seen is undone. */
export function rollBackRecords(k: Kernel, points: readonly RollbackPoint[]): void {
  for (const point of points) forgetChildren(k, point, points);
  for (const point of points) forgetLaterPoints(k, point);
  for (const point of points) rollBackProcess(k, point);
  if (k.config.recoveryOptions.files === 'keep') {
    forgetClosedProcdescs(k);
    return;
  }
  const owners = points.map(({ proc }) => proc.pid);
  rollBackDescriptors(k, points);
  forgetClosedProcdescs(k);
  rollBackOpenFiles(k, points, owners);
  for (const point of points) rollBackContents(k, point);
}

// ---- children ------------------------------------------------------------------------------------------------------------

/** Those that it has made since are gone, for it will make them again; those that it has waited for since are there to be waited for. */
function forgetChildren(k: Kernel, { proc, since }: RollbackPoint, points: readonly RollbackPoint[]): void {
  for (const born of since.born) {
    if (points.some((point) => point.proc.pid === born)) continue;
    k.emit({ kind: 'discard', pid: born, parent: proc.pid });
    if (k.findProc(born)) discard(k, born);
  }
  for (const zombie of since.reaped)
    if (!k.findProc(zombie.pid)) k.state.procs.set(zombie.pid, { ...zombie, ppid: proc.pid });
}

/** Ends a process that never came to be anybody's, or is to have never been: no parent is told. */
export function discard(k: Kernel, pid: Pid): void {
  const { state } = k.setProc(pid, { ppid: INIT_PID, realParent: 0, traced: false });
  const restart = k.state.recoveries.get(pid);
  if (restart) cancelRecovery(k, restart);
  if (state === 'zombie') k.state.procs.delete(pid);
  else exitProcess(k, pid, { signo: SIGKILL, dumped: false });
}

/** A restart is not needed any more: another takes its place, or the process has ended. */
export function cancelRecovery(k: Kernel, recovery: Recovery): void {
  k.state.recoveries.delete(recovery.pid);
  for (const { cpuset } of recovery.threads) releaseCpuset(k, cpuset);
  const { agent } = recovery;
  if (agent === INIT_PID || !k.findProc(agent)) return;
  const half = [...k.state.procs.values()].filter((child) => child.ppid === agent);
  exitProcess(k, agent, { signo: SIGKILL, dumped: false });
  for (const child of half) if (k.findProc(child.pid)) discard(k, child.pid);
}

/** The process is at this point again: later ones have never been, and nothing has happened since. */
function forgetLaterPoints(k: Kernel, now: RollbackPoint): void {
  const { checkpoint } = k.proc(now.proc.pid);
  if (!checkpoint) return;
  const earlier = checkpoint.points
    .filter(({ ns, file }) => ns < now.ns || (ns === now.ns && !file && now.file))
    .map((point) => ({ ...point, since: withoutBirths(point.since, now.since.born) }));
  k.setProc(now.proc.pid, { checkpoint: { ...checkpoint, points: [...earlier, { ...now, since: NOTHING_SINCE }] } });
}

const withoutBirths = (since: SincePoint, forgotten: readonly Pid[]): SincePoint => {
  return { ...since, born: since.born.filter((pid) => !forgotten.includes(pid)) };
};

// ---- the process's own record --------------------------------------------------------------------------------------------

function rollBackProcess(k: Kernel, { proc: then, since }: RollbackPoint): void {
  const p = k.proc(then.pid);
  const { umask, limits, children } = then;
  k.setProc(p.pid, {
    ...{ umask, limits, children },
    ...credentialsOf(then),
    // A signal that comes for a handler set since must not find the default action, which may be to end.
    sigacts: p.sigacts.map((action, signo) => then.sigacts[signo] ?? action),
    cwd: k.state.vnodes.get(then.cwd)?.type === 'dir' ? then.cwd : p.cwd,
    root: k.state.vnodes.get(then.root)?.type === 'dir' ? then.root : p.root,
    sigqueue: withRepeated(since.signals, p.sigqueue),
    // Points in time stay what they were: a timer that has gone off since goes off again.
    itimers: then.itimers,
    timers: then.timers,
    aio: then.aio,
  });
}

/** Signals that nobody will send again, before those that are pending. */
function withRepeated(taken: readonly SigInfo[], pending: readonly SigInfo[]): SigInfo[] {
  const repeated = taken.filter((info, n) => taken.findIndex(({ signo }) => signo === info.signo) === n);
  return [...repeated, ...pending.filter(({ signo }) => !repeated.some((info) => info.signo === signo))];
}

// ---- descriptors and what they refer to ------------------------------------------------------------------------------------

/** The descriptor tables of then. What was closed since is opened again where the file or the pipe still exists. */
function rollBackDescriptors(k: Kernel, points: readonly RollbackPoint[]): void {
  for (const point of points) for (const file of point.files) if (!k.state.files.has(file.id)) reopen(k, file, point);
  // Whoever shares a table that is left goes on with it.
  for (const { proc } of points) if (k.proc(proc.pid).fdGroup !== 0) leaveTable(k, proc.pid);
  const since = points.map(({ proc }) => k.proc(proc.pid).fds);
  for (const { proc } of points) {
    const fds = proc.fds.map((entry) => (entry && k.state.files.has(entry.file) ? entry : null));
    for (const entry of fds) if (entry) retainFile(k, entry.file);
    // A lock goes with the descriptor that is not there any more.
    for (const old of k.proc(proc.pid).fds)
      if (old && !fds.some((entry) => entry?.file === old.file))
        dropProcessLocks(k, lockOwnerOf(proc), k.file(old.file));
    k.setProc(proc.pid, { fds: fds.slice(0, fds.findLastIndex((entry) => entry !== null) + 1) });
  }
  for (const entry of since.flat()) if (entry) releaseFile(k, entry.file);
}

function reopen(k: Kernel, file: OpenFile, point: RollbackPoint): void {
  const again = { ...file, refs: 0 };
  switch (file.kind) {
    case 'vnode':
      if (k.state.vnodes.has(file.vnode)) k.setFile(again);
      else k.log(`pid ${point.proc.pid}: a file that it had open at its checkpoint has been removed since`);
      return;
    case 'pipe': {
      const pipe = k.state.pipes.get(file.pipe) ?? {
        ...point.pipes.find(({ id }) => id === file.pipe)!,
        readEnds: 0,
        writeEnds: 0,
      };
      k.setPipe(file.end === 'read' ? { ...pipe, readEnds: 1 } : { ...pipe, writeEnds: 1 });
      k.setFile(again);
      return;
    }
    case 'kqueue':
      k.state.kqueues.set(file.kqueue, point.kqueues.find(({ id }) => id === file.kqueue)!);
      k.setFile(again);
      return;
    case 'procdesc':
      // Of a process that was waited for since, and is there again to be waited for.
      if (k.findProc(file.pid)?.procdesc === file.id) {
        k.setFile(again);
        return;
      }
  }
  k.log(`pid ${point.proc.pid}: a ${file.kind} that it has closed since its checkpoint stays closed`);
}

/** Processes of then may know descriptors that were closed since. */
function forgetClosedProcdescs(k: Kernel): void {
  for (const { pid, procdesc } of [...k.state.procs.values()])
    if (procdesc !== 0 && !k.state.files.has(procdesc)) k.setProc(pid, { procdesc: 0 });
}

/** Offsets, pipes and kqueues that no other process can reach. */
function rollBackOpenFiles(k: Kernel, points: readonly RollbackPoint[], owners: readonly Pid[]): void {
  const entries = owners.flatMap((pid) => k.proc(pid).fds).filter((entry): entry is FdEntry => entry !== null);
  const isTheirs = ({ id, refs }: OpenFile): boolean => entries.filter(({ file }) => file === id).length === refs;
  for (const { proc, files, pipes, kqueues } of points) {
    for (const then of files) {
      const file = k.state.files.get(then.id);
      if (!file) continue;
      if (isTheirs(file)) k.setFile({ ...then, refs: file.refs });
      else if (file.offset !== then.offset)
        k.log(`pid ${proc.pid}: other processes share an offset of its, which stays at ${file.offset}`);
    }
    for (const then of pipes) rollBackPipe(k, then, isTheirs);
    for (const then of kqueues) {
      if (!k.state.kqueues.has(then.id)) continue;
      const { fds } = k.proc(proc.pid);
      const knotes = then.knotes.filter(({ filter, ident }) => !isDescriptorFilter(filter) || fds[ident]);
      k.state.kqueues.set(then.id, { ...then, knotes });
    }
  }
}

function rollBackPipe(k: Kernel, then: Pipe, isTheirs: (file: OpenFile) => boolean): void {
  const pipe = k.state.pipes.get(then.id);
  const ends = [...k.state.files.values()].filter((file) => file.kind === 'pipe' && file.pipe === then.id);
  if (pipe && ends.every(isTheirs)) k.setPipe({ ...pipe, toRead: then.toRead, toWrite: then.toWrite });
}

/** Files that only this process has changed since get the contents that they had. */
function rollBackContents(k: Kernel, { proc, since }: RollbackPoint): void {
  for (const { vnode: id, before, after, shared } of since.changes) {
    const vnode = k.state.vnodes.get(id);
    if (vnode?.type !== 'reg') continue;
    if (shared || !sameValue(vnode.data, after))
      k.log(`pid ${proc.pid}: another process has changed a file that it wrote; the contents stay`);
    else if (setFileData(k, vnode, before) !== 0)
      k.log(`pid ${proc.pid}: the disk is too full for a file as it was at its checkpoint`);
    else forgetFilePages(k, id, 0, Math.max(before.size, after.size));
  }
}

/** A record of then for a process that has ended since and is to live again. */
export const lostAgain = ({ proc, sequence }: RollbackPoint): Proc => ({
  ...proc,
  ...{
    state: 'lost',
    threads: [],
    vmspace: 0,
    fds: [],
    fdGroup: 0,
    sigactsGroup: 0,
    checkpoint: { sequence, points: [] },
  },
});

/** The tree's point with all that is to be undone, for `rollBackRecords`; from now on nothing has happened since. */
export function takeTreePoints(k: Kernel, tree: TreePoint): RollbackPoint[] {
  const fresh = tree.members.map((member) => ({ ...member, since: NOTHING_SINCE }));
  setTree(k, { members: fresh, born: [], changes: [] });
  const { born, changes } = tree;
  return tree.members.map((member, n) => (n === 0 ? { ...member, since: { ...member.since, born, changes } } : member));
}
