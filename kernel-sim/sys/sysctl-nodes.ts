import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { EINVAL, ENOENT } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { FSCALE, NODEV } from '../abi/kinfo.ts';
import { encode, words } from '../abi/layout.ts';
import { timevalLayout } from '../abi/resource.ts';
import { SOMAXCONN } from '../abi/socket.ts';
import { PS_STRINGS, USRSTACK } from '../abi/vmparam.ts';
import { cpTicks } from '../kern/cp-time.ts';
import { allCpus, cpusOf } from '../kern/cpumask.ts';
import { deadMask } from '../kern/cpuset.ts';
import { ARG_MAX } from '../kern/exec.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import { PROCS_MAX } from '../kern/proc.ts';
import { randomBytes } from '../kern/random.ts';
import { RELEASES } from '../kern/release.ts';
import { SLICE_TICKS } from '../kern/sched-priority.ts';
import { SOCKET_SPACE_MAX, TCP_SPACE, UDP_SPACE } from '../net/socket.ts';
import { FILES_PER_PROC_MAX, OPEN_FILES_MAX, VNODES_MAX } from '../vfs/limits.ts';
import { pageCount, residentPages } from '../vm/memory.ts';
import { deviceNumber } from './file-stat.ts';
import { posixRows } from './sysctl-posix.ts';
import { procRows } from './sysctl-proc.ts';
import { routeRows } from './sysctl-route.ts';
import type { SysctlRequest, SysctlRow } from './sysctl-row.ts';

const HZ = 1000;
const STATHZ = 128;
const PROFHZ = 8192;
/** sys/sys/param.h MAXHOSTNAMELEN; sys/i386/include/param.h MAXCPU. */
const HOSTNAME_SIZE = 256;
const MAXCPU = 32;
/** kern.arandom gives at most so much at a time (kern_mib.c, sysctl_kern_arnd). */
const ARANDOM_MAX = 256;

const constant = (value: number) => (): number => value;
const text = (value: string) => (): string => value;

/** An unsigned long holds at most 4 GiB - 1. */
const clampUlong = (bytes: number): number => Math.min(bytes, 0xffffffff);

/** Clock of the machine in MHz. */
const megahertz = (k: Kernel): number => Math.floor(1000 / k.config.cycleNs);

/** kern.arandom: as many bytes as there is room for, from a stream of the seed that no other reading has. */
function arandom(k: Kernel, { room }: SysctlRequest): Uint8Array {
  const length = Math.min(room ?? ARANDOM_MAX, ARANDOM_MAX);
  return room === null ? new Uint8Array(length) : randomBytes(k, length);
}

/** kern.devname: EINVAL for what has no number, ENOENT for a number that nothing under /dev has (devfs_devs.c, sysctl_devname). */
function deviceName(k: Kernel, { input }: SysctlRequest): Uint8Array | Errno {
  const wanted = input && new DataView(input.buffer, input.byteOffset).getUint32(0, true);
  if (wanted === null || wanted === NODEV) return EINVAL;
  const found = [...k.state.vnodes.values()].find(
    (vnode) => vnode.type === 'chr' && deviceNumber(vnode.device) === wanted,
  );
  return found?.type === 'chr' ? bytesOf(`${found.device}\0`) : ENOENT;
}

/** Sums over CPUs of the five states. */
function cpTime(k: Kernel): Uint8Array {
  const sums = [0, 0, 0, 0, 0];
  for (const ticks of cpTicks(k)) for (let n = 0; n < 5; n++) sums[n] = sums[n]! + ticks[n]!;
  return words(sums);
}

/**
 * Everything but kern.proc. Numbers below 0x100 are those of sys/sys/sysctl.h (freebsd-i386-abi.md, B.5); FreeBSD hands out those
 * from 0x100 up as it boots, here they stand in the table and never change.
 */
// biome-ignore format: one OID per line
const generalRows: readonly SysctlRow[] = [
  { mib: [1, 1], name: 'kern.ostype', kind: 'string', description: 'Operating system type', read: text('FreeBSD') },
  { mib: [1, 2], name: 'kern.osrelease', kind: 'string', description: 'Operating system release', read: (k) => `${k.config.release}-RELEASE` },
  { mib: [1, 3], name: 'kern.osrevision', kind: 'int', description: 'Operating system revision', read: constant(199506) },
  { mib: [1, 4], name: 'kern.version', kind: 'string', description: 'Kernel version', read: (k) => `FreeBSD ${k.config.release}-RELEASE #0: coreback\n    simulated GENERIC kernel\n` },
  { mib: [1, 5], name: 'kern.maxvnodes', kind: 'int', description: 'Maximum number of vnodes', read: constant(VNODES_MAX) },
  { mib: [1, 6], name: 'kern.maxproc', kind: 'int', description: 'Maximum number of processes', read: () => PROCS_MAX },
  { mib: [1, 7], name: 'kern.maxfiles', kind: 'int', description: 'Maximum number of files', read: constant(OPEN_FILES_MAX) },
  { mib: [1, 8], name: 'kern.argmax', kind: 'int', description: 'Maximum bytes of argument to execve(2)', read: () => ARG_MAX },
  { mib: [1, 9], name: 'kern.securelevel', kind: 'int', description: 'Current secure level', read: constant(-1) },
  { mib: [1, 10], name: 'kern.hostname', kind: 'string', description: 'Hostname', sizeMax: HOSTNAME_SIZE, read: (k) => k.state.hostname, write: (k, value) => { k.state.hostname = value; } },
  { mib: [1, 11], name: 'kern.hostid', kind: 'ulong', description: 'Host ID', read: constant(0) },
  { mib: [1, 12], name: 'kern.clockrate', kind: 'opaque', format: 'S,clockinfo', description: 'Rate and period of various kernel clocks', read: () => words([HZ, 1e6 / HZ, 0, STATHZ, PROFHZ]) },
  { mib: [1, 17], name: 'kern.posix1version', kind: 'int', description: 'Version of POSIX attempting to comply to', read: constant(200112) },
  { mib: [1, 18], name: 'kern.ngroups', kind: 'int', description: 'Maximum number of supplemental groups a user can belong to', read: constant(1023) },
  { mib: [1, 19], name: 'kern.job_control', kind: 'int', description: 'Whether job control is available', read: constant(1) },
  { mib: [1, 20], name: 'kern.saved_ids', kind: 'int', description: 'Whether saved set-group/user ID is available', read: constant(0) },
  { mib: [1, 21], name: 'kern.boottime', kind: 'opaque', format: 'S,timeval', description: 'System boottime', read: (k) => encode(timevalLayout, { tv_sec: k.config.bootTimeSec, tv_usec: 0 }) },
  { mib: [1, 22], name: 'kern.domainname', kind: 'string', description: 'Name of the current YP/NIS domain', read: text('') },
  { mib: [1, 24], name: 'kern.osreldate', kind: 'int', description: 'Kernel release date', read: (k) => RELEASES[k.config.release] },
  { mib: [1, 26], name: 'kern.bootfile', kind: 'string', description: 'Name of kernel file booted', read: text('/boot/kernel/kernel') },
  { mib: [1, 27], name: 'kern.maxfilesperproc', kind: 'int', description: 'Maximum files allowed open per process', read: constant(FILES_PER_PROC_MAX) },
  { mib: [1, 28], name: 'kern.maxprocperuid', kind: 'int', description: 'Maximum processes allowed per userid', read: () => Math.floor((PROCS_MAX * 9) / 10) },
  { mib: [1, 30, 1], name: 'kern.ipc.maxsockbuf', kind: 'ulong', description: 'Maximum socket buffer size', read: constant(SOCKET_SPACE_MAX) },
  { mib: [1, 30, 3], name: 'kern.ipc.somaxconn', kind: 'int', description: 'Maximum listen socket pending connection accept queue size', read: constant(SOMAXCONN) },
  { mib: [1, 32], name: 'kern.ps_strings', kind: 'ulong', description: 'Process ps_strings location', read: constant(PS_STRINGS) },
  { mib: [1, 33], name: 'kern.usrstack', kind: 'ulong', description: 'Process stack location', read: constant(USRSTACK) },
  { mib: [1, 34], name: 'kern.logsigexit', kind: 'int', description: 'Log processes quitting on abnormal signals', read: constant(1) },
  { mib: [1, 35], name: 'kern.iov_max', kind: 'int', description: 'Maximum number of elements in an I/O vector', read: constant(1024) },
  { mib: [1, 36], name: 'kern.hostuuid', kind: 'string', description: 'Host UUID', read: text('00000000-0000-0000-0000-000000000000') },
  { mib: [1, 37], name: 'kern.arandom', kind: 'opaque', format: '', description: 'Random bytes (of the seed, the same in every run)', read: arandom },
  { mib: [1, 0x100, 0x100], name: 'kern.smp.cpus', kind: 'int', description: 'Number of CPUs online', read: (k) => k.config.cores },
  { mib: [1, 0x100, 0x101], name: 'kern.smp.maxcpus', kind: 'int', description: 'Max number of CPUs that the system was compiled for', read: constant(MAXCPU) },
  { mib: [1, 0x100, 0x102], name: 'kern.smp.active', kind: 'int', description: 'Number of Auxillary Processors (APs) that were successfully started', read: (k) => (k.config.cores > 1 ? 1 : 0) },
  { mib: [1, 0x100, 0x103], name: 'kern.smp.maxid', kind: 'int', description: 'Max CPU ID', read: (k) => k.config.cores - 1 },
  { mib: [1, 0x100, 0x104], name: 'kern.smp.disabled', kind: 'int', description: 'SMP has been disabled from the loader', read: constant(0) },
  { mib: [1, 0x101, 0x100], name: 'kern.sched.name', kind: 'string', description: 'Scheduler name', read: text('ULE') },
  { mib: [1, 0x101, 0x101], name: 'kern.sched.cpusetsize', kind: 'int', description: 'sizeof(cpuset_t)', read: constant(4) },
  { mib: [1, 0x101, 0x102], name: 'kern.sched.slice', kind: 'int', description: 'Slice size for timeshare threads', read: constant(SLICE_TICKS) },
  { mib: [1, 0x102, 0x100], name: 'kern.threads.max_threads_per_proc', kind: 'int', description: 'Limit on threads per proc', read: constant(1500) },
  { mib: [1, 0x103], name: 'kern.cp_time', kind: 'opaque', format: 'LU', description: 'CPU time statistics', read: cpTime },
  { mib: [1, 0x104], name: 'kern.cp_times', kind: 'opaque', format: 'LU', description: 'Per-CPU time statistics', read: (k) => words(cpTicks(k).flat()) },
  { mib: [1, 0x105], name: 'kern.corefile', kind: 'string', description: 'Process corefile name format string', read: text('%N.core') },
  { mib: [1, 0x106], name: 'kern.coredump', kind: 'int', description: 'Enable/Disable coredumps', read: constant(1) },
  { mib: [1, 0x107], name: 'kern.forcesigexit', kind: 'int', description: 'Force trap signal to be handled', read: constant(1) },
  { mib: [1, 0x108, 0x100], name: 'kern.elf32.fallback_brand', kind: 'int', description: 'ELF32 brand of last resort', read: constant(-1) },
  { mib: [1, 0x109], name: 'kern.fscale', kind: 'int', description: 'Fixed-point scale factor used for calculating load average values', read: constant(FSCALE) },
  { mib: [1, 0x10a], name: 'kern.ccpu', kind: 'uint', description: 'Decay factor used for updating %CPU (0: ULE)', read: constant(0) },
  { mib: [1, 0x10b], name: 'kern.ps_arg_cache_limit', kind: 'ulong', description: 'Room that ps(1) gives the arguments of a process', read: constant(PAGE_SIZE / 16) },
  { mib: [1, 0x10c], name: 'kern.lastpid', kind: 'int', description: 'Last used PID', read: (k) => k.state.counters.nextPid - 1 },
  { mib: [1, 0x10d], name: 'kern.devname', kind: 'opaque', format: '', description: 'devname(3): the name below /dev of a device number', inputSize: 4, read: deviceName },
  { mib: [1, 0x10e], name: 'kern.openfiles', kind: 'int', description: 'System-wide number of open files', read: (k) => k.state.files.size },
  { mib: [1, 0x10f, 0x100], name: 'kern.devstat.version', kind: 'int', description: 'Version of struct devstat', read: constant(6) },
  { mib: [1, 0x10f, 0x101], name: 'kern.devstat.numdevs', kind: 'int', description: 'Number of devices with statistics (no disks)', read: constant(0) },
  { mib: [1, 0x10f, 0x102], name: 'kern.devstat.generation', kind: 'long', description: 'Generation of the list of devices', read: constant(0) },
  { mib: [1, 0x10f, 0x103], name: 'kern.devstat.all', kind: 'opaque', format: 'S,devstat', description: 'All devices: the generation, and no records', read: () => words([0]) },

  { mib: [2, 2], name: 'vm.loadavg', kind: 'opaque', format: 'S,loadavg', description: 'Machine loadaverage history', read: (k) => words([...k.state.loadAverage, FSCALE]) },
  { mib: [2, 12], name: 'vm.overcommit', kind: 'int', description: 'Configure virtual memory overcommit behavior', read: constant(0) },
  { mib: [2, 0x100, 0x100, 0x100], name: 'vm.stats.vm.v_page_size', kind: 'uint', description: 'Page size in bytes', read: constant(PAGE_SIZE) },
  { mib: [2, 0x100, 0x100, 0x101], name: 'vm.stats.vm.v_page_count', kind: 'uint', description: 'Total number of pages in system', read: pageCount },
  { mib: [2, 0x100, 0x100, 0x102], name: 'vm.stats.vm.v_active_count', kind: 'uint', description: 'Active pages', read: residentPages },
  { mib: [2, 0x100, 0x100, 0x103], name: 'vm.stats.vm.v_free_count', kind: 'uint', description: 'Free pages', read: (k) => Math.max(0, pageCount(k) - residentPages(k)) },

  { mib: [2, 0x100, 0x100, 0x104], name: 'vm.stats.vm.v_inactive_count', kind: 'uint', description: 'Inactive pages (none: pages are in use or free)', read: constant(0) },
  { mib: [2, 0x100, 0x100, 0x105], name: 'vm.stats.vm.v_cache_count', kind: 'uint', description: 'Pages on cache queue (none)', read: constant(0) },
  { mib: [2, 0x100, 0x100, 0x106], name: 'vm.stats.vm.v_wire_count', kind: 'uint', description: 'Wired pages (none: the kernel takes no memory of the machine)', read: constant(0) },
  { mib: [2, 0x100, 0x100, 0x107], name: 'vm.stats.vm.v_swappgsin', kind: 'uint', description: 'Pages swapped in (none: there is no swap)', read: constant(0) },
  { mib: [2, 0x100, 0x100, 0x108], name: 'vm.stats.vm.v_swappgsout', kind: 'uint', description: 'Pages swapped out (none)', read: constant(0) },
  { mib: [2, 0x101], name: 'vm.swap_info', kind: 'node', format: 'S,xswdev', description: 'Swap statistics by device (there is none)', read: () => ENOENT },
  { mib: [2, 0x102], name: 'vm.swap_total', kind: 'opaque', format: 'QU', description: 'Total amount of available swap storage (none)', read: () => words([0, 0]) },
  { mib: [2, 0x103], name: 'vm.dmmax', kind: 'int', description: 'Maximum size of a swap block in pages', read: constant(32) },

  { mib: [3, 0x100], name: 'vfs.bufspace', kind: 'long', description: 'Virtual memory used for buffers (none)', read: constant(0) },

  { mib: [4, 2, 6, 8], name: 'net.inet.tcp.sendspace', kind: 'ulong', description: 'Initial send socket buffer size', read: constant(TCP_SPACE[0]) },
  { mib: [4, 2, 6, 9], name: 'net.inet.tcp.recvspace', kind: 'ulong', description: 'Initial receive socket buffer size', read: constant(TCP_SPACE[1]) },
  { mib: [4, 2, 17, 3], name: 'net.inet.udp.maxdgram', kind: 'ulong', description: 'Maximum outgoing UDP datagram size', read: constant(UDP_SPACE[0]) },
  { mib: [4, 2, 17, 4], name: 'net.inet.udp.recvspace', kind: 'ulong', description: 'Maximum space for incoming UDP datagrams', read: constant(UDP_SPACE[1]) },
  { mib: [4, 28, 41, 24], name: 'net.inet6.ip6.v6only', kind: 'int', description: 'Restrict AF_INET6 sockets to IPv6 addresses only', read: constant(1) },

  { mib: [5, 0x100], name: 'debug.elf32_legacy_coredump', kind: 'int', description: 'Include only writable segments in cores', read: constant(0) },

  { mib: [6, 1], name: 'hw.machine', kind: 'string', description: 'Machine class', read: text('i386') },
  { mib: [6, 2], name: 'hw.model', kind: 'string', description: 'Machine model', read: (k) => `coreback simulated i386 (${megahertz(k)} MHz)` },
  { mib: [6, 3], name: 'hw.ncpu', kind: 'int', description: 'Number of active CPUs', read: (k) => k.config.cores },
  { mib: [6, 4], name: 'hw.byteorder', kind: 'int', description: 'System byte order', read: constant(1234) },
  { mib: [6, 5], name: 'hw.physmem', kind: 'ulong', description: 'Amount of physical memory (in bytes)', read: (k) => clampUlong(k.config.physmemBytes) },
  { mib: [6, 6], name: 'hw.usermem', kind: 'ulong', description: 'Amount of memory (in bytes) which is not wired', read: (k) => clampUlong(k.config.physmemBytes) },
  { mib: [6, 7], name: 'hw.pagesize', kind: 'int', description: 'System memory page size', read: constant(PAGE_SIZE) },
  { mib: [6, 10], name: 'hw.floatingpt', kind: 'int', description: 'Floating point support', read: constant(1) },
  { mib: [6, 11], name: 'hw.machine_arch', kind: 'string', description: 'System architecture', read: text('i386') },
  { mib: [6, 12], name: 'hw.realmem', kind: 'ulong', description: 'Amount of memory (in bytes) reported by the firmware', read: (k) => clampUlong(k.config.physmemBytes) },
  { mib: [6, 0x100], name: 'hw.clockrate', kind: 'int', description: 'CPU instruction clock rate in MHz', read: megahertz },
  { mib: [6, 0x101], name: 'hw.availpages', kind: 'ulong', description: 'Physical memory (in pages)', read: pageCount },
  { mib: [6, 0x102], name: 'hw.pagesizes', kind: 'opaque', format: 'LU', description: 'Supported page sizes', read: () => words([PAGE_SIZE, 0]) },

  { mib: [7, 0x100], name: 'machdep.prot_fault_translation', kind: 'int', description: 'Select signal to deliver on protection fault', read: constant(0) },

  { mib: [0x100, 0x100, 0x100], name: 'security.bsd.map_at_zero', kind: 'int', description: 'Permit processes to map an object at virtual address 0', read: constant(0) },
  { mib: [0x100, 0x100, 0x101], name: 'security.bsd.see_other_uids', kind: 'int', description: 'Unprivileged processes may see subjects/objects with different real uid', read: constant(1) },
  { mib: [0x100, 0x100, 0x102], name: 'security.bsd.unprivileged_proc_debug', kind: 'int', description: 'Unprivileged processes may use process debugging facilities', read: constant(1) },

  // Not in FreeBSD: what a machine that loses cores wants to tell.
  { mib: [0x101, 0x100], name: 'coreback.cpus_healthy', kind: 'uint', description: 'Mask of the CPUs that have not failed', read: (k) => (allCpus(k.config.cores) & ~deadMask(k)) >>> 0 },
  { mib: [0x101, 0x101], name: 'coreback.ncpus_healthy', kind: 'int', description: 'Number of CPUs that have not failed', read: (k) => cpusOf((allCpus(k.config.cores) & ~deadMask(k)) >>> 0).length },
];

export const sysctlRows: readonly SysctlRow[] = [...generalRows, ...procRows, ...posixRows, ...routeRows];
