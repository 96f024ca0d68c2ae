import { PID_MAX, type Pid, pid, type Tid, tid } from '../abi/ids.ts';
import { PRI_MAX, PRI_TIMESHARE, PUSER } from '../abi/priority.ts';
import { RLIM_INFINITY } from '../abi/resource.ts';
import { SIGCHLD } from '../abi/signal.ts';
import { ROOT_CREDENTIALS } from './credentials.ts';
import type { Kernel } from './kernel.ts';
import { DEFAULT_LIMITS } from './resource.ts';
import type { Proc, SigStack, Thread, Usage } from './state.ts';

/** FreeBSD maxproc, sized for the machine: bounds what a fork bomb costs the host. */
export const PROCS_MAX = 1044;

export const INIT_PID = pid(1);

/** The next free process id; null when there are too many processes. */
export function allocatePid(k: Kernel): Pid | null {
  if (k.state.procs.size >= PROCS_MAX) return null;
  // The number of a group or a session that has outlived its leader is taken too.
  const taken = new Set([...k.state.procs.values()].flatMap((p) => [p.pid, p.pgid, p.sid]));
  let candidate = k.state.counters.nextPid;
  while (taken.has(pid(candidate))) candidate = candidate >= PID_MAX ? 2 : candidate + 1;
  k.setCounters({ nextPid: candidate >= PID_MAX ? 2 : candidate + 1 });
  return pid(candidate);
}

export const allocateTid = (k: Kernel): Tid => tid(k.next('nextTid'));

const NO_ITIMERS = [0, 1, 2].map(() => ({ valueNs: 0, intervalNs: 0 }));

/** A process without threads or memory. */
export function blankProc(id: Pid, parent: Pid, nowNs: number): Proc {
  return {
    pid: id,
    ppid: parent,
    realParent: 0,
    pgid: id,
    sid: id,
    controlTerminal: false,
    executed: false,
    state: 'normal',
    comm: '',
    args: [],
    env: [],
    execPath: '',
    textVnode: 0,
    osrel: 0,
    auxv: [],
    vmspace: 0,
    threads: [],
    startNs: nowNs,
    fds: [],
    fdGroup: 0,
    leader: 0,
    cwd: 0,
    root: 0,
    umask: 0o022,
    ...ROOT_CREDENTIALS,
    nice: 0,
    limits: DEFAULT_LIMITS,
    cpuLimitNs: RLIM_INFINITY,
    ldt: [],
    sigacts: [],
    sigactsGroup: 0,
    exitSignal: SIGCHLD,
    sigqueue: [],
    heldSignals: [],
    itimers: NO_ITIMERS,
    timers: [],
    aio: [],
    traced: false,
    stopped: 'no',
    stopReported: false,
    continueUnreported: false,
    xstat: 0,
    stopThread: 0,
    stopFlags: 0,
    stopInfo: null,
    syscallStops: 0,
    followFork: false,
    lwpEvents: false,
    vforkParent: 0,
    procdesc: 0,
    children: NO_USAGE,
    deadThreads: NO_USAGE,
    checkpoint: null,
    shed: false,
    system: false,
    native: null,
  };
}

/** No alternate signal stack: SS_DISABLE. */
export const NO_SIGSTACK: SigStack = { sp: 0, size: 0, flags: 4 };

/** A thread that is nowhere yet. */
export function blankThread(id: Tid, owner: Pid, name: string, nowNs: number): Thread {
  return {
    tid: id,
    pid: owner,
    name,
    state: 'suspended',
    sleep: null,
    pending: null,
    ast: false,
    sigmask: [0, 0, 0, 0],
    sigstack: NO_SIGSTACK,
    sigmaskAfter: null,
    sigqueue: [],
    answer: null,
    dueStop: 0,
    forkedChild: 0,
    atCallEntry: false,
    held: false,
    unparked: false,
    fsBase: 0,
    gsBase: 0,
    priClass: PRI_TIMESHARE,
    basePri: PUSER,
    priority: PUSER,
    lentPri: PRI_MAX,
    inheritedPri: PRI_MAX,
    lendsTo: 0,
    slice: 1,
    runNs: 0,
    sleepNs: 0,
    sleepStartNs: nowNs,
    windowRunNs: 0,
    windowStartNs: nowNs,
    lastCpu: -1,
    onCpu: -1,
    ...NO_USAGE,
    cpusUsed: 0,
    cpuset: 1,
    dispatchedNs: nowNs,
  };
}

/** The children of a process, by pid: those of whom it is the parent now (a tracer has its tracees among them). */
export function childrenOf(k: Kernel, parent: Pid): Proc[] {
  const children: Proc[] = [];
  for (const p of k.state.procs.values()) if (p.ppid === parent) children.push(p);
  return children.sort((a, b) => a.pid - b.pid);
}

/** Nothing used yet. */
export const NO_USAGE: Usage = {
  userNs: 0,
  systemNs: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
  minorFaults: 0,
  handledSignals: 0,
};

export const addUsage = (a: Usage, b: Usage): Usage => ({
  userNs: a.userNs + b.userNs,
  systemNs: a.systemNs + b.systemNs,
  voluntarySwitches: a.voluntarySwitches + b.voluntarySwitches,
  involuntarySwitches: a.involuntarySwitches + b.involuntarySwitches,
  minorFaults: a.minorFaults + b.minorFaults,
  handledSignals: a.handledSignals + b.handledSignals,
});

/** What a process has used, living and dead threads together. */
export const usageOf = (k: Kernel, p: Proc): Usage =>
  p.threads.map((id) => k.thread(id)).reduce<Usage>(addUsage, p.deadThreads);
