import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { SIGKILL } from '../abi/signal.ts';
import type { Kernel } from '../kern/kernel.ts';
import { psignal } from '../kern/signal.ts';
import type { Proc } from '../kern/state.ts';

/* The machine's memory is as large as hw.physmem says, and there is no swap: what bounds the host's. */

/** Pages of all processes; one that they share counts for each. */
export function residentPages(k: Kernel): number {
  let sum = 0;
  for (const space of k.spaces.values()) sum += space.residentCount;
  return sum;
}

export const pageCount = (k: Kernel): number => Math.floor(k.config.physmemBytes / PAGE_SIZE);

/** Are there so many free pages? */
export const hasFreePages = (k: Kernel, pages: number): boolean => residentPages(k) + pages <= pageCount(k);

/**
 * FreeBSD vm_pageout_oom: no page is free, so the process that has most of them is killed, with all that share its memory. Nothing more
 * happens while it has yet to die.
 */
export function killLargest(k: Kernel): void {
  const sizeOf = (p: Proc): number => k.spaces.get(p.vmspace)?.residentCount ?? 0;
  const candidates = [...k.state.procs.values()].filter((p) => p.state === 'normal' && !p.system && sizeOf(p) > 0);
  candidates.sort((a, b) => sizeOf(b) - sizeOf(a) || a.pid - b.pid);
  const [largest] = candidates;
  if (!largest) return;
  for (const { pid, comm, uid, vmspace, sigqueue } of candidates) {
    if (vmspace !== largest.vmspace || sigqueue.some(({ signo }) => signo === SIGKILL)) continue;
    k.log(`pid ${pid} (${comm}), uid ${uid}, was killed: out of swap space`);
    psignal(k, pid, SIGKILL);
  }
}
