import { EFLAGS } from '../../emu/core/core-state.ts';
import { EBUSY, EINVAL, EPERM, ESRCH } from '../abi/errno.ts';
import { type Errno, PID_MAX, type Pid, type Signo, type Tid } from '../abi/ids.ts';
import { PSL_USERCHANGE } from '../abi/ptrace.ts';
import type { Reg } from '../abi/reg.ts';
import { SIGSTOP } from '../abi/signal.ts';
import { faultInAnyProt, writePages } from '../vm/fault.ts';
import { canDebug } from './credentials.ts';
import { leaveCopy } from './duplicate.ts';
import type { Kernel } from './kernel.ts';
import { GENERAL_FIELDS, loadSelectors, regsOf, SELECTOR_FIELDS } from './regs.ts';
import { allHalted, psignal, resumeProcess } from './signal.ts';
import type { Proc, Thread } from './state.ts';

/*
 * Tracing: what ptrace(2) does to processes. FreeBSD 9.0 sys/kern/sys_process.c; the rules stand in freebsd-i386-abi.md, D.
 */

export interface Tracee {
  readonly proc: Proc;
  /** The thread that requests without a thread of their own act on: the one that caused the stop. */
  readonly td: Thread;
}

/** The process (or the owner of the thread) that a ptrace id names. */
function findTarget(k: Kernel, id: number): { proc: Proc; tid: Tid | 0 } | Errno {
  if (id > PID_MAX) {
    const td = k.state.threads.get(id as Tid);
    return td ? { proc: k.proc(td.pid), tid: td.tid } : ESRCH;
  }
  const proc = k.findProc(id);
  return proc && proc.state === 'normal' ? { proc, tid: 0 } : ESRCH;
}

/** A tracee on which its tracer may work now: stopped, and the stop collected by wait4. Errors: ESRCH, EPERM, EBUSY. */
export function stoppedTracee(k: Kernel, tracer: Pid, id: number): Tracee | Errno {
  const found = findTarget(k, id);
  if (typeof found === 'number') return found;
  const { proc } = found;
  if (!proc.traced) return EPERM;
  if (proc.ppid !== tracer) return EBUSY;
  if (proc.stopped === 'no' || !proc.stopReported || !allHalted(k, proc)) return EBUSY;
  const tid = found.tid || proc.stopThread || proc.threads[0]!;
  const td = k.state.threads.get(tid);
  return td ? { proc, td } : ESRCH;
}

/** PT_TRACE_ME: signals stop the caller from now on, and its parent is told. */
export function traceMe(k: Kernel, me: Pid): Errno | 0 {
  if (!k.proc(me).traced) k.setProc(me, { traced: true, realParent: 0 });
  return 0;
}

/** PT_ATTACH: the target becomes the tracer's child for the time being, and gets SIGSTOP. */
export function attachTracer(k: Kernel, tracer: Pid, id: number): Errno | 0 {
  const found = findTarget(k, id);
  if (typeof found === 'number') return found;
  const { proc } = found;
  if (proc.pid === tracer) return EINVAL;
  if (proc.threads.length === 0) return EINVAL;
  if (proc.traced) return EBUSY;
  if (proc.system) return EINVAL;
  const me = k.proc(tracer);
  if (!canDebug(me, proc)) return EPERM;
  // A tracer that is itself traced by the target would wait for itself.
  // (PT_TRACE_ME asks nobody: two processes may trace each other already.)
  const seen = new Set<Pid>();
  for (let above: Proc | undefined = me; above?.traced && !seen.has(above.pid); above = k.findProc(above.ppid)) {
    if (above.ppid === proc.pid) return EINVAL;
    seen.add(above.pid);
  }
  const realParent = proc.ppid === tracer ? 0 : proc.ppid;
  const wasStopped = proc.stopped !== 'no';
  leaveCopy(k, proc.vmspace);
  k.setProc(proc.pid, { traced: true, ppid: tracer, realParent });
  if (wasStopped) resumeProcess(k, proc.pid, 0);
  psignal(k, proc.pid, SIGSTOP, tracer);
  return 0;
}

/** PT_DETACH: back to its real parent, and on with `signo`. */
export function detachTracer(k: Kernel, tracee: Pid, signo: Signo | 0): void {
  const p = k.proc(tracee);
  const back = p.realParent !== 0 && k.findProc(p.realParent) ? p.realParent : p.ppid;
  k.setProc(tracee, { traced: false, followFork: false, lwpEvents: false, ppid: back, realParent: 0 });
  for (const tid of p.threads) k.setThread(tid, { held: false });
  resumeProcess(k, tracee, signo);
}

/** Sets the registers of a stopped thread. EINVAL when bits of EFLAGS other than PSL_USERCHANGE differ, or cs is not a user selector. */
export function setUserRegs(k: Kernel, tid: Tid, reg: Reg): Errno | 0 {
  const r = regsOf(k, tid);
  if (((reg.r_eflags ^ r[EFLAGS]!) & ~PSL_USERCHANGE) !== 0) return EINVAL;
  if ((reg.r_cs & 3) !== 3) return EINVAL;
  if (
    !loadSelectors(
      k,
      tid,
      SELECTOR_FIELDS.map(([field, seg]) => [seg, reg[field]] as const),
    )
  )
    return EINVAL;
  for (const [field, index] of GENERAL_FIELDS) r[index] = reg[field];
  return 0;
}

/** Reads a tracee's memory past its protections; null where nothing is mapped. */
export function readTracee(k: Kernel, p: Proc, address: number, length: number): Uint8Array | null {
  if (!faultInAnyProt(k, p.vmspace, address, length, false)) return null;
  return k.space(p.vmspace).peek(address >>> 0, length);
}

/** Writes a tracee's memory past its protections, read-only text included; false where nothing is mapped. */
export function writeTracee(k: Kernel, p: Proc, address: number, bytes: Uint8Array): boolean {
  const bringIn = (at: number, length: number): boolean => faultInAnyProt(k, p.vmspace, at, length, true);
  if (!bringIn(address, bytes.length)) return false;
  return writePages(k.space(p.vmspace), address >>> 0, bytes, bringIn);
}
