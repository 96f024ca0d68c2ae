import type { Pid } from '../abi/ids.ts';
import type { Kernel } from './kernel.ts';
import type { Proc } from './state.ts';

/*
 * What rfork(2) lets processes have in common beside their memory: the descriptor table (FreeBSD p_fd) and the signal actions (p_sigacts).
 * Every sharer's record holds the table; they all change together.
 */

/** What can be shared, and where the number stands that sharers have in common. */
const GROUP = { fds: 'fdGroup', sigacts: 'sigactsGroup' } as const;
export type Shareable = keyof typeof GROUP;

/** Who has this table: the process itself, and with whom it shares. */
export function sharersOf(k: Kernel, p: Proc, what: Shareable): Proc[] {
  const group = p[GROUP[what]];
  return group === 0 ? [p] : [...k.state.procs.values()].filter((other) => other[GROUP[what]] === group);
}

/** A new table for a process and all that it shares it with. */
export function setTable<T extends Shareable>(k: Kernel, pid: Pid, what: T, table: Proc[T]): void {
  for (const sharer of sharersOf(k, k.proc(pid), what)) k.setProc(sharer.pid, { [what]: table });
}

/** The number for a child that is to share the table. */
export function beginSharing(k: Kernel, pid: Pid, what: Shareable): number {
  const known = k.proc(pid)[GROUP[what]];
  if (known !== 0) return known;
  const group = k.next('nextSharing');
  k.setProc(pid, { [GROUP[what]]: group });
  return group;
}

/** What the process has is its own from now on; its record still holds the table as it was. */
export function endSharing(k: Kernel, pid: Pid, what: Shareable): void {
  const sharers = sharersOf(k, k.proc(pid), what);
  k.setProc(pid, { [GROUP[what]]: 0 });
  const others = sharers.filter((other) => other.pid !== pid);
  if (others.length === 1) k.setProc(others[0]!.pid, { [GROUP[what]]: 0 });
}
