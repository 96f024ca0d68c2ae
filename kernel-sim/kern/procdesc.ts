import { SIGKILL } from '../abi/signal.ts';
import { collectZombie } from './exit.ts';
import type { Kernel } from './kernel.ts';
import { INIT_PID } from './proc.ts';
import { psignal } from './signal.ts';
import type { OpenFile, Proc } from './state.ts';

/* Process descriptors (pdfork(2)): FreeBSD 9.3 kern/sys_procdesc.c. A process and its descriptor know each other until one of them is gone. */

export type Procdesc = Extract<OpenFile, { kind: 'procdesc' }>;

/** FreeBSD pd_proc: the process that a descriptor stands for, running or ended; undefined once somebody has waited for it. */
export function procdescProcess(k: Kernel, file: Procdesc): Proc | undefined {
  const p = k.findProc(file.pid);
  return p?.procdesc === file.id ? p : undefined;
}

/** PDF_EXITED. */
export function hasExited(k: Kernel, file: Procdesc): boolean {
  const p = procdescProcess(k, file);
  return !p || p.state === 'zombie';
}

/**
 * FreeBSD procdesc_close: nobody else will wait for the process, so that init does, and it is killed unless it is to go on (PD_DAEMON).
 * Differs: 9.0 looks at the wrong bit here and never kills; what pdfork(2) documents is done.
 */
export function closeProcdesc(k: Kernel, file: Procdesc): void {
  const p = procdescProcess(k, file);
  if (!p) return;
  k.setProc(p.pid, { procdesc: 0 });
  if (p.state === 'zombie') {
    collectZombie(k, p);
    return;
  }
  leaveToInit(k, p);
  if (!file.daemon) psignal(k, p.pid, SIGKILL);
}

/** Its tracer keeps it as long as it traces it. */
function leaveToInit(k: Kernel, { pid, realParent }: Proc): void {
  k.setProc(pid, realParent === 0 ? { ppid: INIT_PID } : { realParent: INIT_PID });
}
