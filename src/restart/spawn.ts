import { UsageError } from '../../emu/base/errors.ts';
import { errnoName } from '../../kernel-sim/abi/errno.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { CPUSET_DEFAULT } from '../../kernel-sim/kern/cpuset.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import { spawnNative } from '../../kernel-sim/kern/native.ts';
import { RESTART_PROGRAM } from '../../kernel-sim/kern/recovery.ts';
import { openConsoleDescriptors } from '../../kernel-sim/vfs/filedesc.ts';
import type { RestartOptions } from './restart-program.ts';

/**
 * Starts a restart inside the machine: a process that restores the core's process as its child, waits for it and ends as it does. Its
 * descriptors, the child's too, are the console. Each step is a `restart-step` event. Returns its pid. Errors: UsageError
 * when the guest has left no room for a process, or no console.
 */
export function spawnRestart(k: Kernel, options: RestartOptions): Pid {
  const fds = openConsoleDescriptors(k);
  if (typeof fds === 'number')
    throw new UsageError({ what: `cannot be opened: ${errnoName(fds)}`, path: '/dev/console' });
  const pid = spawnNative(k, RESTART_PROGRAM, options, { nice: 0, cpuset: CPUSET_DEFAULT });
  if (pid === null) throw new UsageError({ what: 'there are too many processes for a restart' });
  k.setProc(pid, { fds });
  return pid;
}
