import { EFAULT, EINVAL, ERANGE, ESRCH } from '../abi/errno.ts';
import type { Tid } from '../abi/ids.ts';
import { baseSet, makeSet, rootSet, setProcessSet, setSetMask, setThreadMask } from '../kern/cpuset.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { CpuSet, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

// FreeBSD 9.0 sys/sys/cpuset.h.
const CPU_LEVEL_ROOT = 1;
const CPU_LEVEL_CPUSET = 2;
const CPU_LEVEL_WHICH = 3;
const CPU_WHICH_TID = 1;
const CPU_WHICH_PID = 2;
const CPU_WHICH_CPUSET = 3;
/** Size of the kernel's cpuset_t with MAXCPU 32, and of the user library's. */
const CPUSET_KERNEL_BYTES = 4;
const CPUSET_USER_BYTES = 16;

/** Threads that a (which, id) pair names, or the numbered set; null: ESRCH or EINVAL. */
type Target =
  | { readonly kind: 'threads'; readonly tids: readonly Tid[] }
  | { readonly kind: 'set'; readonly set: CpuSet };

function findTarget(k: Kernel, td: Thread, which: number, id: number): Target | SyscallResult {
  switch (which) {
    case CPU_WHICH_TID: {
      const tid = (id === -1 ? td.tid : id) as Tid;
      return k.state.threads.has(tid) ? { kind: 'threads', tids: [tid] } : fail(ESRCH);
    }
    case CPU_WHICH_PID: {
      const p = id === -1 ? k.proc(td.pid) : k.findProc(id);
      return p && p.threads.length > 0 ? { kind: 'threads', tids: p.threads } : fail(ESRCH);
    }
    case CPU_WHICH_CPUSET: {
      const set = id === -1 ? baseSet(k, td.cpuset) : k.state.cpusets.get(id);
      return set && set.id >= 0 ? { kind: 'set', set } : fail(ESRCH);
    }
    default:
      return fail(EINVAL);
  }
}

const firstSet = (k: Kernel, target: Target): CpuSet =>
  target.kind === 'set' ? target.set : k.cpuset(k.thread(target.tids[0]!).cpuset);

const isResult = (value: Target | SyscallResult): value is SyscallResult =>
  value.kind !== 'threads' && value.kind !== 'set';

function sys_cpuset(k: Kernel, td: Thread, [setidAt]: readonly number[]): SyscallResult {
  if (!k.suword(td.pid, setidAt!, k.state.counters.nextCpuset)) return fail(EFAULT);
  makeSet(k, td.pid);
  return ok(0);
}

function sys_cpuset_setid(k: Kernel, td: Thread, [which, id, setid]: readonly number[]): SyscallResult {
  if (which !== CPU_WHICH_PID) return fail(EINVAL);
  const target = findTarget(k, td, which, id!);
  if (isResult(target)) return target;
  const pid = k.thread((target as Extract<Target, { kind: 'threads' }>).tids[0]!).pid;
  const error = setProcessSet(k, pid, setid!);
  return error ? fail(error) : ok(0);
}

function sys_cpuset_getid(k: Kernel, td: Thread, [level, which, id, at]: readonly number[]): SyscallResult {
  if (level === CPU_LEVEL_WHICH && which !== CPU_WHICH_CPUSET) return fail(EINVAL);
  const target = findTarget(k, td, which!, id!);
  if (isResult(target)) return target;
  const set = firstSet(k, target);
  let found: CpuSet;
  if (level === CPU_LEVEL_ROOT) found = rootSet(k, set.id);
  else if (level === CPU_LEVEL_CPUSET || level === CPU_LEVEL_WHICH) found = baseSet(k, set.id);
  else return fail(EINVAL);
  return k.suword(td.pid, at!, found.id) ? ok(0) : fail(EFAULT);
}

function sys_cpuset_getaffinity(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [level, which, id, size, at] = args as [number, number, number, number, number];
  if (size < CPUSET_KERNEL_BYTES || size > CPUSET_USER_BYTES) return fail(ERANGE);
  const target = findTarget(k, td, which, id);
  if (isResult(target)) return target;
  let mask: number;
  if (level === CPU_LEVEL_ROOT) mask = rootSet(k, firstSet(k, target).id).mask;
  else if (level === CPU_LEVEL_CPUSET) mask = baseSet(k, firstSet(k, target).id).mask;
  else if (level === CPU_LEVEL_WHICH) {
    mask =
      target.kind === 'set'
        ? target.set.mask
        : target.tids.reduce((m, tid) => m | k.cpuset(k.thread(tid).cpuset).mask, 0);
  } else return fail(EINVAL);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, mask >>> 0, true);
  return k.copyout(td.pid, at, bytes) ? ok(0) : fail(EFAULT);
}

function sys_cpuset_setaffinity(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [level, which, id, size, at] = args as [number, number, number, number, number];
  if (size < CPUSET_KERNEL_BYTES || size > CPUSET_USER_BYTES) return fail(ERANGE);
  const bytes = k.copyin(td.pid, at, size);
  if (typeof bytes === 'number') return fail(bytes);
  if (bytes.subarray(CPUSET_KERNEL_BYTES).some((byte) => byte !== 0)) return fail(EINVAL);
  const mask = new DataView(bytes.buffer).getUint32(0, true);
  const target = findTarget(k, td, which, id);
  if (isResult(target)) return target;
  if (level === CPU_LEVEL_ROOT || level === CPU_LEVEL_CPUSET) {
    const set = firstSet(k, target);
    const error = setSetMask(k, level === CPU_LEVEL_ROOT ? rootSet(k, set.id).id : baseSet(k, set.id).id, mask);
    return error ? fail(error) : ok(0);
  }
  if (level !== CPU_LEVEL_WHICH) return fail(EINVAL);
  if (target.kind === 'set') {
    const error = setSetMask(k, target.set.id, mask);
    return error ? fail(error) : ok(0);
  }
  for (const tid of target.tids) {
    const error = setThreadMask(k, tid, mask);
    if (error) return fail(error);
  }
  return ok(0);
}

// biome-ignore format: one system call per line
export const cpusetSyscalls = [
  { number: 484, name: 'cpuset', args: [['setid', 'out']], support: 'full', handler: sys_cpuset },
  { number: 485, name: 'cpuset_setid', args: [['which', 'int'], ['id', 'off'], ['setid', 'int']], support: 'full', handler: sys_cpuset_setid },
  { number: 486, name: 'cpuset_getid', args: [['level', 'int'], ['which', 'int'], ['id', 'off'], ['setid', 'out']], support: 'full', handler: sys_cpuset_getid },
  { number: 487, name: 'cpuset_getaffinity', args: [['level', 'int'], ['which', 'int'], ['id', 'off'], ['cpusetsize', 'size'], ['mask', 'out']], support: 'full', handler: sys_cpuset_getaffinity },
  { number: 488, name: 'cpuset_setaffinity', args: [['level', 'int'], ['which', 'int'], ['id', 'off'], ['cpusetsize', 'size'], ['mask', 'in']], support: 'full', handler: sys_cpuset_setaffinity },
] as const satisfies readonly SyscallRow[];
