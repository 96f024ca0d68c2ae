import { PAGE_SHIFT, PAGE_SIZE } from '../../emu/memory/address-space.ts';
import {
  FSCALE,
  KF_ATTR_VALID,
  KF_FD_TYPE_CWD,
  KF_FD_TYPE_ROOT,
  KF_FD_TYPE_TEXT,
  KF_FLAG_APPEND,
  KF_FLAG_NONBLOCK,
  KF_FLAG_READ,
  KF_FLAG_WRITE,
  KF_TYPE_FIFO,
  KF_TYPE_KQUEUE,
  KF_TYPE_PIPE,
  KF_TYPE_PROCDESC,
  KF_TYPE_PTS,
  KF_TYPE_SHM,
  KF_TYPE_SOCKET,
  KF_TYPE_VNODE,
  KF_VTYPE_VCHR,
  KF_VTYPE_VDIR,
  KF_VTYPE_VFIFO,
  KF_VTYPE_VLNK,
  KF_VTYPE_VREG,
  KF_VTYPE_VSOCK,
  KI_CTTY,
  KI_SLEADER,
  KINFO_PROC_SIZE,
  type KinfoFile,
  type KinfoProc,
  type KinfoVmentry,
  KVME_FLAG_COW,
  KVME_FLAG_GROWS_DOWN,
  KVME_FLAG_NEEDS_COPY,
  KVME_FLAG_NOCOREDUMP,
  KVME_TYPE_DEFAULT,
  KVME_TYPE_NONE,
  KVME_TYPE_VNODE,
  kinfoFileLayout,
  kinfoProcLayout,
  kinfoVmentryLayout,
  NOCPU,
  NODEV,
  P_CONTINUED,
  P_CONTROLT,
  P_HADTHREADS,
  P_INMEM,
  P_PPWAIT,
  P_STOPPED_SIG,
  P_STOPPED_TRACE,
  P_TRACED,
  P_WAITED,
  PS_INMEM,
  SRUN,
  SSLEEP,
  SSTOP,
  SZOMB,
  TDF_INMEM,
  TDF_SINTR,
} from '../abi/kinfo.ts';
import { PRI_TIMESHARE, PUSER, RQ_PPQ } from '../abi/priority.ts';
import { timevalOf } from '../abi/resource.ts';
import { defaultAction, SIG_MAX, SIGCONT } from '../abi/signal.ts';
import { PROT_WRITE, USRSTACK } from '../abi/vmparam.ts';
import { deviceNumber, statVnode } from '../sys/file-stat.ts';
import { pathOf } from '../vfs/memfs.ts';
import { terminalOf } from './job-control.ts';
import type { Kernel } from './kernel.ts';
import { usageOf } from './proc.ts';
import { rusageOf, rusageOfThread, rusageOfUsage } from './resource.ts';
import { slideWindow, userPriority, WINDOW_NS } from './sched-priority.ts';
import type { Proc, SigInfo, Thread, VmEntry, VnodeId } from './state.ts';

/*
 * Processes as kern.proc.* and the core's NT_PROCSTAT notes show them. FreeBSD 9.1 kern/kern_proc.c (fill_kinfo_proc and
 * friends). Differs: what are kernel addresses there are 0 here, but for ki_wchan, which ps looks at.
 */

/** sv_name of the one ABI there is. */
export const SV_NAME = 'FreeBSD ELF32';

// ---- kinfo_proc --------------------------------------------------------------------------------------------------------

/** A process, or with `td` one of its threads (KERN_PROC_INC_THREAD). A zombie has no threads, a lost process may have none. */
export function kinfoProc(k: Kernel, p: Proc, td?: Thread): KinfoProc {
  const shown = td ?? (p.threads[0] === undefined ? undefined : k.thread(p.threads[0]));
  return {
    ...kinfoProcLayout.zero,
    ki_structsize: KINFO_PROC_SIZE,
    ...identity(k, p),
    ...signals(p, shown),
    ...memory(k, p),
    ...times(k, p, td),
    ...(shown ? threadPart(k, p, shown) : threadless(p)),
    ki_pctcpu: (td ? [td] : p.threads.map((id) => k.thread(id))).reduce((sum, one) => sum + pctcpu(k, one), 0),
  };
}

const KI_NGROUPS = 16;

function identity(k: Kernel, p: Proc): Partial<KinfoProc> {
  const tty = p.controlTerminal ? terminalOf(k, p.sid) : undefined;
  return {
    ki_pid: p.pid,
    // The parent of init is the kernel, process 0.
    ki_ppid: p.ppid === p.pid ? 0 : p.ppid,
    ki_pgid: p.pgid,
    ki_sid: p.sid,
    ki_tpgid: tty ? tty.foreground : -1,
    ki_tsid: tty ? p.sid : 0,
    ki_tdev: tty ? deviceNumber(tty.name) : NODEV,
    ki_uid: p.uid,
    ki_ruid: p.ruid,
    ki_svuid: p.svuid,
    ki_rgid: p.rgid,
    ki_svgid: p.svgid,
    ki_ngroups: Math.min(KI_NGROUPS, 1 + p.groups.length),
    ki_groups: [p.gid, ...p.groups].slice(0, KI_NGROUPS),
    ki_xstat: p.xstat,
    ki_flag: flagsOf(p) | (p.controlTerminal ? P_CONTROLT : 0),
    ki_kiflag: (tty ? KI_CTTY : 0) | (p.sid === p.pid ? KI_SLEADER : 0),
    ki_nice: p.nice,
    ki_comm: p.comm,
    ki_login: p.login,
    ki_loginclass: 'default',
    ki_emul: SV_NAME,
    ki_numthreads: p.threads.length,
    ki_sflag: PS_INMEM,
  };
}

function flagsOf(p: Proc): number {
  return (
    P_INMEM |
    (p.threads.length > 1 ? P_HADTHREADS : 0) |
    (p.vforkParent ? P_PPWAIT : 0) |
    (p.traced ? P_TRACED : 0) |
    (p.stopReported ? P_WAITED : 0) |
    (p.continueUnreported ? P_CONTINUED : 0) |
    (p.stopped === 'signal' ? P_STOPPED_SIG : 0) |
    (p.stopped === 'trace' ? P_STOPPED_TRACE : 0)
  );
}

/** Signal sets of four words: bit (sig-1)&31 of word (sig-1)>>5. */
function signals(p: Proc, td: Thread | undefined): Partial<KinfoProc> {
  const pending = [...p.sigqueue, ...(td?.sigqueue ?? [])];
  const handlerOf = (signo: number): number => p.sigacts[signo]?.handler ?? 0;
  return {
    ki_siglist: sigset((signo) => pending.some((info: SigInfo) => info.signo === signo)),
    ki_sigmask: td?.sigmask ?? [],
    // What is ignored by default is in ps_sigignore from the start (kern_sig.c, siginit).
    ki_sigignore: sigset((signo) => {
      const handler = handlerOf(signo);
      return handler === 1 || (handler === 0 && defaultAction(signo) === 'ignore' && signo !== SIGCONT);
    }),
    ki_sigcatch: sigset((signo) => handlerOf(signo) > 1),
  };
}

function sigset(has: (signo: number) => boolean): number[] {
  const words = [0, 0, 0, 0];
  for (let signo = 1; signo <= SIG_MAX; signo++) {
    if (has(signo)) words[(signo - 1) >> 5] = (words[(signo - 1) >> 5]! | (1 << ((signo - 1) & 31))) >>> 0;
  }
  return words;
}

function memory(k: Kernel, p: Proc): Partial<KinfoProc> {
  const vm = k.state.vmspaces.get(p.vmspace);
  if (!vm) return {};
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);
  return {
    ki_size: vm.map.reduce((sum, entry) => sum + (entry.end - entry.start), 0),
    ki_rssize: k.spaces.get(p.vmspace)?.residentCount ?? 0,
    ki_tsize: pages(vm.textSize),
    ki_dsize: pages(vm.dataSize),
    ki_ssize: pages(USRSTACK - vm.stackLow),
  };
}

function times(k: Kernel, p: Proc, td: Thread | undefined): Partial<KinfoProc> {
  const { userNs, systemNs } = td ?? usageOf(k, p);
  const { tv_sec, tv_usec } = timevalOf(p.startNs);
  return {
    ki_runtime: Math.floor((userNs + systemNs) / 1000),
    ki_start: { tv_sec: k.config.bootTimeSec + tv_sec, tv_usec },
    ki_swtime: Math.max(0, Math.floor((k.now() - p.startNs) / 1e9)),
    ki_childtime: timevalOf(p.children.userNs + p.children.systemNs),
    ki_rusage: td ? rusageOfThread(k, td) : rusageOf(k, p),
    ki_rusage_ch: rusageOfUsage(p.children),
  };
}

function threadPart(k: Kernel, p: Proc, td: Thread): Partial<KinfoProc> {
  const { sleep, state, lastCpu } = td;
  const nowNs = k.now();
  return {
    ki_tid: td.tid,
    ki_tdname: td.name,
    ki_stat: statOf(p, td),
    ki_wmesg: sleep?.wmesg ?? '',
    ki_wchan: sleep ? wchanAddress(sleep.wchan) : 0,
    ki_slptime: sleep ? Math.max(0, Math.floor((nowNs - td.sleepStartNs) / 1e9)) : 0,
    ki_oncpu: state === 'running' ? td.onCpu : NOCPU,
    ki_lastcpu: lastCpu < 0 ? NOCPU : lastCpu,
    ki_rqindex: Math.floor(td.priority / RQ_PPQ),
    ki_pri: {
      pri_class: td.priClass,
      pri_level: td.priority,
      pri_native: td.basePri,
      pri_user: userPriority(td, p.nice, nowNs),
    },
    ki_tdflags: TDF_INMEM | (sleep?.interruptible ? TDF_SINTR : 0),
  };
}

/** A zombie, a process that has lost its core, or init, of which nothing is left but its waiting for children. */
function threadless(p: Proc): Partial<KinfoProc> {
  const waits = p.state === 'normal';
  return {
    ki_stat: waits ? SSLEEP : p.state === 'zombie' ? SZOMB : SRUN,
    ki_wmesg: waits ? 'wait' : '',
    ki_wchan: waits ? wchanAddress(`wait:${p.pid}`) : 0,
    ki_tdflags: TDF_INMEM | (waits ? TDF_SINTR : 0),
    ki_oncpu: NOCPU,
    ki_lastcpu: NOCPU,
    ki_pri: { pri_class: PRI_TIMESHARE, pri_level: PUSER, pri_native: PUSER, pri_user: PUSER },
  };
}

function statOf(p: Proc, td: Thread): number {
  if (p.state === 'zombie') return SZOMB;
  if (p.state === 'lost') return SRUN;
  if (td.state === 'running' || td.state === 'runnable') return SRUN;
  if (p.stopped !== 'no') return SSTOP;
  return td.state === 'suspended' ? SSTOP : SSLEEP;
}

/** Any number that is not 0 and the same for the same channel, in the kernel's half of the address space (FNV-1a). */
function wchanAddress(wchan: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < wchan.length; i++) hash = Math.imul(hash ^ wchan.charCodeAt(i), 0x01000193);
  return (0xc1000000 | (hash & 0x00fffffc)) >>> 0;
}

/**
 * Share of a CPU over the last ten seconds, FSCALE for a whole one (sched_pctcpu). Differs: a thread younger than that is
 * measured over its life, at least a second, so that %CPU means something in short runs.
 */
function pctcpu(k: Kernel, td: Thread): number {
  const nowNs = k.now();
  const { windowRunNs, windowStartNs } = slideWindow(td, 0, nowNs);
  const span = Math.max(1e9, Math.min(WINDOW_NS, nowNs - windowStartNs));
  return Math.min(FSCALE, Math.floor((windowRunNs * FSCALE) / span));
}

// ---- kinfo_vmentry -----------------------------------------------------------------------------------------------------

/** The memory map in order of addresses; null when the process has no memory (any more). */
export function kinfoVmmap(k: Kernel, p: Proc): KinfoVmentry[] | null {
  const vm = k.state.vmspaces.get(p.vmspace);
  const space = k.spaces.get(p.vmspace);
  if (!vm || !space) return null;
  const resident = space.residentPages();
  let next = 0;
  return vm.map.map((entry) => {
    while (next < resident.length && resident[next]! < entry.start >>> PAGE_SHIFT) next++;
    const first = next;
    while (next < resident.length && resident[next]! < entry.end / PAGE_SIZE) next++;
    return kinfoVmentry(k, entry, next - first);
  });
}

function kinfoVmentry(k: Kernel, entry: VmEntry, residentCount: number): KinfoVmentry {
  const { object } = entry;
  const untouched = object.kind === 'anon' && !entry.touched;
  const vnode = object.kind === 'vnode' ? vnodePart(k, object.vnode) : null;
  return {
    ...kinfoVmentryLayout.zero,
    kve_type: untouched ? KVME_TYPE_NONE : vnode ? KVME_TYPE_VNODE : KVME_TYPE_DEFAULT,
    kve_start: entry.start,
    kve_end: entry.end,
    kve_offset: object.kind === 'anon' ? 0 : object.offset,
    kve_protection: entry.prot,
    kve_flags: vmFlags(entry),
    kve_resident: residentCount,
    kve_ref_count: untouched ? 0 : 1,
    ...(vnode && {
      kve_vn_type: vnode.type,
      kve_vn_fileid: vnode.fileid,
      kve_vn_fsid: vnode.fsid,
      kve_vn_size: vnode.size,
      kve_vn_rdev: vnode.rdev,
      kve_vn_mode: vnode.mode,
      kve_status: KF_ATTR_VALID,
      kve_path: vnode.path,
    }),
  };
}

/** A private mapping of a file that cannot have been written still needs its copy. */
function vmFlags(entry: VmEntry): number {
  const copied = entry.touched && (entry.prot & PROT_WRITE) !== 0;
  return (
    (entry.object.kind === 'vnode' && !entry.object.shared ? KVME_FLAG_COW | (copied ? 0 : KVME_FLAG_NEEDS_COPY) : 0) |
    (entry.noCoredump ? KVME_FLAG_NOCOREDUMP : 0) |
    (entry.growsDown ? KVME_FLAG_GROWS_DOWN : 0)
  );
}

const VNODE_TYPES = {
  reg: KF_VTYPE_VREG,
  dir: KF_VTYPE_VDIR,
  chr: KF_VTYPE_VCHR,
  lnk: KF_VTYPE_VLNK,
  sock: KF_VTYPE_VSOCK,
  fifo: KF_VTYPE_VFIFO,
} as const;

/** What both structures say of a vnode; null when it is gone. */
function vnodePart(k: Kernel, id: VnodeId) {
  const vnode = k.state.vnodes.get(id);
  if (!vnode) return null;
  const { ino, dev, size, rdev, mode } = statVnode(k, vnode);
  return { type: VNODE_TYPES[vnode.type], fileid: ino, fsid: dev, size, rdev, mode, path: pathOf(k, id) };
}

// ---- kinfo_file --------------------------------------------------------------------------------------------------------

const KF_TYPE = {
  vnode: KF_TYPE_VNODE,
  fifo: KF_TYPE_FIFO,
  pipe: KF_TYPE_PIPE,
  kqueue: KF_TYPE_KQUEUE,
  socket: KF_TYPE_SOCKET,
  shm: KF_TYPE_SHM,
  ptm: KF_TYPE_PTS,
  procdesc: KF_TYPE_PROCDESC,
} as const;

/** Text, working and root directory, then the descriptors (sysctl_kern_proc_filedesc). */
export function kinfoFiles(k: Kernel, p: Proc): KinfoFile[] {
  const records: KinfoFile[] = [];
  const places = [
    [KF_FD_TYPE_TEXT, p.textVnode],
    [KF_FD_TYPE_CWD, p.cwd],
    [KF_FD_TYPE_ROOT, p.root],
  ] as const;
  for (const [fd, vnode] of places) {
    const part = vnodeFields(k, vnode);
    if (part) records.push({ ...kinfoFileLayout.zero, ...part, kf_fd: fd, kf_ref_count: -1, kf_flags: KF_FLAG_READ });
  }
  p.fds.forEach((entry, fd) => {
    if (!entry) return;
    const file = k.file(entry.file);
    records.push({
      ...kinfoFileLayout.zero,
      ...('vnode' in file ? vnodeFields(k, file.vnode) : {}),
      // kf_un.kf_proc.kf_pid is at the same place.
      ...(file.kind === 'procdesc' ? { kf_file_fileid: file.pid } : {}),
      kf_type: KF_TYPE[file.kind],
      kf_fd: fd,
      kf_ref_count: file.refs,
      kf_offset: file.offset,
      kf_flags:
        (file.readable ? KF_FLAG_READ : 0) |
        (file.writable ? KF_FLAG_WRITE : 0) |
        (file.append ? KF_FLAG_APPEND : 0) |
        (file.nonblock ? KF_FLAG_NONBLOCK : 0),
    });
  });
  return records;
}

function vnodeFields(k: Kernel, id: VnodeId): Partial<KinfoFile> | null {
  const vnode = vnodePart(k, id);
  return (
    vnode && {
      kf_type: KF_TYPE_VNODE,
      kf_vnode_type: vnode.type,
      kf_file_fileid: vnode.fileid,
      kf_file_size: vnode.size,
      kf_file_fsid: vnode.fsid,
      kf_file_rdev: vnode.rdev,
      kf_file_mode: vnode.mode,
      kf_status: KF_ATTR_VALID,
      kf_path: vnode.path,
    }
  );
}
