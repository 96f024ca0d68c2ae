import type { Kernel } from './kernel.ts';
import { makeRunnable } from './sched.ts';
import type { Thread, Wakeup } from './state.ts';

/** Ends the sleep of every thread on a channel. */
export function wakeup(k: Kernel, wchan: string): void {
  for (const td of sleepersOn(k, wchan)) wakeThread(k, td, 'wakeup');
}

/** Threads asleep on a channel, longest sleeper first, then by id. */
export function sleepersOn(k: Kernel, wchan: string): Thread[] {
  const found: Thread[] = [];
  for (const td of k.state.threads.values()) if (td.sleep?.wchan === wchan) found.push(td);
  return found.sort((a, b) => a.sleepStartNs - b.sleepStartNs || a.tid - b.tid);
}

/** Ends one thread's sleep: its system call goes on with `why` when it next gets a core. */
export function wakeThread(k: Kernel, td: Thread, why: Wakeup): void {
  if (!td.sleep) return;
  const pending = td.pending ? { ...td.pending, woken: why } : null;
  const halted = td.state === 'suspended' || td.held || k.proc(td.pid).stopped !== 'no';
  const woken = k.setThread(td.tid, { sleep: null, pending, ...(halted ? { state: 'suspended' } : {}) });
  // In a stopped process it runs when the process is continued; one held back by a tracer, when that lets it go.
  if (!halted) makeRunnable(k, woken, 'wakeup');
}
