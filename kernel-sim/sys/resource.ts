import { EFAULT, EINVAL } from '../abi/errno.ts';
import { encode } from '../abi/layout.ts';
import {
  decodeRlimit,
  encodeRlimits,
  RLIM_NLIMITS,
  RLIMIT_SIZE,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  RUSAGE_THREAD,
  rusageLayout,
} from '../abi/resource.ts';
import type { Kernel } from '../kern/kernel.ts';
import { rusageOf, rusageOfThread, rusageOfUsage, setLimit } from '../kern/resource.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

/* Resources used and allowed: FreeBSD 9.1 kern/kern_resource.c. */

function sys_getrusage(k: Kernel, td: Thread, [who, usageAt]: readonly number[]): SyscallResult {
  const p = k.proc(td.pid);
  const usage =
    who === RUSAGE_SELF
      ? rusageOf(k, p)
      : who === RUSAGE_CHILDREN
        ? rusageOfUsage(p.children)
        : who === RUSAGE_THREAD
          ? rusageOfThread(k, td)
          : null;
  if (!usage) return fail(EINVAL);
  return k.copyout(td.pid, usageAt!, encode(rusageLayout, usage)) ? ok(0) : fail(EFAULT);
}

function sys_getrlimit(k: Kernel, td: Thread, [which, limitAt]: readonly number[]): SyscallResult {
  const limit = k.proc(td.pid).limits[which! >>> 0];
  if (!limit) return fail(EINVAL);
  return k.copyout(td.pid, limitAt!, encodeRlimits([limit])) ? ok(0) : fail(EFAULT);
}

function sys_setrlimit(k: Kernel, td: Thread, [which, limitAt]: readonly number[]): SyscallResult {
  const bytes = k.copyin(td.pid, limitAt!, RLIMIT_SIZE);
  if (typeof bytes === 'number') return fail(EFAULT);
  if (which! >>> 0 >= RLIM_NLIMITS) return fail(EINVAL);
  const error = setLimit(k, k.proc(td.pid), which! >>> 0, decodeRlimit(bytes));
  return error ? fail(error) : ok(0);
}

// biome-ignore format: one system call per line
export const resourceSyscalls: readonly SyscallRow[] = [
  { number: 117, name: 'getrusage', args: [['who', 'int'], ['rusage', 'out']], support: 'partial', note: 'times, resident size, page faults, handled signals and context switches; there is no I/O to count', handler: sys_getrusage },
  { number: 194, name: 'getrlimit', args: [['which', 'uint'], ['rlp', 'out']], support: 'full', handler: sys_getrlimit },
  { number: 195, name: 'setrlimit', args: [['which', 'uint'], ['rlp', 'in']], support: 'partial', note: 'enforced: CPU FSIZE DATA STACK CORE MEMLOCK NPROC NOFILE VMEM (AS); RSS, SBSIZE, NPTS and SWAP are kept and inherited', handler: sys_setrlimit },
];
