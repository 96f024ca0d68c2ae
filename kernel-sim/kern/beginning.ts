import { cpuId } from '../../emu/base/brand.ts';
import { errnoName } from '../abi/errno.ts';
import { newVmspace } from '../vm/vmspace.ts';
import { execve } from './exec.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { blankThread } from './proc.ts';
import { freshRegisters } from './regs.ts';
import { makeRunnable } from './sched.ts';
import type { RollbackPoint, ThreadIdentity } from './state.ts';

/**
 * Restart from the beginning: a process that has lost its threads and memory executes its program again, with the arguments, the
 * environment and the descriptors of its last execve(2), under its own pid. What goes wrong comes back as a sentence.
 */
export function startAgain(k: Kernel, point: RollbackPoint, identity: ThreadIdentity, core: KernelCore): string | null {
  const { pid, execPath, args, env } = point.proc;
  const { tid, name, priClass, basePri, priority, cpuset, cpusUsed, lastCpu, runNs, sleepNs } = identity;
  const scheduling = { priClass, basePri, priority, cpuset, cpusUsed, lastCpu, runNs, sleepNs };
  const { sigmask } = point.threads[0]!;
  k.setProc(pid, { state: 'normal', vmspace: newVmspace(k), threads: [tid] });
  // The recovery's hold on the CPU set passes to the thread.
  k.state.threads.set(tid, { ...blankThread(tid, pid, name, k.now()), ...scheduling, sigmask });
  k.pcbs.set(tid, new Uint8Array(freshRegisters().slice().buffer));
  const refused = execve(k, tid, execPath, args, env);
  if (refused) return `${execPath} cannot be executed again: ${errnoName(refused)}`;
  makeRunnable(k, k.thread(tid), 'new');
  k.emit({ kind: 'recovery-done', pid, victim: cpuId(core.id), fromNs: point.ns, body: pid });
  return null;
}
