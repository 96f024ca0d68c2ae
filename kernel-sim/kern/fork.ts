import { EAX, EDX, EFLAGS, FLAG_CF, FLAG_TF } from '../../emu/core/core-state.ts';
import type { Pid, Signo } from '../abi/ids.ts';
import { PL_FLAG_CHILD } from '../abi/ptrace.ts';
import { SIGCHLD } from '../abi/signal.ts';
import { lockOwnerOf } from '../vfs/file-lock.ts';
import { forkDescriptors } from '../vfs/filedesc.ts';
import { hasFreePages } from '../vm/memory.ts';
import { cloneVmspace, shareVmspace } from '../vm/vmspace.ts';
import { takeCheckpoint } from './checkpoint.ts';
import { retainCpuset } from './cpuset.ts';
import { credentialsOf } from './credentials.ts';
import type { Kernel } from './kernel.ts';
import { forkEvent } from './kqueue.ts';
import { allocatePid, allocateTid, blankProc, blankThread, INIT_PID } from './proc.ts';
import { regsOf } from './regs.ts';
import { cpuLimitNs, mayFork } from './resource.ts';
import { noteBirth } from './rollback-point.ts';
import { makeRunnable } from './sched.ts';
import { forkHistory } from './sched-priority.ts';
import { beginSharing } from './sharing.ts';
import type { Proc, Thread } from './state.ts';

export interface ForkOptions {
  readonly shareMemory: boolean;
  readonly vfork: boolean;
  /** A copy of the descriptors, none (RFCFDG), or the parent's own table (neither RFCFDG nor RFFDG). */
  readonly files?: 'copy' | 'none' | 'share';
  /** The child has the parent's signal actions, not a copy (RFSIGSHARE). */
  readonly shareSigacts?: boolean;
  /** It sets its fcntl(2) locks as its parent does, and ends with it (RFTHREAD). */
  readonly isThread?: boolean;
  /** What its parent is sent at its end; 0: nothing. */
  readonly exitSignal?: Signo | 0;
  /** It is a child of init from the beginning (RFNOWAIT). */
  readonly orphan?: boolean;
  readonly how: string;
}

/**
 * FreeBSD fork1: a child with a copy of everything but pending signals and times; it returns 0 (edx 1) from the same call. With
 * `shareMemory` it uses the parent's address space. Null (EAGAIN) when there are too many processes. Differs: or
 * no memory for a copy; FreeBSD would copy pages when they are written, and run out of them then.
 */
export function forkProcess(k: Kernel, td: Thread, options: ForkOptions): Pid | null {
  const parent = k.proc(td.pid);
  const hasRoom = options.shareMemory || hasFreePages(k, k.space(parent.vmspace).residentCount);
  const childPid = hasRoom && mayFork(k, parent) ? allocatePid(k) : null;
  if (childPid === null) return null;
  const nowNs = k.now();
  const childTid = allocateTid(k);
  const memory = options.shareMemory ? shareVmspace(k, parent.vmspace) : cloneVmspace(k, parent.vmspace);
  k.state.procs.set(childPid, {
    ...blankProc(childPid, options.orphan ? INIT_PID : parent.pid, nowNs),
    pgid: parent.pgid,
    sid: parent.sid,
    controlTerminal: parent.controlTerminal,
    comm: parent.comm,
    args: parent.args,
    env: parent.env,
    execPath: parent.execPath,
    textVnode: parent.textVnode,
    osrel: parent.osrel,
    auxv: parent.auxv,
    vmspace: memory,
    threads: [childTid],
    ...filesOfChild(k, parent, options.files ?? 'copy'),
    leader: options.isThread ? lockOwnerOf(parent) : 0,
    cwd: parent.cwd,
    root: parent.root,
    umask: parent.umask,
    ...credentialsOf(parent),
    nice: parent.nice,
    limits: parent.limits,
    cpuLimitNs: cpuLimitNs(parent.limits),
    ldt: parent.ldt,
    sigacts: parent.sigacts,
    sigactsGroup: options.shareSigacts ? beginSharing(k, parent.pid, 'sigacts') : 0,
    exitSignal: options.exitSignal ?? SIGCHLD,
    vforkParent: options.vfork ? parent.pid : 0,
    checkpoint: parent.checkpoint ? { sequence: 0, points: [] } : null,
    native: parent.native,
  });
  retainCpuset(k, td.cpuset);
  k.state.threads.set(childTid, {
    ...blankThread(childTid, childPid, td.name, nowNs),
    ...forkHistory(td),
    windowRunNs: td.windowRunNs,
    windowStartNs: td.windowStartNs,
    sigmask: td.sigmask,
    sigstack: td.sigstack,
    fsBase: td.fsBase,
    gsBase: td.gsBase,
    priClass: td.priClass,
    basePri: td.basePri,
    priority: td.priority,
    lastCpu: td.lastCpu,
    cpuset: td.cpuset,
  });
  const regs = regsOf(k, td.tid).slice();
  regs[EAX] = 0;
  regs[EDX] = 1;
  regs[EFLAGS] = regs[EFLAGS]! & ~(FLAG_CF | FLAG_TF);
  k.pcbs.set(childTid, new Uint8Array(regs.buffer));
  noteBirth(k, parent.pid, childPid);
  forkEvent(k, parent.pid, childPid);
  k.emit({ kind: 'fork', pid: parent.pid, child: childPid, how: options.how });
  // Differs: at once, not when the child first runs; it cannot run before.
  if (parent.traced && parent.followFork) {
    const realParent = k.proc(childPid).ppid;
    k.setProc(childPid, { traced: true, lwpEvents: parent.lwpEvents, ppid: parent.ppid, realParent });
    k.setThread(childTid, { dueStop: PL_FLAG_CHILD, ast: true });
  }
  makeRunnable(k, k.thread(childTid), 'new');
  if (k.config.checkpointEveryNs > 0 && !parent.traced) takeCheckpoint(k, childPid);
  return childPid;
}

function filesOfChild(k: Kernel, parent: Proc, files: 'copy' | 'none' | 'share'): Pick<Proc, 'fds' | 'fdGroup'> {
  switch (files) {
    case 'none':
      return { fds: [], fdGroup: 0 };
    case 'copy':
      return { fds: forkDescriptors(k, parent), fdGroup: 0 };
    case 'share':
      return { fds: parent.fds, fdGroup: beginSharing(k, parent.pid, 'fds') };
  }
}
