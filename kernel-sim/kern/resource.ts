import { EPERM } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import {
  RLIM_INFINITY,
  RLIM_NLIMITS,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_STACK,
  RLIMIT_VMEM,
  type Rlimit,
  type Rusage,
  rusageLayout,
  timevalOf,
} from '../abi/resource.ts';
import { SIGKILL, SIGXCPU } from '../abi/signal.ts';
import { MAXDSIZ, MAXSSIZ } from '../abi/vmparam.ts';
import { FILES_PER_PROC_MAX } from '../vfs/limits.ts';
import type { Kernel } from './kernel.ts';
import { usageOf } from './proc.ts';
import { psignal } from './signal.ts';
import type { Proc, Thread, Usage } from './state.ts';

/** What no setrlimit(2) can exceed; the other resources are without limit. */
const CEILINGS: ReadonlyMap<number, number> = new Map([
  [RLIMIT_DATA, MAXDSIZ],
  [RLIMIT_STACK, MAXSSIZ],
  [RLIMIT_NOFILE, FILES_PER_PROC_MAX],
]);

/** The limits of a login shell: soft limits raised to the hard ones, as login.conf of 9.0 does (freebsd-i386-abi.md, A.2). */
export const DEFAULT_LIMITS: readonly Rlimit[] = Array.from({ length: RLIM_NLIMITS }, (_, which) => {
  const most = CEILINGS.get(which) ?? RLIM_INFINITY;
  return { soft: most, hard: most };
});

/** FreeBSD lim_cur. */
export const softLimit = (p: Proc, which: number): number => p.limits[which]!.soft;

/** CPU time at which a process with these limits hears of it next (p_cpulimit), in ns. */
export function cpuLimitNs(limits: readonly Rlimit[]): number {
  const { soft } = limits[RLIMIT_CPU]!;
  return soft === RLIM_INFINITY ? RLIM_INFINITY : soft * NS_PER_SEC;
}

const NS_PER_SEC = 1_000_000_000;
/** After SIGXCPU a process has so much more until the next. */
const CPU_GRACE_NS = 5 * NS_PER_SEC;

/** FreeBSD lim_cb: SIGXCPU when a process has used up its CPU time, SIGKILL at the hard limit. */
export function checkCpuLimit(k: Kernel, p: Proc): void {
  if (p.cpuLimitNs === RLIM_INFINITY) return;
  const { userNs, systemNs } = usageOf(k, p);
  const used = userNs + systemNs;
  if (used < p.cpuLimitNs) return;
  const { hard } = p.limits[RLIMIT_CPU]!;
  if (hard !== RLIM_INFINITY && used >= hard * NS_PER_SEC) {
    k.log(`pid ${p.pid} (${p.comm}), uid ${p.uid}, was killed: exceeded maximum CPU limit`);
    k.setProc(p.pid, { cpuLimitNs: RLIM_INFINITY });
    psignal(k, p.pid, SIGKILL);
    return;
  }
  k.setProc(p.pid, { cpuLimitNs: p.cpuLimitNs + CPU_GRACE_NS });
  psignal(k, p.pid, SIGXCPU);
}

/** RLIMIT_NPROC: may `p` have a child? Root may always. */
export function mayFork(k: Kernel, p: Proc): boolean {
  const most = softLimit(p, RLIMIT_NPROC);
  if (p.uid === 0 || most === RLIM_INFINITY) return true;
  let count = 0;
  for (const other of k.state.procs.values()) if (other.ruid === p.ruid) count++;
  return count < most;
}

/** RLIMIT_VMEM (RLIMIT_AS): may the memory of `p` grow by so many bytes? */
export function mayMap(k: Kernel, p: Proc, bytes: number): boolean {
  const most = softLimit(p, RLIMIT_VMEM);
  if (most === RLIM_INFINITY) return true;
  return k.vmspace(p.vmspace).map.reduce((sum, { start, end }) => sum + (end - start), bytes) <= most;
}

/** FreeBSD kern_setrlimit. EPERM when anybody but root exceeds the hard limit. Precondition: `which` is a limit. */
export function setLimit(k: Kernel, p: Proc, which: number, wanted: Rlimit): Errno | 0 {
  const { hard } = p.limits[which]!;
  if ((wanted.soft > hard || wanted.hard > hard) && p.uid !== 0) return EPERM;
  const most = CEILINGS.get(which) ?? RLIM_INFINITY;
  const limit = { soft: Math.min(wanted.soft, wanted.hard, most), hard: Math.min(wanted.hard, most) };
  const limits = p.limits.map((old, n) => (n === which ? limit : old));
  k.setProc(p.pid, which === RLIMIT_CPU ? { limits, cpuLimitNs: cpuLimitNs(limits) } : { limits });
  return 0;
}

/** What has been used as struct rusage says it, but for what is resident. Differs: there is no I/O to count. */
export const rusageOfUsage = (usage: Usage): Rusage => ({
  ...rusageLayout.zero,
  ru_utime: timevalOf(usage.userNs),
  ru_stime: timevalOf(usage.systemNs),
  ru_minflt: usage.minorFaults,
  ru_nsignals: usage.handledSignals,
  ru_nvcsw: usage.voluntarySwitches,
  ru_nivcsw: usage.involuntarySwitches,
});

/** What one thread has used. Differs: ru_maxrss is what is resident now. */
export const rusageOfThread = (k: Kernel, td: Thread): Rusage => ({
  ...rusageOfUsage(td),
  ru_maxrss: residentKiB(k, k.proc(td.pid)),
});

/** What a process has used. Differs: as rusageOfThread. */
export const rusageOf = (k: Kernel, p: Proc): Rusage => ({
  ...rusageOfUsage(usageOf(k, p)),
  ru_maxrss: residentKiB(k, p),
});

const residentKiB = (k: Kernel, p: Proc): number => (k.spaces.get(p.vmspace)?.residentCount ?? 0) * 4;
