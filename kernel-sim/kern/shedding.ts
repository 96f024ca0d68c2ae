import { SIGCONT, SIGSTOP } from '../abi/signal.ts';
import type { Kernel } from './kernel.ts';
import { INIT_PID } from './proc.ts';
import { POLICIES } from './recovery-policy.ts';
import { psignal } from './signal.ts';
import type { Proc } from './state.ts';

/**
 * Degraded mode, from the first core that is taken out: while there are at least as many important processes as cores, the unimportant
 * ones (recoveryOptions.importantNiceMax) are stopped as by SIGSTOP; they go on when there are fewer. Called when either number changes.
 */
export function shedLoad(k: Kernel): void {
  if (!POLICIES[k.config.recovery].sheds || k.state.cpus.every((cpu) => !cpu.dead)) return;
  const cores = k.state.cpus.filter((cpu) => !cpu.dead).length;
  const isImportant = (p: Proc): boolean => p.nice <= k.config.recoveryOptions.importantNiceMax;
  const programs = [...k.state.procs.values()]
    .filter((p) => p.pid !== INIT_PID && p.state !== 'zombie' && !p.native && !p.system)
    .sort((a, b) => a.pid - b.pid);
  const crowded = programs.filter(isImportant).length >= cores;
  for (const { pid, shed } of programs.filter((p) => !isImportant(p))) {
    const p = k.findProc(pid);
    if (!p || shed === crowded || (crowded && p.stopped !== 'no')) continue;
    k.setProc(pid, { shed: crowded });
    k.log(`pid ${pid} (${p.comm}), nice ${p.nice}: ${crowded ? 'stopped: too few cores are left' : 'goes on'}`);
    psignal(k, pid, crowded ? SIGSTOP : SIGCONT);
  }
}
