import type { Pid } from '../abi/ids.ts';
import { SI_TIMER } from '../abi/siginfo.ts';
import { SIGALRM, SIGCHLD, SIGPIPE, SIGPROF, SIGVTALRM } from '../abi/signal.ts';
import type { Kernel } from './kernel.ts';
import type { FileData, Kqueue, OpenFile, Pipe, Proc, RollbackPoint, SigInfo, SincePoint, VnodeId } from './state.ts';

/*
 * Where a process can go back to (RollbackPoint), and the log of what it has done since that memory and registers do not show. The
 * undoing is in rollback.ts.
 */

export const NOTHING_SINCE: SincePoint = { born: [], reaped: [], signals: [], changes: [] };

/** The process as it is now, with its memory and registers in `file`. */
export function rollbackPoint(k: Kernel, p: Proc, file: string): RollbackPoint {
  const files: OpenFile[] = [];
  for (const id of new Set(p.fds.flatMap((entry) => (entry ? [entry.file] : [])))) files.push(k.file(id));
  const pipes = new Map<number, Pipe>();
  const kqueues = new Map<number, Kqueue>();
  for (const open of files) {
    if (open.kind === 'pipe') pipes.set(open.pipe, k.pipe(open.pipe));
    if (open.kind === 'kqueue') kqueues.set(open.kqueue, k.state.kqueues.get(open.kqueue)!);
  }
  return {
    file,
    ns: k.now(),
    proc: { ...p, checkpoint: null },
    threads: p.threads.map((tid) => k.thread(tid)),
    files,
    pipes: [...pipes.values()],
    kqueues: [...kqueues.values()],
    since: NOTHING_SINCE,
  };
}

/** The last complete checkpoint. */
export const lastPoint = (p: Proc): RollbackPoint | undefined => p.checkpoint?.points.at(-1);

/** Adds to what has happened since those of a process's rollback points that it concerns. */
function logSince<K extends keyof SincePoint>(
  k: Kernel,
  { pid, checkpoint }: Proc,
  key: K,
  entry: SincePoint[K][number],
  concerns: (point: RollbackPoint) => boolean = () => true,
): void {
  if (!checkpoint?.points.some(concerns)) return;
  const points = checkpoint.points.map((point) =>
    concerns(point) ? { ...point, since: { ...point.since, [key]: [...point.since[key], entry] } } : point,
  );
  k.setProc(pid, { checkpoint: { ...checkpoint, points } });
}

/** A process is born: all whose offspring it is remember that it did not exist at their checkpoints. */
export function noteBirth(k: Kernel, parent: Pid, child: Pid): void {
  for (const p of [...k.state.procs.values()])
    logSince(k, p, 'born', child, ({ since }) => p.pid === parent || since.born.includes(parent));
}

/** A zombie is waited for: a parent that goes back to when it lived will wait for it again. */
export function noteReaped(k: Kernel, zombie: Proc): void {
  const parent = k.findProc(zombie.ppid);
  if (parent) logSince(k, parent, 'reaped', zombie, ({ since }) => !since.born.includes(zombie.pid));
}

/** A signal is about to act. What the process sends itself, and what the kernel sends for what it does, comes again by itself. */
export function noteSignal(k: Kernel, pid: Pid, info: SigInfo): void {
  if (isFromOutside(pid, info)) logSince(k, k.proc(pid), 'signals', info);
}

/** What the kernel sends a process for its own timers, children and writes. */
const OWN_SIGNALS: readonly number[] = [SIGCHLD, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE];

/** Sent by another process, or from a terminal or the host. */
const isFromOutside = (pid: Pid, { signo, pid: sender, code, trapno }: SigInfo): boolean =>
  sender !== pid && trapno === 0 && code !== SI_TIMER && (sender !== 0 || !OWN_SIGNALS.includes(signo));

/** A process changes a regular file's contents: they are kept as they were before its first change. */
export function noteFileChange(k: Kernel, pid: Pid, vnode: VnodeId, before: FileData, after: FileData): void {
  const { checkpoint } = k.proc(pid);
  if (!checkpoint || k.config.recoveryOptions.files !== 'contents') return;
  const points = checkpoint.points.map((point) => {
    const known = point.since.changes.find((change) => change.vnode === vnode);
    const change = known
      ? { ...known, after, shared: known.shared || known.after !== before }
      : { vnode, before, after, shared: false };
    const changes = [...point.since.changes.filter((other) => other !== known), change];
    return { ...point, since: { ...point.since, changes } };
  });
  k.setProc(pid, { checkpoint: { ...checkpoint, points } });
}
