import type { Tid } from '../abi/ids.ts';
import { PRI_MAX_TIMESHARE, PRI_TIMESHARE, priBase } from '../abi/priority.ts';
import type { Kernel } from './kernel.ts';
import { reprioritise } from './sched.ts';
import type { Thread } from './state.ts';

/*
 * Priorities that threads have from others: FreeBSD 9.1 kern/kern_umtx.c (umtx_propagate_priority and friends), sched_lend_user_prio of
 * kern/sched_ule.c. Who waits for whom stands in Thread.lendsTo; what comes of it, in Thread.lentPri, is worked out afresh each time.
 */

/** FreeBSD UPRI: what a thread's own priority is worth to those whom it waits for. Timeshare threads are all alike. */
export function worthOf({ priClass, basePri, inheritedPri }: Thread): number {
  return Math.min(priBase(priClass) === PRI_TIMESHARE ? PRI_MAX_TIMESHARE : basePri, inheritedPri);
}

/** The best that a thread has from the mutexes that it holds, and from who waits for it, be it through others. */
export function lentPriority(k: Kernel, tid: Tid): number {
  const lenders = [...k.state.threads.values()].filter(({ lendsTo }) => lendsTo !== 0);
  const reached = new Set<Tid>([tid]);
  let best = k.thread(tid).inheritedPri;
  // A set grows while it is walked.
  for (const owner of reached) {
    for (const td of lenders) {
      if (td.lendsTo !== owner || reached.has(td.tid)) continue;
      reached.add(td.tid);
      best = Math.min(best, worthOf(td));
    }
  }
  return best;
}

/** What a thread is lent may have changed: it runs with that from now on, and so do those whom it waits for. */
export function relend(k: Kernel, first: Tid | 0): void {
  for (let tid = first; tid !== 0; ) {
    const td = k.state.threads.get(tid);
    if (!td) return;
    const lentPri = lentPriority(k, tid);
    if (lentPri === td.lentPri) return;
    k.setThread(tid, { lentPri });
    reprioritise(k, tid);
    // Somebody else may be better now.
    if (td.onCpu >= 0 && td.state === 'running' && lentPri > td.lentPri)
      k.setCpu(td.onCpu, { needResched: true, preempted: false });
    tid = td.lendsTo;
  }
}

/** From now on a thread waits for another (0: for nobody), and lends it its priority. */
export function lendTo(k: Kernel, tid: Tid, owner: Tid | 0): void {
  const before = k.thread(tid).lendsTo;
  if (before === owner) return;
  k.setThread(tid, { lendsTo: owner });
  relend(k, before);
  relend(k, owner);
}
