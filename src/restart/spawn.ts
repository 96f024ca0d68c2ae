import { assert } from '../../emu/base/errors.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { CPUSET_DEFAULT } from '../../kernel-sim/kern/cpuset.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import { spawnNative } from '../../kernel-sim/kern/native.ts';
import { RESTART_PROGRAM } from '../../kernel-sim/kern/recovery.ts';
import { openConsoleDescriptors } from '../../kernel-sim/vfs/filedesc.ts';
import type { RestartOptions } from './restart-program.ts';

/**
 * Starts a restart inside the machine: a process that restores the core's process as its child, waits for it and ends as it does. Its
 * descriptors, the child's too, are the console. Each step is a `restart-step` event. Returns its pid.
 */
export function spawnRestart(k: Kernel, options: RestartOptions): Pid {
  const pid = spawnNative(k, RESTART_PROGRAM, options, { nice: 0, cpuset: CPUSET_DEFAULT });
  assert(pid !== null, 'no room for another process');
  k.setProc(pid, { fds: openConsoleDescriptors(k) });
  return pid;
}
