import { cpuId } from '../../emu/base/brand.ts';
import { errnoName } from '../abi/errno.ts';
import { signo } from '../abi/ids.ts';
import { SIGCHLD, SIGCONT, SIGKILL, SIGSTOP } from '../abi/signal.ts';
import { pathOf } from '../vfs/memfs.ts';
import { newVmspace } from '../vm/vmspace.ts';
import { execve } from './exec.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { blankThread } from './proc.ts';
import { freshRegisters } from './regs.ts';
import { isFromOutside } from './rollback-point.ts';
import { makeRunnable } from './sched.ts';
import { isMasked } from './signal.ts';
import type { HeldSignal, Proc, RollbackPoint, SigInfo, ThreadIdentity } from './state.ts';

/**
 * Restart from the beginning: a process that has lost its threads and memory executes its program again, with the arguments, the
 * environment and the descriptors of its last execve(2), under its own pid. What goes wrong comes back as a sentence.
 */
export function startAgain(k: Kernel, point: RollbackPoint, identity: ThreadIdentity, core: KernelCore): string | null {
  const { pid, execPath, args, env } = point.proc;
  const { tid, name, priClass, basePri, priority, cpuset, cpusUsed, lastCpu, runNs, sleepNs } = identity;
  const scheduling = { priClass, basePri, priority, cpuset, cpusUsed, lastCpu, runNs, sleepNs };
  const { sigmask, sigqueue } = point.threads[0]!;
  k.setProc(pid, { state: 'normal', vmspace: newVmspace(k), threads: [tid] });
  // The recovery's hold on the CPU set passes to the thread.
  k.state.threads.set(tid, { ...blankThread(tid, pid, name, k.now()), ...scheduling, sigmask, sigqueue });
  k.pcbs.set(tid, new Uint8Array(freshRegisters().slice().buffer));
  const fromRoot = pathOf(k, point.proc.textVnode, point.proc.root) || execPath;
  const refused = execve(k, tid, fromRoot, args, env);
  if (refused) return `${execPath} cannot be executed again: ${errnoName(refused.errno)}`;
  makeRunnable(k, k.thread(tid), 'new');
  k.emit({ kind: 'recovery-done', pid, victim: cpuId(core.id), fromNs: point.ns, body: pid });
  return null;
}

/** These act at once, whatever a program is ready for; SIGCHLD does no harm, and is about children that it has no more. */
const NEVER_HELD: readonly number[] = [SIGKILL, SIGSTOP, SIGCONT, SIGCHLD];

/**
 * Signals for which a process that is about to lose its threads is ready, and its program at its beginning is not: it would die of
 * them before it has come to set its handlers. It is ready for what it handles or ignores, and for what others have sent if it has taken
 * that or masks it.
 */
export function signalsToHold(k: Kernel, p: Proc, { proc: then, since }: RollbackPoint): HeldSignal[] {
  const threads = p.threads.map((tid) => k.thread(tid));
  const pending = [...threads.flatMap(({ sigqueue }) => sigqueue), ...p.sigqueue].filter((info) =>
    isFromOutside(p.pid, info),
  );
  const masked = pending.filter((info) => threads.every((td) => isMasked(td, info.signo)));
  const held = p.heldSignals.flatMap(({ info }) => (info ? [info] : []));
  const handled = p.sigacts.flatMap((action, n) => (action && action.handler !== 0 ? [n] : []));
  const ready = new Set([...handled, ...[...since.signals, ...p.heldSignals, ...masked].map((each) => each.signo)]);
  return [...ready]
    .filter((n) => !NEVER_HELD.includes(n) && !then.sigacts[n])
    .sort((a, b) => a - b)
    .map((n) => ({
      signo: signo(n),
      info: [...since.signals, ...held, ...pending].find((info) => info.signo === n) ?? null,
    }));
}

/**
 * Pending are again what was pending at the beginning, and what others have sent since that is not held. What the process sends itself comes
 * again by itself.
 */
export function signalsOfBeginning(
  { proc: then }: RollbackPoint,
  heldSignals: readonly HeldSignal[],
  pending: readonly SigInfo[],
): Pick<Proc, 'sigacts' | 'sigqueue' | 'heldSignals'> {
  const isKnown = ({ signo }: SigInfo): boolean =>
    [...then.sigqueue, ...heldSignals].some((each) => each.signo === signo);
  const later = pending.filter((info) => isFromOutside(then.pid, info) && !isKnown(info));
  return { sigacts: then.sigacts, sigqueue: [...then.sigqueue, ...later], heldSignals };
}
