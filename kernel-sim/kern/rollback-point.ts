import { sameValue } from '../../emu/base/same-value.ts';
import type { Pid } from '../abi/ids.ts';
import { SI_TIMER } from '../abi/siginfo.ts';
import { SIGALRM, SIGCHLD, SIGPIPE, SIGPROF, SIGVTALRM } from '../abi/signal.ts';
import type { Kernel } from './kernel.ts';
import type {
  FileChange,
  FileData,
  Kqueue,
  OpenFile,
  Pipe,
  Proc,
  RollbackPoint,
  SigInfo,
  SincePoint,
  TreePoint,
  VnodeId,
} from './state.ts';

/*
 * Where a process can go back to (RollbackPoint), and the log of what it has done since that memory and registers do not show. The
 * undoing is in rollback.ts.
 */

export const NOTHING_SINCE: SincePoint = { born: [], reaped: [], signals: [], changes: [] };

/** The process as it is now, with its memory and registers in `file`. */
export function rollbackPoint(k: Kernel, p: Proc, file: string, sequence: number): RollbackPoint {
  const files: OpenFile[] = [];
  for (const id of new Set(p.fds.flatMap((entry) => (entry ? [entry.file] : [])))) files.push(k.file(id));
  const pipes = new Map<number, Pipe>();
  const kqueues = new Map<number, Kqueue>();
  for (const open of files) {
    if (open.kind === 'pipe') pipes.set(open.pipe, k.pipe(open.pipe));
    if (open.kind === 'kqueue') kqueues.set(open.kqueue, k.state.kqueues.get(open.kqueue)!);
  }
  const { map, wiresAll } = k.vmspace(p.vmspace);
  return {
    file,
    sequence,
    ns: k.now(),
    proc: { ...p, checkpoint: null },
    map,
    wiresAll,
    threads: p.threads.map((tid) => k.thread(tid)),
    files,
    pipes: [...pipes.values()],
    kqueues: [...kqueues.values()],
    since: NOTHING_SINCE,
  };
}

/** The last complete checkpoint. */
export const lastPoint = (p: Proc): RollbackPoint | undefined => p.checkpoint?.points.at(-1);

type Concerns = (point: RollbackPoint) => boolean;

/** Adds to what has happened since those of a process's rollback points that it concerns, its tree's among them. */
function logSince<K extends 'born' | 'reaped' | 'signals'>(
  k: Kernel,
  { pid, checkpoint }: Proc,
  key: K,
  entry: SincePoint[K][number],
  concerns: Concerns = () => true,
): void {
  const log = (points: readonly RollbackPoint[]): RollbackPoint[] =>
    points.map((point) =>
      point.proc.pid === pid && concerns(point)
        ? { ...point, since: { ...point.since, [key]: [...point.since[key], entry] } }
        : point,
    );
  if (checkpoint?.points.some(concerns))
    k.setProc(pid, { checkpoint: { ...checkpoint, points: log(checkpoint.points) } });
  const tree = treeOf(k, pid);
  if (tree && key !== 'born') setTree(k, { ...tree, members: log(tree.members) });
}

/** The last tree checkpoint that a process was in, or that was taken before it was born into the tree. */
export function treeOf(k: Kernel, pid: Pid): TreePoint | undefined {
  let last: TreePoint | undefined;
  for (const tree of k.state.trees.values()) {
    const isIn = tree.born.includes(pid) || tree.members.some(({ proc }) => proc.pid === pid);
    if (isIn && (!last || tree.members[0]!.ns > last.members[0]!.ns)) last = tree;
  }
  return last;
}

export const setTree = (k: Kernel, tree: TreePoint): unknown => k.state.trees.set(tree.members[0]!.proc.pid, tree);

/** A process is born: all whose offspring it is remember that it did not exist at their checkpoints. */
export function noteBirth(k: Kernel, parent: Pid, child: Pid): void {
  for (const p of [...k.state.procs.values()])
    logSince(k, p, 'born', child, ({ since }) => p.pid === parent || since.born.includes(parent));
  const tree = treeOf(k, parent);
  if (tree) setTree(k, { ...tree, born: [...tree.born, child] });
}

/** A zombie is waited for: a parent that goes back to when it lived will wait for it again. */
export function noteReaped(k: Kernel, zombie: Proc): void {
  const parent = k.findProc(zombie.ppid);
  if (!parent || treeOf(k, parent.pid)?.born.includes(zombie.pid)) return;
  logSince(k, parent, 'reaped', zombie, ({ since }) => !since.born.includes(zombie.pid));
}

/** A signal is about to act. What the process sends itself, and what the kernel sends for what it does, comes again by itself. */
export function noteSignal(k: Kernel, pid: Pid, info: SigInfo): void {
  if (isFromOutside(pid, info)) logSince(k, k.proc(pid), 'signals', info);
}

/** What the kernel sends a process for its own timers, children and writes. */
const OWN_SIGNALS: readonly number[] = [SIGCHLD, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE];

/** Sent by another process, or from a terminal or the host. */
export const isFromOutside = (pid: Pid, { signo, pid: sender, code, trapno }: SigInfo): boolean =>
  sender !== pid && trapno === 0 && code !== SI_TIMER && (sender !== 0 || !OWN_SIGNALS.includes(signo));

/** A process changes a regular file's contents: they are kept as they were before its first change. */
export function noteFileChange(k: Kernel, pid: Pid, vnode: VnodeId, before: FileData, after: FileData): void {
  if (k.config.recoveryOptions.files !== 'contents') return;
  const log = (changes: readonly FileChange[]): FileChange[] => {
    const known = changes.find((change) => change.vnode === vnode);
    const change = known
      ? { ...known, after, shared: known.shared || !sameValue(known.after, before) }
      : { vnode, before, after, shared: false };
    return [...changes.filter((other) => other !== known), change];
  };
  const { checkpoint } = k.proc(pid);
  if (checkpoint) {
    const points = checkpoint.points.map((point) => {
      return { ...point, since: { ...point.since, changes: log(point.since.changes) } };
    });
    k.setProc(pid, { checkpoint: { ...checkpoint, points } });
  }
  const tree = treeOf(k, pid);
  if (tree) setTree(k, { ...tree, changes: log(tree.changes) });
}
